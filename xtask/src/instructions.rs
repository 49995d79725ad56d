//! `cargo xtask instructions`: how many instructions four small works take, compared with the committed counts.
//!
//! A change that makes the engine slower by a few percent is lost in the noise of any timed test, and a timed test that
//! fails for its neighbour's sake is soon switched off. Instructions of a fixed work on one thread are nearly the same on
//! every run, so callgrind's count is what CI can assert.
//!
//! What it cannot tell: waiting, system calls, caches, cores. And callgrind's processor lacks the SHA and wide AES
//! instructions that ours uses where there are any, so hashing weighs more in the counts than in life; the parts that are
//! our own code are what the check is for. Counts follow the compiler: another one is given a wider margin.

mod counts;

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{lab, process, workspace};
use counts::{Counts, Verdict};

/// Whether the counts are to be taken as they are.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write the counts down as what is to be expected from now on.
    #[arg(long)]
    accept: bool,
    /// Count so many times and say how far apart the counts are; compares and writes nothing.
    #[arg(long, value_name = "TIMES", conflicts_with = "accept")]
    spread: Option<usize>,
}

/// In the order in which they build on each other.
const WORKS: [&str; 4] = ["archive", "unchanged", "restore", "verify"];

/// Counts, and compares or writes down.
pub(crate) fn run(args: &Args) -> Result<()> {
    if process::find("valgrind", &[]).is_none() {
        lab::ensure_packages(&["valgrind"]).context("instructions are counted with valgrind")?;
    }
    let program = workspace::build_example("holdfast-repo", "small_work")?;
    if let Some(times) = args.spread {
        return spread(&program, times);
    }
    let counted = count(&program)?;
    let file = workspace::root().join("xtask/instructions.toml");
    if args.accept {
        counted.write(&file)?;
        println!("instructions: written to {}", file.display());
        return Ok(());
    }
    let expected = Counts::read(&file)?;
    let mut is_over = false;
    for (work, verdict) in expected.compare(&counted) {
        println!("instructions: {work:<10} {verdict}");
        is_over |= matches!(verdict, Verdict::More { .. } | Verdict::Less { .. } | Verdict::Missing);
    }
    if expected.compiler != counted.compiler {
        println!(
            "instructions: the committed counts are of {}, these of {}; so the margin is wider",
            expected.compiler, counted.compiler
        );
    }
    if is_over {
        bail!(
            "the counts are off; where that is meant, `cargo xtask instructions --accept` writes the new ones down"
        )
    }
    Ok(())
}

fn spread(program: &Path, times: usize) -> Result<()> {
    let all = (0..times).map(|_| count(program)).collect::<Result<Vec<_>>>()?;
    for work in WORKS {
        let counts: Vec<u64> = all.iter().filter_map(|counts| counts.works.get(work).copied()).collect();
        let (Some(least), Some(most)) = (counts.iter().min(), counts.iter().max()) else { continue };
        let percent = 100.0 * (most - least) as f64 / (*least).max(1) as f64;
        println!("instructions: {work:<10} {counts:?}: {percent:.3} % apart");
    }
    Ok(())
}

/// Every work once, each on what the one before left.
fn count(program: &Path) -> Result<Counts> {
    // The folder's path is part of what is archived: always the same, and as long on every machine.
    let folder = Path::new("/tmp/holdfast-instructions");
    remove(folder)?;
    std::fs::create_dir_all(folder)?;
    let mut prepare = process::command(program, &["prepare"]);
    prepare.arg(folder);
    process::output(prepare)?;
    let mut counts = Counts::of_this_compiler()?;
    for work in WORKS {
        let report = folder.join(format!("callgrind.{work}"));
        let mut valgrind =
            process::command("valgrind", &["--tool=callgrind", "--quiet", "--error-exitcode=99"]);
        valgrind.arg(format!("--callgrind-out-file={}", report.display()));
        valgrind.arg(program).arg(work).arg(folder);
        // Variables of the caller lie on the stack of every program, and shift it.
        valgrind.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        process::output(valgrind)?;
        let text = std::fs::read_to_string(&report).context("callgrind left no report")?;
        counts.works.insert(work.to_owned(), counts::total(&text)?);
    }
    remove(folder)?;
    Ok(counts)
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
