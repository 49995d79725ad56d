//! A daemon that a timer calls once a day, on a clock that is pushed, with real bytes at two locations.

use std::fs;
use std::sync::Mutex;

use holdfast_ledger::{Alarm, CheckScope, Reader};
use holdfast_world::signals::Stop;

use super::*;
use crate::journal;
use crate::serve::{Served, Service, serve};
use crate::weeks::{REPOSITORY, Weeks, load};

const EVER: &str = "2020-01-01T00:00:00Z";

struct Called {
    weeks: Weeks,
    service: Service,
    days: u32,
}

impl Called {
    fn new() -> Called {
        let weeks = Weeks::new();
        let policy = holdfast_model::template::policy_example()
            .replace("# approved_by = \"<who approved this version>\"", "approved_by = \"D. Okafor\"");
        fs::write(weeks.folder.path().join("policy.toml"), policy).unwrap();
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let service = Service {
            places: weeks.setup.places.clone(),
            world: weeks.setup.world.clone(),
            stop: Stop { draining: Arc::default(), interrupted: Arc::default() },
            is_once: true,
            tell: Arc::new(move |line: &str| said.lock().unwrap().push(line.to_owned())),
            carrier: None,
        };
        let mut called = Called { weeks, service, days: 0 };
        // What may wait for a better moment waits on the first day.
        called.call();
        called.weeks.pass(24);
        called.call();
        assert!(!called.weeks.packs("there").is_empty(), "nothing was backed up");
        called.weeks.pass(24);
        called
    }

    fn call(&mut self) -> Served {
        self.days += 1;
        let file = self.weeks.folder.path().join(format!("site/{}", self.days));
        fs::write(file, format!("{}", self.days).repeat(1000)).unwrap();
        serve(&self.service).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open(&journal::path(&self.service.places.state)).unwrap()
    }

    fn alarms(&self, kind: AlarmKind) -> Vec<Alarm> {
        let until = after(self.weeks.now(), EVERY);
        let alarms = self.reader().alarms_between(EVER.parse().unwrap(), until).unwrap();
        alarms.into_iter().filter(|alarm| alarm.alarm.kind == kind).collect()
    }
}

#[test]
fn a_daemon_reads_everything_again_within_the_days_and_points_show_it() {
    let mut called = Called::new();
    let mut read = Vec::new();
    for _ in 0..33 {
        read.push(called.call().reread);
        assert_eq!(called.call().reread, 0, "one share a day");
        called.weeks.pass(24);
    }
    assert!(read.iter().all(|shares| *shares == 1), "{read:?}");
    let since = called.weeks.now() - SignedDuration::from_hours(24 * i64::from(reread::DAYS));
    for location in ["here", "there"] {
        let checks = called.reader().checks_of(REPOSITORY, Some(location), since).unwrap();
        let slices = checks.iter().filter_map(|check| match check.check.scope {
            CheckScope::Slice { number, of: 28 } => Some(number),
            _ => None,
        });
        let slices: std::collections::BTreeSet<u32> = slices.collect();
        assert_eq!(slices.len(), 28, "{location}");
    }
    let setup = load(&called.service.places, &called.service.world);
    let points = crate::points::points(&setup, "shop", &holdfast_repo::Troubles::default()).unwrap();
    let old = points.iter().find(|point| point.verdict == "PASS").unwrap();
    assert!(old.time < since, "{old:?}");
    assert!(old.checked.unwrap() > old.time + EVERY, "{old:?}");
    assert!(called.alarms(AlarmKind::DamageFound).is_empty());
    assert!(called.alarms(AlarmKind::RereadOverdue).is_empty());
    called.reader().audit().unwrap();
}

#[test]
fn a_pack_that_is_gone_is_an_alarm_on_the_next_day() {
    let mut called = Called::new();
    fs::remove_file(called.weeks.packs("there").first().unwrap()).unwrap();
    called.call();
    let mut alarms = called.alarms(AlarmKind::DamageFound);
    // The purge, which cannot delete there, has one of its own.
    alarms.retain(|alarm| !alarm.alarm.message.starts_with("no data of C-1 was deleted"));
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0].alarm.subject, REPOSITORY);
    let said = &alarms[0].alarm.message;
    assert!(said.contains("at there") && said.contains("holdfast repair C-1"), "{said}");
}

