//! What a decision rests on: holds, the versions of the policy, and what a suspect backup stops.

use std::path::Path;

use holdfast_repo::Progress;
use jiff::SignedDuration;
use jiff::civil::date;

use super::*;
use crate::backup::{How, backup};
use crate::ending::Ending;
use crate::purge::{PurgeReport, purge};
use crate::weeks::{REPOSITORY, Weeks};

/// How many points each location lists, by a walk of its own.
fn listed(weeks: &Weeks) -> [usize; 2] {
    let count = |location: &str| {
        let folder = weeks.folder.path().join(location).join(REPOSITORY).join("snapshots");
        std::fs::read_dir(folder).unwrap().count()
    };
    ["here", "there"].map(count)
}

fn purged(weeks: &Weeks) -> PurgeReport {
    let report = purge(&weeks.setup, false, &Progress::default()).unwrap();
    assert!(report.repositories.iter().all(|one| one.error.is_none()), "{report:?}");
    report
}

/// Time passes with somebody who reads the clock, as the daemon does, and a purge now and then.
fn days_pass(weeks: &Weeks, days: u64) {
    for day in 1..=days {
        weeks.pass(24);
        clock_reading::note(&weeks.setup).unwrap();
        if day % 25 == 0 {
            purged(weeks);
        }
    }
}

#[test]
fn a_held_asset_keeps_every_point_until_the_hold_is_released() {
    let weeks = Weeks::new();
    for number in 0..3 {
        weeks.back_up(number);
        weeks.pass(24);
    }
    let subjects = [hold::Subject::Asset("shop".to_owned()), hold::Subject::Client(REPOSITORY.to_owned())];
    let placed = subjects.map(|subject| {
        hold::place(&weeks.setup, &subject, "R. Iyer", "case 7", date(2026, 5, 1)).unwrap().id
    });
    assert_eq!(hold::standing(&weeks.setup, "shop").unwrap().len(), 2);
    assert_eq!(hold::standing_for_client(&weeks.setup, REPOSITORY).unwrap().len(), 2);
    days_pass(&weeks, 55);
    assert!(!hold::list(&weeks.setup).unwrap().holds.iter().any(|hold| hold.is_overdue));
    days_pass(&weeks, 100);
    weeks.back_up(3);
    let report = purged(&weeks);
    let exempt: Vec<&str> =
        report.decisions.iter().filter(|d| d.verdict == "exempt").map(|d| d.reason.as_str()).collect();
    assert_eq!(exempt, ["held by R. Iyer until reviewed on 2026-05-01: case 7"; 3]);
    assert_eq!(listed(&weeks), [4, 4]);
    // Its review is overdue by now, which changes nothing but that it is told.
    assert_eq!(report.ending, Ending::Attention);
    assert!(report.troubles.iter().any(|t| t.message.contains("is overdue")), "{:?}", report.troubles);
    assert_eq!(hold::list(&weeks.setup).unwrap().ending, Ending::Attention);

    hold::release(&weeks.setup, &placed[0], "M. Chen").unwrap();
    purged(&weeks);
    assert_eq!(listed(&weeks), [4, 4], "the hold of the client stands");
    let last_part = placed[1].rsplit('-').next().unwrap();
    assert_eq!(hold::release(&weeks.setup, last_part, "M. Chen").unwrap().id, placed[1]);
    assert!(hold::release(&weeks.setup, last_part, "M. Chen").is_err());
    assert_eq!(purged(&weeks).ending, Ending::Done);
    // The first one was read in full when it was made, and so is the last good one; the fourth is of today.
    assert_eq!(listed(&weeks), [2, 2]);
}

#[test]
fn a_point_that_was_made_while_the_clock_was_behind_is_as_old_as_it_has_been_known() {
    let weeks = Weeks::new();
    weeks.back_up(0);
    days_pass(&weeks, 3);
    let right = weeks.now();
    weeks.clock.set(right - SignedDuration::from_hours(24 * 400));
    std::fs::write(weeks.folder.path().join("site/behind"), "behind").unwrap();
    let report = backup(&weeks.setup, ("shop", Dataset::Site), How::default(), &Progress::default()).unwrap();
    let point = report.point.clone().unwrap();
    assert_eq!(report.ending, Ending::Attention);
    assert!(report.troubles.iter().any(|t| t.message.contains("the clock was last read at")), "{report:?}");

    weeks.clock.set(right + SignedDuration::from_hours(1));
    weeks.back_up(1);
    let report = purged(&weeks);
    let decision = report.decisions.iter().find(|decision| decision.point == point).unwrap();
    assert_eq!(decision.reason, "0 days old, younger than the minimum of 30 days");
    assert_eq!(decision.time, right - SignedDuration::from_hours(24 * 400));
    assert!(report.troubles.iter().any(|t| t.message.contains("while the clock was wrong")), "{report:?}");
    assert_eq!(listed(&weeks), [3, 3]);
    // It goes with the one that was made after it; the first one is the last that is known to be good.
    days_pass(&weeks, 59);
    purged(&weeks);
    assert_eq!(listed(&weeks), [3, 3]);
    days_pass(&weeks, 2);
    purged(&weeks);
    assert_eq!(listed(&weeks), [1, 1]);
}

