//! Programs that are built from the Rust registry, once, with their own lock files, and kept in the lab.
//!
//! A build that failed must not look like a program that is absent on purpose: the installer ends with an error,
//! and the build's whole output lies in a log beside the lab.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{process, workspace};

/// One program of the Rust registry.
pub(super) struct Program {
    /// What it is called once built.
    pub(super) binary: &'static str,
    package: &'static str,
    version: &'static str,
    /// Any installed version will do, wherever it lies.
    any_version: bool,
    /// Whether it takes minutes.
    pub(super) slow: bool,
}

/// In the order in which a build needs them.
pub(super) const PROGRAMS: &[Program] = &[
    Program {
        binary: "cargo-nextest",
        package: "cargo-nextest",
        version: "0.9.143",
        any_version: true,
        slow: false,
    },
    Program {
        binary: "cargo-deny",
        package: "cargo-deny",
        version: "0.20.2",
        any_version: false,
        slow: false,
    },
    Program { binary: "rustic", package: "rustic-rs", version: "0.11.4", any_version: false, slow: true },
];

/// Builds the program unless the lab has it.
pub(super) fn ensure(lab: &Path, program: &Program) -> Result<String> {
    let binary = lab.join("bin").join(program.binary);
    if program.any_version
        && let Some(found) = process::find(program.binary, &[&lab.join("bin")])
    {
        return Ok(format!("installed at {}", found.display()));
    }
    if says_version(&binary, program.version) {
        return Ok(format!("{} is installed", program.version));
    }
    println!("lab: {}: building {} from source; this is done once", program.binary, program.version);
    let log_path = lab.join(format!("{}.log", program.package));
    let log = File::create(&log_path).with_context(|| format!("cannot write {}", log_path.display()))?;
    let mut build = process::command(workspace::cargo(), &["install", "--locked", "--force", "--root"]);
    build.arg(lab).args(["--version", program.version, program.package]);
    // From the lab and not from here: this repository's cargo settings are not theirs.
    build.current_dir(lab).env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    build.stdout(log.try_clone()?).stderr(log);
    let status = build.status().context("cannot start cargo")?;
    if !status.success() || !says_version(&binary, program.version) {
        let log = std::fs::read_to_string(&log_path).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n    ");
        bail!("{} was not built ({status}); {} ends with:\n    {tail}", program.package, log_path.display())
    }
    Ok(format!("{} built", program.version))
}

fn says_version(binary: &Path, version: &str) -> bool {
    let said = process::output(process::command(binary, &["--version"]));
    said.is_ok_and(|said| said.split_whitespace().any(|word| word.trim_start_matches('v') == version))
}
