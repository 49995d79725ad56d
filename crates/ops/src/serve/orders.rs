//! Carrying out what the scheduler says: first it is written down, then done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_ledger::{AlarmKind, NewAlarm, RunEnd, RunOutcome, Settlement, Slot, SlotState};
use holdfast_model::estate::repository_name;
use holdfast_model::scheduler::{Accounted, Event, LateSlot, Order, RunEnding, RunId};
use holdfast_model::slot::SlotKind;
use holdfast_model::{AssetName, Dataset, show_duration};
use jiff::Timestamp;

use super::naming::named;
use super::worker::{self, Outcome};
use super::{Daemon, translate};
use crate::backup::{BackupReport, CopyReport, How};
use crate::ending::Ending;
use crate::error::Result;
use crate::{journal, waiver};

/// A run under way.
pub(super) struct UnderWay {
    /// Its name in the ledger.
    id: String,
    asset: AssetName,
    dataset: Dataset,
    /// The repository that it writes into.
    pub(super) repository: String,
    /// How it ended, until that is written down.
    outcome: Option<Outcome>,
}

/// What reasons are made of. Lost with the process; then reasons are shorter, and states the same.
pub(super) struct Memory {
    began: Timestamp,
    /// Why slots are waived.
    pub(super) waived: BTreeMap<String, String>,
    /// Why the last run of a dataset failed, where it did.
    failures: BTreeMap<(String, String), String>,
}

impl Memory {
    pub(super) fn new(began: Timestamp) -> Memory {
        Memory { began, waived: BTreeMap::new(), failures: BTreeMap::new() }
    }
}

impl Daemon<'_> {
    pub(super) fn carry_out(&mut self, order: Order, now: Timestamp) -> Result<()> {
        match order {
            Order::Start { run, asset, dataset, kind, slots } => self.start(run, asset, dataset, kind, slots),
            Order::Conclude { run, slots, .. } => self.conclude(run, slots, now),
            Order::Interrupt { run } => {
                self.tell(format!("run {run} was cut off when the instance before ended"));
                let end =
                    RunEnd { outcome: RunOutcome::Interrupted, point: None, report: None, lasted: None };
                Ok(self.ledger.write(|transaction| transaction.end_run(&run, end, now))?)
            }
            Order::Account(slots) => self.account(slots, now),
            Order::Overload(late) => self.raise(overload(&late)),
            Order::GaveUp { asset, dataset, attempts } => {
                let key = (asset.to_string(), dataset.as_str().to_owned());
                let last = self.memory.failures.get(&key).map_or("", String::as_str);
                let message = format!(
                    "{attempts} runs of {asset} failed one after the other; nothing is tried until another slot opens, or \
                     for some hours; the last one: {last}"
                );
                self.raise(NewAlarm { kind: AlarmKind::GaveUp, subject: asset.to_string(), message })
            }
            Order::ClockJumped { by } => {
                let direction = if by.is_negative() { "back" } else { "ahead" };
                let span = show_duration(by.unsigned_abs());
                let message =
                    format!("the clock was set {direction} by {span}; for an hour no slot counts as missed");
                self.raise(NewAlarm { kind: AlarmKind::ClockJumped, subject: "clock".to_owned(), message })
            }
            Order::Wake(at) => {
                self.wake = Some(at);
                Ok(())
            }
            Order::Exit => {
                self.is_over = true;
                Ok(())
            }
        }
    }

    fn start(
        &mut self,
        run: RunId,
        asset: AssetName,
        dataset: Dataset,
        kind: SlotKind,
        slots: Vec<String>,
    ) -> Result<()> {
        let setup = Arc::clone(&self.configuration.setup);
        let how = How { full: kind == SlotKind::Full, ..How::default() };
        let count = slots.len();
        let id = journal::begin(&setup, (asset.as_ref(), dataset), how.kind(), slots)?;
        self.tell(format!("{asset}: {kind} run {id} begins, for {count} slots"));
        self.served.runs += 1;
        let repository = repository_name(setup.asset(asset.as_ref())?).to_string();
        let under_way = UnderWay { id, asset: asset.clone(), dataset, repository, outcome: None };
        self.under_way.insert(run, under_way);
        worker::begin(run, setup, (asset, dataset), how, &self.sender);
        Ok(())
    }

    /// A run ended, as its thread says. The scheduler knows what that means for the slots.
    pub(super) fn ended(&mut self, run: RunId, outcome: Outcome) -> Result<()> {
        let ending = match &outcome {
            Ok(report) => ending_of(report),
            Err(_) => RunEnding::Failed,
        };
        let Some(under_way) = self.under_way.get_mut(&run) else { return Ok(()) };
        under_way.outcome = Some(outcome);
        self.happened(Event::Ended { run, ending })
    }

    fn conclude(&mut self, run: RunId, slots: Vec<Accounted>, now: Timestamp) -> Result<()> {
        let Some(under_way) = self.under_way.remove(&run) else { return Ok(()) };
        let UnderWay { id, asset, dataset, outcome, .. } = under_way;
        let outcome = outcome.unwrap_or_else(|| Err("it did not say how it ended".to_owned()));
        let mut settlements = Vec::new();
        for Accounted { slot, ending } in slots {
            let state = translate::state(ending);
            let reason = match state {
                SlotState::Late => self.ledger.read().slot(&slot)?.map(|slot| late_by(&slot, now)),
                SlotState::Degraded => outcome.as_ref().ok().map(|report| lacks(report)),
                _ => None,
            };
            settlements.push(Settlement { slot, state, run: Some(id.clone()), reason });
        }
        self.served.settled += settlements.len() as u64;
        let key = (asset.to_string(), dataset.as_str().to_owned());
        let failure = match &outcome {
            Ok(report) => {
                journal::end(&self.configuration.setup, &id, report, settlements)?;
                report.point.is_none().then(|| report.error.clone().unwrap_or_else(|| "no point".to_owned()))
            }
            Err(reason) => {
                journal::end_without_report(&self.ledger, &id, reason, now)?;
                Some(reason.clone())
            }
        };
        if outcome.as_ref().is_ok_and(|report| report.copies.iter().any(CopyReport::is_owed)) {
            self.catching_up.owes(now);
        }
        match failure {
            Some(failure) => {
                self.tell(format!("{asset}: run {id} failed: {failure}"));
                self.served.failed += 1;
                self.memory.failures.insert(key, failure);
            }
            None => {
                let report = outcome.as_ref().ok().map(|report| summary(report));
                self.tell(format!("{asset}: run {id} ended {}", report.unwrap_or_default()));
                self.memory.failures.remove(&key);
            }
        }
        Ok(())
    }

    fn account(&mut self, slots: Vec<Accounted>, now: Timestamp) -> Result<()> {
        let mut settlements = Vec::new();
        for Accounted { slot: id, ending } in slots {
            let Some(slot) = self.ledger.read().slot(&id)? else { continue };
            let waiver = waiver::excuse(self.ledger.read(), &slot.asset, &slot.dataset, slot.due)?;
            let (state, reason) = match translate::state(ending) {
                SlotState::Missed => match waiver {
                    Some(reason) => (SlotState::Waived, reason),
                    None => (SlotState::Missed, self.why_missed(&slot)),
                },
                SlotState::Waived => (SlotState::Waived, self.memory.waived.remove(&id).unwrap_or_default()),
                state => (state, String::new()),
            };
            if state == SlotState::Missed {
                self.tell(format!("MISSED: {id}: {reason}"));
            }
            settlements.push(Settlement { slot: id, state, run: None, reason: Some(reason) });
        }
        self.served.settled += settlements.len() as u64;
        Ok(self.ledger.write(|transaction| transaction.settle_slots(settlements, now))?)
    }

    fn why_missed(&self, slot: &Slot) -> String {
        if slot.due <= self.memory.began {
            return "holdfast serve was not running when it was due".to_owned();
        }
        let estate = &self.configuration.setup.estate;
        match estate.assets.get(slot.asset.as_str()) {
            None if estate.vanished.contains_key(slot.asset.as_str()) => {
                return "its folder vanished while it was open".to_owned();
            }
            None => return "its asset left estate.toml while it was open".to_owned(),
            Some(asset) if !asset.class().is_built() => {
                return format!("this version cannot back up the class {}", asset.class().as_str());
            }
            Some(_) => {}
        }
        match self.memory.failures.get(&(slot.asset.clone(), slot.dataset.clone())) {
            Some(failure) => format!("no run made a point; the last one: {failure}"),
            None => "no run for it ended in time".to_owned(),
        }
    }

    /// Tells people, and writes down that they were told.
    pub(super) fn raise(&mut self, alarm: NewAlarm) -> Result<()> {
        self.tell(format!("ALARM: {}", alarm.message));
        let now = self.now().wall;
        Ok(self.ledger.write(|transaction| transaction.raise(alarm, now))?)
    }

    pub(super) fn report(&mut self, notes: Vec<String>, alarms: Vec<NewAlarm>) -> Result<()> {
        for note in notes {
            self.tell(note);
        }
        alarms.into_iter().try_for_each(|alarm| self.raise(alarm))
    }
}

