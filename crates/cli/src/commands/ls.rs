//! `holdfast ls`.

use clap::Args;
use holdfast_ops::ending::Ending;
use holdfast_ops::error::Result;
use holdfast_ops::ls::{self, ListedEntry};

use crate::context::Context;
use crate::{output, words};

/// Show what is inside a point
///
/// The audit log has it first: who, which point, which path, what for. Without the log nothing is shown.
/// Ends with 4 when damage was met on the way, even if another location had the same whole.
#[derive(Args, Debug)]
pub struct Ls {
    /// The asset, as estate.toml calls it
    asset: String,
    /// A folder below the asset's root [default: the root]
    path: Option<String>,
    #[command(flatten)]
    which: super::WhichPoint,
    /// With everything below
    #[arg(long, short)]
    recursive: bool,
    #[command(flatten)]
    purpose: super::Purpose,
}

pub fn run(context: &Context, command: &Ls) -> Result<Ending> {
    let setup = context.setup()?;
    let which = command.which.which()?;
    let mut entries: Vec<ListedEntry> = Vec::new();
    let is_json = context.options.json;
    let mut see = |entry: ListedEntry| if is_json { entries.push(entry) } else { print(&entry) };
    let (path, purpose) = (command.path.as_deref(), command.purpose.purpose.as_deref());
    let report = ls::ls(
        &setup,
        (&command.asset, command.which.dataset),
        &which,
        path,
        command.recursive,
        purpose,
        &mut see,
    )?;
    if is_json {
        output::json(&entries);
    }
    super::print_troubles(context, &report.troubles);
    Ok(report.ending)
}

fn print(entry: &ListedEntry) {
    let size = if entry.kind == "file" { words::bytes(entry.size) } else { entry.kind.to_owned() };
    let time = entry.mtime.map(words::time).unwrap_or_default();
    let target = entry.target.as_ref().map(|t| format!(" -> {}", t.escape_debug())).unwrap_or_default();
    let mark = entry.mark.as_ref().map(|m| format!("  [{m}]")).unwrap_or_default();
    output::line(format!(
        "{:04o} {:>6} {:>6} {size:>12} {time} {}{target}{mark}",
        entry.permissions,
        entry.uid,
        entry.gid,
        entry.path.escape_debug()
    ));
}
