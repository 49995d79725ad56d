//! Age is judged to the hour: past the maximum there is the grace, and past that a finding.

use holdfast_repo::Progress;

use super::*;
use crate::backup::{How, backup};
use crate::weeks::{Weeks, policy};

fn here(weeks: &Weeks) -> PlaceAudit {
    audit(&weeks.setup).unwrap().places.remove(0)
}

#[test]
fn a_point_is_found_once_its_grace_is_over_and_not_before() {
    let weeks = Weeks::new();
    weeks.back_up(0);
    weeks.pass(24 * 40);
    // A full is read back whole, so that this one is the last way back and not the first.
    let full = How { full: true, ..How::default() };
    assert_eq!(
        backup(&weeks.setup, ("shop", Dataset::Site), full, &Progress::default()).unwrap().ending,
        Ending::Done
    );
    let rule = weeks.setup.policy.schedule_of(Class::Website, Dataset::Site).unwrap().value.retention;
    let (max, grace) = (u64::from(rule.max_days) * 24, rule.grace.as_secs() / 3600);
    weeks.pass(max - 24 * 40);
    let place = here(&weeks);
    assert_eq!((place.verdict, place.within_grace.objects), ("clean", 0), "{place:?}");
    weeks.pass(grace);
    let place = here(&weeks);
    assert_eq!((place.verdict, place.within_grace.objects), ("clean", 1), "{place:?}");
    weeks.pass(1);
    let place = here(&weeks);
    assert_eq!((place.verdict, place.findings.len()), ("found", 1), "{place:?}");
    assert_eq!((place.findings[0].kind, place.findings[0].sum.objects), ("point", 1));
    // So long without a backup the clock is doubted, nothing is purged, and nothing is exempt either.
    weeks.pass(24 * 41);
    let place = here(&weeks);
    assert_eq!(place.findings[0].sum.objects, 2, "{place:?}");
    assert!(place.findings[0].why.contains("whether it is exempt is not known"), "{place:?}");
}

#[test]
fn an_edited_file_makes_nothing_young_and_nothing_old() {
    let mut weeks = Weeks::new();
    weeks.adopt(1, (30, 60), "2026-01-01");
    weeks.back_up(0);
    let edited =
        |days| holdfast_model::read_policy("policy.toml", &policy(2, days, "2026-01-01")).value.unwrap();
    // 50 days old: past what the file says, and within what is in force. The clock is doubted, so nothing is exempt.
    weeks.pass(24 * 50);
    weeks.setup.policy = edited((5, 10));
    let place = here(&weeks);
    assert_eq!((place.verdict, place.exempt.len()), ("clean", 0), "{place:?}");
    // And the other way round.
    weeks.pass(24 * 20);
    weeks.setup.policy = edited((30, 400));
    let place = here(&weeks);
    assert_eq!((place.verdict, place.findings.len()), ("found", 1), "{place:?}");
    assert!(place.findings[0].why.contains("past 60 days"), "{place:?}");
    // Where the versions cannot be read, nothing is clean.
    let ledger = crate::journal::path(&weeks.setup.places.state);
    std::fs::write(&ledger, "no database").unwrap();
    weeks.setup.policy = edited((30, 4000));
    let place = here(&weeks);
    assert_eq!(place.verdict, "NO_EVIDENCE", "{place:?}");
    assert!(place.reasons.iter().any(|reason| reason.contains("judged by policy.toml")), "{place:?}");
}
