//! The commands: one file each.

mod alerts;
mod audit;
mod backup;
mod client;
mod hold;
mod init;
mod key;
mod location;
mod ls;
mod manual;
mod points;
mod policy;
mod purge;
mod repair;
mod report;
mod restic;
mod restore;
mod restore_database;
mod restore_in_place;
mod runs;
mod serve;
mod slots;
mod status;
mod test;
mod validate;
mod verify;
mod waive;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use holdfast_model::Dataset;
use holdfast_ops::audit::When;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::points::Which;
use holdfast_ops::setup::Setup;
use holdfast_ops::{Trouble, TroubleKind};
use holdfast_world::signals::Stop;
use holdfast_world::{World, limits, memory, priority, signals};

use crate::context::{Context, GlobalOptions};
use crate::output;

const ENVIRONMENT: &str = "Environment:
  HOLDFAST_CONFIG      folder of the configuration, as --config
  HOLDFAST_STATE       folder of the state, as --state
  HOLDFAST_FULL_SPEED  set to anything, backups run at normal CPU and I/O priority instead of the lowest";

/// Runs a hosting company's backup policy and proves that it was kept.
///
/// policy.toml holds the rules, estate.toml what is protected and where copies live. Backups go, encrypted, into
/// repositories in the open restic format, the same at every location.
///
/// Exit codes: 0 done; 1 done and something is red, owed or degraded; 2 usage or configuration; 3 nothing lost but not
/// done (locked, unreachable, no space); 4 damage was met; 5 refused by policy, role or rights; 130 interrupted.
#[derive(Parser, Debug)]
#[command(name = "holdfast", version, propagate_version = true, after_help = ENVIRONMENT)]
pub struct App {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::Init),
    Validate(validate::Validate),
    Backup(backup::Backup),
    Points(points::Points),
    Runs(runs::Runs),
    Slots(slots::Slots),
    Status(status::Status),
    Report(report::Report),
    Serve(serve::Serve),
    Ls(ls::Ls),
    Restore(Box<restore::Restore>),
    Verify(verify::Verify),
    #[command(subcommand)]
    Test(test::TestCommand),
    Repair(repair::Repair),
    Purge(purge::Purge),
    Hold(hold::Hold),
    Waive(waive::Waive),
    Alerts(alerts::Alerts),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    #[command(subcommand)]
    Location(location::LocationCommand),
    #[command(subcommand)]
    Client(client::ClientCommand),
    #[command(subcommand)]
    Key(key::KeyCommand),
    Restic(restic::Restic),
    Completions(manual::Completions),
    Man(manual::Man),
}

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    memory::keep_large_blocks_apart();
    let app = App::parse();
    let world = World::system();
    // One that works on by itself is asked to stop before it is interrupted.
    let stop = match app.command {
        Command::Serve(_) => signals::install_for_service(),
        _ => signals::install().map(|interrupted| Stop { draining: Arc::default(), interrupted }),
    };
    let stop = match stop {
        Ok(stop) => stop,
        Err(error) => {
            output::note(format!("error: signals cannot be handled: {error}"));
            return ExitCode::from(Ending::NotDone.code());
        }
    };
    limits::raise_open_files();
    let context = Context { options: app.options, world, stop };
    match app.command.run(&context) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            if context.options.json {
                output::json_error(&error);
            }
            output::error(&error);
            ExitCode::from(error.ending.code())
        }
    }
}

