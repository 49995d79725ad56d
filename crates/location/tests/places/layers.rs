//! The layers, around a real folder.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use holdfast_location::layers::Op;
use holdfast_location::layers::append_only::AppendOnly;
use holdfast_location::layers::breaker::{Breaker, Circuit};
use holdfast_location::layers::faulty::{Damage, Fault, Faults, Faulty, Rule};
use holdfast_location::layers::record::{Count, Record, Recording};
use holdfast_location::layers::retry::{Retry, RetryPolicy};
use holdfast_location::layers::throttle::{Limits, Throttle};
use holdfast_location::{Area, ErrorKind, Location, Put};
use holdfast_world::{Clock, SystemRandom};
use jiff::Timestamp;

use super::suite::{content, contract_suite, established, key, put};

/// A clock that only waiting moves.
#[derive(Default)]
struct VirtualClock {
    now_ns: AtomicU64,
    sleeps: Mutex<Vec<Duration>>,
    cancel_at_sleep: Option<(usize, Arc<AtomicBool>)>,
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.now_ns.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) {
        self.now_ns.fetch_add(u64::try_from(duration.as_nanos()).unwrap(), Ordering::SeqCst);
        let mut sleeps = self.sleeps.lock().unwrap();
        sleeps.push(duration);
        if let Some((count, flag)) = &self.cancel_at_sleep
            && sleeps.len() == *count
        {
            flag.store(true, Ordering::SeqCst);
        }
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    clock: Arc<VirtualClock>,
    faults: Faults,
    recording: Recording,
    cancelled: Arc<AtomicBool>,
    /// A folder, that fails as scripted, counted.
    place: Arc<dyn Location>,
}

fn bench() -> Bench {
    bench_with(VirtualClock::default(), Arc::new(AtomicBool::new(false)))
}

fn bench_with(clock: VirtualClock, cancelled: Arc<AtomicBool>) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(clock);
    let (faults, recording) = (Faults::new(), Recording::with_calls());
    let local = established(&folder.path().join("place").display().to_string(), "");
    let faulty = Arc::new(Faulty::new(local, faults.clone(), clock.clone()));
    let place = Arc::new(Record::new(faulty, recording.clone()));
    Bench { _folder: folder, clock, faults, recording, cancelled, place }
}

impl Bench {
    fn retrying(&self, policy: RetryPolicy) -> Retry {
        let cancelled = Arc::clone(&self.cancelled);
        Retry::new(self.place.clone(), policy, self.clock.clone(), Arc::new(SystemRandom), cancelled)
    }
}

#[test]
fn every_layer_keeps_the_contract() {
    let bench = bench();
    let limits = Limits {
        up_bytes_per_second: Some(1 << 20),
        down_bytes_per_second: Some(1 << 20),
        ..Limits::default()
    };
    let throttled =
        Throttle::new(Arc::new(bench.retrying(RetryPolicy::default())), limits, bench.clock.clone());
    contract_suite(&throttled);
}

#[test]
fn what_may_pass_is_tried_again_and_nothing_else() {
    let bench = bench();
    let retrying =
        bench.retrying(RetryPolicy { delay_ms_first: 100, delay_ms_max: 1_000, budget_ms: 60_000 });
    let content = content(1, 1000);
    bench.faults.add(Rule { hits: 5, ..Rule::always(Fault::Fail(ErrorKind::Unreachable)).on(Op::Put) });
    put(&retrying, "C-1", Area::Data, &content);
    assert_eq!(
        bench.recording.total(Op::Put),
        Count { calls: 6, failures: 5, bytes_up: 6_000, bytes_down: 0 }
    );
    // Doubling from 50..=100 ms, jittered down to the half, never above the largest delay.
    let waited = bench.clock.monotonic();
    assert!(waited >= Duration::from_millis(50 + 100 + 200 + 400 + 500), "{waited:?}");
    assert!(waited <= Duration::from_millis(100 + 200 + 400 + 800 + 1_000), "{waited:?}");

    for kind in [
        ErrorKind::NotFound,
        ErrorKind::Refused,
        ErrorKind::Full,
        ErrorKind::Conflict,
        ErrorKind::Corrupt,
        ErrorKind::Unsupported,
    ] {
        bench.faults.heal();
        bench.faults.add(Rule::nth(Op::Get, 1, Fault::Fail(kind)));
        let before = bench.clock.monotonic();
        assert_eq!(retrying.get(&key("C-1", Area::Data, &content), None).unwrap_err().kind, kind);
        assert_eq!(bench.clock.monotonic(), before, "{kind:?} is not worth waiting for");
    }
}

