//! `holdfast audit break-glass`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use holdfast_ops::Action;
use holdfast_ops::action::Actor;
use holdfast_ops::break_glass;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::state_lock;

use crate::context::Context;
use crate::{output, words};

/// Take restores that were done without the log into it, list them, and review them
///
/// Records are read from every location, and from --record. Ends with 1 while one waits for its review, or a location
/// could not be read.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BreakGlass {
    #[command(subcommand)]
    command: Option<BreakGlassCommand>,
    /// Take up the record that a restore left beside its target, too
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum BreakGlassCommand {
    /// Write down that somebody looked at one, and what he found
    Review {
        /// Its id, or the last part of it, as the list shows it
        id: String,
        /// Who
        #[arg(long, value_name = "NAME")]
        by: String,
        /// What was found
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

pub fn run(context: &Context, command: &BreakGlass) -> Result<Ending> {
    let setup = context.setup()?;
    let _lock = state_lock::take(&setup.places.state, "audit break-glass", context.world.environment.pid())?;
    if let Some(BreakGlassCommand::Review { id, by, note }) = &command.command {
        let reviewed = break_glass::review(&setup, id, by, note)?;
        if context.options.json {
            output::json(&reviewed);
        } else {
            output::line(format!("{} was reviewed by {by}.", reviewed.id));
        }
        return Ok(Ending::Done);
    }
    let found = break_glass::list(&setup, command.record.as_deref())?;
    if context.options.json {
        output::json(&found);
        return Ok(found.ending);
    }
    let row = |action: &Action| {
        vec![
            action.id.rsplit('-').next().unwrap_or(&action.id).to_owned(),
            words::minute(action.begun_at),
            Actor::shown(&action.action.actor),
            action.action.asset.clone().unwrap_or_default(),
            action.action.purpose.clone(),
            match &action.reviewed_by {
                Some(by) => format!("by {by}: {}", action.review.as_deref().unwrap_or_default()),
                None => "NOT REVIEWED".to_owned(),
            },
        ]
    };
    let header = ["Id", "Time", "Who", "Asset", "Why", "Reviewed"];
    output::table(&header, found.actions.iter().map(row).collect());
    for unread in &found.unread {
        output::note(format!("not read: {unread}"));
    }
    Ok(found.ending)
}
