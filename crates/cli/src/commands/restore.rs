//! `holdfast restore`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use holdfast_ops::Progress;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::restore::{self, Wish};

use crate::context::Context;
use crate::{output, progress_line, words};

/// Restore an asset, or a part of it
///
/// The asset's root goes into DIR itself: <path>/index.php becomes DIR/index.php. What cannot be read whole at one location
/// is read from the next; that ends with 4 even though the files are whole.
#[derive(Args, Debug)]
pub struct Restore {
    /// The asset, as estate.toml calls it
    asset: String,
    /// The folder to restore into
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    which: super::WhichPoint,
    /// Read from this location only
    #[arg(long, value_name = "NAME")]
    location: Option<String>,
    /// Only what matches: a pattern without a slash matches a name anywhere, one with a slash a path below the root
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Restore over what is in DIR, writing only what differs; what is not in the point stays
    #[arg(long)]
    overwrite: bool,
}

pub fn run(context: &Context, command: &Restore) -> Result<Ending> {
    let setup = context.setup()?;
    let wish = Wish {
        asset: command.asset.clone(),
        to: command.to.clone(),
        which: command.which.which()?,
        location: command.location.clone(),
        include: command.include.clone(),
        overwrite: command.overwrite,
    };
    let progress = Arc::new(Progress::default());
    let report = {
        let _line = progress_line::show(context, &command.asset, &progress);
        restore::restore(&setup, &wish, &progress)?
    };
    if context.options.json {
        output::json(&report);
    } else {
        output::line(format!(
            "{}: point {} from {} restored to {}: {}, {} in {}",
            report.asset,
            words::short(&report.point),
            words::time(report.time),
            report.to.display(),
            words::count(report.restored.files, "file"),
            words::bytes(report.restored.bytes),
            words::seconds(report.seconds),
        ));
        super::print_troubles(context, &report.troubles);
    }
    Ok(report.ending)
}
