//! `holdfast slots`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::slots::{self, SlotLine, SlotsReport};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::{output, words};

/// List what the policy expected, and what came of it
///
/// Each slot is a moment at which the policy wants a point: `expected` until it is decided, then ok, late, degraded,
/// missed or waived. Slots of a time when no `holdfast serve` was running to record them are worked out again from the
/// policy that was in force, and marked.
///
/// A slot that would be missed is waived where `holdfast waive` excused it before it was due; the reason names the waiver.
///
/// What estate.toml names and nothing backs up is listed as unprotected: assets of a class that is not built or that no rule
/// covers, and hosts without assets. What stands in no file is not looked for.
///
/// Ends with 1 when any slot is missed, degraded, late or not recorded, when of some asset none was ever recorded, when
/// something is unprotected, or when there were alarms.
#[derive(Args, Debug)]
pub struct Slots {
    /// Only of this asset
    asset: Option<String>,
    /// Due from this day or time on [default: a week ago]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Due before this day or time [default: tomorrow at this time]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

pub fn run(context: &Context, command: &Slots) -> Result<Ending> {
    let setup = context.setup()?;
    let now = context.world.clock.now();
    let moved = |hours| now.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(now);
    let since = command.since.as_deref().map_or(Ok(moved(-7 * 24)), |text| instant("--since", text))?;
    let until = command.until.as_deref().map_or(Ok(moved(24)), |text| instant("--until", text))?;
    let report = slots::slots(&setup, command.asset.as_deref(), since, until)?;
    if context.options.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(report.ending)
}

/// A day of this machine's zone, or an instant.
pub(super) fn instant(option: &str, text: &str) -> Result<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let day = text.parse::<Date>().and_then(|date| date.to_zoned(TimeZone::system()));
    day.map(|day| day.timestamp()).map_err(|error| {
        Error::usage(format!("{option} {text:?}: {error}"))
            .hint("write a day like 2026-11-23, or a time like 2026-11-23T04:00:00+00:00")
    })
}

fn print(report: &SlotsReport) {
    let row = |slot: &SlotLine| {
        vec![
            slot.asset.clone(),
            slot.dataset.clone(),
            format!("{}, {}", slot.kind, slot.basis),
            words::minute(slot.opens),
            words::minute(slot.due),
            slot.state.to_owned(),
            // The rest of it is when the run began.
            slot.run.as_deref().and_then(|run| run.rsplit('-').next()).unwrap_or("-").to_owned(),
            slot.reason.clone().unwrap_or_default(),
        ]
    };
    let header = ["Asset", "Dataset", "Wanted", "Opens", "Due", "State", "Run", "Reason"];
    output::table(&header, report.slots.iter().map(row).collect());
    let counts: Vec<String> = report.counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let total = words::count(report.slots.len() as u64, "slot");
    output::line(format!("{total}: {}", if counts.is_empty() { "-".to_owned() } else { counts.join(", ") }));
    let unrecorded = report.slots.iter().filter(|slot| !slot.is_recorded).count();
    if unrecorded > 0 {
        output::note(format!(
            "NOT RECORDED: {}: no daemon was running",
            words::count(unrecorded as u64, "slot")
        ));
    }
    for dataset in &report.never_recorded {
        output::note(format!("NOT EXPECTED: {dataset}: no slot of it was ever recorded"));
    }
    if !report.never_recorded.is_empty() {
        output::note("  hint: `holdfast serve` records what the policy expects, and runs it");
    }
    for found in &report.unprotected {
        output::note(format!("UNPROTECTED: {}", found.reason));
    }
    for alarm in &report.alarms {
        output::note(format!("ALARM: {}: {}", words::time(alarm.happened_at), alarm.alarm.message));
    }
    if report.daemon.is_none() {
        let seen = report.last_seen.map_or_else(|| "never".to_owned(), words::time);
        output::note(format!("note: no holdfast serve is running; the ledger was last written to: {seen}"));
    }
}
