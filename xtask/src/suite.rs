//! `cargo xtask test`: the lab, then every test.
//!
//! Tests that need a program fail without it rather than skip, so the lab comes first; and the program under test
//! is built before the runner starts, so that no test times a compiler.

use anyhow::Result;

use crate::{lab, process, workspace};

/// Which tests, and how many rounds.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run the full counts (hundreds of kills, files of gigabytes) and not the reduced ones.
    #[arg(long)]
    long: bool,
    /// Do not install the lab first.
    #[arg(long)]
    no_lab: bool,
    /// Only tests whose name contains this, and any other arguments of `cargo nextest run`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    filter: Vec<String>,
}

/// Installs what is missing, builds, and runs the tests; the last lines are the runner's own count.
pub(crate) fn run(args: &Args) -> Result<()> {
    if !args.no_lab {
        lab::install(&lab::Args::default())?;
    }
    let lab = lab::folder()?;
    let nextest = process::find("cargo-nextest", &[&lab.join("bin")]);
    let nextest = nextest.unwrap_or_else(|| "cargo-nextest".into());
    let mut build =
        process::command(workspace::cargo(), &["build", "--workspace", "--all-targets", "--quiet"]);
    build.current_dir(workspace::root());
    process::stream(build)?;
    let mut tests = process::command(nextest, &["nextest", "run", "--workspace", "--no-fail-fast"]);
    tests.args(&args.filter).current_dir(workspace::root()).env("HOLDFAST_LAB", &lab);
    if args.long {
        tests.args(["--profile", "long"]).env("HOLDFAST_TEST_LONG", "1");
    }
    process::stream(tests)
}
