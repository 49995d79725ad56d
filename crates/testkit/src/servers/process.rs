//! One server process: started, waited for, frozen, killed with everything it started, restarted.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longest wait for a server to answer.
const START_MAX: Duration = Duration::from_secs(60);

/// A running server.
pub(super) struct Process {
    /// Builds the same command again.
    command: Box<dyn Fn() -> Command + Send + Sync>,
    log: PathBuf,
    port: u16,
    child: Option<Child>,
}

/// How often a server is started that ends at once.
const TRIES: u32 = 4;

impl Process {
    /// Starts a server that will listen on `port` of 127.0.0.1, and waits until it does.
    pub(super) fn start(
        log: PathBuf,
        port: u16,
        command: impl Fn() -> Command + Send + Sync + 'static,
    ) -> Process {
        let mut process = Process { command: Box::new(command), log, port, child: None };
        process.restart();
        process
    }

    /// Starts it again, after [`Process::kill`] or over itself.
    pub(super) fn restart(&mut self) {
        self.kill();
        self.child = Some(self.spawn());
        let (start, mut tries) = (Instant::now(), 1);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let child = self.child.as_mut().expect("it was just started");
            if let Some(status) = child.try_wait().unwrap() {
                assert!(tries < TRIES, "the server ended at once, each time ({status}):\n{}", self.said());
                // One of its ports may just have been that of somebody's connection, which ends.
                tries += 1;
                sleep(Duration::from_millis(300));
                self.child = Some(self.spawn());
            }
            assert!(start.elapsed() < START_MAX, "the server does not answer:\n{}", self.said());
            sleep(Duration::from_millis(20));
        }
    }

    fn spawn(&self) -> Child {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = (self.command)();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
    }

    /// kill -9, for it and everything it started.
    pub(super) fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        self.signal_all(child.id(), Signal::KILL);
        child.wait().unwrap();
    }

    /// Stops it in its tracks: its sockets stay open and nothing answers any more.
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
        // Threads stop one after the other; until the last one has, the server may still answer.
        let root = self.child.as_ref().expect("the server runs").id();
        let start = Instant::now();
        while !with_descendants(root).into_iter().all(is_stopped) {
            assert!(start.elapsed() < START_MAX, "the server does not stop");
            sleep(Duration::from_millis(5));
        }
    }

    /// Ends a freeze.
    pub(super) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// The end of what it printed.
    pub(super) fn said(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(4000)..]).into_owned()
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the server runs");
        self.signal_all(child.id(), signal);
    }

    fn signal_all(&self, root: u32, signal: Signal) {
        for pid in with_descendants(root) {
            // It may have ended by itself meanwhile.
            let _ = kill_process(Pid::from_raw(pid.cast_signed()).expect("a pid is not zero"), signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether every thread of a process is stopped, or the process is gone.
fn is_stopped(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name, which stands in parentheses and may hold anything.
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 't', 'Z']))
    })
}

/// A process and everything below it: sshd's connections leave its process group.
fn with_descendants(root: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name stands in parentheses and may hold anything; state and parent follow it.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        if let Some(parent) = after.split_whitespace().nth(1).and_then(|parent| parent.parse::<u32>().ok()) {
            parents.push((pid, parent));
        }
    }
    let mut family = vec![root];
    let mut next = 0;
    while next < family.len() {
        let parent = family[next];
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    family
}

/// A port of 127.0.0.1 that is free, as is the one `beside` above it (some servers take both).
pub(super) fn free_port(beside: u16) -> u16 {
    for _ in 0..1000 {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let Some(other) = port.checked_add(beside) else { continue };
        if beside == 0 || TcpListener::bind(("127.0.0.1", other)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

/// Runs a short command to its end.
pub(super) fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A new folder for one server.
pub(super) fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("holdfast-server-").tempdir().unwrap()
}

/// A folder below `root`.
pub(super) fn below(root: &Path, name: &str) -> PathBuf {
    let path = root.join(name);
    fs::create_dir_all(&path).unwrap();
    path
}
