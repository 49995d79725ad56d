//! On a clock of their own: weeks pass in a moment, with real bytes at two locations.

use std::fs;
use std::path::Path;

use holdfast_ledger::{CheckScope, Reader};

use super::*;
use crate::ending::Ending;
use crate::journal;
use crate::weeks::{REPOSITORY, Weeks};

fn reread(weeks: &Weeks, days: u32) -> Vec<VerifyReport> {
    run(&weeks.setup, REPOSITORY, days, &Progress::default()).unwrap()
}

/// How many slices of `of` the ledger says were read at a location within the last days.
fn read_within(weeks: &Weeks, location: &str, of: u32, days: u32) -> usize {
    let reader = Reader::open(&journal::path(&weeks.setup.places.state)).unwrap();
    let since = weeks.now() - DAY * i32::try_from(days).unwrap();
    let checks = reader.checks_of(REPOSITORY, Some(location), since).unwrap();
    let slices = checks.into_iter().filter_map(|check| match check.check.scope {
        CheckScope::Slice { number, of: whole } if whole == of => Some(number),
        _ => None,
    });
    slices.collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn everything_is_read_again_within_the_days_whoever_was_away() {
    let days = 7;
    let weeks = Weeks::new();
    weeks.back_up(0);
    let mut read = Vec::new();
    for day in 1..=30 {
        weeks.pass(24);
        if day < 5 {
            weeks.back_up(day);
        }
        // A day on which nobody called, and a daily call that drifts.
        if day == 12 {
            continue;
        }
        weeks.pass(u64::from(day % 2));
        read.push(reread(&weeks, days).len());
        assert!(reread(&weeks, days).is_empty(), "day {day}: one share a day");
        if day >= 8 {
            for location in ["here", "there"] {
                assert_eq!(read_within(&weeks, location, 5, days), 5, "day {day} at {location}");
            }
        }
    }
    assert!(read.iter().all(|count| *count <= 2), "no day reads much more than its share: {read:?}");
}

#[test]
fn a_flipped_byte_in_old_data_is_found_within_the_days() {
    let days = 7;
    let weeks = Weeks::new();
    (0..4).for_each(|day| {
        weeks.back_up(day);
        weeks.pass(24);
    });
    // A whole round first, so that nothing is due because it never was read.
    for _ in 0..8 {
        assert!(reread(&weeks, days).iter().all(|report| report.ending == Ending::Done));
        weeks.pass(24);
    }
    let packs = weeks.packs("there");
    assert!(packs.len() >= 4, "{packs:?}");
    for pack in packs {
        let whole = fs::read(&pack).unwrap();
        let mut bent = whole.clone();
        bent[whole.len() / 2] ^= 1;
        replace(&pack, &bent);
        let mut found_after = None;
        for day in 0..days {
            let damaged = |report: &VerifyReport| {
                let at = report.verified.as_ref().unwrap().locations.iter().find(|l| !l.problems.is_empty());
                report.ending == Ending::Damage && at.is_some_and(|l| l.location == "there")
            };
            if reread(&weeks, days).iter().any(damaged) {
                found_after.get_or_insert(day);
            }
            weeks.pass(24);
        }
        assert!(found_after.is_some(), "{} was not found", pack.display());
        replace(&pack, &whole);
    }
}

#[test]
fn a_location_that_was_away_catches_up_and_a_new_way_of_cutting_reads_nothing_twice() {
    let days = 5;
    let weeks = Weeks::new();
    weeks.back_up(0);
    for _ in 0..5 {
        weeks.pass(24);
        reread(&weeks, days);
    }
    fs::rename(weeks.folder.path().join("there"), weeks.folder.path().join("away")).unwrap();
    for _ in 0..6 {
        weeks.pass(24);
        reread(&weeks, days);
    }
    assert_eq!(read_within(&weeks, "there", 3, days + 1), 3, "an attempt is written down as well");
    fs::rename(weeks.folder.path().join("away"), weeks.folder.path().join("there")).unwrap();
    weeks.pass(24);
    let at_there =
        |due: Vec<Due>| due.iter().filter(|due| due.locations.contains(&"there".to_owned())).count();
    assert_eq!(at_there(due(&weeks.setup, REPOSITORY, days).unwrap()), 3, "all of it is overdue");
    reread(&weeks, days);
    assert_eq!(at_there(due(&weeks.setup, REPOSITORY, days).unwrap()), 0);
    let longer = due(&weeks.setup, REPOSITORY, 30).unwrap();
    assert!(longer.len() <= 2, "a longer round goes on from there: {longer:?}");
}

/// Objects are stored so that nobody writes to them.
fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}
