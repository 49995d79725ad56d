//! `holdfast key`.

mod deliver;
mod drill;
mod kit;
mod material;
mod recover;

use std::path::PathBuf;

use clap::Subcommand;
use holdfast_ops::audit::verifier_line;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::key;

use self::drill::Drill;
use self::kit::Kit;
use self::recover::Recover;
use crate::context::Context;
use crate::output;

/// Look after the keys of repositories, and be able to get back after this machine is lost
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// List the keys in the ring, the recovery kit in force, and the public half of the key that signs the audit log
    List,
    /// Take up a repository that exists already, with its password
    Import {
        /// The repository's folder name below each location
        repository: String,
        /// A file with its password, readable by its owner alone
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    Kit(Kit),
    /// Bring the key ring and a copy of the ledger to every location now
    ///
    /// `serve`, `backup` and `purge` do so by themselves, after each day and each change. The key ring is encrypted to the
    /// recovery kit, and replaces the one that lies there.
    Deliver(deliver::Deliver),
    Drill(Drill),
    Recover(Recover),
}

pub fn run(context: &Context, command: &KeyCommand) -> Result<Ending> {
    match command {
        KeyCommand::List => list(context),
        KeyCommand::Import { repository, password_file } => import(context, repository, password_file),
        KeyCommand::Kit(command) => kit::run(context, command),
        KeyCommand::Deliver(command) => deliver::run(context, command),
        KeyCommand::Drill(command) => drill::run(context, command),
        KeyCommand::Recover(command) => recover::run(context, command),
    }
}

fn list(context: &Context) -> Result<Ending> {
    let setup = context.setup()?;
    let keys = key::list(&setup)?;
    if context.options.json {
        output::json(&keys);
        return Ok(Ending::Done);
    }
    if let Some(line) = verifier_line(&setup)? {
        output::line(format!("The audit log is signed by {line}"));
    }
    output::line(match key::kit(&setup)? {
        Some(kit) if kit.shares > 1 => {
            format!("The recovery kit in force is {}: {} of {} shares", kit.kit, kit.needed, kit.shares)
        }
        Some(kit) => format!("The recovery kit in force is {}", kit.kit),
        None => "No recovery kit was ever made: `holdfast key kit --out DIR` makes one".to_owned(),
    });
    print(&keys);
    Ok(Ending::Done)
}

fn import(context: &Context, repository: &str, password_file: &std::path::Path) -> Result<Ending> {
    let keys = vec![key::import(&context.setup()?, repository, password_file)?];
    if context.options.json {
        output::json(&keys);
    } else {
        print(&keys);
    }
    Ok(Ending::Done)
}

fn print(keys: &[key::KeyInfo]) {
    let rows =
        keys.iter().map(|k| vec![k.repository.clone(), k.file.display().to_string(), k.assets.join(", ")]);
    output::table(&["Repository", "File", "Assets"], rows.collect());
    output::note("Whoever loses these files and has no recovery kit loses every backup.");
}