fn ending_of(report: &BackupReport) -> RunEnding {
    let (Some(recovery), Some(lasted), true) = (report.time, journal::lasted(report), report.point.is_some())
    else {
        return RunEnding::Failed;
    };
    RunEnding::Done {
        recovery,
        is_degraded: report.ending != Ending::Done,
        capture: Duration::from_millis(lasted.capture_ms),
        copy: Duration::from_millis(lasted.copy_ms),
    }
}

fn late_by(slot: &Slot, now: Timestamp) -> String {
    format!("{} too late", show_duration(now.duration_since(slot.due).unsigned_abs()))
}

/// What a point lacks.
fn lacks(report: &BackupReport) -> String {
    let owed = report.copies.iter().filter(|copy| !copy.has_point);
    let mut lacks: Vec<String> = owed.map(|copy| format!("{} has no copy", copy.location)).collect();
    lacks.extend(report.suspect.clone());
    lacks.extend(report.error.clone());
    if lacks.is_empty() {
        lacks.extend(report.troubles.first().map(|t| format!("{}: {}", t.subject, t.message)));
    }
    if lacks.is_empty() { "it ended degraded".to_owned() } else { lacks.join("; ") }
}

fn summary(report: &BackupReport) -> String {
    let point = report.point.as_deref().and_then(|point| point.get(..8)).unwrap_or_default();
    let copies = report.copies.iter().filter(|copy| copy.has_point).count();
    let how =
        if report.ending == Ending::Done { String::new() } else { format!(", degraded: {}", lacks(report)) };
    format!("with point {point} at {copies} of {} locations{how}", report.copies.len())
}

fn overload(late: &[LateSlot]) -> NewAlarm {
    let slots =
        late.iter().map(|slot| format!("{} is due {} and expected {}", slot.slot, slot.due, slot.expected));
    let slots: Vec<String> = slots.collect();
    let message = format!("slots will be late, as things stand: {}", named(&slots));
    NewAlarm { kind: AlarmKind::Overload, subject: "schedule".to_owned(), message }
}
