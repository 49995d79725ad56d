//! Measurements as text, with names that somebody chose to break it.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

use holdfast_model::verdict::{Rpo, Verdict};
use holdfast_ops::metrics::{LocationMeasured, Snapshot};
use holdfast_server::exposition;
use jiff::Timestamp;

fn rpo() -> Rpo {
    let at = Timestamp::UNIX_EPOCH;
    Rpo {
        objective_seconds: 3600,
        recovery_point: Some(at),
        point: None,
        counts_from: at,
        breaks_at: Timestamp::from_second(3600).unwrap(),
        known_since: None,
        first_window_from: None,
        worst_seconds: 0,
        first_within: None,
        breaches: Vec::new(),
        headroom_seconds: None,
    }
}

#[test]
fn a_name_cannot_begin_a_line_or_leave_its_quotes() {
    let hostile = "a\"} 1\nholdfast_rpo_broken 0\r# \\".to_owned();
    let mut found = Snapshot { now: Timestamp::from_second(7200).unwrap(), ..Snapshot::default() };
    found.objectives.insert((hostile.clone(), "site".to_owned()), rpo());
    found.red_by_asset.insert(hostile.clone(), 3);
    found.controls.insert(hostile.clone(), Verdict::Fail);
    found.locations.insert(hostile, LocationMeasured { owed_points: 2, ..LocationMeasured::default() });
    let text = exposition(&found);
    let of = |name: &str| text.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(of("holdfast_rpo_broken"), ["holdfast_rpo_broken 1"]);
    assert_eq!(of("holdfast_rpo_used_ratio{").len(), 1);
    assert!(of("holdfast_rpo_used_ratio{")[0].ends_with("} 2"), "{text}");
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(series.starts_with("holdfast_") && value.parse::<f64>().is_ok(), "{line}");
        // Quotes within quotes are escaped, so that an even number is left.
        assert_eq!(series.replace("\\\\", "").replace("\\\"", "").matches('"').count() % 2, 0, "{line}");
    }
}

#[test]
fn before_anything_was_judged_it_is_not_well() {
    let text = exposition(&Snapshot::default());
    assert!(
        text.contains("\nholdfast_healthy 0\n") && !text.contains("holdfast_assessed_timestamp_seconds ")
    );
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let judged = Snapshot { now, assessed: Some(now), ..Snapshot::default() };
    assert!(exposition(&judged).contains("\nholdfast_healthy 1\n"));
}
