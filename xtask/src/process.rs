//! Starting other programs. An exit status that nobody looks at is a failure that nobody sees: every call here
//! checks it, and a failure carries the command line and the end of what the program said.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// How much of a failed program's output a message carries.
const TAIL_LINES: usize = 20;

/// A program with its arguments, without input.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(
    program: impl AsRef<std::ffi::OsStr>,
    args: &[S],
) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs quietly and returns standard output; fails with the tail of the output when the program fails.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let shown = shown(&command);
    let output = command.output().with_context(|| format!("cannot start `{shown}`"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let all = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = all.lines().collect();
    let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n    ");
    bail!("`{shown}` failed ({}):\n    {tail}", output.status)
}

/// Runs with our own output, and fails when the program fails.
pub(crate) fn stream(mut command: Command) -> Result<()> {
    let shown = shown(&command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status}); its output is above")
    }
    Ok(())
}

/// The command line as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The first program of that name in the folders given, then in `PATH` and the system's own folders.
pub(crate) fn find(name: &str, first: &[&Path]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let folders = first.iter().map(|folder| folder.to_path_buf());
    folders
        .chain(std::env::split_paths(&path))
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Whether we run as root, which installing from apt needs.
pub(crate) fn is_root() -> bool {
    output(command("id", &["-u"])).is_ok_and(|uid| uid.trim() == "0")
}
