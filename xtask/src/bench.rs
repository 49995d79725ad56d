//! `cargo xtask bench`: ours and every peer that is installed, on the same bytes, in the same run.
//!
//! A time by itself says more about the machine and its neighbours than about the program. So peers run in
//! alternation, each round in another order, and what counts is the ratio against the best of them within this
//! run, with its spread. Nothing measured here is compared with a number that was written down earlier.

mod change;
mod clients;
mod cold;
mod dumps;
mod estate;
mod far;
mod floor;
mod folder;
mod growth;
mod machine;
mod material;
mod measure;
mod peer;
mod per_client;
mod plot;
mod report;
mod round;
mod setting;
mod size;
mod spread;
mod table;
mod work;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{lab, process, workspace};
use material::{Kind, Sizes};
pub(crate) use measure::{MeasureArgs, measure};
use peer::Peer;
use report::Circumstances;
use round::Conditions;
use table::Table;
use work::Work;

/// The password of every repository that is made for measuring.
const PASSWORD: &str = "only-for-measuring";

/// A file changed within two seconds before a backup is rightly read again by the next one; the works would otherwise
/// measure each other's changes.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(2_500);

/// What is measured, and with what.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Only these works. The first backup is always made, because the others need it.
    #[arg(value_enum)]
    works: Vec<Work>,
    /// On these corpora.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sites")]
    corpus: Vec<Kind>,
    #[command(flatten)]
    sizes: Sizes,
    /// How many times each peer does each work.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only peers whose name contains one of these words, ours aside.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Measure this program as ours and build none, to compare two builds.
    #[arg(long, value_name = "FILE")]
    ours: Option<PathBuf>,
    /// Forget the page cache before each command (root only).
    #[arg(long)]
    cold: bool,
    /// Put the tables into docs/performance.md and the pictures beside it.
    #[arg(long)]
    write_docs: bool,
    #[command(subcommand)]
    question: Option<Question>,
}

/// Something else than a comparison.
#[derive(clap::Subcommand)]
enum Question {
    /// How our cost grows with files, blobs, points, locations and the size of one file.
    Growth(growth::Args),
    /// What a day of hourly dumps of a WHMCS stores and takes, beside restic fed by the dump tool.
    Dumps(dumps::Args),
}

/// Measures, and leaves tables and pictures in the bench folder, and the tables on standard output.
pub(crate) fn run(args: &Args) -> Result<()> {
    let bench = bench_folder();
    std::fs::create_dir_all(&bench).with_context(|| format!("cannot make {}", bench.display()))?;
    match &args.question {
        Some(Question::Growth(growth)) => return growth::run(growth, &bench),
        Some(Question::Dumps(dumps)) => return dumps::run(dumps, &bench),
        None => {}
    }
    if args.rounds == 0 {
        bail!("no rounds: nothing to measure")
    }
    if args.cold {
        cold::forget_page_cache()?;
    }
    let ours = args.ours.clone().map_or_else(build_ours, Ok)?;
    let peers = peer::installed(&ours, &lab::folder()?, &args.peers);
    println!("bench: {}", peers.iter().map(Peer::title).collect::<Vec<_>>().join(", "));
    let mut tables = Vec::new();
    for kind in &args.corpus {
        tables.push(corpus(*kind, args, &peers, &bench)?);
    }
    folder::remove(&bench.join("scratch"))?;
    let texts = report::write(&bench, &tables, &Circumstances { rounds: args.rounds, is_cold: args.cold })?;
    println!("\n{}\nbench: written to {}", texts.join("\n"), bench.join("bench.{md,json}").display());
    if tables.iter().any(|table| table.has_failed(&peers[0].title())) {
        bail!("holdfast failed at its work, see above")
    }
    if args.write_docs {
        report::write_docs(&bench, &texts, &tables)?;
    }
    Ok(())
}

/// Everything that is measured on one corpus.
fn corpus(kind: Kind, args: &Args, peers: &[Peer], bench: &Path) -> Result<Table> {
    let (material, mut change) = material::make(kind, bench, &args.sizes)?;
    let scratch = bench.join("scratch");
    let works: Vec<Work> = Work::of(kind)
        .into_iter()
        .filter(|work| args.works.is_empty() || args.works.contains(work))
        .collect();
    let mut table =
        Table::new(kind, &material.title, floor::measure(&material, &scratch, round::CHANGED_EVERY)?);
    let conditions = Conditions { scratch: &scratch, works: &works, is_cold: args.cold };
    for round in 0..args.rounds {
        for turn in 0..peers.len() {
            let peer = &peers[(turn + round) % peers.len()];
            if !peer.can(Work::First, kind) {
                continue;
            }
            let turns = [
                (Work::First, round::local(peer, &material, &mut change, &conditions, &mut table)),
                (Work::TwoLocations, two_locations(peer, &material, &conditions, &mut table)),
                (Work::FarFirst, far::turn(peer, &material, &conditions, &mut table)),
                (Work::PerClientFirst, per_client::turn(peer, &material, &conditions, &mut table)),
            ];
            for (work, outcome) in turns {
                if let Err(error) = outcome {
                    table.failed(&peer.title(), work, &format!("{error:#}"));
                }
            }
        }
        if let Err(error) = clients::turn(&peers[0], bench, args.sizes.clients, &conditions, &mut table) {
            table.failed(&peers[0].title(), Work::Clients, &format!("{error:#}"));
        }
    }
    folder::remove(&material.folder)?;
    if let Some(repository) = &material.repository {
        folder::remove(repository)?;
    }
    Ok(table)
}

fn two_locations(
    peer: &Peer,
    material: &material::Material,
    conditions: &Conditions<'_>,
    table: &mut Table,
) -> Result<()> {
    if !conditions.wants_any(&[Work::TwoLocations], peer, material.kind) {
        return Ok(());
    }
    round::two_locations(peer, material, conditions, table)
}

/// `$HOLDFAST_BENCH_DIR`, else `target/bench`.
fn bench_folder() -> PathBuf {
    std::env::var_os("HOLDFAST_BENCH_DIR")
        .map_or_else(|| workspace::root().join("target/bench"), PathBuf::from)
}

fn build_ours() -> Result<PathBuf> {
    println!("bench: building holdfast (release)");
    let mut build =
        process::command(workspace::cargo(), &["build", "--quiet", "--release", "--package", "holdfast-cli"]);
    build.current_dir(workspace::root());
    process::stream(build)?;
    Ok(workspace::target().join("release/holdfast"))
}
