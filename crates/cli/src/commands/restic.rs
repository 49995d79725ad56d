//! `holdfast restic`.

use clap::Args;
use holdfast_ops::error::Result;
use holdfast_ops::restic;

use crate::context::Context;

/// Run a reading command of stock restic on a repository: the exit door
///
/// The audit log has it first, with the arguments. For example: holdfast restic C-1042 -- snapshots
#[derive(Args, Debug)]
pub struct Restic {
    /// The repository: a client's id, or the name of an asset that has no client
    repository: String,
    /// The location to read from [default: the first that can be used]
    #[arg(long, value_name = "NAME")]
    location: Option<String>,
    #[command(flatten)]
    purpose: super::Purpose,
    /// restic's own arguments, after `--`
    #[arg(last = true, required = true)]
    args: Vec<String>,
}

/// Returns restic's exit code.
pub fn run(context: &Context, command: &Restic) -> Result<u8> {
    let setup = context.setup()?;
    let (location, purpose) = (command.location.as_deref(), command.purpose.purpose.as_deref());
    restic::restic(&setup, &command.repository, location, &command.args, purpose)
}
