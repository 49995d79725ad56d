//! `holdfast restore --database`: out of a point into a server.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use holdfast_ops::Progress;
use holdfast_ops::audit::When;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::restore::database::{
    self, DatabasePlan, DatabaseReport, DatabaseWish, Definers, Options, Stop, Target,
};
use holdfast_ops::setup::Setup;
use holdfast_ops::state_lock;

use crate::context::Context;
use crate::progress_line::{self, Totals};
use crate::{output, words};

/// What belongs to a restore into a server.
#[derive(Args, Debug)]
pub struct ToServer {
    /// Load this database of the point into a server
    ///
    /// What it replaces is made a point of first, and stays until what was loaded is proven: rows and checksums of every
    /// table against what the dump says of itself.
    #[arg(
        long,
        value_name = "NAME",
        requires = "asset",
        conflicts_with_all = ["to", "include", "overwrite", "break_glass", "dataset"],
        help_heading = HEADING
    )]
    pub database: Option<String>,
    /// Into a new database of this name, instead of in place of the old one
    #[arg(long, value_name = "NAME", requires = "database", help_heading = HEADING)]
    into: Option<String>,
    /// One table alone
    #[arg(long, value_name = "NAME", requires = "database", help_heading = HEADING)]
    table: Option<String>,
    /// The table under this name beside the old one, instead of in its place
    #[arg(long = "as", value_name = "NAME", requires = "table", help_heading = HEADING)]
    beside: Option<String>,
    /// A file with user and password of the account that loads [default: the account that is backed up with]
    #[arg(long, value_name = "FILE", requires = "database", help_heading = HEADING)]
    account: Option<PathBuf>,
    /// The socket of another server than the one that is backed up
    #[arg(long, value_name = "PATH", requires = "database", help_heading = HEADING)]
    socket: Option<PathBuf>,
    /// Whose rights views, triggers, routines and events run with
    #[arg(long, value_name = "WHAT", requires = "database", default_value = "keep", help_heading = HEADING)]
    definers: DefinersChoice,
    /// Bring accounts and their rights back too
    #[arg(long, requires = "database", conflicts_with_all = ["into", "table"], help_heading = HEADING)]
    grants: bool,
    /// Keep the old tables in a database of their own, which is named at the end
    #[arg(long, requires = "database", help_heading = HEADING)]
    keep_old: bool,
    /// Replace without making a point of what is there first
    #[arg(long, requires = "database", help_heading = HEADING)]
    no_safety_point: bool,
    /// Carry the plan out; without it, it is shown and nothing is changed
    #[arg(long, requires = "database", help_heading = HEADING)]
    pub yes: bool,
}

const HEADING: &str = "Into a server";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DefinersChoice {
    /// As they were dumped; the account needs SET USER for that
    Keep,
    /// The account that loads becomes the definer
    CurrentUser,
}

impl ToServer {
    /// What is asked for, of the database alone.
    pub fn wish(&self, name: &str) -> DatabaseWish {
        DatabaseWish {
            database: name.to_owned(),
            into: self.into.clone(),
            table: self.table.clone(),
            beside: self.beside.clone(),
            options: Options {
                definers: match self.definers {
                    DefinersChoice::Keep => Definers::Keep,
                    DefinersChoice::CurrentUser => Definers::CurrentUser,
                },
                grants: self.grants,
                keep_aside: self.keep_old,
            },
            account: self.account.clone(),
            socket: self.socket.clone(),
            is_unsafe: self.no_safety_point,
            ..DatabaseWish::default()
        }
    }
}

