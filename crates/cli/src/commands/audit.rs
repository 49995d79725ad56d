//! `holdfast audit`.

mod break_glass;
mod log;
mod verify;

use std::path::PathBuf;

use clap::Subcommand;
use holdfast_ops::audit::{self, When};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::state_lock;

use self::break_glass::BreakGlass;
use self::log::Log;
use crate::context::Context;
use crate::{output, words};

/// The audit log: what was done, by whom, and that nobody changed it since
///
/// Everything that holdfast does is a leaf of a Merkle tree. The tree's head is signed and stored at every location after
/// each change of day and each purge, so that whoever rewrites the log on this machine is found out. That an entry was
/// true when it was written, nothing can prove.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Prove that the log is the one that was signed
    ///
    /// Computes the tree again from all leaves, and the tables from the leaves, and compares the tree with every signed
    /// head that is kept here and, with --against, that lies at a location. Only what lies elsewhere tells whether
    /// somebody who has this machine, its database and its keys rewrote the log.
    ///
    /// Ends with 0 when all agrees; with 4 when something was changed, removed, inserted, moved or cut off, or when there
    /// are two logs; with 1 for NO_EVIDENCE: a location that was asked holds no signed head or could not be reached.
    Verify {
        /// Compare with the signed heads at this location; may be given several times
        #[arg(long, value_name = "LOCATION")]
        against: Vec<String>,
        /// Compare with the signed heads at every location
        #[arg(long, conflicts_with = "against")]
        against_all: bool,
    },
    /// Write the whole log into a file that holdfast-audit-verify checks without this program
    Export {
        /// The file, which must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Without the values about people: actors, paths, purposes; their hashes stay
        #[arg(long)]
        without_values: bool,
    },
    Log(Log),
    /// Sign the head of the log now and store it at every location
    Checkpoint,
    BreakGlass(BreakGlass),
    /// Begin a new log under a new key, because the ledger was lost, brought back from an old copy, or forged
    ///
    /// Whatever the old key signed says nothing of the new log. That it began anew is its entry, in your name, and makes every
    /// `audit verify` end with 1 at best.
    Restart {
        /// Who
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

pub fn run(context: &Context, command: &AuditCommand) -> Result<Ending> {
    match command {
        AuditCommand::Verify { against, against_all } => verify::run(context, against, *against_all),
        AuditCommand::Export { out, without_values } => {
            let exported = audit::export(&context.setup()?, out, !without_values)?;
            if context.options.json {
                output::json(&exported);
            } else {
                output::line(format!(
                    "{}: {}, {}, {} about people",
                    exported.file.display(),
                    words::many(exported.leaves, "leaf", "leaves"),
                    words::count(exported.checkpoints as u64, "checkpoint"),
                    words::count(exported.values, "value"),
                ));
            }
            Ok(Ending::Done)
        }
        AuditCommand::Log(command) => log::run(context, command),
        AuditCommand::Checkpoint => checkpoint(context),
        AuditCommand::BreakGlass(command) => break_glass::run(context, command),
        AuditCommand::Restart { by, reason } => {
            let setup = context.setup()?;
            let pid = context.world.environment.pid();
            let _lock = state_lock::take(&setup.places.state, "audit restart", pid)?;
            let key = audit::restart(&setup, by, reason)?;
            if context.options.json {
                output::json(&serde_json::json!({ "key": key }));
            } else {
                output::line(format!("A new log begins, signed by {key}"));
            }
            Ok(Ending::Done)
        }
    }
}

fn checkpoint(context: &Context) -> Result<Ending> {
    let setup = context.setup()?;
    let _lock = state_lock::take(&setup.places.state, "audit checkpoint", context.world.environment.pid())?;
    let report = audit::anchor(&setup, When::Now)?;
    // A head without a copy of the ledger that is as long would tell a rebuilt one that it was cut short.
    let (lines, delivered) = holdfast_ops::recovery::deliver_after(&setup);
    let ending = report.ending.and(delivered);
    if context.options.json {
        output::json(&report);
        return Ok(ending);
    }
    if let Some(head) = &report.head {
        output::line(format!("{} signed: {}", words::many(head.leaves, "leaf", "leaves"), head.root));
    }
    for at in &report.locations {
        let reason = at.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        output::line(format!("{}: {}{reason}", at.location, at.state));
    }
    for line in lines.iter().filter(|_| !context.options.quiet) {
        output::note(line);
    }
    Ok(ending)
}
