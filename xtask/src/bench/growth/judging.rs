//! What verdicts cost where there are many assets with a long past. Nobody waits for a backup of a thousand sites at once, but
//! the daemon judges after every one of them: were that slow, it would do nothing else.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::axes::Stand;
use crate::bench::estate::{self, Website};
use crate::bench::folder;
use crate::bench::measure::{self, Usage};
use crate::{process, workspace};

/// As many assets as a hosting company may have; where there are fewer runs, they have a month of them.
const ASSETS_MAX: u64 = 1_000;

/// The first verdicts on a ledger with so many runs, and those after them, when nothing happened.
pub(super) fn measure(stand: &Stand<'_>, runs: u64) -> Result<[(&'static str, Usage); 2]> {
    let scratch = stand.bench.join("scratch");
    folder::remove(&scratch)?;
    let (state, config) = (scratch.join("state"), scratch.join("config"));
    std::fs::create_dir_all(&state)?;
    let assets = (runs / 30).min(ASSETS_MAX);
    let names: Vec<String> = (0..assets).map(|number| format!("client{number:05}")).collect();
    let path = scratch.join("site");
    std::fs::create_dir_all(&path)?;
    let websites: Vec<Website<'_>> =
        names.iter().map(|name| Website { name, client: name, path: &path }).collect();
    let places: Vec<PathBuf> = (0..2).map(|number| scratch.join(format!("place{number}"))).collect();
    let places: Vec<String> = places.iter().map(|place| estate::folder_url(place)).collect();
    estate::write(&stand.ours.program, &config, &websites, &places)?;
    // A version of the policy is adopted by somebody.
    let policy = config.join("policy.toml");
    let text = std::fs::read_to_string(&policy)?.replace("# approved_by = ", "approved_by = ");
    std::fs::write(&policy, text)?;
    let generate = workspace::build_example("holdfast-ledger", "generate_ledger")?;
    let mut generate = process::command(generate, &[state.join("ledger.db"), config.join("policy.toml")]);
    generate.args([assets.to_string(), (runs / assets).to_string()]);
    process::output(generate).context("cannot make a ledger up")?;
    let judge = || {
        let mut command = estate::start(&stand.ours.program, &scratch);
        command.args(["status", "--json"]);
        command
    };
    let first = measure::run_red(&judge(), &scratch)?;
    let next = measure::run_red(&judge(), &scratch)?;
    Ok([("first verdicts", first), ("verdicts, nothing new", next)])
}
