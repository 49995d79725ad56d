//! `holdfast client`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use holdfast_ops::Progress;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::restore::export;
use holdfast_ops::setup::Setup;
use holdfast_ops::shred::{self, ShredReport, ShredRequest};
use holdfast_world::Stream;

use crate::context::Context;
use crate::progress_line::{self, Totals};
use crate::{output, words};

/// Look after clients that leave
#[derive(Subcommand, Debug)]
pub enum ClientCommand {
    /// Restore the newest good point of everything that a client has, with a list of what it is, for the client
    ///
    /// Each asset goes into DIR/<asset>, those that left estate.toml too. DIR/manifest.json and DIR/manifest.txt name the
    /// point, its instant, and every file with its SHA-256, read back from DIR; `sha256sum -c manifest.txt` checks them.
    /// Afterwards take the client's assets out of estate.toml: what is past its age goes with each purge, to the last point,
    /// or `client shred` destroys all of it at once.
    ///
    /// Ends with 1 when an asset has no point, or none that is known to be whole.
    Export {
        /// The client, as it is written in estate.toml
        client: String,
        /// The folder, empty or not there yet
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Go on with an export that broke off
        #[arg(long)]
        overwrite: bool,
    },
    /// Destroy the key of a client that left, and everything of it at every location; there is no way back
    ///
    /// The client must have no asset in estate.toml any more, must not be held, and its youngest point must be older
    /// than the minimum of the policy: deleting below it takes two people. The key goes first, with every copy of its file
    /// in the folders of the configuration and the state, then the repository at every location, older versions included;
    /// then it is tried whether any other key of the ring opens what was saved of it. The ledger has it all, see
    /// `holdfast purge --history`. A file that holds the key and something else is named and left; it, notes of the
    /// password, and copies of the key ring that lie elsewhere are yours to destroy.
    ///
    /// While `holdfast serve` runs, it does the shredding, once no run of the client and no purge is under way; this command
    /// waits for it.
    ///
    /// Ends with 1 when a location could not be reached, or something is left there or of the key: run it again. Ends with
    /// 5 when it is refused.
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
    let setup = context.setup()?;
    let (client, reason, export_offered, yes) = match command {
        ClientCommand::Export { client, to, overwrite } => {
            return export(context, &setup, client, to, *overwrite);
        }
        ClientCommand::Shred { client, reason, export_offered, yes } => (client, reason, export_offered, yes),
    };
    let confirmation = match yes {
        Some(typed) => typed.clone(),
        None => ask(context, client)?,
    };
    let (client, reason) = (client.clone(), reason.clone());
    let request = ShredRequest { client, reason, export_offered: *export_offered, confirmation };
    let report = shred::shred(&setup, &request)?;
    if context.options.json {
        output::json(&report);
    } else {
        print(&report, *export_offered);
    }
    Ok(report.ending)
}

fn export(context: &Context, setup: &Setup, client: &str, to: &Path, overwrite: bool) -> Result<Ending> {
    let progress = Arc::new(Progress::default());
    let report = {
        let _line = progress_line::show(context, client, &progress, Totals::Exact);
        export::export(setup, client, to, overwrite, &progress)?
    };
    if context.options.json {
        output::json(&report);
        return Ok(report.ending);
    }
    for asset in &report.assets {
        if let Some(point) = &asset.point {
            output::line(format!(
                "{}: point {} from {} in {}: {}, {}",
                asset.asset,
                words::short(&point.point),
                words::time(point.time),
                report.to.join(&point.folder).display(),
                words::count(point.restored.files + point.restored.unchanged_files, "file"),
                words::bytes(point.restored.bytes),
            ));
        }
        if let Some(error) = &asset.error {
            output::note(format!("NOT WHOLE: {}: {error}", asset.asset));
        }
    }
    for manifest in &report.manifests {
        output::line(format!("list: {}", manifest.display()));
    }
    super::print_troubles(context, &report.troubles);
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
    for file in &report.keys_removed {
        output::line(format!("key removed: {}", file.display()));
    }
    let rows = report
        .locations
        .iter()
        .map(|at| vec![at.location.clone(), at.objects.to_string(), words::bytes(at.bytes)]);
    output::table(&["Location", "Removed", "Bytes"], rows.collect());
    for at in &report.locations {
        let state = at.failure.as_deref().unwrap_or("nothing is left");
        output::line(format!("{}: {state}", at.location));
    }
    for ring in &report.rings {
        let state = match &ring.failure {
            None => "replaced by one without the key, and no older one is left".to_owned(),
            Some(failure) => format!("MAY STILL HAVE THE KEY: {failure}"),
        };
        output::line(format!("{}: key ring: {state}", ring.location));
    }
    for left in &report.keys_left {
        output::line(format!("KEY LEFT: {left}"));
    }
    if report.reports_erased > 0 {
        let reports = words::count(report.reports_erased, "report");
        output::line(format!("{reports} of runs erased from the ledger, which named files; the hashes stay"));
    }
    let (keys, objects) = (report.proof.keys, report.proof.objects);
    output::line(match report.proof.is_unreadable {
        Some(true) => format!(
            "{} of {} opened by none of {} in the ring",
            words::count(objects, "saved object"),
            report.client,
            words::count(keys, "key")
        ),
        Some(false) => format!("{} CAN STILL BE READ with a key of the ring", report.client),
        None => format!(
            "whether {} can still be read was not tried: {} and {} in the ring",
            report.client,
            words::count(objects, "saved object"),
            words::count(keys, "key")
        ),
    });
    for other in &report.same_password {
        output::note(format!(
            "{other} has the same password; its key stays, because its key file is another. Whoever knew the password of \
             {} knows that of {other}",
            report.client
        ));
    }
    if !export_offered {
        output::note(
            "no export was offered to the client, says the ledger; --export-offered says that one was",
        );
    }
}
