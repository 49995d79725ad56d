//! Makes the ledger of an estate of many websites that were backed up every day, for measuring what judging it costs:
//! `generate LEDGER POLICY ASSETS DAYS`. Assets are called `client00000` and so on, each in a repository of its own name, with
//! copies at `place0` and `place1`. Every record is written through the ledger's own calls, as the daemon writes it; the points
//! themselves exist nowhere.
#![allow(clippy::disallowed_methods, reason = "a program for measuring")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use holdfast_ledger::{
    CheckOutcome, CheckScope, ExpectedSlot, Findings, Lasted, Ledger, NewCheck, NewPolicyVersion, NewRun,
    Point, RunEnd, RunOutcome, Settlement, SlotState, Transaction,
};
use holdfast_world::{Clock, SystemRandom};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const PLACES: [&str; 2] = ["place0", "place1"];
/// Points are purged after so many days.
const KEPT_DAYS: i64 = 45;
/// Everything is read again in so many shares, one a day.
const SHARES: u32 = 30;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A clock that stands wherever the history that is made up has come to.
struct Made(Mutex<Timestamp>);

impl Clock for Made {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) {}
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let usage = "usage: generate LEDGER POLICY ASSETS DAYS";
    let [_, ledger, policy, assets, days] = &arguments[..] else { return Err(usage.into()) };
    let (assets, days): (u32, i64) = (assets.parse()?, days.parse()?);
    let today = Timestamp::now().as_second().div_euclid(86_400) * 86_400;
    let day = |number: i64| Timestamp::from_second(today - (days - number) * 86_400);
    let clock = Arc::new(Made(Mutex::new(day(0)?)));
    let ledger = Ledger::open(Path::new(ledger), "generate", clock.clone(), Arc::new(SystemRandom))?;
    let text = std::fs::read_to_string(policy)?;
    let version = NewPolicyVersion { text, effective: day(0)?, approver: "nobody".to_owned() };
    let policy = ledger.write(|transaction| transaction.adopt_policy(&version, clock.now()))?;
    for number in 0..days {
        let midnight = day(number)?;
        let slots: Vec<ExpectedSlot> = (0..assets).map(|asset| slot(asset, midnight)).collect();
        *clock.0.lock() = midnight;
        ledger.write(|t| t.expect_slots(policy, &slots, midnight).map(|_| ()))?;
        for (asset, slot) in (0..assets).zip(&slots) {
            // Spread over the night, so that each run ends at an instant of its own.
            let begun =
                midnight + SignedDuration::from_hours(1) + SignedDuration::from_secs(i64::from(asset) * 10);
            *clock.0.lock() = begun;
            ledger.write(|t| night(t, asset, (number, begun), slot))?;
        }
    }
    ledger.close()?;
    Ok(())
}

fn name(asset: u32) -> String {
    format!("client{asset:05}")
}

fn slot(asset: u32, midnight: Timestamp) -> ExpectedSlot {
    let asset = name(asset);
    ExpectedSlot {
        id: format!("{asset}/site/incremental/{midnight}"),
        asset,
        dataset: "site".to_owned(),
        kind: "incremental".to_owned(),
        basis: "schedule".to_owned(),
        opens: midnight,
        closes: midnight + DAY,
        due: midnight + DAY,
    }
}

fn id(asset: u32, day: i64) -> String {
    let hash = Sha256::digest(format!("{asset} {day}"));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a night records of one website: a run, its point, its copies, what was read back and read again, and what was purged.
fn night(
    t: &mut Transaction<'_>,
    asset: u32,
    (day, at): (i64, Timestamp),
    slot: &ExpectedSlot,
) -> holdfast_ledger::Result<()> {
    let (name, point) = (name(asset), id(asset, day));
    let run = t.begin_run(
        NewRun {
            asset: name.clone(),
            dataset: "site".to_owned(),
            kind: "incremental".to_owned(),
            slots: vec![slot.id.clone()],
        },
        at,
    )?;
    t.record_point(
        Point {
            id: point.clone(),
            repository: name.clone(),
            asset: name.clone(),
            dataset: "site".to_owned(),
            kind: "incremental".to_owned(),
            instant: at,
            is_undated: false,
        },
        at,
    )?;
    let gone = (day >= KEPT_DAYS).then(|| id(asset, day - KEPT_DAYS));
    for place in PLACES {
        t.see_copy(&point, place, at)?;
        let check = |scope, findings| NewCheck {
            repository: name.clone(),
            location: place.to_owned(),
            scope,
            bytes_read: 100_000,
            outcome: CheckOutcome::Whole,
            detail: None,
            findings,
        };
        let arrived = Findings { arrived: vec![point.clone()], ..Findings::default() };
        t.record_check(check(CheckScope::Run { run: run.clone(), point: point.clone() }, arrived), at)?;
        let slice = CheckScope::Slice { number: u32::try_from(day).unwrap_or(0) % SHARES, of: SHARES };
        let left = Findings { gone: gone.iter().cloned().collect(), ..Findings::default() };
        t.record_check(check(slice, left), at)?;
        if let Some(gone) = &gone {
            t.remove_copy(gone, place, at)?;
        }
    }
    let lasted = Some(Lasted { capture_ms: 4_000, copy_ms: 2_000 });
    t.end_run(&run, RunEnd { outcome: RunOutcome::Done, point: Some(point), report: None, lasted }, at)?;
    let settled = Settlement { slot: slot.id.clone(), state: SlotState::Ok, run: Some(run), reason: None };
    t.settle_slots(vec![settled], at)
}
