//! `cargo xtask bench dumps`: a day of hourly dumps of a WHMCS at work, ours beside `mariadb-dump | restic backup --stdin`.
//!
//! A dump is made anew each hour though next to nothing changed; what it costs is decided by how little of it is stored
//! again. Both programs dump the same state of one database, each into a repository of its own, in alternating order. Beside
//! them the dump tool alone writes to nowhere: no program that uses it can be quicker.

mod large;
mod plot;
mod report;
mod stand;
mod stored;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use holdfast_testkit::apps::whmcs::{Whmcs, WhmcsOptions};
use holdfast_testkit::servers::Mariadb;

use super::peer::{self, Peer};
use super::{build_ours, folder, size};
use crate::lab;
use stand::{Dump, Stand};

/// How long a day, of how large an install.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many dumps, an hour of business between two of them; 0 leaves the day out.
    #[arg(long, default_value_t = 24)]
    hours: usize,
    /// The size of the WHMCS: 1 is of middling size, a thousand clients and a million rows of logs.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Minutes of the workload in an hour of business; its pace is some three hundred times that of a real install.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Dump one table of about this size as well, twice, for memory and throughput; 0 leaves it out.
    #[arg(long, default_value = "2GB", value_parser = size::parse, value_name = "SIZE")]
    large: u64,
    /// Measure this program as ours and build none.
    #[arg(long, value_name = "FILE")]
    ours: Option<PathBuf>,
    /// Put the tables into docs/performance.md and the picture beside it.
    #[arg(long)]
    write_docs: bool,
}

/// What was measured.
struct Measured {
    /// Name and version of ours, of restic, and of the dump tool.
    titles: [String; 3],
    /// Empty if the day was left out.
    hours: Vec<Dump>,
    /// First, and again with nothing changed; empty if it was left out.
    large: Vec<Dump>,
}

/// Larger than a test needs: otherwise filling the large table would take longer than all that is measured.
const SERVER: [&str; 2] = ["--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M"];

/// Measures a day, then the large table, and leaves tables and a picture.
pub(super) fn run(args: &Args, bench: &Path) -> Result<()> {
    if args.hours == 1 {
        bail!("one dump is no day: what changed between two cannot be told")
    }
    let program = args.ours.clone().map_or_else(build_ours, Ok)?;
    let peers = peer::installed(&program, &lab::folder()?, &["restic".to_owned()]);
    let [ours, restic, ..] = &peers[..] else { bail!("restic is not installed: run `cargo xtask lab`") };
    let scratch = bench.join("scratch");
    folder::remove(&scratch)?;
    let server = Mariadb::start(&SERVER);
    let titles = [ours.title(), restic.title(), stand::tool_version(&server)?];
    let hours = match args.hours {
        0 => Vec::new(),
        _ => day(args, &server, ours, restic, &scratch.join("day"))?,
    };
    let large = match args.large {
        0 => Vec::new(),
        bytes => large::measure(bytes, &server, ours, restic, &scratch.join("large"))?,
    };
    drop(server);
    folder::remove(&scratch)?;
    report::write(args, bench, &Measured { titles, hours, large })
}

fn day(args: &Args, server: &Mariadb, ours: &Peer, restic: &Peer, scratch: &Path) -> Result<Vec<Dump>> {
    println!("bench: dumps: making a WHMCS of scale {}", args.scale);
    let options = WhmcsOptions { scale: args.scale, ..WhmcsOptions::default() };
    let home = scratch.join("whmcs");
    std::fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let whmcs = Whmcs::install(server, &home, &options);
    let stand = Stand::prepare(server, &options.database, ours, restic, scratch)?;
    let mut dumps = Vec::new();
    for hour in 0..args.hours {
        if hour > 0 {
            whmcs.work(hour as u64, args.minutes);
        }
        let dump = stand.dump(hour % 2 == 1)?;
        println!("bench: dumps: {:>2}  {dump}", hour + 1);
        dumps.push(dump);
    }
    Ok(dumps)
}