impl Command {
    fn run(self, context: &Context) -> Result<u8> {
        let ending = match self {
            Command::Init(command) => init::run(context, &command),
            Command::Validate(command) => validate::run(context, &command),
            Command::Backup(command) => backup::run(context, &command),
            Command::Points(command) => points::run(context, &command),
            Command::Runs(command) => runs::run(context, &command),
            Command::Slots(command) => slots::run(context, &command),
            Command::Status(command) => status::run(context, &command),
            Command::Report(command) => report::run(context, &command),
            Command::Serve(command) => serve::run(context, &command),
            Command::Ls(command) => ls::run(context, &command),
            Command::Restore(command) => restore::run(context, &command),
            Command::Verify(command) => verify::run(context, &command),
            Command::Test(command) => test::run(context, &command),
            Command::Repair(command) => repair::run(context, &command),
            Command::Purge(command) => purge::run(context, &command),
            Command::Hold(command) => hold::run(context, &command),
            Command::Waive(command) => waive::run(context, &command),
            Command::Alerts(command) => alerts::run(context, &command),
            Command::Audit(command) => audit::run(context, &command),
            Command::Policy(command) => policy::run(context, &command),
            Command::Location(command) => location::run(context, &command),
            Command::Client(command) => client::run(context, &command),
            Command::Key(command) => key::run(context, &command),
            // restic's own exit code is passed on.
            Command::Restic(command) => return restic::run(context, &command),
            Command::Completions(command) => manual::completions(&command),
            Command::Man(command) => manual::man(&command),
        };
        ending.map(Ending::code)
    }
}

/// Lowers CPU and I/O priority: production comes first.
fn yield_to_production(context: &Context) {
    if context.world.environment.get("HOLDFAST_FULL_SPEED").is_none() {
        // Not being allowed to is no reason to leave a backup undone.
        let _ = priority::yield_to_production();
    }
}

/// Which point.
#[derive(Args, Debug)]
struct WhichPoint {
    /// The point, by the start of its id [default: the newest]
    #[arg(long, value_name = "ID", conflicts_with = "at")]
    point: Option<String>,
    /// The newest point from this time or before, e.g. 2026-11-23T04:00:00+00:00
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// The part of an asset that has several: of WHMCS `database` or `files`
    #[arg(long, value_name = "NAME", value_parser = dataset)]
    dataset: Option<Dataset>,
}

/// A dataset as it is written.
fn dataset(text: &str) -> std::result::Result<Dataset, String> {
    Dataset::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Dataset::ALL.iter().map(|dataset| dataset.as_str()).collect();
        format!("there are: {}", known.join(", "))
    })
}

impl WhichPoint {
    fn which(&self) -> Result<Which> {
        match (&self.point, &self.at) {
            (Some(id), _) => Ok(Which::Id(id.to_lowercase())),
            (None, Some(time)) => time.parse().map(Which::At).map_err(|e| {
                Error::usage(format!("--at {time:?}: {e}")).hint("write it like 2026-11-23T04:00:00+00:00")
            }),
            (None, None) => Ok(Which::Latest),
        }
    }
}

/// What for, for whoever reads the log.
#[derive(Args, Debug)]
struct Purpose {
    /// What for: a ticket, a name; it goes into the audit log [default: not stated]
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
}

/// Has the audit log's signed head at the locations, for a command that changed something; returns how that ended.
fn anchor(context: &Context, setup: &Setup, when: When) -> Ending {
    let (mut lines, mut ending) = holdfast_ops::audit::anchor_after(setup, when);
    // After the head, so that what a location has of the ledger is never shorter than what was signed there.
    let (more, delivered) = holdfast_ops::recovery::deliver_after(setup);
    lines.extend(more);
    ending = ending.and(delivered);
    for line in lines.iter().filter(|_| !context.options.quiet || ending == Ending::Damage) {
        output::note(line);
    }
    ending
}

/// Prints what went wrong on the way, at most a screenful.
fn print_troubles(context: &Context, troubles: &[Trouble]) {
    const SHOWN: usize = 20;
    let relevant: Vec<&Trouble> =
        troubles.iter().filter(|t| !context.options.quiet || t.kind != TroubleKind::Notice).collect();
    for trouble in relevant.iter().take(SHOWN) {
        let kind = match trouble.kind {
            TroubleKind::Unreadable => "unreadable",
            TroubleKind::Changed => "changed",
            TroubleKind::Location => "location",
            TroubleKind::Damage => "damage",
            TroubleKind::Target => "target",
            TroubleKind::Warning => "warning",
            TroubleKind::Notice => "note",
        };
        output::note(format!("{kind}: {}: {}", trouble.subject, trouble.message));
    }
    if relevant.len() > SHOWN {
        output::note(format!("... and {} more; --json lists all", relevant.len() - SHOWN));
    }
}
