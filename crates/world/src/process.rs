//! External programs: an argument vector, a stated environment, a time limit, and every byte and status looked at.
//!
//! A shell would expand what a client named a file. An inherited environment would hand our secrets to whatever we
//! start. A program without a limit would hold a lock until somebody notices. A status that is not checked is how
//! empty dumps get called backups.

pub mod room;
mod running;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use self::room::Room;
pub use self::running::Running;

/// A program to run. Nothing of our own environment is passed on unless it is named here.
#[derive(Debug)]
pub struct Invocation {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    secrets: Vec<(OsString, SecretString)>,
    directory: Option<PathBuf>,
    room: Option<Room>,
    user: Option<u32>,
    processes_max: Option<u64>,
    input: Option<SecretSlice<u8>>,
    inherit: bool,
    time_limit: Duration,
    output_bytes_max: usize,
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Captured standard output; empty when it was inherited.
    pub stdout: Vec<u8>,
    /// Captured standard error; empty when it was inherited.
    pub stderr: Vec<u8>,
    command: String,
}

/// Why a program gave no result.
#[derive(Debug)]
pub struct ProcessError {
    /// The program and its arguments. Secrets travel in the environment and are not here.
    pub command: String,
    /// What happened.
    pub kind: ProcessErrorKind,
}

/// The ways in which a program gives no result.
#[derive(Debug)]
pub enum ProcessErrorKind {
    /// It could not be started.
    Start(io::Error),
    /// It took longer than this and was killed.
    TimeLimit(Duration),
    /// It wrote nothing for this long and was killed.
    Silent(Duration),
    /// It wrote more than this many bytes and was killed.
    TooMuchOutput(usize),
    /// We were interrupted, and killed it.
    Interrupted,
    /// It ended with an error; the end of what it said is given.
    Failed {
        /// The exit code, or `None` after a signal.
        code: Option<i32>,
        /// The last lines of its standard error.
        said: String,
    },
    /// It could not be waited for, or its output not read.
    Io(io::Error),
}