pub fn run(context: &Context, setup: &Setup, wish: &DatabaseWish, is_yes: bool) -> Result<Ending> {
    if !is_yes {
        let plan = database::plan(setup, wish)?;
        if context.options.json {
            output::json(&plan);
        } else {
            print_plan(&plan);
            // With a log the instant says all, and a point would say less.
            let how = match &plan.log {
                Some(_) => "--yes".to_owned(),
                None => format!("--point {} --yes", words::short(&plan.point)),
            };
            output::line(format!("Nothing was changed. To carry it out: the same command with {how}"));
        }
        return Ok(Ending::Done);
    }
    // A safety point is a run like any other.
    let _lock = state_lock::take(&setup.places.state, "restore", context.world.environment.pid())?;
    let progress = Arc::new(Progress::default());
    let report = {
        let _line = progress_line::show(context, &wish.asset, &progress, Totals::Estimated);
        let mut tell = |step: &str| {
            if !context.options.quiet {
                output::note(step);
            }
        };
        database::restore(setup, wish, &progress, &mut tell)?
    };
    let ending = report.ending.and(super::anchor(context, setup, When::NewDay));
    if context.options.json {
        output::json(&report);
    } else {
        print(&report);
        super::print_troubles(context, &report.troubles);
    }
    Ok(ending)
}

fn print_plan(plan: &DatabasePlan) {
    let load = &plan.load;
    let target = match &load.target {
        Target::New { database } => format!("into the new database {database}"),
        Target::Over { database } => format!("in place of the database {database}"),
        Target::Table { database, table, beside: None } => {
            format!("in place of the table {table} of the database {database}")
        }
        Target::Table { database, table, beside: Some(name) } => {
            format!("the table {table} as {name} into the database {database}")
        }
    };
    output::line(format!(
        "{}: point {} from {}: {} as of {}, {target} at {}, as {}",
        plan.asset,
        words::short(&plan.point),
        words::time(plan.time),
        load.dumped,
        load.instant,
        plan.server,
        plan.user
    ));
    if let (Some(log), Some(replay)) = (&plan.log, &load.replay) {
        let stop = match &replay.stop {
            Stop::Instant { at } => {
                format!("everything that was committed until the end of {at}, and nothing after")
            }
            Stop::Position(position) => {
                format!("everything until {} at {}", position.file, position.position)
            }
            Stop::End => "all of it".to_owned(),
        };
        output::line(format!(
            "Then its log, point {}, {} until {}: {stop}.",
            words::short(log),
            words::count(replay.transactions, "transaction"),
            replay.until
        ));
    }
    if plan.makes_safety_point {
        output::line("A point of what is there now is made first.");
    } else if load.target.replaces() {
        output::line("NO point of what is there now is made.");
    }
    let rows = load.tables.iter().map(|table| {
        let what = if table.replaces { "replaced" } else { "new" };
        vec![
            table.name.escape_debug().to_string(),
            table.engine.clone(),
            table.rows.to_string(),
            what.to_owned(),
        ]
    });
    let gone = load.drops.iter().map(|name| {
        vec![
            name.escape_debug().to_string(),
            String::new(),
            String::new(),
            "goes: the dump has none".to_owned(),
        ]
    });
    output::table(&["Table", "Engine", "Rows", "What"], rows.chain(gone).collect());
    for note in &load.notes {
        output::note(format!("note: {note}"));
    }
}

fn print(report: &DatabaseReport) {
    let (plan, loaded) = (&report.plan, &report.loaded);
    output::line(format!(
        "{}: {} of point {} loaded into {}: {}, {}, counted and found all there, {} compared by checksum, in {}",
        plan.asset,
        plan.load.dumped,
        words::short(&plan.point),
        plan.load.target.database(),
        words::count(loaded.tables, "table"),
        words::count(loaded.rows, "row"),
        words::count(loaded.checksums, "table"),
        words::seconds(report.seconds),
    ));
    if let Some(replayed) = &loaded.replayed {
        let last = replayed.last.as_deref().map_or_else(String::new, |last| format!(", the last of {last}"));
        output::line(format!(
            "  and {} of its log since then{last}",
            words::count(replayed.transactions, "transaction")
        ));
    }
    if let Some(point) = &report.safety_point {
        output::line(format!("  what was there before is in point {}", words::short(point)));
    }
    if let Some(aside) = &loaded.aside {
        output::line(format!("  the old tables are in the database {aside}"));
    }
    if let Some(why) = &loaded.grants_failed {
        output::note(format!("  accounts and rights were NOT brought back: {why}"));
    }
    if let Some(healed) = &loaded.healed {
        output::note(format!("  an earlier load was put right first: {}", healed.found));
    }
}
