//! `cargo xtask bench growth`: how our cost grows with what there is.
//!
//! A program that is quick on thirty sites may stand still on three thousand. So each size is multiplied by ten (or two)
//! while all others stay, and the exponent of the growth is fitted: 1 is linear, 0 is constant. Anything above linear is
//! flagged, for it is a defect or needs an explanation.

mod axes;
mod fit;
mod judging;
mod plot;
mod series;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::peer::{self, Peer};
use super::{build_ours, folder, machine, report};
use crate::lab;
use series::Series;

/// How far to go.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How large the largest sizes are: small takes a minute, medium some ten, full an hour and 60 GB of disk.
    #[arg(long, value_enum, default_value = "small")]
    growth_max: Extent,
    /// Only these.
    #[arg(long, value_enum, value_delimiter = ',')]
    axes: Vec<axes::Axis>,
    /// How many times each is measured; the quickest counts.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Measure this program as ours and build none.
    #[arg(long, value_name = "FILE")]
    ours: Option<PathBuf>,
    /// Put the table into docs/performance.md and the picture beside it.
    #[arg(long)]
    write_docs: bool,
}

/// Upper bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Extent {
    /// 10^4 files, 10^5 blobs, 100 points, 2 locations, 100 MB, 30,000 runs.
    Small,
    /// 10^5 files, 10^6 blobs, 1,000 points, 3 locations, 2 GB, 90,000 runs.
    Medium,
    /// 10^6 files, 10^7 blobs, 10,000 points, 4 locations, 20 GB, 365,000 runs.
    Full,
}

const PICTURE: &str = "performance-growth.svg";

/// Measures along every axis, and leaves a table and a picture.
pub(super) fn run(args: &Args, bench: &Path) -> Result<()> {
    let program = args.ours.clone().map_or_else(build_ours, Ok)?;
    // Nobody is called that: ours alone is measured.
    let mut peers = peer::installed(&program, &lab::folder()?, &["none".to_owned()]);
    let ours: Peer = peers.drain(..).next().context("ours is always there")?;
    let stand = axes::Stand { ours: &ours, bench, rounds: args.rounds.max(1) };
    let mut all = Vec::new();
    for axis in axes::Axis::ALL {
        if args.axes.is_empty() || args.axes.contains(&axis) {
            all.extend(axes::measure(&stand, axis, args.growth_max)?);
        }
    }
    folder::remove(&bench.join("scratch"))?;
    let text = markdown(bench, &ours, &all);
    println!("\n{text}");
    std::fs::write(bench.join("growth.md"), &text)?;
    let document = serde_json::json!({
        "date": machine::date(),
        "machine": machine::describe(bench),
        "series": all.iter().map(Series::json).collect::<Vec<_>>(),
    });
    std::fs::write(bench.join("growth.json"), serde_json::to_string_pretty(&document)?)?;
    plot::lines(&all, &bench.join(PICTURE))?;
    println!("bench: written to {}", bench.join("growth.{md,json}").display());
    if args.write_docs {
        std::fs::copy(bench.join(PICTURE), report::docs().join(PICTURE))?;
        report::put_between_marks("growth", &text)?;
    }
    Ok(())
}

fn markdown(bench: &Path, ours: &Peer, all: &[Series]) -> String {
    let mut text = format!("Measured on {} with {}.\n\n", machine::date(), ours.title());
    for line in machine::describe(bench) {
        let _ = writeln!(text, "- {line}");
    }
    let _ = write!(text, "\n![Growth]({PICTURE})\n\n");
    text.push_str("| what grows | work | size: seconds | exponent | last step | peak memory, MB | |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for series in all {
        let _ = writeln!(text, "{}", series.row());
    }
    text
}
