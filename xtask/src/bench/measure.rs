//! One command, measured from outside: wall time, processor time and peak memory.
//!
//! The kernel keeps these figures for the finished children of a process, summed up; peak memory of one among
//! several cannot be told apart afterwards. So each command runs as the only child of a process of its own: this
//! program, started again with the hidden task `measure`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::process;

/// What one command took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// From start to end.
    pub(crate) wall: Duration,
    /// User and system time of all its threads.
    pub(crate) processor: Duration,
    /// The largest memory that it held at once.
    pub(crate) memory_bytes: u64,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wall, processor) = (self.wall.as_secs_f64(), self.processor.as_secs_f64());
        write!(f, "{wall:7.2} s {processor:7.2} s CPU {:5} MB", self.memory_bytes / 1_000_000)
    }
}

/// Arguments of the hidden task.
#[derive(clap::Args)]
pub(crate) struct MeasureArgs {
    /// The file that takes the figures.
    report: PathBuf,
    /// The command.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<std::ffi::OsString>,
}

/// Runs a command, which must succeed, and returns what it took.
pub(crate) fn run(command: &Command, scratch: &Path) -> Result<Usage> {
    let report = scratch.join("usage");
    let own = std::env::current_exe().context("cannot find this program")?;
    let mut outer = process::command(own, &["measure"]);
    outer.arg(&report).arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    process::output(outer).with_context(|| format!("`{}`", process::shown(command)))?;
    let text = std::fs::read_to_string(&report).context("the measured command left no figures")?;
    let figures: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [wall, processor, memory_bytes] = figures[..] else { bail!("figures of an unknown kind: {text}") };
    Ok(Usage { wall: Duration::from_micros(wall), processor: Duration::from_micros(processor), memory_bytes })
}

/// The hidden task: runs the command as the only child and writes down what it took.
pub(crate) fn measure(args: &MeasureArgs) -> Result<()> {
    let command = process::command(&args.command[0], &args.command[1..]);
    let start = Instant::now();
    process::stream(command)?;
    let wall = start.elapsed().as_micros();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("the kernel gives no figures")?;
    let processor = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let memory_bytes = usage.max_rss() * 1024;
    std::fs::write(&args.report, format!("{wall} {processor} {memory_bytes}\n"))
        .with_context(|| format!("cannot write {}", args.report.display()))
}
