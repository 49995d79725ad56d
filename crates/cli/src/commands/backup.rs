//! `holdfast backup`.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Args;
use holdfast_model::Dataset;
use holdfast_ops::audit::When;
use holdfast_ops::backup::{self, BackupReport, CopyLock, CopyReport, How};
use holdfast_ops::discover;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::following::{self, FollowReport};
use holdfast_ops::setup::Setup;
use holdfast_ops::{Progress, Trouble, TroubleKind, state_lock};

use crate::context::Context;
use crate::progress_line::{self, Totals};
use crate::{output, words};

/// Back up assets now
///
/// Each asset becomes a new point at every location, and what is new is read back there before the run is called done.
/// Ends with 4 when a location did not give back what it was sent, with 1 when a file could not be read, when a location is owed its
/// copy, when the source is suspect because far fewer files are there than last time, or when a location that shall lock
/// objects did not, or was not proven to; and with 3 when no location took the point.
///
/// Runs with the lowest CPU and I/O priority; set HOLDFAST_FULL_SPEED=1 in the environment to run like any other program.
#[derive(Args, Debug)]
pub struct Backup {
    /// Assets, as estate.toml calls them
    #[arg(required_unless_present = "all")]
    asset: Vec<String>,
    /// Every asset of the estate
    #[arg(long, conflicts_with = "asset")]
    all: bool,
    /// Only this part of an asset that has several: of WHMCS `database` or `files`, or the `log` of the database since its dump
    #[arg(long, value_parser = super::dataset)]
    dataset: Option<Dataset>,
    /// Read every byte, ignoring what is known to be unchanged, and read everything back from every location
    #[arg(long)]
    full: bool,
    /// The source is right as it is, even if far fewer files are there than last time
    #[arg(long, conflicts_with = "all")]
    accept_smaller: bool,
}

pub fn run(context: &Context, command: &Backup) -> Result<Ending> {
    let setup = context.setup()?;
    let assets = if command.all {
        setup.estate.assets.keys().map(ToString::to_string).collect()
    } else {
        command.asset.clone()
    };
    for asset in &assets {
        setup.asset(asset)?;
    }
    if assets.is_empty() {
        return Err(Error::usage("estate.toml has no assets yet").hint("add an [assets.\"name\"] table"));
    }
    let _lock = state_lock::take(&setup.places.state, "backup", context.world.environment.pid())?;
    super::yield_to_production(context);
    // What is missed some day is what was known once.
    discover::note(&setup)?;
    if command.dataset == Some(Dataset::Log) {
        return follow_logs(context, &setup, &assets, command.all);
    }
    let mut ending = Ending::Done;
    let mut reports = Vec::new();
    let mut told = BTreeSet::new();
    for (asset, dataset) in parts(&setup, &assets, (command.dataset, command.all))? {
        let progress = Arc::new(Progress::default());
        let report = {
            let _line = progress_line::show(context, asset, &progress, Totals::Estimated);
            let how = How { full: command.full, accept_smaller: command.accept_smaller, ..How::default() };
            backup::backup(&setup, (asset, dataset), how, &progress)?
        };
        if !context.options.json {
            print(context, &report, &mut told);
        }
        ending = ending.and(report.ending);
        let is_interrupted = report.ending == Ending::Interrupted;
        reports.push(report);
        if is_interrupted {
            break;
        }
    }
    if ending != Ending::Interrupted {
        ending = ending.and(super::anchor(context, &setup, When::NewDay));
    }
    if context.options.json {
        output::json(&reports);
    }
    if reports.iter().any(|report| report.copies.iter().any(CopyReport::is_owed)) {
        output::note(
            "hint: what is owed is brought by `holdfast serve`, or by the next backup that reaches the location",
        );
    }
    Ok(ending)
}

/// Follows the logs of these assets once, as `holdfast serve` does each minute.
fn follow_logs(context: &Context, setup: &Setup, assets: &[String], is_all: bool) -> Result<Ending> {
    let mut ending = Ending::Done;
    let mut reports = Vec::new();
    let has_log = |asset: &&String| {
        !is_all || setup.asset(asset).is_ok_and(|asset| asset.class().companions().contains(&Dataset::Log))
    };
    for asset in assets.iter().filter(has_log) {
        let report = following::follow_once(setup, asset)?;
        if !context.options.json {
            print_followed(context, &report);
        }
        // Whoever asks for it by hand must see that it was not done.
        let asked = if report.why_not.is_some() { Ending::Attention } else { Ending::Done };
        ending = ending.and(report.ending).and(asked);
        reports.push(report);
    }
    if context.options.json {
        output::json(&reports);
    }
    Ok(ending)
}

