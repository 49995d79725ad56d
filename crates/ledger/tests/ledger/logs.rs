//! Points of a log take one leaf each, are no points among those of backups, and a look moves one on.

use holdfast_ledger::{ErrorKind, LogLook};

use super::support::{Place, at, log_point, point};

#[test]
fn a_point_of_a_log_is_one_leaf_with_its_copies_and_what_was_read_back() {
    let place = Place::new();
    let ledger = place.open();
    let now = at("2026-03-01T12:05:00Z");
    let read = ledger.read();
    let leaves = || read.audit().unwrap().head.leaves;
    ledger.write(|t| t.record_point(point("dump", "2026-03-01T12:00:00Z"), now)).unwrap();
    let before = leaves();
    for (id, instant) in [("log1", "2026-03-01T12:01:00Z"), ("log2", "2026-03-01T12:02:00Z")] {
        ledger.write(|t| t.record_log(log_point(id, "dump", instant), now)).unwrap();
    }
    assert_eq!(leaves(), before + 2);
    // The tables are what the leaves make, these among them.
    let on = read.logs_on("dump").unwrap();
    assert_eq!(on.iter().map(|(log, _)| log.point.as_str()).collect::<Vec<_>>(), ["log1", "log2"]);
    let (newest, until) = &on[1];
    assert_eq!(
        (newest.file.as_str(), newest.position, *until),
        ("mbin.000003", 1 << 33, at("2026-03-01T12:02:00Z"))
    );
    assert_eq!(newest.checked_at, ["here"]);
    let copies = read.copies_of("log2").unwrap();
    assert_eq!(copies.iter().map(|copy| copy.location.as_str()).collect::<Vec<_>>(), ["here", "there"]);
    // Backups are asked for far more often than there are logs.
    assert_eq!(read.points_of("shop.example").unwrap().len(), 1);
    assert_eq!(read.logs_of("shop.example", at("2026-03-01T12:01:30Z")).unwrap().len(), 1);
    assert_eq!(
        read.points_in("C-1042").unwrap(),
        ["dump", "log1", "log2"],
        "a purge must know them all as ours"
    );
    let twice = ledger.write(|t| t.record_log(log_point("log1", "dump", "2026-03-01T12:09:00Z"), now));
    assert!(twice.is_err());
    read.audit().unwrap();
}

#[test]
fn a_look_is_of_a_known_point_and_of_no_earlier_instant() {
    let place = Place::new();
    let ledger = place.open();
    let now = at("2026-03-01T12:05:00Z");
    ledger.write(|t| t.record_point(point("dump", "2026-03-01T12:00:00Z"), now)).unwrap();
    let look = |point: &str, until: &str| {
        ledger.write(|t| t.look_at_log(LogLook { point: point.to_owned(), until: at(until) }, now))
    };
    for (point, until) in [("nothing", "2026-03-01T12:01:00Z"), ("dump", "2026-03-01T11:59:59Z")] {
        assert_eq!(look(point, until).unwrap_err().kind, ErrorKind::Contradiction, "{point}");
    }
    look("dump", "2026-03-01T12:01:00Z").unwrap();
    look("dump", "2026-03-01T12:02:00Z").unwrap();
    let read = ledger.read();
    assert_eq!(read.last_look("dump").unwrap().unwrap().look.until, at("2026-03-01T12:02:00Z"));
    assert_eq!(read.looks_since(at("2026-01-01T00:00:00Z")).unwrap().len(), 2);
    read.audit().unwrap();
}
