//! A program whose output is read while it runs, for what is too large to hold: a dump.
//!
//! Who reads a pipe until it ends knows nothing yet: a program that was killed closes its pipe just as one that is
//! done. So reading and judging are two steps here, and who drops the program half way ends it with all it started.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::{
    Finished, Invocation, LOOK_INTERVAL, OUTPUT_LINGER, ProcessError, ProcessErrorKind, Streams, end, feed,
    wait,
};

/// How much of the end of standard error is kept, in bytes.
const STDERR_TAIL_BYTES: usize = 64 << 10;

/// A program that was started with [`Invocation::start`]. Dropping it ends it and everything it started.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: ChildStdout,
    stderr: mpsc::Receiver<Vec<u8>>,
    interrupted: Option<Arc<AtomicBool>>,
    idle_limit: Duration,
    time_limit: Duration,
    started: Instant,
    command: String,
    is_over: bool,
}

impl Invocation {
    /// Starts it in a process group of its own, its output to be read with [`Running::read`].
    ///
    /// `idle_limit` bounds each wait for output, the invocation's time limit bounds the whole; raising `interrupted` ends
    /// the wait that is going on. Of standard error the end is kept.
    ///
    /// # Errors
    /// When it could not be started.
    ///
    /// # Panics
    /// When it was to inherit our own streams, which leaves none to read.
    #[expect(
        clippy::disallowed_methods,
        reason = "the limit is on real time: the program runs in the real world"
    )]
    pub fn start(
        self,
        idle_limit: Duration,
        interrupted: Option<Arc<AtomicBool>>,
    ) -> Result<Running, ProcessError> {
        assert!(!self.inherit, "a program that inherits our streams leaves none to read");
        let command = self.shown();
        let mut child = self.spawn().map_err(|error| ProcessError {
            command: command.clone(),
            kind: ProcessErrorKind::Start(error),
        })?;
        feed(&mut child, self.input);
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = keep_tail(child.stderr.take().expect("it is piped"));
        Ok(Running {
            child,
            stdout,
            stderr,
            interrupted,
            idle_limit,
            time_limit: self.time_limit,
            started: Instant::now(),
            command,
            is_over: false,
        })
    }
}

impl Running {
    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits, at most that long, until [`Running::read`] has something to give at once.
    pub fn is_ready(&self, longest: Duration) -> bool {
        let Ok(longest) = Timespec::try_from(longest) else { return false };
        matches!(rustix::event::poll(&mut [PollFd::new(&self.stdout, PollFlags::IN)], Some(&longest)), Ok(1))
    }