#[test]
fn the_budget_ends_the_trying() {
    let bench = bench();
    let retrying =
        bench.retrying(RetryPolicy { delay_ms_first: 1_000, delay_ms_max: 8_000, budget_ms: 60_000 });
    bench.faults.set_down(true);
    let error = retrying.list("C-1", Area::Data).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.to_string().contains("gave up after"), "{error}");
    let waited = bench.clock.monotonic();
    assert!(waited > Duration::from_secs(50) && waited <= Duration::from_secs(60), "{waited:?}");
    bench.faults.set_down(false);
    assert_eq!(retrying.list("C-1", Area::Data).unwrap(), []);
}

#[test]
fn cancelling_ends_the_waiting() {
    let cancelled = Arc::new(AtomicBool::new(false));
    let clock = VirtualClock { cancel_at_sleep: Some((3, cancelled.clone())), ..VirtualClock::default() };
    let bench = bench_with(clock, cancelled);
    bench.faults.set_down(true);
    let retrying =
        bench.retrying(RetryPolicy { delay_ms_first: 60_000, delay_ms_max: 60_000, budget_ms: 600_000 });
    assert_eq!(retrying.repositories().unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(bench.clock.sleeps.lock().unwrap().len(), 3);
    assert_eq!(bench.recording.total(Op::Repositories).calls, 1);
}

#[test]
fn a_put_whose_answer_was_lost_is_already_there() {
    let bench = bench();
    let retrying = bench.retrying(RetryPolicy::default());
    bench.faults.add(Rule::nth(Op::Put, 1, Fault::FailAfter(ErrorKind::Unreachable)));
    let content = content(1, 1000);
    let key = key("C-1", Area::Data, &content);
    assert_eq!(retrying.put(&key, content).unwrap(), Put::AlreadyThere);
}

#[test]
fn bandwidth_is_kept_over_all_callers() {
    let bench = bench();
    let limits = Limits {
        up_bytes_per_second: Some(1_000_000),
        down_bytes_per_second: Some(4_000_000),
        latency_added: Duration::ZERO,
    };
    let throttled = Throttle::new(bench.place.clone(), limits, bench.clock.clone());
    let keys: Vec<_> =
        (0..10).map(|seed| put(&throttled, "C-1", Area::Data, &content(seed, 500_000))).collect();
    assert_eq!(bench.clock.monotonic(), Duration::from_secs(5), "5 MB at 1 MB/s");
    for key in &keys {
        throttled.get(key, None).unwrap();
    }
    assert_eq!(bench.clock.monotonic(), Duration::from_millis(6_250), "5 MB at 4 MB/s");

    let limits = Limits { latency_added: Duration::from_millis(30), ..Limits::default() };
    let distant = Throttle::new(bench.place.clone(), limits, bench.clock.clone());
    let before = bench.clock.monotonic();
    distant.size(&keys[0]).unwrap();
    distant.list("C-1", Area::Data).unwrap();
    assert_eq!(bench.clock.monotonic() - before, Duration::from_millis(60));
}

#[test]
fn adding_only_deletes_nothing_but_locks() {
    let bench = bench();
    let adding = AppendOnly::new(bench.place.clone());
    for area in Area::ALL {
        let content = content(area as u64, 100);
        let key = put(&adding, "C-1", area, &content);
        if area == Area::Locks {
            adding.delete(&key).unwrap();
            assert_eq!(adding.get(&key, None).unwrap_err().kind, ErrorKind::NotFound);
        } else {
            assert_eq!(adding.delete(&key).unwrap_err().kind, ErrorKind::Refused);
            assert_eq!(adding.overwrite_raw(&key, Bytes::new()).unwrap_err().kind, ErrorKind::Refused);
            assert!(adding.get(&key, None).unwrap() == content);
        }
    }
    let deleted: Vec<_> = bench.recording.calls().into_iter().filter(|call| call.op == Op::Delete).collect();
    assert_eq!(deleted.len(), 1, "a refused delete must not reach the place");
    assert_eq!(bench.recording.total(Op::OverwriteRaw).calls, 0);
}

#[test]
fn calls_are_counted_by_kind_and_area() {
    let bench = bench();
    let data = put(&*bench.place, "C-1", Area::Data, &content(1, 1000));
    put(&*bench.place, "C-1", Area::Index, &content(2, 10));
    bench.place.get(&data, None).unwrap();
    bench.place.get(&data, Some(0..10)).unwrap();
    bench.place.get(&key("C-1", Area::Data, b"absent"), None).unwrap_err();
    let expected = BTreeMap::from([
        ((Op::Put, Some(Area::Data)), Count { calls: 1, failures: 0, bytes_up: 1000, bytes_down: 0 }),
        ((Op::Put, Some(Area::Index)), Count { calls: 1, failures: 0, bytes_up: 10, bytes_down: 0 }),
        ((Op::Get, Some(Area::Data)), Count { calls: 3, failures: 1, bytes_up: 0, bytes_down: 1010 }),
    ]);
    assert_eq!(bench.recording.counts(), expected);
    assert_eq!(bench.recording.calls().len(), 5);
    assert_eq!(bench.recording.calls()[0].path, data.path());
}

#[test]
fn faults_happen_as_scripted() {
    let bench = bench();
    let first = content(1, 1000);
    let kept = put(&*bench.place, "C-1", Area::Data, &first);

    bench.faults.add(Rule::nth(Op::Get, 2, Fault::Damage(Damage::Flip(5_007))));
    assert!(bench.place.get(&kept, None).unwrap() == first);
    let flipped = bench.place.get(&kept, None).unwrap();
    let different: Vec<_> = (0..1000).filter(|at| flipped[*at] != first[*at]).collect();
    assert_eq!(different, [7]);
    assert!(bench.place.get(&kept, None).unwrap() == first);

    bench.faults.heal();
    bench.faults.add(Rule::always(Fault::Damage(Damage::Truncate(10))).on(Op::Put).area(Area::Index));
    let torn = put(&*bench.place, "C-1", Area::Index, &first);
    assert_eq!(bench.place.size(&torn).unwrap(), 10);

    bench.faults.heal();
    let prefix = kept.name[..8].to_owned();
    bench.faults.add(Rule::always(Fault::Damage(Damage::Hide(prefix))).on(Op::List).path("C-1/data"));
    assert_eq!(bench.place.list("C-1", Area::Data).unwrap(), []);
    assert_eq!(bench.place.list("C-1", Area::Index).unwrap().len(), 1);

    bench.faults.heal();
    bench.faults.full_after(Some(1_500));
    put(&*bench.place, "C-1", Area::Snapshots, &first);
    let more = content(2, 1000);
    let key = key("C-1", Area::Snapshots, &more);
    assert_eq!(bench.place.put(&key, more.clone()).unwrap_err().kind, ErrorKind::Full);
    bench.faults.full_after(None);
    bench.place.put(&key, more).unwrap();

    bench.faults.set_down(true);
    assert_eq!(bench.place.identity().unwrap_err().kind, ErrorKind::Unreachable);
    bench.faults.set_down(false);
    bench.place.identity().unwrap();

    bench.faults.add(Rule::always(Fault::Slow(Duration::from_secs(9))).on(Op::Size));
    let before = bench.clock.monotonic();
    bench.place.size(&kept).unwrap();
    assert_eq!(bench.clock.monotonic() - before, Duration::from_secs(9));
}

#[test]
fn a_place_that_is_down_is_waited_for_once_and_asked_again_after_the_pause() {
    let bench = bench();
    let policy = RetryPolicy { delay_ms_first: 100, delay_ms_max: 1_000, budget_ms: 30_000 };
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let pause = Duration::from_secs(300);
    let circuit = Arc::new(Circuit::new(
        pause,
        bench.clock.clone(),
        Arc::clone(&bench.cancelled),
        Arc::new(move |text: &str| listener.lock().unwrap().push(text.to_owned())),
    ));
    let breaker = Breaker::new(Arc::new(bench.retrying(policy)), bench.place.clone(), circuit);
    let content = content(1, 1000);
    put(&breaker, "C-1", Area::Data, &content);

    // One object that cannot be read says nothing about the others.
    let object = key("C-1", Area::Data, &content);
    bench.faults.add(Rule { hits: 100, ..Rule::always(Fault::Fail(ErrorKind::Unreachable)).on(Op::Size) });
    assert_eq!(breaker.size(&object).unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(breaker.get(&object, None).unwrap(), content);
    assert!(told.lock().unwrap().is_empty());

    bench.faults.heal();
    bench.faults.add(Rule::always(Fault::Fail(ErrorKind::Unreachable)));
    breaker.get(&object, None).unwrap_err();
    let (spent, calls) = (bench.clock.monotonic(), bench.recording.total(Op::Get).calls);
    assert!(spent >= Duration::from_secs(30), "patience comes first: {spent:?}");
    for _ in 0..100 {
        let error = breaker.get(&object, None).unwrap_err();
        assert!(error.is_transient() && error.cause.contains("not asked again"), "{error}");
    }
    assert_eq!(bench.clock.monotonic(), spent, "nobody waits any more");
    assert_eq!(bench.recording.total(Op::Get).calls, calls, "nor asks");
    assert_eq!(told.lock().unwrap().len(), 1, "{told:?}");

    bench.clock.sleep(pause);
    breaker.get(&object, None).unwrap_err();
    assert_eq!(bench.recording.total(Op::Get).calls, calls + 1, "one plain question");
    bench.faults.heal();
    breaker.get(&object, None).unwrap_err();
    bench.clock.sleep(pause);
    assert_eq!(breaker.get(&object, None).unwrap(), content);
    assert!(told.lock().unwrap()[1].contains("answers again"), "{told:?}");
}
