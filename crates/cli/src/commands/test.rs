//! `holdfast test`: restores for a test, and what came of those of the past.

mod list;
mod redraw;

use clap::{Args, Subcommand};
use holdfast_ops::audit::When;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::restore_test::{self, Exercised, TestReport, Tested, Wish};

use super::Purpose;
use crate::context::Context;
use crate::{output, words};

/// Restore what was backed up for a test, and list what came of it
#[derive(Subcommand, Debug)]
pub enum TestCommand {
    Websites(Websites),
    Whmcs(Whmcs),
    List(list::List),
    Redraw(redraw::Redraw),
}

/// Restore websites into a staging, and see whether they live
///
/// Without names: whoever is drawn in the week, or whatever period the policy names, that is open; what was begun is gone on
/// with, and what is done is not done again. `holdfast serve` does this by itself. Who is drawn, and with which point, follows
/// from the audit log; `holdfast test redraw` shows that it does.
///
/// With names: these, with a point that is drawn. One whose point or seed somebody gave can fail a website and clears none.
///
/// Each is restored from a location off site alone, into a folder in memory or on an encrypted volume, with its databases in a
/// server of its own and no way out; its files are compared with the point, its rows with the dump, and it is asked over HTTP.
/// Then everything is destroyed. Needs root.
///
/// Ends with 1 when any was not successful.
#[derive(Args, Debug)]
pub struct Websites {
    #[command(flatten)]
    wished: Wished,
}

/// Restore WHMCS into a staging, and see whether it lives and does nothing to the world
///
/// As `holdfast test websites`, for database and files together. What it could do to the world is switched off, and an attempt to
/// reach anything outside fails the test.
#[derive(Args, Debug)]
pub struct Whmcs {
    #[command(flatten)]
    wished: Wished,
}

#[derive(Args, Debug)]
struct Wished {
    /// These assets [default: whoever is drawn]
    assets: Vec<String>,
    /// With this point, by the start of its id
    #[arg(long, value_name = "ID", requires = "assets")]
    point: Option<String>,
    /// With lots drawn from this seed
    #[arg(long, value_name = "HEX", requires = "assets", conflicts_with = "point")]
    seed: Option<String>,
    #[command(flatten)]
    purpose: Purpose,
}

pub fn run(context: &Context, command: &TestCommand) -> Result<Ending> {
    match command {
        TestCommand::Websites(command) => test(context, Exercised::Websites, &command.wished),
        TestCommand::Whmcs(command) => test(context, Exercised::Whmcs, &command.wished),
        TestCommand::List(command) => list::run(context, command),
        TestCommand::Redraw(command) => redraw::run(context, command),
    }
}

fn test(context: &Context, exercised: Exercised, wished: &Wished) -> Result<Ending> {
    let setup = context.setup()?;
    let wish = Wish {
        exercised,
        assets: wished.assets.clone(),
        point: wished.point.clone(),
        seed: wished.seed.clone(),
        purpose: wished.purpose.purpose.clone(),
    };
    let mut tell = |line: &str| {
        if !context.options.quiet {
            output::note(line);
        }
    };
    let report = restore_test::test(&setup, &wish, &mut tell)?;
    let ending = report.ending.and(super::anchor(context, &setup, When::NewDay));
    if context.options.json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(ending)
}

fn print(report: &TestReport) {
    for swept in &report.swept {
        list::print_swept(swept);
    }
    for tested in &report.results {
        print_one(tested);
    }
    for note in &report.notes {
        output::note(format!("note: {note}"));
    }
    let well = report.results.iter().filter(|tested| tested.failed.is_empty()).count();
    let test = report.test.as_deref().unwrap_or("-");
    let all = words::count(report.results.len() as u64, "target");
    output::line(format!("Test {test}: {all}, {well} successful"));
}

fn print_one(tested: &Tested) {
    let seen = &tested.seen;
    let point = seen.point.as_deref().map_or("no point", words::short);
    let of = seen.time.map_or_else(String::new, |time| format!(" of {}", words::time(time)));
    let from = seen.location.as_deref().map_or_else(String::new, |location| format!(" from {location}"));
    output::line(format!("{}: {}: {point}{of}{from}", tested.asset, tested.state.to_uppercase()));
    let rows = seen.proofs.iter().map(|proof| {
        let outcome = if proof.is_good() { "ok" } else { "NOT" };
        vec![
            proof.what.clone(),
            outcome.to_owned(),
            words::seconds(proof.took.as_secs_f64()),
            proof.seen.clone(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        output::table(&["Question", "", "Took", "Seen"], rows);
    }
    seen.notes.iter().for_each(|note| output::note(format!("  {note}")));
    match (&tested.destroyed, &tested.not_destroyed) {
        (_, Some(why)) => output::note(format!("  NOT DESTROYED: {why}")),
        (Some((files, bytes)), None) => {
            let (files, bytes) = (words::count(*files, "file"), words::bytes(*bytes));
            output::line(format!("  destroyed: {files}, {bytes}; {} in all", words::seconds(seen.seconds)));
        }
        (None, None) => {}
    }
}
