//! Programs in a staging, and what leads them where the website believes it goes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast_world::process::room::{Mount, Room, Seen};
use holdfast_world::process::{Finished, Invocation};

use super::database::SOCKET;
use super::failure::{StageError, StageErrorKind};
use super::layout::{Folders, HOSTNAME, write};
use super::tree::read_plain;

/// Longest run of a program that sets something up.
const SET_UP_MAX: Duration = Duration::from_secs(30);
/// How many processes and threads one user of a staging may have: a browser has a few hundred.
const PROCESSES_MAX: u64 = 1000;
/// How much of a log is told, in bytes.
const LOG_BYTES: u64 = 1500;

/// The namespaces, and what was set up in them.
#[derive(Debug)]
pub(super) struct Inside {
    room: Room,
    folders: Folders,
    interrupted: Option<Arc<AtomicBool>>,
    names: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Inside {
    pub(super) fn open(
        room: Room,
        folders: Folders,
        interrupted: Option<Arc<AtomicBool>>,
    ) -> Result<Inside, StageError> {
        let inside =
            Inside { room, folders, interrupted, names: BTreeSet::new(), addresses: BTreeSet::new() };
        inside.ip(&["link", "set", "lo", "up"])?;
        // A web server that is nobody listens where web servers do.
        let ports = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
        inside.io("set up the network of", Path::new(ports), move || fs::write(ports, "0"))?;
        inside.write_hosts()?;
        Ok(inside)
    }

    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    pub(super) fn interrupted(&self) -> Option<Arc<AtomicBool>> {
        self.interrupted.clone()
    }

    pub(super) fn interrupt_by(&mut self, flag: Option<Arc<AtomicBool>>) {
        self.interrupted = flag;
    }

    /// Unless somebody interrupted.
    pub(super) fn go_on(&self) -> Result<(), StageError> {
        if self.interrupted.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(StageError::new(StageErrorKind::Interrupted, "interrupted"));
        }
        Ok(())
    }

    /// A program of the machine, run as this user with nothing of our environment.
    pub(super) fn program(&self, program: &Path, user: u32, longest: Duration) -> Invocation {
        Invocation::new(program, longest)
            .inside(&self.room)
            .user(user)
            .expendable(PROCESSES_MAX)
            .directory("/tmp")
            .variable("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .variable("HOME", "/tmp")
            .variable("TMPDIR", "/tmp")
            .variable("LC_ALL", "C.UTF-8")
            // For PHP that is run by hand: the same settings as behind the web server.
            .variable("PHPRC", "/holdfast/etc")
    }

    /// Lets a folder be seen at another path too.
    pub(super) fn show(&self, from: PathBuf, at: &Path) -> Result<(), StageError> {
        let mount = Mount { at: at.to_owned(), what: Seen::Writable(from) };
        self.room.show(mount).map_err(|error| StageError::io("show something at", at, error))
    }

    /// Lets names and addresses lead to this machine's inside.
    pub(super) fn lead_hosts(&mut self, hosts: &[String]) -> Result<(), StageError> {
        for host in hosts {
            let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            match address {
                Ok(address) if address.is_loopback() || address.is_unspecified() => {}
                Ok(address) => {
                    if self.addresses.insert(address) {
                        let bits = if address.is_ipv4() { 32 } else { 128 };
                        self.ip(&["address", "add", &format!("{address}/{bits}"), "dev", "lo"])?;
                    }
                }
                Err(_) => {
                    let is_name =
                        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
                    if host.is_empty() || !host.bytes().all(is_name) {
                        let what = format!("{host:?} is no name or address that can lead into a staging");
                        return Err(StageError::refused(what));
                    }
                    self.names.insert(host.to_ascii_lowercase());
                }
            }
        }
        self.write_hosts()
    }

    /// Lets paths lead to the scratch server's socket.
    pub(super) fn lead_sockets(&self, sockets: &[PathBuf]) -> Result<(), StageError> {
        for socket in sockets {
            let path = socket.clone();
            self.io("lead to the scratch server from", socket, move || link_socket(&path))?;
        }
        Ok(())
    }

    /// A socket that listens inside, at every address of its network.
    pub(super) fn listen(&self, port: u16) -> Result<TcpListener, StageError> {
        let what = PathBuf::from(format!("port {port}"));
        self.io("listen at", &what, move || TcpListener::bind(("0.0.0.0", port)))
    }

    /// The same for datagrams.
    pub(super) fn listen_udp(&self, port: u16) -> Result<UdpSocket, StageError> {
        let what = PathBuf::from(format!("port {port}"));
        self.io("listen at", &what, move || UdpSocket::bind(("127.0.0.1", port)))
    }

    /// The end of what a server complained of.
    pub(super) fn end_of(&self, log: &Path) -> String {
        let end = read_plain(log, LOG_BYTES, true).unwrap_or_default();
        let end = String::from_utf8_lossy(&end);
        end.trim().replace('\n', " | ")
    }

    fn write_hosts(&self) -> Result<(), StageError> {
        let names: String = self.names.iter().map(|name| format!("127.0.0.1 {name}\n")).collect();
        let text = format!("127.0.0.1 localhost {HOSTNAME}\n{names}");
        write(&self.folders.root().join("etc/hosts"), &text)
    }

    fn ip(&self, arguments: &[&str]) -> Result<(), StageError> {
        let program = Invocation::new("ip", SET_UP_MAX)
            .inside(&self.room)
            .variable("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .arguments(arguments.iter().copied());
        let done = program.run(None).and_then(Finished::checked);
        done.map(drop).map_err(|error| {
            let mut error = StageError::process("set up the network of a staging", &error);
            if error.kind == StageErrorKind::Missing {
                error.message += " (package iproute2)";
            }
            error
        })
    }

    fn io<T: Send + 'static>(
        &self,
        doing: &str,
        path: &Path,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, StageError> {
        let done = self.room.call(work).and_then(|done| done);
        done.map_err(|error| StageError::io(doing, path, error))
    }
}

/// Where something lies already that is no socket and no link, it stays.
fn link_socket(path: &Path) -> io::Result<()> {
    if path == Path::new(SOCKET) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if let Ok(there) = path.symlink_metadata() {
        if !there.file_type().is_symlink() && !there.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else lies there"));
        }
        fs::remove_file(path)?;
    }
    symlink(SOCKET, path)
}
