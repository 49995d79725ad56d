//! One command, measured from outside: wall time, processor time, peak memory and bytes read.
//!
//! The kernel keeps times and memory for the finished children of a process, summed up; peak memory of one among
//! several cannot be told apart afterwards. So each command runs as the only child of a process of its own: this
//! program, started again with the hidden task `measure`. Bytes read stand in `/proc/PID/io`, which vanishes with the
//! process; so it is read between the command's end and the call that takes its exit status.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

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
    /// What its read calls returned, whether it came from the page cache, the disk or a socket (`rchar`).
    pub(crate) read_bytes: u64,
    /// What was fetched from the disk for it (`read_bytes`): next to nothing while the page cache is warm.
    pub(crate) disk_read_bytes: u64,
}

impl Usage {
    /// Both commands, one after the other.
    pub(super) fn then(self, next: &Usage) -> Usage {
        Usage {
            wall: self.wall + next.wall,
            processor: self.processor + next.processor,
            memory_bytes: self.memory_bytes.max(next.memory_bytes),
            read_bytes: self.read_bytes + next.read_bytes,
            disk_read_bytes: self.disk_read_bytes + next.disk_read_bytes,
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wall, processor) = (self.wall.as_secs_f64(), self.processor.as_secs_f64());
        let (memory, read) = (self.memory_bytes / 1_000_000, self.read_bytes / 1_000_000);
        write!(f, "{wall:7.2} s {processor:7.2} s CPU {memory:5} MB peak {read:6} MB read")
    }
}

/// Arguments of the hidden task.
#[derive(clap::Args)]
pub(crate) struct MeasureArgs {
    /// The file that takes the figures.
    report: PathBuf,
    /// An end with 1 is as good as one with 0: something is red, and that was to be found out.
    #[arg(long)]
    red: bool,
    /// The command.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<std::ffi::OsString>,
}

/// Runs a command, which must succeed, and returns what it took.
pub(crate) fn run(command: &Command, scratch: &Path) -> Result<Usage> {
    run_under(&[], command, scratch)
}

/// Runs a command that may end with 1 as well, because something is red, and returns what it took.
pub(crate) fn run_red(command: &Command, scratch: &Path) -> Result<Usage> {
    run_under(&["--red"], command, scratch)
}

fn run_under(options: &[&str], command: &Command, scratch: &Path) -> Result<Usage> {
    let report = scratch.join("usage");
    let own = std::env::current_exe().context("cannot find this program")?;
    let mut outer = process::command(own, &["measure"]);
    outer.args(options).arg(&report).arg("--").arg(command.get_program()).args(command.get_args());
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
    let [wall, processor, memory_bytes, read_bytes, disk_read_bytes] = figures[..] else {
        bail!("figures of an unknown kind: {text}")
    };
    let (wall, processor) = (Duration::from_micros(wall), Duration::from_micros(processor));
    Ok(Usage { wall, processor, memory_bytes, read_bytes, disk_read_bytes })
}

/// The hidden task: runs the command as the only child and writes down what it took.
pub(crate) fn measure(args: &MeasureArgs) -> Result<()> {
    let mut command = process::command(&args.command[0], &args.command[1..]);
    let shown = process::shown(&command);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let pid = child.id();
    waitid(Id::Pid(Pid::from_raw(pid.cast_signed())), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
        .context("cannot wait for the command")?;
    let wall = start.elapsed().as_micros();
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let status = child.wait()?;
    let is_red = args.red && status.code() == Some(1);
    if !status.success() && !is_red {
        bail!("`{shown}` failed ({status}); its output is above")
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("the kernel gives no figures")?;
    let processor = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let memory_bytes = usage.max_rss() * 1024;
    let (read, disk_read) = (counted(&io, "rchar"), counted(&io, "read_bytes"));
    std::fs::write(&args.report, format!("{wall} {processor} {memory_bytes} {read} {disk_read}\n"))
        .with_context(|| format!("cannot write {}", args.report.display()))
}

/// One figure of `/proc/PID/io`; 0 where the kernel does not count.
fn counted(io: &str, name: &str) -> u64 {
    let lines = io.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| *key == name).find_map(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
}