#[test]
fn a_location_that_is_away_for_longer_than_the_days_is_an_alarm_once_a_day() {
    let mut called = Called::new();
    fs::rename(called.weeks.folder.path().join("there"), called.weeks.folder.path().join("away")).unwrap();
    called.weeks.pass(24 * 28);
    called.call();
    assert!(called.alarms(AlarmKind::RereadOverdue).is_empty(), "not yet");
    // Tried again every hour, and told once a day.
    for _ in 0..3 {
        called.weeks.pass(25);
        called.call();
        called.weeks.pass(2);
        called.call();
    }
    let alarms = called.alarms(AlarmKind::RereadOverdue);
    assert_eq!(alarms.len(), 3, "{alarms:?}");
    assert!(alarms[0].alarm.message.contains("28 of 28 shares of C-1 at there"), "{alarms:?}");
    assert!(!alarms[0].alarm.message.contains("at here"), "{alarms:?}");
    fs::rename(called.weeks.folder.path().join("away"), called.weeks.folder.path().join("there")).unwrap();
    called.weeks.pass(24);
    assert!(called.call().reread >= 28, "what is overdue is caught up with");
    assert_eq!(called.alarms(AlarmKind::RereadOverdue).len(), 3);
}

#[test]
fn a_round_waits_for_a_quiet_moment_and_not_for_ever_nor_for_a_clock_that_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let start: Timestamp = "2026-03-01T02:00:00Z".parse().unwrap();
    let hours = |hours| start + SignedDuration::from_hours(hours);
    let mut rereading = Rereading::begin(folder.path(), start).unwrap();
    assert!(rereading.is_due(start, true) && !rereading.is_due(hours(5), false));
    assert!(rereading.is_due(hours(6), false));
    let ended = |failures: &[&str], gave_way| {
        let failures = failures.iter().map(|why| (*why).to_owned()).collect();
        Heard::Ended(Outcome { failures, gave_way, ..Outcome::default() })
    };
    let said = rereading.hear(folder.path(), ended(&["no answer"], false), start).unwrap();
    assert!(said.line.unwrap().contains("no answer"));
    assert!(!rereading.is_due(start, true) && rereading.is_due(hours(1), true));
    // It made room for a purge, and goes on as soon as that is done.
    rereading.hear(folder.path(), ended(&[], true), hours(1)).unwrap();
    assert!(rereading.is_due(hours(1), true));
    rereading.began = hours(1);
    rereading.hear(folder.path(), ended(&[], false), hours(4)).unwrap();
    assert!(!rereading.is_due(hours(24), true) && rereading.is_due(hours(25), true));
    assert!(rereading.is_due(hours(-1000), true), "the clock was set back");
    // The next instance goes on from there.
    let mut next = Rereading::begin(folder.path(), hours(5)).unwrap();
    assert!(!next.is_due(hours(24), true) && next.is_due(hours(25), true));
    next.stop.store(true, Ordering::SeqCst);
    assert!(!next.is_due(hours(25), true), "it is asked to stop");
    next.is_under_way = true;
    assert!(next.hear(folder.path(), ended(&["interrupted"], false), hours(26)).unwrap().line.is_none());
}

#[test]
fn a_round_that_is_asked_to_give_way_ends_before_the_next_share() {
    let weeks = Weeks::new();
    weeks.back_up(1);
    weeks.pass(48);
    let count = std::cell::Cell::new(0);
    let tell = |_: VerifyReport| count.set(count.get() + 1);
    let outcome = round(&weeks.setup, &AtomicBool::new(true), tell).unwrap();
    assert!(outcome.gave_way && count.get() == 0);
    let outcome = round(&weeks.setup, &AtomicBool::new(false), tell).unwrap();
    assert!(!outcome.gave_way && outcome.failures.is_empty() && count.get() > 0, "{outcome:?}");
}
