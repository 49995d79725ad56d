//! A location comes back with what was purged elsewhere, and somebody holds it by now.

use std::fs;

use holdfast_model::ClientId;
use holdfast_repo::Progress;
use jiff::civil::date;

use super::*;
use crate::ending::Ending;
use crate::known_points;
use crate::purge::{PurgeReport, purge};
use crate::weeks::{REPOSITORY, Weeks};

const LOCATIONS: [&str; 2] = ["here", "there"];

fn listed(weeks: &Weeks, location: &str) -> usize {
    fs::read_dir(weeks.folder.path().join(location).join(REPOSITORY).join("snapshots")).unwrap().count()
}

fn purged(weeks: &Weeks) -> PurgeReport {
    purge(&weeks.setup, false, &Progress::default()).unwrap()
}

/// Three points past their age, of which two are purged here while the other location is away; then they are held.
fn held_too_late() -> Weeks {
    let weeks = Weeks::new();
    for number in 0..3 {
        weeks.back_up(number);
        weeks.days_pass(1);
    }
    weeks.days_pass(62);
    let (there, away) = (weeks.folder.path().join("there"), weeks.folder.path().join("away"));
    fs::rename(&there, &away).unwrap();
    let report = purged(&weeks);
    assert_eq!(report.repositories[0].waiting, 2, "{report:?}");
    assert_eq!(listed(&weeks, "here"), 1);
    fs::rename(away, there).unwrap();
    let subject = Subject::Client(REPOSITORY.to_owned());
    assert_eq!(on_their_way_out(&weeks.setup, &subject).unwrap().len(), 2);
    let subject = Subject::Asset("shop".to_owned());
    hold::place(&weeks.setup, &subject, "R. Iyer", "case 7", date(2027, 1, 1)).unwrap();
    let leaving = on_their_way_out(&weeks.setup, &subject).unwrap();
    assert!(leaving.iter().all(|point| point.left_at == ["there"]), "{leaving:?}");
    assert_eq!(leaving.len(), 2);
    weeks
}

#[test]
fn a_held_point_that_still_lies_whole_somewhere_comes_back() {
    let weeks = held_too_late();
    // A plan tells the same, and changes nothing.
    let told = purge(&weeks.setup, true, &Progress::default()).unwrap();
    let taken_back = |report: &PurgeReport| {
        report.troubles.iter().filter(|t| t.message.contains("its deletion is taken back")).count()
    };
    assert_eq!((taken_back(&told), listed(&weeks, "there")), (2, 3), "{told:?}");
    let report = purged(&weeks);
    assert_eq!(taken_back(&report), 2, "{report:?}");
    assert_eq!(LOCATIONS.map(|location| listed(&weeks, location)), [3, 3], "{report:?}");
    assert_eq!((report.ending, report.repositories[0].waiting), (Ending::Done, 0), "{report:?}");
    let history = crate::purge::history::history(&weeks.setup.places.state, Timestamp::UNIX_EPOCH).unwrap();
    assert!(history.iter().all(|purge| !purge.is_open(Timestamp::MAX)), "{history:?}");
    let known = known_points::load(&weeks.setup.places.state, REPOSITORY).unwrap().unwrap();
    assert!(known.points.values().all(|point| point.purge.is_none()));
    // Whole again at both.
    let read = holdfast_repo::VerifyRequest { locations: None, read: holdfast_repo::Read::All };
    let repository = weeks.setup.open(REPOSITORY, None).unwrap();
    let verified = repository
        .verify(&read, &holdfast_repo::Troubles::default(), &Progress::default(), &weeks.setup.cancel())
        .unwrap();
    assert!(verified.is_sound(), "{verified:?}");
    assert_eq!(verified.points, 3);
}

#[test]
fn a_held_point_that_is_not_whole_any_more_is_told_and_goes() {
    let weeks = held_too_late();
    // What the points have of their own lies in packs that the other location has no more.
    let kept: Vec<_> = weeks.packs("here").iter().map(|pack| pack.file_name().unwrap().to_owned()).collect();
    let own =
        weeks.packs("there").into_iter().filter(|pack| !kept.contains(&pack.file_name().unwrap().to_owned()));
    own.for_each(|pack| fs::remove_file(pack).unwrap());
    let report = purged(&weeks);
    let late = report.troubles.iter().filter(|t| t.message.contains("cannot be kept any more")).count();
    assert_eq!(late, 2, "{report:?}");
    assert_eq!(LOCATIONS.map(|location| listed(&weeks, location)), [1, 1], "{report:?}");
}

#[test]
fn a_hold_on_a_client_outlives_that_an_asset_goes_over_to_another_one() {
    let mut weeks = Weeks::new();
    for number in 0..3 {
        weeks.back_up(number);
        weeks.days_pass(1);
    }
    let subject = Subject::Client(REPOSITORY.to_owned());
    let placed = hold::place(&weeks.setup, &subject, "R. Iyer", "case 7", date(2027, 1, 1)).unwrap();
    // Once, though the asset and its repository lead to the same client.
    let ids = |weeks: &Weeks| -> Vec<String> {
        let holds = hold::standing_in(&weeks.setup, "shop", REPOSITORY).unwrap();
        holds.into_iter().map(|hold| hold.id).collect()
    };
    assert_eq!(ids(&weeks), std::slice::from_ref(&placed.id));
    for asset in weeks.setup.estate.assets.values_mut() {
        asset.client = Some(ClientId::parse("C-2").unwrap());
    }
    assert_eq!(ids(&weeks), [placed.id]);
    weeks.days_pass(62);
    let report = purged(&weeks);
    assert_eq!(LOCATIONS.map(|location| listed(&weeks, location)), [3, 3], "{report:?}");
}

#[test]
fn what_is_on_its_way_out_is_told_to_the_repositorys_client_and_to_the_assets() {
    let mut weeks = held_too_late();
    for asset in weeks.setup.estate.assets.values_mut() {
        asset.client = Some(ClientId::parse("C-2").unwrap());
    }
    let leaving =
        |client: &str| on_their_way_out(&weeks.setup, &Subject::Client(client.to_owned())).unwrap().len();
    assert_eq!([REPOSITORY, "C-2", "C-3"].map(leaving), [2, 2, 0]);
}

#[test]
fn a_point_of_an_unknown_asset_is_held_with_its_client() {
    let weeks = held_too_late();
    let subject = Subject::Client(REPOSITORY.to_owned());
    hold::place(&weeks.setup, &subject, "R. Iyer", "case 7", date(2027, 1, 1)).unwrap();
    let state = &weeks.setup.places.state;
    let mut known = known_points::load(state, REPOSITORY).unwrap().unwrap();
    known.points.values_mut().for_each(|point| point.asset = None);
    known_points::keep(state, REPOSITORY, &known).unwrap();
    let told = purge(&weeks.setup, true, &Progress::default()).unwrap();
    let taken_back =
        told.troubles.iter().filter(|t| t.message.contains("its deletion is taken back")).count();
    assert_eq!(taken_back, 2, "{told:?}");
}
