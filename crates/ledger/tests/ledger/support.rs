//! A ledger in a folder of its own, on a clock that stands still.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use holdfast_ledger::{
    AlarmKind, CheckOutcome, CheckScope, DecidedPoint, ExpectedSlot, Findings, Ledger, LogCopy, LogPoint,
    NewAlarm, NewCheck, NewHold, NewPolicyReview, NewPolicyVersion, NewPurge, NewReceipt, NewRun, NewWaiver,
    Point, PurgePhase, PurgeState, PurgeWait, Result, RunEnd, RunOutcome, Settlement, SlotState,
};
use holdfast_world::fake::{FakeClock, FakeRandom};
use jiff::Timestamp;

/// Where a test's ledger lies, and the world around it.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub clock: Arc<FakeClock>,
    random: Arc<FakeRandom>,
}

impl Place {
    pub fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(FakeClock::new(at("2026-03-01T12:00:00Z"))),
            random: Arc::new(FakeRandom::new(1)),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("state/ledger.db")
    }

    pub fn open(&self) -> Ledger {
        self.try_open("a test").unwrap()
    }

    pub fn try_open(&self, instance: &str) -> Result<Ledger> {
        self.open_at(&self.path(), instance)
    }

    pub fn open_at(&self, path: &Path, instance: &str) -> Result<Ledger> {
        Ledger::open(path, instance, self.clock.clone(), self.random.clone())
    }

    /// A ledger that holds one of everything, closed.
    pub fn filled() -> Place {
        let place = Place::new();
        let ledger = place.open();
        fill(&ledger, &place.clock);
        ledger.close().unwrap();
        place
    }

    /// Does to the file what nobody should.
    pub fn tamper(&self, sql: &str) -> std::result::Result<(), String> {
        let mut connection = SqliteConnection::establish(self.path().to_str().unwrap()).unwrap();
        connection.batch_execute(sql).map_err(|error| error.to_string())
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn slot(asset: &str, opens: &str, due: &str) -> ExpectedSlot {
    ExpectedSlot {
        id: format!("{asset}/site/incremental/hourly/{opens}"),
        basis: "hourly".to_owned(),
        closes: at(due),
        asset: asset.to_owned(),
        dataset: "site".to_owned(),
        kind: "incremental".to_owned(),
        opens: at(opens),
        due: at(due),
    }
}

pub fn run(asset: &str, slots: &[String]) -> NewRun {
    NewRun {
        asset: asset.to_owned(),
        dataset: "site".to_owned(),
        kind: "incremental".to_owned(),
        slots: slots.to_vec(),
    }
}

pub fn point(id: &str, instant: &str) -> Point {
    Point {
        id: id.to_owned(),
        repository: "C-1042".to_owned(),
        asset: "shop.example".to_owned(),
        dataset: "site".to_owned(),
        kind: "incremental".to_owned(),
        instant: at(instant),
        is_undated: false,
    }
}

/// A point of a log that two locations took, of which one was read back.
pub fn log_point(id: &str, base: &str, instant: &str) -> LogPoint {
    let copy = |(location, is_checked): (&str, bool)| LogCopy { location: location.to_owned(), is_checked };
    LogPoint {
        point: Point { dataset: "log".to_owned(), ..point(id, instant) },
        base: base.to_owned(),
        server: Some("7 db1".to_owned()),
        file: "mbin.000003".to_owned(),
        position: 1 << 33,
        copies: [("here", true), ("there", false)].map(copy).to_vec(),
    }
}

pub fn check(location: &str, scope: CheckScope) -> NewCheck {
    NewCheck {
        repository: "C-1042".to_owned(),
        location: location.to_owned(),
        scope,
        bytes_read: 1 << 40,
        outcome: CheckOutcome::Whole,
        detail: None,
        findings: Findings::default(),
    }
}

pub fn done(point: Option<&str>, report: Option<&str>) -> RunEnd {
    RunEnd {
        outcome: RunOutcome::Done,
        point: point.map(str::to_owned),
        report: report.map(str::to_owned),
        lasted: None,
    }
}

/// One of everything.
pub fn fill(ledger: &Ledger, clock: &FakeClock) {
    let now = at("2026-03-01T12:00:00Z");
    let wanted = [
        slot("shop.example", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"),
        slot("shop.example", "2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z"),
    ];
    let run_id = ledger
        .write(|t| {
            let version = NewPolicyVersion {
                text: "[policy]".to_owned(),
                effective: at("2026-01-01T00:00:00Z"),
                approver: "the board".to_owned(),
            };
            let version = t.adopt_policy(&version, now)?;
            t.expect_slots(version, &wanted, now)?;
            t.begin_run(run("shop.example", &[wanted[0].id.clone()]), now)
        })
        .unwrap();
    clock.advance(Duration::from_secs(90));
    let later = at("2026-03-01T12:01:30Z");
    ledger
        .write(|t| {
            t.record_point(point("aa", "2026-03-01T12:00:00.000000001Z"), later)?;
            t.see_copy("aa", "here", later)?;
            t.see_copy("aa", "there", later)?;
            t.remove_copy("aa", "there", later)?;
            t.record_check(check("here", CheckScope::Point("aa".to_owned())), later)?;
            let scope = CheckScope::Run { run: run_id.clone(), point: "aa".to_owned() };
            let findings = Findings { arrived: vec!["aa".to_owned()], ..Findings::default() };
            t.record_check(NewCheck { findings, ..check("here", scope) }, later)?;
            t.end_run(&run_id, done(Some("aa"), Some("{\"files\":[\"/a\"]}")), later)?;
            let settlement = Settlement {
                slot: wanted[0].id.clone(),
                state: SlotState::Ok,
                run: Some(run_id.clone()),
                reason: None,
            };
            t.settle_slots(vec![settlement], later)?;
            let purge = t.begin_purge(NewPurge::retention("a test", None), later)?;
            t.decide_purge(&purge, "C-1042", vec![decided("aa")], later)?;
            t.record_receipt(receipt(PurgePhase::Logical), later)?;
            t.end_purge(&purge, PurgeState::Waiting, vec![wait()], later)?;
            let waiver = NewWaiver {
                asset: "shop.example".to_owned(),
                dataset: None,
                begins: later,
                expires: at("2026-03-02T00:00:00Z"),
                owner: "ops".to_owned(),
                reason: "moves to another host".to_owned(),
            };
            t.waive(waiver, later)?;
            let hold = NewHold {
                asset: "shop.example".to_owned(),
                owner: "legal".to_owned(),
                reason: "a dispute".to_owned(),
                review_on: "2026-06-01".parse().unwrap(),
            };
            let hold = t.place_hold(hold, later)?;
            t.release_hold(&hold, "legal", later)?;
            let review = NewPolicyReview {
                reviewer: "D. Okafor".to_owned(),
                text: "[header]".to_owned(),
                note: Some("no change".to_owned()),
            };
            t.review_policy(&review, later)?;
            t.raise(alarm(), later)
        })
        .unwrap();
}

pub fn alarm() -> NewAlarm {
    NewAlarm {
        kind: AlarmKind::GaveUp,
        subject: "shop.example".to_owned(),
        message: "5 runs failed".to_owned(),
    }
}

pub fn decided(point: &str) -> DecidedPoint {
    DecidedPoint {
        point: point.to_owned(),
        asset: Some("shop.example".to_owned()),
        instant: at("2025-01-01T00:00:00Z"),
        reason: "425 days old, past the maximum of 60 days".to_owned(),
    }
}

pub fn wait() -> PurgeWait {
    PurgeWait {
        repository: "C-1042".to_owned(),
        location: Some("there".to_owned()),
        points: 1,
        reason: "it is away".to_owned(),
        locked_until: None,
    }
}

pub fn receipt(phase: PurgePhase) -> NewReceipt {
    NewReceipt {
        purge: "p-1".to_owned(),
        phase,
        repository: "C-1042".to_owned(),
        location: "here".to_owned(),
        group: "data".to_owned(),
        objects: 3,
        bytes: 1 << 33,
        points: vec!["aa".to_owned()],
    }
}