#[test]
fn nobodys_word_on_the_clock_takes_anything_away_before_its_minimum() {
    let weeks = Weeks::new();
    weeks.back_up(0);
    weeks.pass(24);
    weeks.back_up(1);
    weeks.pass(24 * 100);
    let refused = purge(&weeks.setup, false, &Progress::default()).unwrap();
    assert_eq!(refused.ending, Ending::Refused, "{refused:?}");
    clock_reading::confirm(&weeks.setup).unwrap();
    let report = purged(&weeks);
    let reason = &report.decisions[1].reason;
    assert!(reason.starts_with("100 days old, of which 0 are known to have passed"), "{reason}");
    days_pass(&weeks, 29);
    purged(&weeks);
    assert_eq!(listed(&weeks), [2, 2]);
    // Neither is it kept for ever.
    days_pass(&weeks, 2);
    purged(&weeks);
    assert_eq!(listed(&weeks), [1, 1]);
}

#[test]
fn a_hold_of_nothing_or_of_nobody_is_refused() {
    let weeks = Weeks::new();
    let place = |subject, owner, day| hold::place(&weeks.setup, &subject, owner, "why", day);
    let shop = || hold::Subject::Asset("shop".to_owned());
    assert!(place(hold::Subject::Asset("shp".to_owned()), "o", date(2027, 1, 1)).is_err());
    assert!(place(hold::Subject::Client("C-2".to_owned()), "o", date(2027, 1, 1)).is_err());
    assert!(place(shop(), " ", date(2027, 1, 1)).is_err());
    assert!(place(shop(), "o", date(2020, 1, 1)).is_err());
    assert!(hold::list(&weeks.setup).unwrap().holds.is_empty());
}

#[test]
fn a_shorter_policy_takes_nothing_away_before_the_minimum_that_it_was_promised() {
    let weeks = Weeks::new();
    weeks.adopt(1, (30, 60), "2026-01-01");
    weeks.back_up(0);
    weeks.pass(24);
    weeks.back_up(1);
    days_pass(&weeks, 19);
    // From the 21st on, seven days are enough. The file is not what counts: it says 30 to 60 still.
    weeks.adopt(2, (7, 10), "2026-03-22");
    weeks.pass(24 * 2);
    weeks.back_up(2);
    let report = purged(&weeks);
    assert_eq!(listed(&weeks), [3, 3], "{:?}", report.decisions);
    let reason = &report.decisions[1].reason;
    assert!(reason.contains("younger than the minimum of 30 days of policy version 1"), "{reason}");
    days_pass(&weeks, 9);
    weeks.pass(12);
    purged(&weeks);
    // 30 days and more: the second one goes; the first is the last that is known to be good.
    assert_eq!(listed(&weeks), [2, 2]);
    weeks.pass(24 * 3);
    weeks.back_up(3);
    let report = purged(&weeks);
    // What was made under the new version is held by nothing older.
    let of_new: Vec<_> = report.decisions.iter().filter(|d| d.verdict == "expire").collect();
    assert_eq!(of_new.len(), 1, "{:?}", report.decisions);
    assert!(of_new[0].reason.starts_with("12 days old, past the maximum of 10 days"), "{of_new:?}");
    assert_eq!(listed(&weeks), [2, 2], "{:?}", report.decisions);
}

