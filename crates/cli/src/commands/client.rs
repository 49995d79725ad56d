//! `holdfast client`.

use clap::Subcommand;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::shred::{self, ShredReport, ShredRequest};
use holdfast_ops::state_lock;
use holdfast_world::Stream;

use crate::context::Context;
use crate::{output, words};

/// Look after clients that leave
#[derive(Subcommand, Debug)]
pub enum ClientCommand {
    /// Destroy the key of a client that left, and everything of it at every location; there is no way back
    ///
    /// The client must have no asset in estate.toml any more, must not be held, and its youngest point must be older
    /// than the minimum of the policy: deleting below it takes two people. The key goes first, with every copy of it in
    /// the folders of the configuration and the state, then the repository at every location, older versions included;
    /// then it is tried whether any other key of the ring opens what was saved of it. The ledger has it all, see
    /// `holdfast purge --history`. Copies of the key ring that lie elsewhere are yours to destroy.
    ///
    /// Ends with 1 when a location could not be reached or something is left there: run it again. Ends with 5 when it is
    /// refused.
    Shred {
        /// The client, as it is written in estate.toml
        client: String,
        /// Why, for the ledger
        #[arg(long)]
        reason: String,
        /// The client was offered an export of its data
        #[arg(long)]
        export_offered: bool,
        /// The client once more, instead of typing it when asked
        #[arg(long, value_name = "CLIENT")]
        yes: Option<String>,
    },
}

pub fn run(context: &Context, command: &ClientCommand) -> Result<Ending> {
    let ClientCommand::Shred { client, reason, export_offered, yes } = command;
    let setup = context.setup()?;
    let confirmation = match yes {
        Some(typed) => typed.clone(),
        None => ask(context, client)?,
    };
    let _lock = state_lock::take(&setup.places.state, "client shred", context.world.environment.pid())?;
    let request =
        ShredRequest { client, reason, export_offered: *export_offered, confirmation: &confirmation };
    let report = shred::shred(&setup, &request)?;
    if context.options.json {
        output::json(&report);
    } else {
        print(&report, *export_offered);
    }
    Ok(report.ending)
}

fn ask(context: &Context, client: &str) -> Result<String> {
    if !context.world.environment.is_terminal(Stream::Input) {
        return Err(Error::new(Ending::Refused, format!("nothing was shredded: {client} was not confirmed"))
            .hint(format!("type it at a terminal, or add --yes {client}")));
    }
    output::note(format!("Every backup of {client} will be destroyed, everywhere. Type {client} to go on:"));
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Error::not_done(format!("read the answer: {error}")))?;
    Ok(line.trim().to_owned())
}

fn print(report: &ShredReport, export_offered: bool) {
    let rows = report.locations.iter().map(|at| {
        let state = at.failure.clone().unwrap_or_else(|| "nothing is left".to_owned());
        vec![at.location.clone(), at.objects.to_string(), words::bytes(at.bytes), state]
    });
    output::table(&["Location", "Removed", "Bytes", "State"], rows.collect());
    for file in &report.keys_removed {
        output::line(format!("key removed: {}", file.display()));
    }
    let (keys, objects) = (report.proof.keys, report.proof.objects);
    output::line(if report.proof.is_unreadable {
        format!(
            "{} of {} opened by none of {} in the ring",
            words::count(objects, "saved object"),
            report.client,
            words::count(keys, "key")
        )
    } else {
        format!("{} CAN STILL BE READ with a key of the ring", report.client)
    });
    if !export_offered {
        output::note(
            "no export was offered to the client, says the ledger; --export-offered says that one was",
        );
    }
}
