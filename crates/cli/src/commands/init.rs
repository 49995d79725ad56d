//! `holdfast init`.

use std::path::PathBuf;

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::init;

use crate::context::Context;
use crate::output;

/// Write a policy, a commented estate and a new key ring; never overwrites
#[derive(Args, Debug)]
pub struct Init {
    /// The folder [default: the one that --config names]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Write the policy of a real hosting company instead of placeholders
    #[arg(long)]
    example: bool,
}

pub fn run(context: &Context, command: &Init) -> Result<Ending> {
    let folder = command.folder.clone().unwrap_or_else(|| context.places().config);
    let written = init::init(&folder, command.example)?;
    if context.options.json {
        output::json(&written);
    } else {
        for path in &written {
            output::line(format!("wrote {}", path.display()));
        }
        output::line(format!(
            "next: describe your sites, locations and assets in {}, then run `holdfast --config {} validate`",
            folder.join("estate.toml").display(),
            folder.display()
        ));
    }
    Ok(Ending::Done)
}