impl Invocation {
    /// A program, looked up in the `PATH` that [`Invocation::environment`] states, and the longest time that it may
    /// take. Output is captured, input is empty.
    pub fn new(program: impl Into<OsString>, time_limit: Duration) -> Invocation {
        Invocation {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            secrets: Vec::new(),
            directory: None,
            room: None,
            user: None,
            processes_max: None,
            input: None,
            inherit: false,
            time_limit,
            output_bytes_max: 64 << 20,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Invocation {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds variables, e.g. those of [`crate::Environment::for_programs`].
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Invocation {
        self.environment.extend(variables);
        self
    }

    /// Adds one variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Invocation {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Adds a variable whose value is shown nowhere.
    #[must_use]
    pub fn secret(mut self, name: impl Into<OsString>, value: SecretString) -> Invocation {
        self.secrets.push((name.into(), value));
        self
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Invocation {
        self.directory = Some(directory.into());
        self
    }

    /// Runs it in a room: program, folder and everything it opens are looked up there.
    #[must_use]
    pub fn inside(mut self, room: &Room) -> Invocation {
        self.room = Some(room.clone());
        self
    }

    /// Runs it as this user and the group of the same number, and no other group. Only root can.
    #[must_use]
    pub fn user(mut self, user: u32) -> Invocation {
        self.user = Some(user);
        self
    }

    /// It is somebody else's: its user may have so many processes and no more, and where memory runs out it is ended before us.
    #[must_use]
    pub fn expendable(mut self, processes_max: u64) -> Invocation {
        self.processes_max = Some(processes_max);
        self
    }

    /// Feeds it these bytes, which are shown nowhere and wiped afterwards: the way for a password that a program takes from a
    /// file, which standard input can stand for.
    #[must_use]
    pub fn input(mut self, bytes: Vec<u8>) -> Invocation {
        self.input = Some(SecretSlice::from(bytes));
        self
    }

    /// Gives it our own terminal or pipes instead of capturing. It then stays in our process group, so that Ctrl-C
    /// reaches it and it may read from the terminal.
    #[must_use]
    pub fn inherit(mut self) -> Invocation {
        self.inherit = true;
        self
    }

    /// Bounds each captured stream (64 MiB unless told otherwise).
    #[must_use]
    pub fn output_bytes_max(mut self, bytes: usize) -> Invocation {
        self.output_bytes_max = bytes;
        self
    }

    /// Runs it and waits. Whatever its exit status, that is a [`Finished`]; see [`Finished::checked`].
    ///
    /// When `interrupted` is raised meanwhile, the program is ended.
    ///
    /// # Errors
    /// When it could not be started, outlived its limit, said too much, or was interrupted.
    pub fn run(self, interrupted: Option<&AtomicBool>) -> Result<Finished, ProcessError> {
        let command = self.shown();
        let failed = |kind| ProcessError { command: command.clone(), kind };
        let mut child = self.spawn().map_err(|error| failed(ProcessErrorKind::Start(error)))?;
        let streams = Streams::attach(&mut child, self.input, self.output_bytes_max);
        let status = wait(&mut child, self.time_limit, interrupted, &streams);
        if status.is_err() {
            end(&mut child, !self.inherit);
        }
        let status = status.map_err(&failed)?;
        let (stdout, stderr) = streams.collect().map_err(&failed)?;
        Ok(Finished { code: status.code(), signal: status.signal(), stdout, stderr, command })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
    fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(self.environment.iter().map(|(n, v)| (n, v)));
        for (name, value) in &self.secrets {
            command.env(name, value.expose_secret());
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if self.inherit {
            command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::inherit() });
        } else {
            command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            // A group of its own, so that what it starts can be ended with it.
            command.process_group(0);
        }
        if let Some(user) = self.user {
            // Root's other groups go with this.
            command.uid(user).gid(user);
        }
        let child = match &self.room {
            Some(room) => room.spawn(command),
            None => command.spawn(),
        }?;
        if let Some(processes_max) = self.processes_max {
            expend(&child, processes_max);
        }
        Ok(child)
    }

    fn shown(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

impl Finished {
    /// Whether it ended by itself with code 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// Itself, or an error with the end of what it said.
    ///
    /// # Errors
    /// When the exit code is not 0 or a signal ended it.
    pub fn checked(self) -> Result<Finished, ProcessError> {
        if self.success() {
            return Ok(self);
        }
        let said = last_lines(&self.stderr);
        Err(ProcessError { command: self.command, kind: ProcessErrorKind::Failed { code: self.code, said } })
    }

    /// Standard output as text, with replacement characters where it is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = &self.command;
        match &self.kind {
            ProcessErrorKind::Start(error) if error.kind() == io::ErrorKind::NotFound => {
                write!(f, "cannot run {command}: not found; is it installed, and in PATH?")
            }
            ProcessErrorKind::Start(error) => write!(f, "cannot run {command}: {error}"),
            ProcessErrorKind::TimeLimit(limit) => {
                write!(f, "{command} was ended after its limit of {limit:?}")
            }
            ProcessErrorKind::Silent(limit) => {
                write!(f, "{command} was ended after it said nothing for {limit:?}")
            }
            ProcessErrorKind::TooMuchOutput(bytes) => {
                write!(f, "{command} was ended after it wrote more than {bytes} bytes")
            }
            ProcessErrorKind::Interrupted => write!(f, "{command} was ended because we were interrupted"),
            ProcessErrorKind::Failed { code: Some(code), said } => {
                write!(f, "{command} ended with code {code}: {said}")
            }
            ProcessErrorKind::Failed { code: None, said } => {
                write!(f, "{command} was ended by a signal: {said}")
            }
            ProcessErrorKind::Io(error) => write!(f, "{command} could not be followed: {error}"),
        }
    }
}

impl std::error::Error for ProcessError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ProcessErrorKind::Start(error) | ProcessErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Whatever it starts from now on has this from it. A refusal means that it is gone, or that the machine has other ways.
fn expend(child: &Child, processes_max: u64) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let limit = Rlimit { current: Some(processes_max), maximum: Some(processes_max) };
    let _ = prlimit(Some(Pid::from_child(child)), Resource::Nproc, limit);
    let _ = std::fs::write(format!("/proc/{}/oom_score_adj", child.id()), "1000");
}

/// How often interruption and output limits are looked at while nothing happens.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How long output may still arrive after the program itself ended (something it started may hold the pipe).
const OUTPUT_LINGER: Duration = Duration::from_secs(5);
/// How long a program may take to end by itself after SIGTERM.
const END_GRACE: Duration = Duration::from_secs(2);

#[expect(
    clippy::disallowed_methods,
    reason = "the limit is on real time: the program runs in the real world"
)]
fn wait(
    child: &mut Child,
    limit: Duration,
    interrupted: Option<&AtomicBool>,
    streams: &Streams,
) -> Result<ExitStatus, ProcessErrorKind> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(ProcessErrorKind::Io)? {
            return Ok(status);
        }
        if interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(ProcessErrorKind::Interrupted);
        }
        if streams.overflowed.load(Ordering::Relaxed) {
            return Err(ProcessErrorKind::TooMuchOutput(streams.bytes_max));
        }
        let left = limit.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(ProcessErrorKind::TimeLimit(limit));
        }
        pause_until_exit(child, left.min(LOOK_INTERVAL));
    }
}