#[test]
fn a_suspect_backup_stops_the_purge_of_what_is_older() {
    let weeks = Weeks::new();
    for number in 0..20 {
        std::fs::write(weeks.folder.path().join(format!("site/page{number}")), "page").unwrap();
    }
    weeks.back_up(0);
    weeks.pass(24);
    weeks.back_up(1);
    days_pass(&weeks, 61);
    let site = weeks.folder.path().join("site");
    let empty = |folder: &Path| {
        for file in std::fs::read_dir(folder).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
    };
    empty(&site);
    let report = backup(&weeks.setup, ("shop", Dataset::Site), How::default(), &Progress::default()).unwrap();
    assert!(report.suspect.is_some());
    let report = purged(&weeks);
    assert!(report.decisions[1].reason.contains("the last backup is suspect"), "{:?}", report.decisions);
    assert_eq!(listed(&weeks), [3, 3]);
    let how = How { accept_smaller: true, ..How::default() };
    backup(&weeks.setup, ("shop", Dataset::Site), how, &Progress::default()).unwrap();
    purged(&weeks);
    assert_eq!(listed(&weeks), [3, 3]);
    assert_eq!(purged(&weeks).decisions.iter().filter(|d| d.verdict == "exempt").count(), 1);
}

#[test]
fn what_a_client_left_behind_goes_by_age_to_the_last_point() {
    let mut weeks = Weeks::new();
    weeks.back_up(0);
    weeks.pass(24);
    weeks.back_up(1);
    days_pass(&weeks, 58);
    let assets = std::mem::take(&mut weeks.setup.estate.assets);
    let report = purged(&weeks);
    assert_eq!((report.ending, listed(&weeks)), (Ending::Attention, [2, 2]), "{report:?}");
    let left = &report.left_behind[0];
    assert_eq!((left.points, left.is_by_age), (2, true), "{left:?}");
    assert!(left.words().contains("go by age"), "{}", left.words());
    days_pass(&weeks, 5);
    purged(&weeks);
    assert_eq!(listed(&weeks), [1, 1], "past its age, and not the last that is known to be good");
    // The last one stays for a maximum's time after somebody could have noticed; then it goes as well.
    days_pass(&weeks, 54);
    purged(&weeks);
    assert_eq!(listed(&weeks), [1, 1]);
    // Back in the estate, and gone again: the time begins anew.
    weeks.setup.estate.assets.clone_from(&assets);
    purged(&weeks);
    weeks.setup.estate.assets.clear();
    purged(&weeks);
    days_pass(&weeks, 59);
    purged(&weeks);
    assert_eq!(listed(&weeks), [1, 1]);
    days_pass(&weeks, 2);
    assert!(purged(&weeks).decisions[0].reason.contains("its asset left long ago"));
    assert_eq!(listed(&weeks), [0, 0]);
    assert_eq!(purged(&weeks).ending, Ending::Done);
}

#[test]
fn what_a_client_left_behind_can_be_held_by_its_client() {
    let mut weeks = Weeks::new();
    weeks.back_up(0);
    let client = hold::Subject::Client(REPOSITORY.to_owned());
    weeks.setup.estate.assets.clear();
    hold::place(&weeks.setup, &client, "R. Iyer", "case 7", date(2027, 1, 1)).unwrap();
    days_pass(&weeks, 130);
    assert!(purged(&weeks).decisions[0].reason.starts_with("held by R. Iyer"));
    assert_eq!(listed(&weeks), [1, 1]);
}

#[test]
fn junk_among_the_snapshots_is_an_alarm_once_a_day_and_stops_nothing() {
    let weeks = Weeks::new();
    weeks.back_up(0);
    weeks.pass(24);
    weeks.back_up(1);
    days_pass(&weeks, 61);
    weeks.back_up(2);
    let (name, packs) = (Id::of(b"junk").to_hex(), weeks.packs("here").len());
    let junk = weeks.folder.path().join("here").join(REPOSITORY).join("snapshots").join(&name);
    std::fs::write(&junk, "junk").unwrap();
    let report = purged(&weeks);
    // The second one went, with its data, and nothing became of the junk.
    assert_eq!(listed(&weeks), [3, 2], "{report:?}");
    assert!(weeks.packs("here").len() < packs, "{report:?}");
    let told = report.troubles.iter().any(|trouble| trouble.subject.contains(&name));
    assert!(told && report.ending != Ending::Done, "{report:?}");
    let alarms = || {
        let all =
            weeks.setup.ledger().unwrap().read().alarms_between(Timestamp::UNIX_EPOCH, weeks.now()).unwrap();
        all.into_iter().filter(|alarm| alarm.alarm.message.contains("no run of ours recorded")).count()
    };
    purged(&weeks);
    weeks.pass(1);
    assert_eq!(alarms(), 1);
    weeks.pass(24);
    purged(&weeks);
    weeks.pass(1);
    assert_eq!(alarms(), 2);
}
