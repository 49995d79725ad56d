//! `holdfast purge`.

mod audit;
mod history;

use std::sync::Arc;

use clap::Args;
use holdfast_ops::Progress;
use holdfast_ops::audit::When;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::object_lock::LockedSum;
use holdfast_ops::purge::{self, PurgeReport, RepositoryPurge};
use holdfast_ops::setup::Setup;
use holdfast_ops::{clock_reading, state_lock};

use crate::context::Context;
use crate::progress_line::{self, Totals};
use crate::{output, words};

/// Apply retention: remove points beyond their age from every location
///
/// A point older than the policy's maximum for its class goes, at every location, and then the data that no point needs
/// any more. The last good point of an asset is exempt and stays whatever its age, and so do the points of an asset that is
/// held (`holdfast hold`), and the old points of one whose last backup is suspect. The table shows every point with the
/// decision: keep, exempt or expire, and why. What was decided is written into the ledger before the first deletion, and a
/// receipt of what was deleted, when and where, after it; without the ledger nothing is deleted. --history shows both. Not
/// a byte of a purged point stays: packs that hold other points' data as well are rewritten, and what this machine's caches
/// held of it goes, too.
///
/// Nothing younger than the policy's minimum goes, of no version of the policy that was in force while the point lay there;
/// there is no command that forgets a point sooner, for nobody. Only points that runs of ours recorded count as good or as
/// newest, and have an age of their own. Other snapshots that claim to be of an asset are foreign: they go as many days
/// after they were first seen, whatever time they claim.
///
/// The clock is compared with the last time that holdfast read it. One that went back, or ahead by more than 7 days, stops
/// every purge until it is right again; backups that stop do not.
///
/// Where a location locks objects (object_lock in estate.toml), what was deleted there and is still locked is EXEMPT: nobody
/// sees it any more, its bytes stay until the lock is over, and the first purge after that removes them. It never counts as
/// purged.
///
/// Ends with 0 when everything that was to go is gone at every location, or locked; with 1 when a location refused or could not be
/// reached and something waits to be deleted there, when a repository holds points that no asset of the estate owns, when
/// the review of a hold is overdue, or when a foreign point claims to be of the future; with 3 when a repository is locked
/// or out of reach, with 4 when damage was met, and with 5 when the clock cannot be right. After any of them running it
/// again is safe.
#[derive(Args, Debug)]
pub struct Purge {
    /// Print the decisions and how much would be freed; change nothing
    #[arg(long, conflicts_with_all = ["history", "audit"])]
    dry_run: bool,
    /// Believe the clock from now on: it is right, though it was wrong before, or holdfast stood still for more than 7 days
    #[arg(long, conflicts_with_all = ["dry_run", "audit", "history"])]
    clock_is_right: bool,
    /// Walk every location and this machine's caches instead, and tell what should be gone and is still there
    ///
    /// Points are opened where they lie and judged by their content; older versions, unfinished uploads, foreign and
    /// temporary files and data that no point reaches are looked for. Ends with 1 when anything is found, or when a
    /// location could not be walked. Changes nothing there; what was found is written into the ledger, as evidence.
    #[arg(long, conflicts_with = "history")]
    audit: bool,
    /// List the purges of the past with their receipts instead; ends with 1 when one still waits for something
    #[arg(long)]
    history: bool,
    /// How many days back --history looks
    #[arg(long, value_name = "N", default_value_t = 90, requires = "history")]
    days: u32,
}

pub fn run(context: &Context, command: &Purge) -> Result<Ending> {
    let setup = context.setup()?;
    if command.history {
        return history::run(context, &setup, command.days);
    }
    if command.audit {
        return audit::run(context, &setup);
    }
    let _lock = state_lock::take(&setup.places.state, "purge", context.world.environment.pid())?;
    if command.clock_is_right {
        clock_reading::confirm(&setup)?;
    }
    let progress = Arc::new(Progress::default());
    let report = {
        let _line = progress_line::show(context, "purge", &progress, Totals::Exact);
        purge::purge(&setup, command.dry_run, &progress)?
    };
    let ending = report.ending.and(anchor(context, &setup, command.dry_run, &report));
    if context.options.json {
        output::json(&report);
        return Ok(ending);
    }
    let rows = report.decisions.iter().map(|d| {
        vec![
            d.asset.clone(),
            words::short(&d.point).to_owned(),
            words::time(d.time),
            d.verdict.to_owned(),
            d.reason.clone(),
        ]
    });
    output::table(&["Asset", "Point", "Time", "Verdict", "Reason"], rows.collect());
    for repository in &report.repositories {
        print(command.dry_run, repository);
    }
    for left in &report.left_behind {
        output::note(format!("LEFT BEHIND: {}", left.words()));
    }
    super::print_troubles(context, &report.troubles);
    Ok(ending)
}

/// What was deleted must not be deletable from the log as well. A purge that did not come to deleting changes nothing.
fn anchor(context: &Context, setup: &Setup, dry_run: bool, report: &PurgeReport) -> Ending {
    if dry_run || !matches!(report.ending, Ending::Done | Ending::Attention | Ending::Damage) {
        return Ending::Done;
    }
    let has_deleted = report.repositories.iter().any(|one| one.forgotten > 0 || one.waiting > 0);
    super::anchor(context, setup, if has_deleted { When::Now } else { When::NewDay })
}

fn print(dry_run: bool, repository: &RepositoryPurge) {
    let name = &repository.repository;
    let points = |n: usize| words::count(n as u64, "point");
    if dry_run {
        output::line(format!("{name}: would forget {}", points(repository.expired)));
    } else {
        let waiting = match repository.waiting {
            0 => String::new(),
            n => format!("; {} still to be deleted at some location", points(n)),
        };
        let exempt = match repository.exempt {
            0 => String::new(),
            n => format!("; {} EXEMPT, locked", points(n)),
        };
        output::line(format!("{name}: forgot {}{waiting}{exempt}", points(repository.forgotten)));
        for (location, exempt) in &repository.exempt_at {
            output::line(format!("  {location}: {}", locked(&exempt.locked)));
        }
    }
    if let Some(prune) = &repository.prune {
        let (plan, would) = (&prune.plan, if dry_run { "would be " } else { "" });
        output::line(format!(
            "  each copy: {} {would}freed, {} {would}rewritten, {} {would}deleted; {} kept",
            words::bytes(plan.bytes_freed),
            words::bytes(plan.bytes_rewritten),
            words::count(plan.packs_deleted + plan.packs_repacked, "pack"),
            words::count(plan.snapshots, "point"),
        ));
    }
    if let Some(error) = &repository.error {
        output::note(format!("error: {name}: {error}"));
    }
    if let Some(hint) = &repository.hint {
        output::note(format!("  hint: {hint}"));
    }
}

/// What an object lock keeps of what was deleted.
fn locked(locked: &LockedSum) -> String {
    let (objects, bytes) = (words::count(locked.objects, "object"), words::bytes(locked.bytes));
    format!("{objects}, {bytes}, EXEMPT and not purged: lock until {}", words::time(locked.until))
}
