//! Object locks at real places: that they hold where they hold, and that every way in which they do not is found.

use std::sync::Arc;
use std::time::Duration;

use holdfast_location::layers::append_only::AppendOnly;
use holdfast_location::{
    Area, ErrorKind, Finding, Grade, LOCK_TOPICS, Location, LockBreak, ObjectLock, Place, Retained, Topic,
    Verdict, What, probe_lock,
};
use holdfast_testkit::servers::{LyingLock, Seaweed};
use holdfast_world::fake::FakeClock;
use holdfast_world::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};

use super::suite::{content, established, key, locking, place, put, surroundings};

/// An instant so many seconds from now, to the second.
fn after(seconds: i64) -> Timestamp {
    let now = SystemClock::new().now();
    Timestamp::from_second(now.as_second() + seconds).unwrap()
}

fn tried(writer: &dyn Location, deleter: Option<&dyn Location>) -> Vec<Finding> {
    let findings = probe_lock(writer, deleter, &surroundings());
    for finding in &findings {
        println!("{:?} {:?}: {} => {}", finding.what, finding.outcome, finding.tried, finding.meaning);
    }
    findings
}

fn is_proven(findings: &[Finding]) -> bool {
    LOCK_TOPICS.iter().all(|topic| findings.iter().any(|f| f.what == *topic && f.outcome == Verdict::Yes))
}

#[track_caller]
fn fails(findings: &[Finding], topic: Topic) {
    let finding = findings.iter().find(|finding| finding.what == topic).unwrap();
    assert_eq!((finding.outcome, finding.grade), (Verdict::No, Grade::Bad), "{}", finding.tried);
    assert!(!is_proven(findings));
}

fn server() -> Seaweed {
    let server = Seaweed::start("plain");
    server.make_locked_bucket("locked");
    server
}

