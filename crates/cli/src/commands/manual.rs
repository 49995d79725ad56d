//! `holdfast completions` and `holdfast man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use holdfast_ops::ending::Ending;
use holdfast_ops::error::{Error, Result};

use super::App;

/// Print the completion script of a shell
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

/// Write the manual pages into a folder
#[derive(Args, Debug)]
pub struct Man {
    /// The folder, which must exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub fn completions(command: &Completions) -> Result<Ending> {
    clap_complete::generate(command.shell, &mut App::command(), "holdfast", &mut std::io::stdout());
    Ok(Ending::Done)
}

pub fn man(command: &Man) -> Result<Ending> {
    clap_mangen::generate_to(App::command(), &command.folder).map_err(|e| {
        Error::not_done(format!("write the manual pages to {}: {e}", command.folder.display()))
    })?;
    Ok(Ending::Done)
}
