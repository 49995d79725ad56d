//! What the ledger says of runs, and what a purge doubts the clock by.

use holdfast_repo::Progress;

use super::*;
use crate::backup::{How, backup};
use crate::purge::purge;
use crate::weeks::{Weeks, load};

#[test]
fn the_last_run_tells_whether_the_clock_can_be_right() {
    let weeks = Weeks::new();
    assert_eq!(last_made(&weeks.setup).unwrap(), None);
    weeks.back_up(0);
    let first = weeks.now();
    assert_eq!(last_made(&weeks.setup).unwrap(), Some(first));
    let refused = |reason: &str| {
        for dry_run in [false, true] {
            let error = match purge(&weeks.setup, dry_run, &Progress::default()) {
                Err(error) => error.to_string(),
                Ok(report) => serde_json::to_string(&report).unwrap(),
            };
            assert!(error.contains(reason), "{error}");
        }
    };
    weeks.pass(24 * 100);
    refused("a pause of more than");
    weeks.clock.set("2025-01-01T00:00:00Z".parse().unwrap());
    refused("set the clock right");
    // The last run counts, not the highest instant: else a clock that once was wrong would stop the purge for years.
    let report = backup(&weeks.setup, ("shop", Dataset::Site), How::default(), &Progress::default()).unwrap();
    assert_eq!((report.ending, report.is_undated), (Ending::Attention, true));
    assert_eq!(last_made(&weeks.setup).unwrap(), Some(weeks.now()));
}

#[test]
fn runs_tell_what_was_read_back_of_them_and_where() {
    let weeks = Weeks::new();
    let long_ago = "2020-01-01T00:00:00Z".parse().unwrap();
    assert!(checked_runs(&weeks.setup, None, long_ago).unwrap().is_empty());
    weeks.back_up(0);
    weeks.pass(1);
    weeks.back_up(1);
    let runs = checked_runs(&weeks.setup, Some("shop"), long_ago).unwrap();
    assert_eq!(runs.len(), 2);
    for checked in &runs {
        let found: Vec<_> = checked.read_back.iter().map(|r| (r.location.as_str(), r.outcome)).collect();
        assert_eq!(found, [("here", CheckOutcome::Whole), ("there", CheckOutcome::Whole)]);
        assert!(checked.read_back.iter().all(|r| r.bytes_read > 0));
    }
    // The run, the point and the place stand in the check itself.
    let reader = reader(&weeks.setup.places.state).unwrap().unwrap();
    let check = &reader.checks_of_runs(&[&runs[1].run.id]).unwrap()[0].check;
    let expected = CheckScope::Run { run: runs[1].run.id.clone(), point: runs[1].run.point.clone().unwrap() };
    assert_eq!(check.scope, expected);
    reader.audit().unwrap();
}

#[test]
fn a_ledger_that_cannot_be_read_is_an_error_and_not_nothing() {
    let weeks = Weeks::new();
    weeks.back_up(0);
    let Weeks { folder: _folder, setup, .. } = weeks;
    let (world, places) = (setup.world.clone(), setup.places.clone());
    drop(setup);
    std::fs::write(path(&places.state), "something else altogether, and longer than a header").unwrap();
    let setup = load(&places, &world);
    assert!(last_made(&setup).is_err());
    assert!(evidence::load(&setup, "C-1").is_err());
    assert!(crate::points::points(&setup, "shop", &holdfast_repo::Troubles::default()).is_err());
    assert!(crate::reread::due(&setup, "C-1", crate::reread::DAYS).is_err());
}