#[test]
fn a_lock_is_raised_and_never_lowered() {
    let server = server();
    let url = server.url("locked", "copies");
    let place = locking(&url, &server.credentials_toml(), ObjectLock::Compliance);
    assert!(place.retains());
    let stored = put(&*place, "C-1", Area::Data, &content(1, 1000));
    assert_eq!(place.retained_until(&stored.path(), None).unwrap(), None);
    let (first, second) = (after(600), after(1200));
    assert_eq!(place.retain(&stored, first).unwrap(), Retained { before: None, until: first });
    assert_eq!(place.retain(&stored, second).unwrap(), Retained { before: Some(first), until: second });
    assert_eq!(place.retain(&stored, first).unwrap(), Retained { before: Some(second), until: second });
    // A client that is not ours reads the same.
    let path = format!("copies/{}", stored.path());
    assert_eq!(server.locked_until("locked", &path), Some(second.to_string()));
    // Deleted by name, the version stays, and is locked as long; whoever may do everything cannot delete it.
    place.delete(&stored).unwrap();
    let walk = place.walk(Some("C-1")).unwrap();
    let version = walk.lying.iter().find(|lying| lying.what == What::Version).unwrap();
    let id = version.version.as_deref();
    assert_eq!(place.retained_until(&version.path, id).unwrap(), Some(second));
    assert_eq!(place.erase(version).unwrap_err().kind, ErrorKind::Refused);
    assert_eq!(server.delete_version("locked", &path, id.unwrap()), 403);
    let absent = key("C-1", Area::Data, b"absent");
    assert_eq!(place.retain(&absent, first).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(place.retained_until(&absent.path(), None).unwrap_err().kind, ErrorKind::NotFound);
    // Whoever only writes may raise, and is given no way to break.
    let writer = AppendOnly::new(Arc::clone(&place));
    assert!(writer.retains());
    let other = put(&writer, "C-1", Area::Data, &content(2, 1000));
    assert_eq!(writer.retain(&other, first).unwrap().until, first);
    assert_eq!(writer.break_lock(version, LockBreak::Bypass).unwrap_err().kind, ErrorKind::Refused);
}

#[test]
fn nothing_is_locked_by_a_clock_that_differs_or_where_nothing_can_be() {
    let server = server();
    let mut surroundings = surroundings();
    let wrong = SystemClock::new().now() + SignedDuration::from_hours(24 * 400);
    surroundings.clock = Arc::new(FakeClock::new(wrong));
    let locked = Place {
        object_lock: Some(ObjectLock::Compliance),
        ..place(&server.url("locked", ""), &server.credentials_toml())
    };
    let place_of_wrong_clock = holdfast_location::establish(&locked, &surroundings).unwrap();
    let stored = put(&*place_of_wrong_clock, "C-1", Area::Data, &content(1, 1000));
    let error = place_of_wrong_clock.retain(&stored, wrong + SignedDuration::from_hours(1)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.cause.contains("clock"), "{error}");
    assert_eq!(server.locked_until("locked", &stored.path()), None);

    let plain = locking(&server.url("plain", ""), &server.credentials_toml(), ObjectLock::Compliance);
    let stored = put(&*plain, "C-1", Area::Data, &content(1, 1000));
    assert_eq!(plain.retain(&stored, after(600)).unwrap_err().kind, ErrorKind::Unsupported);
    let unasked = established(&server.url("locked", ""), &server.credentials_toml());
    assert!(!unasked.retains());
    let folder = Place { object_lock: Some(ObjectLock::Compliance), ..Place::folder("here", "/nowhere") };
    let refused = holdfast_location::open(&folder, &surroundings).err().unwrap();
    assert!(refused.cause.contains("only a bucket"), "{refused}");
}

#[test]
fn a_lock_that_holds_is_proven_and_its_object_is_no_repository() {
    let server = server();
    let url = server.url("locked", "");
    // The administrator cannot break compliance; the keeper cannot break governance, and is one of two here.
    let admin = locking(&url, &server.credentials_toml(), ObjectLock::Compliance);
    assert!(is_proven(&tried(&*admin, None)));
    assert!(is_proven(&tried(&*admin, None)), "what the first trial left is in the way");
    let keeper = locking(&url, &server.keeper_credentials_toml(), ObjectLock::Governance);
    assert!(is_proven(&tried(&*keeper, None)));
    assert_eq!(admin.repositories().unwrap(), Vec::<String>::new());
    // Two trials of compliance, and one of governance, are still locked.
    let left = admin.walk(Some("holdfast-probe-lock")).unwrap().lying;
    let locked = left.iter().filter(|lying| {
        admin.retained_until(&lying.path, lying.version.as_deref()).is_ok_and(|until| until.is_some())
    });
    assert_eq!(locked.count(), 3);
}

#[test]
fn a_lock_that_the_credentials_for_deleting_can_bypass_is_not_proven() {
    let server = server();
    let url = server.url("locked", "");
    let keeper = locking(&url, &server.keeper_credentials_toml(), ObjectLock::Governance);
    let admin = locking(&url, &server.credentials_toml(), ObjectLock::Governance);
    fails(&tried(&*keeper, Some(&*admin)), Topic::LockStays);
}

#[test]
fn a_bucket_that_cannot_lock_and_a_server_that_lies_are_found() {
    let server = server();
    let plain = locking(&server.url("plain", ""), &server.credentials_toml(), ObjectLock::Compliance);
    let findings = tried(&*plain, None);
    fails(&findings, Topic::LockSet);
    assert_eq!(findings.len(), 1, "nothing may be claimed that was not tried");
    // Credentials that may not lock.
    let url = server.url("locked", "");
    let operator = locking(&url, &server.operator_credentials_toml(), ObjectLock::Compliance);
    fails(&tried(&*operator, None), Topic::LockSet);
    // A server that says "locked until", and deletes.
    server.keep_versions("plain");
    let liar = LyingLock::start(server.port);
    let lying = locking(&liar.url("plain", "lies"), &server.credentials_toml(), ObjectLock::Compliance);
    let findings = tried(&*lying, None);
    assert_eq!((findings[0].what, findings[0].outcome), (Topic::LockSet, Verdict::Yes));
    fails(&findings, Topic::LockedDeleteRefused);
}

#[test]
fn a_bucket_that_locks_by_itself_is_a_finding() {
    let server = server();
    let found = |url: &str| {
        let place = established(url, &server.credentials_toml());
        let options = holdfast_location::ProbeOptions { transfers: 1, round_trips: 1, ..Default::default() };
        let findings = holdfast_location::probe(&*place, &surroundings(), options);
        let finding = findings.into_iter().find(|finding| finding.what == Topic::DefaultRetention);
        finding.map(|finding| (finding.outcome, finding.grade))
    };
    assert_eq!(found(&server.url("locked", "")), Some((Verdict::No, Grade::Fine)));
    // A bucket that keeps versions keeps none of a probe.
    let left = server.versions("locked");
    assert!(left.iter().all(|path| !path.contains("holdfast-probe")), "{left:?}");
    assert_eq!(found(&server.url("plain", "")), None);
    server.lock_by_default("locked", 1);
    assert_eq!(found(&server.url("locked", "")), Some((Verdict::Yes, Grade::Bad)));
}

/// What a trial leaves is removed by the next one, once it may be.
#[test]
fn the_object_of_a_trial_goes_when_its_lock_is_over() {
    let server = server();
    let place = locking(&server.url("locked", ""), &server.credentials_toml(), ObjectLock::Compliance);
    let left = put(&*place, "holdfast-probe-lock", Area::Data, &content(7, 100));
    let until = after(3);
    place.retain(&left, until).unwrap();
    let walk = place.walk(Some("holdfast-probe-lock")).unwrap();
    assert_eq!(place.erase(&walk.lying[0]).unwrap_err().kind, ErrorKind::Refused);
    while SystemClock::new().now() <= until {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(is_proven(&tried(&*place, None)));
    let walk = place.walk(Some("holdfast-probe-lock")).unwrap();
    assert!(walk.lying.iter().all(|lying| lying.path != left.path()), "{walk:?}");
}
