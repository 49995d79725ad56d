//! `holdfast hold`.

use clap::{Args, Subcommand};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::hold::{self, StandingHold, Subject};
use holdfast_ops::purge::held_back::{self, OnItsWayOut};
use jiff::civil::Date;
use serde::Serialize;

use crate::context::Context;
use crate::{output, words};

/// Keep points whatever their age, because somebody says so: place, list and release holds
///
/// The points of a held asset never expire, at no location, until the hold is released. A hold names who answers for it,
/// why, and the day on which it must be looked at again. One whose day is past holds on, and every purge warns of it.
///
/// What an earlier purge decided on and some location has yet to delete is named. Where such a point still lies whole, the
/// next purge takes its deletion back and brings it to the other locations again; where it does not, no hold brings it back.
///
/// `--by` and `--owner` are written down as they are given: nobody's signature is checked. While `holdfast serve` runs it
/// writes them down; a purge of its that is under way may have decided about a repository before.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Hold {
    #[command(subcommand)]
    command: Option<HoldCommand>,
    /// The asset, as estate.toml calls it
    #[arg(required_unless_present = "client")]
    asset: Option<String>,
    /// Every asset of this client instead
    #[arg(long, value_name = "ID", conflicts_with = "asset")]
    client: Option<String>,
    /// Why
    #[arg(long, required = true, value_name = "TEXT")]
    reason: Option<String>,
    /// Who answers for it
    #[arg(long, required = true, value_name = "NAME")]
    owner: Option<String>,
    /// The day on which it must be looked at again, e.g. 2026-11-23
    #[arg(long, required = true, value_name = "DATE")]
    review_on: Option<String>,
}

#[derive(Subcommand, Debug)]
enum HoldCommand {
    /// List the holds that stand; ends with 1 when the review of one is overdue
    List,
    /// Release a hold: what is past its age goes with the next purge
    Release {
        /// The hold's id, or the last part of it, as `hold list` shows it
        id: String,
        /// Who releases it
        #[arg(long, value_name = "NAME")]
        by: String,
    },
}

/// A hold that was placed, and what it may come too late for.
#[derive(Serialize)]
struct Placed {
    #[serde(flatten)]
    hold: hold::Hold,
    on_their_way_out: Vec<OnItsWayOut>,
}

pub fn run(context: &Context, command: &Hold) -> Result<Ending> {
    match &command.command {
        None => place(context, command),
        Some(HoldCommand::List) => list(context),
        Some(HoldCommand::Release { id, by }) => {
            let setup = context.setup()?;
            let released = hold::release(&setup, id, by)?;
            if context.options.json {
                output::json(&released);
            } else {
                output::line(format!(
                    "{} is not held by {} any more.",
                    released.hold.asset, released.hold.owner
                ));
            }
            Ok(Ending::Done)
        }
    }
}

fn place(context: &Context, command: &Hold) -> Result<Ending> {
    let subject = match (&command.asset, &command.client) {
        (Some(asset), _) => Subject::Asset(asset.clone()),
        (None, client) => Subject::Client(client.clone().unwrap_or_default()),
    };
    let text = |given: &Option<String>| given.clone().unwrap_or_default();
    let review_on = text(&command.review_on);
    let review_on: Date = review_on.parse().map_err(|error| {
        Error::usage(format!("--review-on {review_on:?}: {error}")).hint("write a day like 2026-11-23")
    })?;
    let setup = context.setup()?;
    let hold = hold::place(&setup, &subject, &text(&command.owner), &text(&command.reason), review_on)?;
    let placed = Placed { hold, on_their_way_out: held_back::on_their_way_out(&setup, &subject)? };
    if context.options.json {
        output::json(&placed);
        return Ok(Ending::Done);
    }
    output::line(format!("{} is held: {}", placed.hold.hold.asset, placed.hold.id));
    for out in &placed.on_their_way_out {
        let left_at = match out.left_at.as_slice() {
            [] => "only its data waits to be deleted".to_owned(),
            left_at => format!("if it still lies whole at {}, the next purge keeps it", left_at.join(" or ")),
        };
        output::note(format!(
            "TOO LATE? point {} of {} is on its way out since an earlier purge: {left_at}",
            words::short(&out.point),
            words::time(out.time)
        ));
    }
    Ok(Ending::Done)
}

fn list(context: &Context) -> Result<Ending> {
    let report = hold::list(&context.setup()?)?;
    if context.options.json {
        output::json(&report.holds);
        return Ok(report.ending);
    }
    let row = |StandingHold { hold, is_overdue }: &StandingHold| {
        let overdue = if *is_overdue { " OVERDUE" } else { "" };
        vec![
            hold.id.rsplit('-').next().unwrap_or(&hold.id).to_owned(),
            hold.hold.asset.clone(),
            hold.hold.owner.clone(),
            format!("{}{overdue}", hold.hold.review_on),
            words::minute(hold.placed_at),
            hold.hold.reason.clone(),
        ]
    };
    let header = ["Hold", "Asset", "Owner", "Review on", "Since", "Reason"];
    output::table(&header, report.holds.iter().map(row).collect());
    Ok(report.ending)
}