/// Waits for the end of `child`, at most `longest`; a kernel without pidfd makes it poll in short steps.
#[expect(clippy::disallowed_methods, reason = "as above")]
fn pause_until_exit(child: &Child, longest: Duration) {
    let pidfd = rustix::process::pidfd_open(Pid::from_child(child), PidfdFlags::empty());
    let Ok(pidfd) = pidfd else { return thread::sleep(longest.min(Duration::from_millis(10))) };
    let timeout = Timespec::try_from(longest).expect("a fraction of a second fits");
    // An interrupted wait is as good as a short one: the caller looks again.
    let _ = rustix::event::poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout));
}

/// Ends a program that overstayed: politely, then not. The exit status no longer matters.
fn end(child: &mut Child, group: bool) {
    let pid = Pid::from_child(child);
    let signal = |signal| {
        // A refusal means that it ended by itself in the meantime.
        let _ = if group {
            rustix::process::kill_process_group(pid, signal)
        } else {
            rustix::process::kill_process(pid, signal)
        };
    };
    signal(Signal::TERM);
    for _ in 0..END_GRACE.as_millis() / LOOK_INTERVAL.as_millis() {
        if !matches!(child.try_wait(), Ok(None)) {
            break;
        }
        pause_until_exit(child, LOOK_INTERVAL);
    }
    // Also when the program itself is gone: the rest of its group may not be.
    signal(Signal::KILL);
    let _ = child.wait();
}

struct Streams {
    outputs: [Option<mpsc::Receiver<io::Result<Vec<u8>>>>; 2],
    overflowed: std::sync::Arc<AtomicBool>,
    bytes_max: usize,
}

/// Feeds a program its input while it runs.
fn feed(child: &mut Child, input: Option<SecretSlice<u8>>) {
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        // A program that does not want all of its input closes the pipe; its exit status says whether that is bad.
        thread::spawn(move || drop(pipe.write_all(input.expose_secret())));
    }
}

impl Streams {
    /// None: somebody else reads what the program says.
    fn none() -> Streams {
        Streams { outputs: [None, None], overflowed: std::sync::Arc::default(), bytes_max: 0 }
    }

    fn attach(child: &mut Child, input: Option<SecretSlice<u8>>, bytes_max: usize) -> Streams {
        let overflowed = std::sync::Arc::new(AtomicBool::new(false));
        feed(child, input);
        let stdout = child.stdout.take().map(|pipe| capture(pipe, bytes_max, &overflowed));
        let stderr = child.stderr.take().map(|pipe| capture(pipe, bytes_max, &overflowed));
        Streams { outputs: [stdout, stderr], overflowed, bytes_max }
    }

    fn collect(self) -> Result<(Vec<u8>, Vec<u8>), ProcessErrorKind> {
        let [stdout, stderr] = self.outputs.map(|stream| {
            let Some(stream) = stream else { return Ok(Vec::new()) };
            match stream.recv_timeout(OUTPUT_LINGER) {
                Ok(result) => result.map_err(ProcessErrorKind::Io),
                Err(_) => Err(ProcessErrorKind::Io(io::Error::other(
                    "it ended, but something that it started still holds its output",
                ))),
            }
        });
        if self.overflowed.load(Ordering::Relaxed) {
            return Err(ProcessErrorKind::TooMuchOutput(self.bytes_max));
        }
        Ok((stdout?, stderr?))
    }
}

fn capture(
    mut pipe: impl Read + Send + 'static,
    bytes_max: usize,
    overflowed: &std::sync::Arc<AtomicBool>,
) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let overflowed = std::sync::Arc::clone(overflowed);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let result = pipe.by_ref().take(bytes_max as u64 + 1).read_to_end(&mut bytes);
        if bytes.len() > bytes_max {
            overflowed.store(true, Ordering::Relaxed);
        }
        // Nobody listens any more when the program was given up.
        drop(sender.send(result.map(|_| bytes)));
    });
    receiver
}

fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.into_owned() } else { format!("{text:?}") }
}

fn last_lines(stderr: &[u8]) -> String {
    const LINES: usize = 5;
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return "it said nothing".to_owned();
    }
    lines[lines.len().saturating_sub(LINES)..].join(" | ")
}

#[cfg(test)]
mod tests;
