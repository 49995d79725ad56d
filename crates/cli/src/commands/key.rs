//! `holdfast key`.

use std::path::PathBuf;

use clap::Subcommand;
use holdfast_ops::audit::verifier_line;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::key;

use crate::context::Context;
use crate::output;

/// Look after the keys of repositories
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// List the keys in the ring, and the public half of the key that signs the audit log
    List,
    /// Take up a repository that exists already, with its password
    Import {
        /// The repository's folder name below each location
        repository: String,
        /// A file with its password, readable by its owner alone
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
}

pub fn run(context: &Context, command: &KeyCommand) -> Result<Ending> {
    let setup = context.setup()?;
    let log_key = verifier_line(&setup)?;
    let keys = match command {
        KeyCommand::List => key::list(&setup)?,
        KeyCommand::Import { repository, password_file } => {
            vec![key::import(&setup, repository, password_file)?]
        }
    };
    if context.options.json {
        output::json(&keys);
        return Ok(Ending::Done);
    }
    if let Some(line) = log_key.filter(|_| matches!(command, KeyCommand::List)) {
        output::line(format!("The audit log is signed by {line}"));
    }
    let rows =
        keys.iter().map(|k| vec![k.repository.clone(), k.file.display().to_string(), k.assets.join(", ")]);
    output::table(&["Repository", "File", "Assets"], rows.collect());
    output::note("Whoever loses these files loses every backup: keep a copy away from this machine.");
    Ok(Ending::Done)
}
