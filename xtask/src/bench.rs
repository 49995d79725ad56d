//! `cargo xtask bench`: ours and every peer that is installed, on the same bytes, in the same run.
//!
//! A time by itself says more about the machine and its neighbours than about the program. So peers run in
//! alternation, each round in another order, and what counts is the ratio against the best of them within this
//! run, with its spread. Nothing measured here is compared with a number that was written down earlier.

mod measure;
mod peer;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use holdfast_testkit::corpus::{self, Corpus};

use crate::{lab, process, workspace};
pub(crate) use measure::{MeasureArgs, measure};
use peer::Peer;
use table::{Sample, Table};

/// What is measured, and with what.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these works. The first backup is always made, because the others need it.
    #[arg(value_enum)]
    works: Vec<Work>,
    /// How many sites the corpus has.
    #[arg(long, default_value_t = 30)]
    sites: usize,
    /// How many times each peer does each work.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only peers whose name contains one of these words, ours aside.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Measure this program as ours and build none, to compare two builds.
    #[arg(long, value_name = "FILE")]
    ours: Option<PathBuf>,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    /// The first backup into a new repository.
    First,
    /// Another backup, with nothing changed.
    Unchanged,
    /// A restore of everything into an empty folder, in memory where it fits.
    Restore,
    /// A check that reads all data.
    Verify,
}

impl Work {
    pub(crate) const ALL: [Work; 4] = [Work::First, Work::Unchanged, Work::Restore, Work::Verify];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Work::First => "first backup",
            Work::Unchanged => "nothing changed",
            Work::Restore => "restore",
            Work::Verify => "check, all data read",
        }
    }
}

/// Measures, and leaves the table on standard output and in the bench folder.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.rounds == 0 || args.sites == 0 {
        bail!("no rounds or no sites: nothing to measure")
    }
    let folder = bench_folder();
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let ours = args.ours.clone().map_or_else(build_ours, Ok)?;
    let peers = peer::installed(&ours, &lab::folder()?, &args.peers);
    println!("bench: {}", peers.iter().map(Peer::title).collect::<Vec<_>>().join(", "));
    let corpus = corpus_of(&folder, args.sites)?;
    let mut table = Table::new(&corpus.title());
    let scratch = folder.join("scratch");
    for round in 0..args.rounds {
        for turn in 0..peers.len() {
            let peer = &peers[(turn + round) % peers.len()];
            remove(&scratch)?;
            let outcome = one_round(peer, &corpus, &scratch, &args.works, &mut table);
            if let Err(error) = outcome {
                println!("bench: round {}: {}: FAILED: {error:#}", round + 1, peer.name);
                table.failed(&peer.title(), &format!("{error:#}"));
            }
        }
    }
    remove(&scratch)?;
    let markdown = table.markdown(args.rounds);
    println!("\n{markdown}");
    std::fs::write(folder.join("bench.md"), &markdown)?;
    std::fs::write(folder.join("bench.json"), table.json()?)?;
    println!("bench: written to {}", folder.join("bench.{md,json}").display());
    if table.has_failed(&peers[0].title()) {
        bail!("holdfast failed at its work, see above")
    }
    Ok(())
}

struct Measured {
    folder: PathBuf,
    corpus: Corpus,
    files: (u64, u64),
}

impl Measured {
    fn title(&self) -> String {
        let Corpus { sites, entries, bytes, origin } = &self.corpus;
        format!("{} sites, {entries} entries, {:.2} GB; {origin}", sites.len(), *bytes as f64 / 1e9)
    }
}

/// The corpus is made anew each time: a run that was cut short must not leave half of one to the next.
fn corpus_of(folder: &Path, count: usize) -> Result<Measured> {
    let sites = folder.join("sites");
    remove(&sites)?;
    println!("bench: making {count} sites in {}", sites.display());
    let corpus = corpus::make_sites(&sites, &lab::folder()?.join("packages"), count)?;
    // Reading all of it once warms the page cache for whoever comes first.
    let files = count_files(&sites, true)?;
    let measured = Measured { folder: sites, corpus, files };
    println!("bench: {}", measured.title());
    Ok(measured)
}

fn one_round(
    peer: &Peer,
    corpus: &Measured,
    scratch: &Path,
    works: &[Work],
    table: &mut Table,
) -> Result<()> {
    let wanted = |work: Work| works.is_empty() || works.contains(&work);
    peer.prepare(scratch, &corpus.folder)?;
    for work in Work::ALL {
        if work != Work::First && !wanted(work) {
            continue;
        }
        let target = restore_folder(scratch, corpus.corpus.bytes);
        remove(&target)?;
        std::fs::create_dir_all(&target)?;
        process::output(process::command::<&str>("sync", &[]))?;
        let command = peer.command(work, scratch, &corpus.folder, &target);
        let usage = measure::run(&command, scratch);
        let restored = if work == Work::Restore { count_files(&target, false) } else { Ok(corpus.files) };
        remove(&target)?;
        let usage = usage?;
        if restored? != corpus.files {
            bail!("its restore gave other files than the source has")
        }
        let stored_bytes =
            if work == Work::First { count_files(&peer.repository(scratch), false)?.1 } else { 0 };
        println!("bench: {:<16} {:<21} {}", peer.name, work.name(), usage);
        if work != Work::First || wanted(Work::First) {
            table.add(&peer.title(), Sample { work, usage, stored_bytes });
        }
    }
    Ok(())
}

/// `$HOLDFAST_BENCH_DIR`, else `target/bench`.
fn bench_folder() -> PathBuf {
    std::env::var_os("HOLDFAST_BENCH_DIR")
        .map_or_else(|| workspace::root().join("target/bench"), PathBuf::from)
}

/// In memory, so that the disk's writing is not what is measured, unless memory is short.
fn restore_folder(scratch: &Path, bytes: u64) -> PathBuf {
    let df = process::output(process::command("df", &["--output=avail", "-B1", "/dev/shm"]));
    let free: u64 = df.ok().and_then(|text| text.lines().nth(1)?.trim().parse().ok()).unwrap_or(0);
    if free > bytes * 2 {
        return PathBuf::from(format!("/dev/shm/holdfast-bench-{}", std::process::id()));
    }
    scratch.join("restored")
}

fn build_ours() -> Result<PathBuf> {
    println!("bench: building holdfast (release)");
    let mut build =
        process::command(workspace::cargo(), &["build", "--quiet", "--release", "--package", "holdfast-cli"]);
    build.current_dir(workspace::root());
    process::stream(build)?;
    Ok(workspace::target().join("release/holdfast"))
}

/// Regular files below a folder and the sum of their sizes.
fn count_files(folder: &Path, read: bool) -> Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let facts = path.symlink_metadata()?;
        if facts.is_dir() {
            let (below, size) = count_files(&path, read)?;
            files += below;
            bytes += size;
        } else if facts.is_file() {
            files += 1;
            bytes += facts.len();
            if read {
                std::io::copy(&mut std::fs::File::open(&path)?, &mut std::io::sink())?;
            }
        }
    }
    Ok((files, bytes))
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
