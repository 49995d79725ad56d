//! `holdfast waive`.

use clap::{Args, Subcommand};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::waiver::{self, ListedWaiver};

use super::slots::instant;
use crate::context::Context;
use crate::{output, words};

/// Excuse slots of an asset beforehand, until a day: grant and list waivers
///
/// A slot that is due from now on and before the end, and that no point serves, ends waived instead of missed, and names
/// the waiver. Backups go on. Without an end there is no waiver, and none reaches back: what was due before stays as it
/// ended.
///
/// `--owner` is written down as it is given: nobody's signature is checked. While `holdfast serve` runs it writes it down.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Waive {
    #[command(subcommand)]
    command: Option<WaiveCommand>,
    /// The asset, as estate.toml calls it
    #[arg(required = true)]
    asset: Option<String>,
    /// Only this part of it, e.g. site
    #[arg(long)]
    dataset: Option<String>,
    /// Until this day or time, not included
    #[arg(long, required = true, value_name = "TIME")]
    until: Option<String>,
    /// Why
    #[arg(long, required = true, value_name = "TEXT")]
    reason: Option<String>,
    /// Who answers for it
    #[arg(long, required = true, value_name = "NAME")]
    owner: Option<String>,
}

#[derive(Subcommand, Debug)]
enum WaiveCommand {
    /// List every waiver that was ever granted
    List,
}

pub fn run(context: &Context, command: &Waive) -> Result<Ending> {
    match &command.command {
        None => grant(context, command),
        Some(WaiveCommand::List) => list(context),
    }
}

fn grant(context: &Context, command: &Waive) -> Result<Ending> {
    let text = |given: &Option<String>| given.clone().unwrap_or_default();
    let (asset, owner, reason) = (text(&command.asset), text(&command.owner), text(&command.reason));
    let until = instant("--until", &text(&command.until))?;
    let setup = context.setup()?;
    let granted = waiver::waive(&setup, &asset, command.dataset.as_deref(), until, (&owner, &reason))?;
    if context.options.json {
        output::json(&granted);
    } else {
        output::line(format!("Slots of {asset} are waived until {}: {}", words::time(until), granted.id));
    }
    Ok(Ending::Done)
}

fn list(context: &Context) -> Result<Ending> {
    let waivers = waiver::list(&context.setup()?)?;
    if context.options.json {
        output::json(&waivers);
        return Ok(Ending::Done);
    }
    let row = |ListedWaiver { waiver, is_expired }: &ListedWaiver| {
        let given = &waiver.waiver;
        vec![
            waiver.id.rsplit('-').next().unwrap_or(&waiver.id).to_owned(),
            given.asset.clone(),
            given.dataset.clone().unwrap_or_else(|| "all".to_owned()),
            words::minute(given.begins),
            format!("{}{}", words::minute(given.expires), if *is_expired { " (over)" } else { "" }),
            given.owner.clone(),
            given.reason.clone(),
        ]
    };
    let header = ["Waiver", "Asset", "Dataset", "From", "Until", "Owner", "Reason"];
    output::table(&header, waivers.iter().map(row).collect());
    Ok(Ending::Done)
}