    /// Reads the next bytes of its standard output; 0 once it closed that, which says nothing about how it ended.
    ///
    /// # Errors
    /// When a limit passed or somebody interrupted; the program is then ended.
    #[expect(clippy::disallowed_methods, reason = "as above")]
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ProcessError> {
        let since = Instant::now();
        loop {
            if self.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return Err(self.give_up(ProcessErrorKind::Interrupted));
            }
            let total = self.time_limit.saturating_sub(self.started.elapsed());
            let idle = self.idle_limit.saturating_sub(since.elapsed());
            if total.is_zero() {
                return Err(self.give_up(ProcessErrorKind::TimeLimit(self.time_limit)));
            }
            if idle.is_zero() {
                return Err(self.give_up(ProcessErrorKind::Silent(self.idle_limit)));
            }
            let longest = Timespec::try_from(total.min(idle).min(LOOK_INTERVAL)).expect("a moment fits");
            // An interrupted wait is as good as a short one.
            let ready = rustix::event::poll(&mut [PollFd::new(&self.stdout, PollFlags::IN)], Some(&longest));
            if !matches!(ready, Ok(1)) {
                continue;
            }
            match self.stdout.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.give_up(ProcessErrorKind::Io(error))),
                Ok(count) => return Ok(count),
            }
        }
    }

    /// Waits for its end, which after the end of its output is near, and tells how that was. The output is not there.
    ///
    /// # Errors
    /// When it does not end.
    pub fn finish(mut self) -> Result<Finished, ProcessError> {
        let interrupted = self.interrupted.clone();
        let streams = Streams::none();
        let status = wait(&mut self.child, self.idle_limit, interrupted.as_deref(), &streams);
        let status = status.map_err(|kind| self.give_up(kind))?;
        self.is_over = true;
        let stderr = self.stderr.recv_timeout(OUTPUT_LINGER).unwrap_or_default();
        let command = std::mem::take(&mut self.command);
        Ok(Finished { code: status.code(), signal: status.signal(), stdout: Vec::new(), stderr, command })
    }

    fn give_up(&mut self, kind: ProcessErrorKind) -> ProcessError {
        self.end();
        ProcessError { command: self.command.clone(), kind }
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.is_over, true) {
            end(&mut self.child, true);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads all of standard error, so that the program never blocks on it, and keeps the end.
fn keep_tail(mut pipe: ChildStderr) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let (mut tail, mut part) = (VecDeque::new(), [0; 4096]);
        while let Ok(count @ 1..) = pipe.read(&mut part) {
            tail.extend(&part[..count]);
            tail.drain(..tail.len().saturating_sub(STDERR_TAIL_BYTES));
        }
        // Nobody listens any more when the program was given up.
        drop(sender.send(Vec::from(tail)));
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn sh(script: &str) -> Invocation {
        Invocation::new("/bin/sh", LONG).arguments(["-c", script]).variable("PATH", "/usr/bin:/bin")
    }

    fn read_all(running: &mut Running) -> Result<Vec<u8>, ProcessError> {
        let (mut all, mut part) = (Vec::new(), [0; 1000]);
        loop {
            match running.read(&mut part)? {
                0 => return Ok(all),
                count => all.extend_from_slice(&part[..count]),
            }
        }
    }

    #[test]
    fn output_comes_whole_and_the_status_and_the_last_words_after_it() {
        let script = "cat; head -c 3000000 /dev/zero; yes noise | head -c 300000 >&2; echo last >&2; exit 3";
        let mut running = sh(script).input(b"fed".to_vec()).start(LONG, None).unwrap();
        let output = read_all(&mut running).unwrap();
        assert_eq!((output.len(), &output[..3]), (3_000_003, &b"fed"[..]));
        let finished = running.finish().unwrap();
        assert!(finished.stderr.len() <= STDERR_TAIL_BYTES);
        let error = finished.checked().unwrap_err();
        assert!(error.to_string().contains("ended with code 3: ") && error.to_string().ends_with("last"));
    }

    #[test]
    fn silence_and_interruption_end_the_program() {
        let mut running = sh("echo a; sleep 600").start(Duration::from_millis(300), None).unwrap();
        let error = read_all(&mut running).unwrap_err();
        assert!(matches!(error.kind, ProcessErrorKind::Silent(_)), "{error}");
        assert!(is_over(running.pid()));
        let flag = Arc::new(AtomicBool::new(false));
        let mut running = sh("yes").start(LONG, Some(Arc::clone(&flag))).unwrap();
        assert!(running.read(&mut [0; 10]).unwrap() > 0);
        flag.store(true, Ordering::Relaxed);
        let error = running.read(&mut [0; 10]).unwrap_err();
        assert!(matches!(error.kind, ProcessErrorKind::Interrupted), "{error}");
    }

    #[test]
    fn a_slow_reader_is_not_a_silent_program_but_the_whole_has_its_limit() {
        let invocation = Invocation { time_limit: Duration::from_millis(600), ..sh("yes") };
        let mut running = invocation.start(Duration::from_millis(300), None).unwrap();
        pause(400);
        assert!(
            running.is_ready(Duration::ZERO) && running.read(&mut [0; 10]).is_ok(),
            "there was output all the time"
        );
        pause(400);
        let error = running.read(&mut [0; 10]).unwrap_err();
        assert!(matches!(error.kind, ProcessErrorKind::TimeLimit(_)), "{error}");
    }

    #[test]
    fn dropping_it_ends_what_it_started_too() {
        let mut running = sh("sleep 600 & echo $!; wait").start(LONG, None).unwrap();
        let mut line = [0; 20];
        let count = running.read(&mut line).unwrap();
        let grandchild: u32 = std::str::from_utf8(&line[..count]).unwrap().trim().parse().unwrap();
        let child = running.pid();
        drop(running);
        assert!(is_over(child));
        for _ in 0..600 {
            if is_over(grandchild) {
                return;
            }
            pause(10);
        }
        panic!("process {grandchild} still runs");
    }

    fn pause(milliseconds: u64) {
        crate::Clock::sleep(&crate::SystemClock::new(), Duration::from_millis(milliseconds));
    }

    /// Gone, or a zombie that its new parent has not looked at yet.
    fn is_over(pid: u32) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        status.is_empty() || status.contains(") Z ")
    }
}
