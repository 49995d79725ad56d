//! `holdfast policy simulate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use holdfast_model::simulate::{FleetResult, Outage, Scenario, Simulation};
use holdfast_model::{Policy, parse_date, parse_duration, parse_size, show_duration};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::policy::{Written, simulate};

use crate::context::Context;
use crate::{output, words};

/// Run years of the policy in seconds, on made-up assets: slots, ages, retention, space, bandwidth, recovery
///
/// The decisions are those of the real thing; time is only a number. Of a hundred assets one is a Plesk server, one a virtual
/// machine, one of all is WHMCS, and the rest are websites, of sizes that are usual in hosting. A run starts when its slot
/// opens, or when the outage ends: limits per host are not simulated. Ends with 1 when an objective was broken, a slot was
/// missed or a recovery takes longer than promised.
#[derive(Args, Debug)]
pub struct Simulate {
    /// How many years
    #[arg(long, value_name = "N", default_value_t = 1)]
    years: u32,
    /// How many assets
    #[arg(long, value_name = "M", default_value_t = 100)]
    assets: u32,
    /// The first day, in the policy's zone [default: today]
    #[arg(long, value_name = "DATE")]
    start: Option<String>,
    /// A time in which no backup can run, as FIRST-DAY+DURATION, e.g. 2027-01-10+5d; may be given more than once
    #[arg(long = "outage", value_name = "DAY+DURATION")]
    outages: Vec<String>,
    /// What copies to one location share, a second
    #[arg(long, value_name = "SIZE", default_value = "100MiB")]
    bandwidth: String,
    /// By how much data grows in a year, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 20.0)]
    growth: f64,
    /// How many of a thousand runs fail once and are tried again
    #[arg(long, value_name = "N", default_value_t = 10)]
    failures: u32,
    /// Write the numbers as JSON and the plots as SVG into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(context: &Context, command: &Simulate, written: &Written, policy: &Policy) -> Result<Ending> {
    let scenario = scenario(context, command, policy)?;
    let simulation = simulate::simulate(policy, &scenario)?;
    let files = match &command.out {
        Some(folder) => simulate::write(&simulation, folder)?,
        None => Vec::new(),
    };
    if context.options.json {
        output::json(&simulation);
    } else {
        print(&simulation, written);
        files.iter().for_each(|path| output::line(format!("wrote {}", path.display())));
    }
    let recovery = &simulation.recovery;
    let is_slow =
        recovery.objective_s.is_some_and(|limit| recovery.tiers.iter().any(|tier| tier.done_s > limit));
    let is_red = is_slow || simulation.fleets.iter().any(|fleet| fleet.broken > 0 || fleet.missed > 0);
    Ok(if is_red { Ending::Attention } else { Ending::Done })
}

fn scenario(context: &Context, command: &Simulate, policy: &Policy) -> Result<Scenario> {
    let usage = |option: &str, error: &dyn std::fmt::Display| Error::usage(format!("--{option}: {error}"));
    let start = match &command.start {
        Some(text) => parse_date(text).map_err(|e| usage("start", &e))?,
        None => context.world.clock.now().to_zoned(policy.zone.clone()).date(),
    };
    let outage = |text: &String| {
        let (day, lasts) = text.split_once('+').ok_or_else(|| {
            Error::usage(format!("--outage {text:?} has no '+'")).hint("write it like 2027-01-10+5d")
        })?;
        let from = parse_date(day).map_err(|e| usage("outage", &e))?;
        Ok(Outage { from, lasts: parse_duration(lasts).map_err(|e| usage("outage", &e))? })
    };
    if !(-90.0..=1000.0).contains(&command.growth) {
        return Err(Error::usage("--growth lies between -90 and 1000 percent"));
    }
    Ok(Scenario {
        start,
        years: command.years,
        assets: command.assets,
        outages: command.outages.iter().map(outage).collect::<Result<_>>()?,
        bandwidth_bytes_s: parse_size(&command.bandwidth).map_err(|e| usage("bandwidth", &e))?.max(1),
        growth_percent: command.growth,
        failures_permille: command.failures.min(1000),
    })
}

fn print(simulation: &Simulation, written: &Written) {
    output::line(format!(
        "{} to {}, {}, rules of {}\n",
        simulation.start,
        simulation.end,
        words::count(simulation.fleets.iter().map(|fleet| u64::from(fleet.assets)).sum(), "dataset"),
        written.path.display()
    ));
    let header = [
        "What",
        "Number",
        "Every",
        "Slots",
        "OK",
        "Late",
        "Missed",
        "Oldest state",
        "Promised",
        "Kept",
        "Oldest point",
    ];
    output::columns(&header, simulation.fleets.iter().map(row).collect());
    output::line("");
    for fleet in simulation.fleets.iter().filter(|fleet| !fleet.is_accounted()) {
        output::line(format!("{} {}: SLOTS ARE UNACCOUNTED FOR", fleet.class, fleet.dataset));
    }
    let days: Vec<String> =
        simulation.calendar.iter().map(|day| format!("{} ({})", day.date, day.what)).collect();
    output::line(format!(
        "Unusual days: {}",
        if days.is_empty() { "none".to_owned() } else { days.join(", ") }
    ));
    if let Some(last) = simulation.days.iter().rev().find(|day| day.stored_bytes > 0) {
        output::line(format!(
            "Stored at each location at the end: {} before deduplication and compression",
            words::bytes(last.stored_bytes)
        ));
    }
    let busiest = simulation.days.iter().map(|day| day.sent_bytes).max().unwrap_or(0);
    let waited = simulation.days.iter().map(|day| day.waited_s).max().unwrap_or(0);
    output::line(format!(
        "Sent on the busiest day: {}; longest wait for the line: {}",
        words::bytes(busiest),
        span(waited)
    ));
    recovery(simulation);
}

fn row(fleet: &FleetResult) -> Vec<String> {
    let dash = || "-".to_owned();
    let kept = match fleet.within_percent {
        // Rounded down: what was broken for a minute a year was not kept for all of it.
        Some(percent) if fleet.broken > 0 => {
            format!("{:.3} %, {} broke it", (percent * 1000.0).floor() / 1000.0, fleet.broken)
        }
        Some(_) => "always".to_owned(),
        None => dash(),
    };
    let exempt = if fleet.exempt > 0 { " (last one kept)" } else { "" };
    vec![
        format!("{} {}", fleet.class, fleet.dataset),
        fleet.assets.to_string(),
        fleet.interval_s.map_or_else(dash, span),
        fleet.expected.to_string(),
        fleet.ok.to_string(),
        fleet.late.to_string(),
        fleet.missed.to_string(),
        span(fleet.worst_age_s),
        fleet.objective_s.map_or_else(dash, span),
        kept,
        format!("{}d{exempt}", fleet.oldest_days),
    ]
}

fn recovery(simulation: &Simulation) {
    output::line("\nA recovery of everything over the same line, tier after tier, at the end:");
    let limit = simulation.recovery.objective_s;
    let rows = simulation.recovery.tiers.iter().map(|tier| {
        let verdict = match limit {
            Some(limit) if tier.done_s > limit => format!("after the promised {}", span(limit)),
            _ => String::new(),
        };
        vec![tier.class.to_owned(), words::bytes(tier.bytes), span(tier.takes_s), span(tier.done_s), verdict]
    });
    output::columns(&["Tier", "Bytes", "Takes", "Done after", ""], rows.collect());
}

fn span(seconds: u64) -> String {
    show_duration(Duration::from_secs(seconds))
}
