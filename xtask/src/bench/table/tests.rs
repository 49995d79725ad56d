use std::time::Duration;

use super::*;

fn sample(work: Work, milliseconds: u64) -> Sample {
    let wall = Duration::from_millis(milliseconds);
    Sample {
        work,
        usage: Usage {
            wall,
            processor: wall,
            memory_bytes: 5_000_000,
            read_bytes: 9_000_000,
            disk_read_bytes: 0,
        },
        stored_bytes: Some(7_000_000),
        requests: None,
    }
}

fn row<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no row {start}: {text}"))
}

#[test]
fn ratios_are_against_the_best_peer_of_this_run() {
    let mut table = Table::new(Kind::Sites, "c", None);
    for (ours, slow, quick) in [(1000, 8000, 2000), (3000, 9000, 2500), (2000, 7000, 1500)] {
        table.add("ours 1", sample(Work::First, ours));
        table.add("slow 1", sample(Work::First, slow));
        table.add("quick 1", sample(Work::First, quick));
    }
    let text = table.markdown();
    assert_eq!(
        row(&text, "| first backup, s "),
        "| first backup, s | 2.00 (1.00 to 3.00) | 8.00 (7.00 to 9.00) | 2.00 (1.50 to 2.50) | **1.00** (0.40 to 2.00) | - |"
    );
    assert!(text.contains("| first backup, stored, MB | 7.00 | 7.00 | 7.00 |"));
    assert!(text.contains("| first backup, read, MB | 9.00 |"));
    assert!(!text.contains("requests"), "what nobody counted has no row");
    let bars = table.bars();
    assert_eq!(bars[0].against_ours, [Some(1.0), Some(4.0), Some(1.0)]);
}

#[test]
fn two_locations_are_held_against_one() {
    let mut table = Table::new(Kind::Sites, "c", None);
    table.add("ours 1", sample(Work::First, 2000));
    table.add("peer 1", sample(Work::First, 100));
    table.add("ours 1", sample(Work::TwoLocations, 3000));
    let text = table.markdown();
    assert!(row(&text, "| first backup, two locations, s ").contains("**1.50** (1.50 to 1.50) of one"));
}

#[test]
fn a_goal_that_is_missed_says_so() {
    let mut table = Table::new(Kind::Sites, "c", None);
    table.add("ours 1", sample(Work::First, 2000));
    table.add("restic 1", sample(Work::First, 5000));
    table.add("other 1", sample(Work::First, 3000));
    let text = table.markdown();
    let goals: Vec<&str> = text.lines().skip(2).take_while(|line| !line.is_empty()).collect();
    assert_eq!(
        goals,
        [
            "| first backup | of the best peer at most 0.50 | 0.67 | **missed** |",
            "| first backup | of restic at most 0.38 | 0.40 | **missed** |",
            "| first backup, stored | of the best peer at most 1.03 | 1.00 | met |",
            "| first backup, peak memory | at most 200 MB | 5 MB | met |",
        ]
    );
    let blobs = Table::new(Kind::Blobs, "c", None);
    assert!(blobs.markdown().starts_with("| work"), "a corpus without goals has no table of them");
}

#[test]
fn what_failed_is_in_the_table() {
    let mut table = Table::new(Kind::Sites, "c", None);
    table.add("ours 1", sample(Work::Verify, 1));
    table.failed("peer 2", Work::Verify, "it crashed\nmore");
    assert!(table.has_failed("peer 2") && !table.has_failed("ours 1"));
    let text = table.markdown();
    assert!(text.contains("peer 2: check, all data read: FAILED: it crashed\n"));
    assert!(text.contains("| check, all data read, s | 0.00 | - | - |"));
}
