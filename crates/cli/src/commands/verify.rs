//! `holdfast verify`.

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Args;
use holdfast_model::estate::{Settings, has_points_in, repository_name};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::reread;
use holdfast_ops::setup::Setup;
use holdfast_ops::verify::{self, Amount, VerifyReport};
use holdfast_ops::{LocationState, LocationVerified, Problem, ProblemKind, Progress};

use crate::context::Context;
use crate::progress_line::{self, Totals};
use crate::{output, words};

/// Check integrity, down to every byte
///
/// Without assets, every repository; one that has no point yet is named and passed over. Ends with 4 when damage was met,
/// and says which points and files it touches; a point that was made, was not purged, and lies nowhere is damage. Ends
/// with 1 when a location lacks copies that another one has, and with 3 when a location could not be looked at.
#[derive(Args, Debug)]
pub struct Verify {
    /// Assets, as estate.toml calls them
    asset: Vec<String>,
    /// Only this location
    #[arg(long, value_name = "NAME")]
    location: Option<String>,
    /// Read the data too: all of it, or this percentage, another part each time
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true, default_missing_value = "100")]
    read_data: Option<u32>,
    /// Read today's share of the data: what was not read for longest, so that at every location everything is read again
    /// within 30 days; run it once a day
    #[arg(long, conflicts_with_all = ["read_data", "location"])]
    rotate: bool,
}

pub fn run(context: &Context, command: &Verify) -> Result<Ending> {
    let setup = context.setup()?;
    let amount = match command.read_data {
        None => Amount::Structure,
        Some(100) => Amount::All,
        Some(percent @ 1..100) => Amount::Percent(percent),
        Some(_) => return Err(Error::usage("--read-data takes a percentage from 1 to 100")),
    };
    let mut repositories = BTreeSet::new();
    for asset in &command.asset {
        let asset = setup.asset(asset)?;
        let own = setup.repositories().into_keys().filter(|name| has_points_in(asset, name));
        repositories.extend(own.chain([repository_name(asset).to_string()]));
    }
    if command.asset.is_empty() {
        repositories.extend(setup.repositories().into_keys());
    }
    let mut ending = Ending::Done;
    let mut reports = Vec::new();
    for repository in &repositories {
        let progress = Arc::new(Progress::default());
        let found = {
            let _line = progress_line::show(context, repository, &progress, Totals::Exact);
            match no_points_yet(&setup, repository, command.asset.is_empty())? {
                Some(reason) => vec![verify::skipped(&setup, repository, reason)],
                None if command.rotate => match reread::run(&setup, repository, reread::DAYS, &progress)? {
                    none if none.is_empty() => {
                        let reason = "today's share was read already".to_owned();
                        vec![verify::skipped(&setup, repository, reason)]
                    }
                    reports => reports,
                },
                None => {
                    let location = command.location.as_deref();
                    vec![verify::verify(&setup, repository, location, amount, &progress)?]
                }
            }
        };
        for report in found {
            if !context.options.json {
                print(context, &report);
            }
            ending = ending.and(report.ending);
            reports.push(report);
        }
    }
    if context.options.json {
        output::json(&reports);
    }
    if reports.iter().all(|r| r.skipped.is_some()) && !command.rotate {
        output::note("nothing was verified");
        ending = ending.and(Ending::NotDone);
    }
    if ending == Ending::Attention {
        output::note(
            "hint: `holdfast serve` brings what is owed once the location answers; so does the next `holdfast backup` of these assets",
        );
    }
    Ok(ending)
}

/// Why there is nothing to verify in a repository that nobody asked for by name.
fn no_points_yet(setup: &Setup, repository: &str, is_every: bool) -> Result<Option<String>> {
    if !is_every || setup.ring.get(repository)?.is_some() {
        return Ok(None);
    }
    let assets = setup.estate.assets.values().filter(|a| repository_name(a).as_str() == repository);
    let unbuilt: Vec<String> = assets
        .filter(|a| matches!(a.settings, Settings::NotBuilt(_)))
        .map(|a| format!("assets of class {} cannot be backed up yet", a.class()))
        .collect();
    let never = "no point was ever made: the key ring has no key for it".to_owned();
    Ok(Some(unbuilt.into_iter().next().unwrap_or(never)))
}

fn print(context: &Context, report: &VerifyReport) {
    if let Some(error) = &report.error {
        output::note(format!("error: {}: {error}", report.repository));
    }
    if let Some(hint) = &report.hint {
        output::note(format!("  hint: {hint}"));
    }
    if let Some(reason) = &report.skipped {
        output::note(format!("{}: nothing to verify: {reason}", report.repository));
    }
    for missing in &report.missing {
        output::note(format!(
            "MISSING: {}: point {} of {} from {}: it was made, was not purged, and no location has it",
            report.repository,
            words::short(&missing.point),
            missing.asset.as_deref().unwrap_or("no asset"),
            words::time(missing.time),
        ));
    }
    let Some(verified) = &report.verified else { return };
    let rows = verified
        .locations
        .iter()
        .map(|location| {
            let state = match &location.state {
                LocationState::Ok => "ok".to_owned(),
                LocationState::Owed => "lacks copies".to_owned(),
                LocationState::Damaged => "DAMAGED".to_owned(),
                LocationState::Unusable(reason) => format!("unusable: {reason}"),
            };
            vec![
                report.repository.clone(),
                location.location.clone(),
                location.snapshots.to_string(),
                format!("{} of {}", location.packs_read, location.packs),
                words::bytes(location.bytes_read),
                state,
            ]
        })
        .collect();
    output::table(&["Repository", "Location", "Points", "Packs read", "Read", "State"], rows);
    for problem in &verified.repository {
        print_problem("every location", problem);
    }
    for location in &verified.locations {
        let shown =
            location.problems.iter().filter(|p| !context.options.quiet || p.kind != ProblemKind::Orphan);
        shown.for_each(|problem| print_problem(&location.location, problem));
    }
    let is_damaged = |l: &LocationVerified| l.state == LocationState::Damaged;
    if !verified.repository.is_empty() || verified.locations.iter().any(is_damaged) {
        output::note(format!(
            "hint: `holdfast repair {}` heals what another location has",
            report.repository
        ));
    }
}

fn print_problem(location: &str, problem: &Problem) {
    output::note(format!("{location}: {}: {}", problem.object, problem.message));
    if !problem.points.is_empty() {
        let points: Vec<String> =
            problem.points.iter().map(|p| words::short(&p.to_string()).to_owned()).collect();
        output::note(format!("  touches points {}", points.join(", ")));
    }
    for file in &problem.files {
        output::note(format!("  touches {file}"));
    }
    if problem.files_total > problem.files.len() as u64 {
        output::note(format!(
            "  and {} more",
            words::count(problem.files_total - problem.files.len() as u64, "file")
        ));
    }
}
