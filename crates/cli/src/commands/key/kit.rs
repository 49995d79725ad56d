//! `holdfast key kit`.

use std::path::PathBuf;

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::recovery::{self, KitRequest, Split};

use super::deliver;
use crate::context::Context;
use crate::output;

/// Make the recovery kit: what opens everything after this machine and its keys are lost
///
/// Makes a new secret and encrypts the key ring to it at every location. The secret is written into DIR and nowhere else: print
/// the sheets (kit.html has codes to scan), put the files on a medium, take both away from this machine, and remove DIR. The
/// sheets say, line by line, how to restore with stock age and restic from any one location, and how to rebuild holdfast.
///
/// A kit that was made before is void from then on: it opens no key ring that lies at a location any more. It takes nothing away
/// from who has it: neither a ring that he copied nor the credentials in its access.age. Change those.
#[derive(Args, Debug)]
pub struct Kit {
    /// The folder for the sheets: empty or not there, on a medium or in memory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Split the secret: 2of3 makes three sheets, of which any two are needed
    #[arg(long, value_name = "KofN")]
    shares: Option<Split>,
    /// Print the sheets as well
    #[arg(long, conflicts_with = "json")]
    print: bool,
}

pub fn run(context: &Context, command: &Kit) -> Result<Ending> {
    let setup = context.setup()?;
    let request = KitRequest { out: command.out.clone(), split: command.shares };
    let report = recovery::make_kit(&setup, &request)?;
    if context.options.json {
        output::json(&report);
        return Ok(report.ending);
    }
    if command.print {
        for file in report.files.iter().filter(|file| file.extension().is_some_and(|e| e == "txt")) {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Error::not_done(format!("{}: {error}", file.display())))?;
            output::line(text);
        }
    }
    output::line(format!("Recovery kit {}, in {}:", report.kit, command.out.display()));
    for file in &report.files {
        output::line(format!("  {}", file.display()));
    }
    if let Some(voids) = &report.voids {
        output::line(format!("The kit {voids} is void now: take its sheets back and destroy them."));
        output::line(
            "Whoever keeps or copied that kit still has the locations' credentials of its access.age: change these credentials now, \
             and then make the kit once more, so that it has the new ones.",
        );
    }
    deliver::print(&report.delivery);
    if let Some(why) = &report.delivered_later {
        output::note(format!(
            "the locations have the former key ring still ({why}): whoever has the ledger brings them the new one within minutes; \
             `holdfast status` (DR-05) says when"
        ));
    }
    let whom = if report.shares > 1 {
        format!(
            "Give each of the {} sheets to another person; any {} are needed.",
            report.shares, report.needed
        )
    } else {
        "Whoever has the sheet and reaches a location reads every backup.".to_owned()
    };
    output::line(whom);
    output::line(format!(
        "next: print the sheets, take them and the files away from this machine, remove {}, and try the kit with `holdfast key drill`",
        command.out.display()
    ));
    Ok(report.ending)
}
