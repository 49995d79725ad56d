//! What listens inside for our sake: sockets of the staging's network, served by threads of ours outside.

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec};

/// How often a listener looks whether it is to end, in milliseconds.
const LOOK_MS: i64 = 100;

/// Listeners, which end with this.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    over: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Listeners {
    /// Serves each connection in a thread of its own.
    pub(super) fn tcp(
        &mut self,
        listener: TcpListener,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let (over, serve) = (Arc::clone(&self.over), Arc::new(serve));
        let accept = move || {
            while !over.load(Ordering::Relaxed) {
                if !is_ready(&listener) {
                    continue;
                }
                // Who hung up at once is no reason to stop listening.
                let Ok((stream, _)) = listener.accept() else { continue };
                let serve = Arc::clone(&serve);
                // It ends with its connection, whose other side ends with the staging.
                drop(thread::Builder::new().name("connection".to_owned()).spawn(move || serve(stream)));
            }
        };
        self.threads.push(thread::Builder::new().name("listener".to_owned()).spawn(accept)?);
        Ok(())
    }

    /// Hands over each datagram, and sends back what comes of it.
    pub(super) fn udp(
        &mut self,
        socket: UdpSocket,
        serve: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let over = Arc::clone(&self.over);
        let answer = move || {
            let mut datagram = [0; 4096];
            while !over.load(Ordering::Relaxed) {
                if !is_ready(&socket) {
                    continue;
                }
                let Ok((count, from)) = socket.recv_from(&mut datagram) else { continue };
                if let Some(answer) = serve(&datagram[..count]) {
                    // Who asked may be gone.
                    drop(socket.send_to(&answer, from));
                }
            }
        };
        self.threads.push(thread::Builder::new().name("listener".to_owned()).spawn(answer)?);
        Ok(())
    }

    /// Ends them and waits for it.
    pub(super) fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked listens no more either.
            drop(thread.join());
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.end();
    }
}

fn is_ready(socket: &impl std::os::fd::AsFd) -> bool {
    let longest = Timespec { tv_sec: 0, tv_nsec: LOOK_MS * 1_000_000 };
    matches!(rustix::event::poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&longest)), Ok(1))
}

/// Carries bytes between a connection and a unix socket until both are done.
pub(super) fn carry(stream: &TcpStream, socket: &PathBuf) {
    let Ok(other) = UnixStream::connect(socket) else { return };
    let (Ok(mut from), Ok(mut to)) = (stream.try_clone(), other.try_clone()) else { return };
    let there = thread::spawn(move || {
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(std::net::Shutdown::Write));
    });
    let (mut from, mut to) = (other, stream);
    drop(io::copy(&mut from, &mut to));
    drop(stream.shutdown(std::net::Shutdown::Both));
    drop(from.shutdown(std::net::Shutdown::Both));
    drop(there.join());
}
