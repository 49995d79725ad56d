//! Years of the policy, simulated: the report, and its files.

mod plots;

use std::path::{Path, PathBuf};

use holdfast_model::Policy;
use holdfast_model::simulate::{Scenario, Simulation, simulate as run};

use crate::error::{Error, Result};

/// The longest time, and the most assets, that one simulation may have.
pub const YEARS_MAX: u32 = 20;
/// See [`YEARS_MAX`].
pub const ASSETS_MAX: u32 = 200_000;

/// Runs a scenario.
pub fn simulate(policy: &Policy, scenario: &Scenario) -> Result<Simulation> {
    let within = |what: &str, value: u32, max: u32| {
        if (1..=max).contains(&value) {
            return Ok(());
        }
        Err(Error::usage(format!("{value} {what} cannot be simulated: give 1 to {max}")))
    };
    within("years", scenario.years, YEARS_MAX)?;
    within("assets", scenario.assets, ASSETS_MAX)?;
    run(policy, scenario).ok_or_else(|| Error::usage("the days of the scenario lie outside of the calendar"))
}

/// Writes the simulation as JSON, and its plots as SVG, into a folder. Returns what was written.
pub fn write(simulation: &Simulation, folder: &Path) -> Result<Vec<PathBuf>> {
    let trouble =
        |path: &Path, e: &dyn std::fmt::Display| Error::not_done(format!("write {}: {e}", path.display()));
    std::fs::create_dir_all(folder).map_err(|e| trouble(folder, &e))?;
    let json = serde_json::to_string_pretty(simulation).map_err(|e| trouble(folder, &e))?;
    let plot = |plot: std::result::Result<String, String>| plot.map_err(|e| trouble(folder, &e));
    let files = [
        ("simulation.json", json),
        ("age.svg", plot(plots::ages(simulation))?),
        ("stored.svg", plot(plots::stored(simulation))?),
        ("sent.svg", plot(plots::sent(simulation))?),
    ];
    let mut written = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|e| trouble(&path, &e))?;
        written.push(path);
    }
    Ok(written)
}
