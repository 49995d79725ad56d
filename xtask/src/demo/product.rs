//! The program as people call it: arguments, output, exit code. An exit code that is not the promised one ends the
//! demo, because scripts and monitoring will see nothing else.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::process;

/// Lines of one command's output that the story shows.
const LINES_SHOWN: usize = 22;

/// The built program with the demo's own configuration.
pub(super) struct Product {
    program: PathBuf,
    config: PathBuf,
    state: PathBuf,
    /// What its wall clock shows, for whoever cannot wait.
    clock: Option<String>,
}

impl Product {
    pub(super) fn new(program: PathBuf, config: &Path, state: &Path) -> Product {
        Product { program, config: config.to_owned(), state: state.to_owned(), clock: None }
    }

    /// The same with another configuration and state.
    pub(super) fn moved(&self, config: &Path, state: &Path) -> Product {
        Product { clock: self.clock.clone(), ..Product::new(self.program.clone(), config, state) }
    }

    /// The same at another time, as `faketime` reads it.
    pub(super) fn at(&self, clock: &str) -> Product {
        let (program, config, state) = (self.program.clone(), self.config.clone(), self.state.clone());
        Product { program, config, state, clock: Some(clock.to_owned()) }
    }

    /// Another program of the same build.
    pub(super) fn beside(&self, name: &str) -> Result<PathBuf> {
        let path = self.program.with_file_name(name);
        if !path.is_file() {
            bail!("{} is missing: it is built with the workspace", path.display())
        }
        Ok(path)
    }

    /// Runs a command without a word, and fails unless it ends with that code.
    pub(super) fn quietly(&self, args: &[&str], code: i32) -> Result<Output> {
        let (output, shown) = self.call(args, &[])?;
        if output.status.code() != Some(code) {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "`holdfast {shown}` must end with {code}, and ended with {}; it said:\n{said}",
                output.status
            )
        }
        Ok(output)
    }

    /// What a command tells as JSON.
    pub(super) fn json(&self, args: &[&str], code: i32) -> Result<serde_json::Value> {
        let output = self.quietly(&[args, &["--json"]].concat(), code)?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`{}` printed no JSON", args.join(" ")))
    }

    /// Runs a command, shows what it said, and fails unless it ends with that code.
    pub(super) fn expect(&self, args: &[&str], more: &[&OsStr], code: i32) -> Result<()> {
        let start = Instant::now();
        let (output, shown) = self.call(args, more)?;
        let seconds = start.elapsed().as_secs_f64();
        println!("   $ holdfast {shown}");
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let is_rule = |line: &str| line.chars().all(|each| "─═ ".contains(each));
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !is_rule(line)).collect();
        for line in lines.iter().take(LINES_SHOWN) {
            println!("     {line}");
        }
        if lines.len() > LINES_SHOWN {
            println!("     ... and {} more lines", lines.len() - LINES_SHOWN);
        }
        println!("     (exit {}, {seconds:.1} s)", output.status.code().unwrap_or(-1));
        if output.status.code() != Some(code) {
            bail!(
                "`holdfast {shown}` must end with {code}, and ended with {}; it said:\n{text}",
                output.status
            )
        }
        Ok(())
    }

    /// Runs a command and shows all that it said on stdout; fails unless it ends with that code.
    pub(super) fn whole(&self, args: &[&str], code: i32) -> Result<()> {
        let output = self.quietly(args, code)?;
        println!("   $ holdfast {}", args.join(" "));
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            println!("     {line}");
        }
        println!("     (exit {code})");
        Ok(())
    }

    /// The codes of what `validate` finds, which must not be errors.
    pub(super) fn findings(&self) -> Result<BTreeSet<String>> {
        let (output, shown) = self.call(&["validate", "--json"], &[])?;
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        let findings: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`holdfast {shown}` printed no JSON list: {}", said()))?;
        let code = output.status.code();
        if code != Some(1) {
            bail!("`holdfast {shown}` must end with 1 on findings, and ended with {code:?}: {findings:#?}")
        }
        let code =
            |finding: &serde_json::Value| finding["code"].as_str().unwrap_or("without a code").to_owned();
        // What the policy's own words leave open is the same on any number of machines; `policy lint` tells it.
        Ok(findings.iter().map(code).filter(|code| !code.starts_with("lint.")).collect())
    }

    fn call(&self, args: &[&str], more: &[&OsStr]) -> Result<(Output, String)> {
        let mut command: Command = match &self.clock {
            None => process::command::<&str>(&self.program, &[]),
            Some(clock) => {
                let mut command = process::command("faketime", &[clock]);
                // Waiting is measured by the kernel's own monotonic clock.
                command.arg(&self.program).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
                command
            }
        };
        command.arg("--config").arg(&self.config).arg("--state").arg(&self.state);
        command.args(args).args(more);
        let more = more.iter().map(|arg| arg.to_string_lossy().into_owned());
        let shown = args.iter().map(|arg| (*arg).to_owned()).chain(more).collect::<Vec<_>>().join(" ");
        let output = command.output().with_context(|| format!("cannot start {}", self.program.display()))?;
        Ok((output, shown))
    }
}
