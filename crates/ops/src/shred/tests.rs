//! Who is not shredded: whoever is held, and whoever is younger than the policy's minimum.

use std::fs;

use holdfast_ledger::NewHold;
use jiff::SignedDuration;

use super::*;
use crate::weeks::{REPOSITORY, Weeks};

fn gone() -> Weeks {
    let mut weeks = Weeks::new();
    weeks.back_up(0);
    weeks.setup.estate.assets.clear();
    weeks
}

fn request() -> ShredRequest {
    let [client, reason, confirmation] = [REPOSITORY, "it left", REPOSITORY].map(str::to_owned);
    ShredRequest { client, reason, export_offered: false, confirmation }
}

#[track_caller]
fn refused(weeks: &Weeks, why: &str) {
    let error = shred(&weeks.setup, &request()).unwrap_err();
    assert_eq!(error.ending, Ending::Refused);
    assert!(error.message.contains(why), "{error}");
    assert!(weeks.setup.ring.get(REPOSITORY).unwrap().is_some() && !weeks.packs("here").is_empty());
}

#[test]
fn a_client_that_is_held_or_too_young_is_not_shredded() {
    let weeks = gone();
    refused(&weeks, "signatures of two");
    // A clock that jumped says nothing, and nobody's word makes the client older.
    weeks.pass(24 * 30);
    refused(&weeks, "nothing is purged: the clock was last read");
    weeks.clock.set(weeks.now() - SignedDuration::from_hours(24 * 30));
    // The policy's longest minimum of a website is 30 days; to the day it is not past it.
    weeks.days_pass(30);
    refused(&weeks, "signatures of two");
    weeks.pass(1);
    let hold = NewHold {
        asset: "shop".to_owned(),
        owner: "legal".to_owned(),
        reason: "a lawsuit".to_owned(),
        review_on: "2027-01-01".parse().unwrap(),
    };
    let ledger = weeks.setup.ledger().unwrap();
    let id = ledger.write(|transaction| transaction.place_hold(hold, weeks.now())).unwrap();
    refused(&weeks, "held by legal");
    ledger.write(|transaction| transaction.release_hold(&id, "legal", weeks.now())).unwrap();
    // What the ledger keeps apart of the runs names files.
    let runs = crate::journal::runs(&weeks.setup, None, jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert!(ledger.read().report(&runs[0].id).unwrap().is_some_and(|report| report.contains("shop")));
    let report = shred(&weeks.setup, &request()).unwrap();
    assert_eq!((report.ending, report.reports_erased), (Ending::Done, 1), "{report:?}");
    assert!(ledger.read().report(&runs[0].id).unwrap().is_none());
    let audit = ledger.read().audit().unwrap();
    assert_eq!((audit.reports, audit.reports_erased), (0, 1));
    // The ring had this key alone, and none is left to try.
    assert_eq!((report.proof.is_unreadable, report.proof.keys), (None, 0));
    assert!(report.proof.objects > 0);
    assert!(!weeks.folder.path().join("here").join(REPOSITORY).exists());
}

#[test]
fn what_a_shredding_that_broke_off_left_is_completed_without_the_key() {
    let weeks = gone();
    weeks.days_pass(31);
    let there = weeks.folder.path().join("there");
    let away = weeks.folder.path().join("away");
    fs::rename(&there, &away).unwrap();
    let report = shred(&weeks.setup, &request()).unwrap();
    assert_eq!(report.ending, Ending::Attention, "{report:?}");
    assert!(weeks.setup.ring.get(REPOSITORY).unwrap().is_none());
    fs::rename(&away, &there).unwrap();
    // Killed between keys and data, and a key that somebody put back does not make it readable for us.
    fs::remove_dir_all(there.join(REPOSITORY).join("keys")).unwrap();
    let report = shred(&weeks.setup, &request()).unwrap();
    assert_eq!(report.ending, Ending::Done, "{report:?}");
    assert!(!there.join(REPOSITORY).exists());
    let ledger = weeks.setup.ledger().unwrap();
    assert!(ledger.read().purges_open().unwrap().is_empty());
    let points = ledger.read().points_of_purge(&report.purge).unwrap();
    assert_eq!((points.len(), points[0].decided.asset.as_deref()), (1, Some("shop")));
}