fn print_followed(context: &Context, report: &FollowReport) {
    for point in &report.points {
        print(context, point, &mut BTreeSet::new());
    }
    let asset = &report.asset;
    if let Some(until) = report.unchanged_until {
        output::line(format!("{asset}: nothing happened in its log until {}", words::time(until)));
    } else if report.points.is_empty() && report.why_not.is_none() && report.gap.is_none() {
        output::line(format!("{asset}: nothing happened in its log since the last second that is known"));
    }
    if let Some(why) = &report.why_not {
        output::note(format!("{asset}: its binary log is not followed: {why}"));
    }
    for trouble in &report.troubles {
        output::note(format!("{asset}: {trouble}"));
    }
    if let Some(gap) = &report.gap {
        output::note(format!("GAP: {asset}: {gap}"));
        output::note(format!("  hint: holdfast backup {asset} --dataset database"));
    }
}

/// The datasets of these assets, each by itself; those that are backed up together come one after the other.
fn parts<'a>(
    setup: &Setup,
    assets: &'a [String],
    (only, is_all): (Option<Dataset>, bool),
) -> Result<Vec<(&'a str, Dataset)>> {
    let mut parts = Vec::new();
    for asset in assets {
        let datasets = setup.asset(asset)?.class().datasets();
        let chosen: Vec<Dataset> =
            datasets.iter().copied().filter(|dataset| only.is_none_or(|only| only == *dataset)).collect();
        if chosen.is_empty() && is_all {
            continue;
        }
        if chosen.is_empty() {
            let known: Vec<&str> = datasets.iter().map(|dataset| dataset.as_str()).collect();
            return Err(Error::usage(format!("{asset} has no such part"))
                .hint(format!("it has: {}", known.join(", "))));
        }
        parts.extend(chosen.into_iter().map(|dataset| (asset.as_str(), dataset)));
    }
    Ok(parts)
}

fn print(context: &Context, report: &BackupReport, told: &mut BTreeSet<String>) {
    match (&report.point, &report.totals) {
        (Some(point), Some(totals)) => {
            let copies = report.copies.iter().filter(|c| c.has_point).count();
            output::line(format!(
                "{}: point {} ({}), {}, {} in {}; {} new, {} stored; {} of {} locations",
                report.asset,
                words::short(point),
                report.kind,
                words::count(totals.files, "file"),
                words::bytes(totals.bytes),
                words::seconds(report.seconds),
                words::bytes(totals.bytes_added),
                words::bytes(totals.bytes_added_stored),
                copies,
                report.copies.len(),
            ));
        }
        _ => output::note(format!("{}: no point", report.asset)),
    }
    if let Some(error) = &report.error {
        output::note(format!("error: {}: {error}", report.asset));
    }
    if let Some(hint) = &report.hint {
        output::note(format!("  hint: {hint}"));
    }
    if let Some(suspicion) = &report.suspect {
        output::note(format!("SUSPECT: {}: {suspicion}", report.asset));
        output::note(format!(
            "  hint: is its disk mounted? If the source is right as it is: holdfast backup {} --accept-smaller",
            report.asset
        ));
    }
    let owed: Vec<&CopyReport> = report.copies.iter().filter(|c| c.is_owed()).collect();
    for copy in &owed {
        print_owed(copy, &report.repository, told);
    }
    // Why a location is owed was just said.
    let is_said =
        |t: &Trouble| t.kind == TroubleKind::Location && owed.iter().any(|c| c.location == t.subject);
    let troubles: Vec<Trouble> = report.troubles.iter().filter(|t| !is_said(t)).cloned().collect();
    super::print_troubles(context, &troubles);
    for copy in &report.copies {
        print_read_back(copy, &report.repository);
        print_lock(copy);
    }
    if let Some(attestation) = &report.attestation {
        output::line(format!("  {}", attestation.words()));
    }
}

/// Says what a location gave back that is not what it was sent.
fn print_read_back(copy: &CopyReport, repository: &str) {
    let Some(read) = copy.read_back.as_ref().filter(|_| copy.is_damaged()) else { return };
    for problem in &read.problems {
        output::note(format!("DAMAGED: location {}: {}: {}", copy.location, problem.object, problem.message));
    }
    output::note(format!("  hint: `holdfast repair {repository}` heals what another location has"));
}

/// Says until when a copy is locked. What nobody proved is among the troubles.
fn print_lock(copy: &CopyReport) {
    if let Some(CopyLock { until: Some(until), proven: Some(proven), .. }) = &copy.object_lock {
        let (until, proven) = (words::time(*until), words::time(*proven));
        output::line(format!("  {}: locked until {until} (proven on {proven})", copy.location));
    }
}

/// Says why a location is owed its copy: in full once, shortly where many assets share the reason.
fn print_owed(copy: &CopyReport, repository: &str, told: &mut BTreeSet<String>) {
    let reason = copy.reason.as_deref().unwrap_or("not delivered");
    let prefix = format!("location {}: ", copy.location);
    let reason = reason.strip_prefix(prefix.as_str()).unwrap_or(reason);
    let is_new = told.insert(format!("{prefix}{}", reason.replace(repository, "")));
    if is_new {
        output::note(format!("owed: location {}: {reason}", copy.location));
    } else {
        output::note(format!("owed: location {}: as above", copy.location));
    }
}
