//! A link with a delay and a bandwidth, as a TCP proxy on the loopback.
//!
//! Each direction has one bandwidth for all connections together, as a line has. A piece of data leaves when the line is
//! free and arrives half a round trip later; a connection's first piece also pays for the handshake that the loopback
//! answers at once. What is not modelled: slow start and loss, so a real link is a little worse.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::requests::RequestCounter;

const PIECE_BYTES: usize = 16 << 10;
/// Pieces of one connection that are on their way: enough for the line at this delay, and no second buffer.
const PIECES_UNDER_WAY: usize = 64;

/// What the link takes.
#[derive(Clone, Copy, Debug)]
pub(in crate::bench) struct Limits {
    /// There and back.
    pub(in crate::bench) round_trip: Duration,
    /// In each direction; `None`: as fast as it goes.
    pub(in crate::bench) bytes_per_second: Option<f64>,
}

/// A running link; new connections end with it.
pub(in crate::bench) struct Link {
    port: u16,
    requests: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

/// One direction of the line: when it is free again.
struct Line {
    limits: Limits,
    free_at: Mutex<Instant>,
}

impl Link {
    /// A link to `server_port` of this machine.
    pub(in crate::bench) fn start(server_port: u16, limits: Limits) -> Result<Link> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on the loopback")?;
        let port = listener.local_addr()?.port();
        let requests = Arc::new(AtomicU64::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let (counted, over) = (Arc::clone(&requests), Arc::clone(&is_over));
        std::thread::spawn(move || {
            let (up, down) = (Arc::new(Line::new(limits)), Arc::new(Line::new(limits)));
            for client in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                // A connection that cannot be made is for the program to notice: its socket is closed.
                let _ = connect(client, server_port, [&up, &down], &counted);
            }
        });
        Ok(Link { port, requests, is_over })
    }

    /// Where programs connect to.
    pub(in crate::bench) fn port(&self) -> u16 {
        self.port
    }

    /// HTTP requests since the last call.
    pub(in crate::bench) fn take_requests(&self) -> u64 {
        self.requests.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener up.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn connect(
    client: TcpStream,
    server_port: u16,
    [up, down]: [&Arc<Line>; 2],
    requests: &Arc<AtomicU64>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", server_port))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let handshake = up.limits.round_trip;
    let counter = Arc::new(Mutex::new(RequestCounter::new(Arc::clone(requests))));
    let sent = Arc::clone(&counter);
    carry(client.try_clone()?, server.try_clone()?, Arc::clone(up), handshake, move |data| {
        sent.lock().unwrap_or_else(PoisonError::into_inner).sent(data);
    });
    carry(server, client, Arc::clone(down), Duration::ZERO, move |_| {
        counter.lock().unwrap_or_else(PoisonError::into_inner).answered();
    });
    Ok(())
}

/// Carries one direction of one connection: one thread takes, another delivers in time.
fn carry(
    mut from: TcpStream,
    to: TcpStream,
    line: Arc<Line>,
    handshake: Duration,
    see: impl Fn(&[u8]) + Send + 'static,
) {
    let (sender, receiver): (SyncSender<(Instant, Vec<u8>)>, _) = sync_channel(PIECES_UNDER_WAY);
    std::thread::spawn(move || deliver(&receiver, to));
    std::thread::spawn(move || {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut extra = handshake;
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            see(&buffer[..length]);
            let arrives = line.carry(length) + std::mem::take(&mut extra);
            if sender.send((arrives, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    });
}

fn deliver(receiver: &Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
    for (arrives, data) in receiver {
        std::thread::sleep(arrives.saturating_duration_since(Instant::now()));
        if to.write_all(&data).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

impl Line {
    fn new(limits: Limits) -> Line {
        Line { limits, free_at: Mutex::new(Instant::now()) }
    }

    /// Takes the line for so many bytes; says when they arrive.
    fn carry(&self, bytes: usize) -> Instant {
        let takes = self.limits.bytes_per_second.map_or(0.0, |rate| bytes as f64 / rate);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = (*free_at).max(Instant::now()) + Duration::from_secs_f64(takes);
        *free_at + self.limits.round_trip / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every request with `answer_bytes` bytes.
    fn server(answer_bytes: usize) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let mut buffer = [0; 1000];
                while let Ok(1..) = client.read(&mut buffer) {
                    client.write_all(&vec![b'x'; answer_bytes]).unwrap();
                }
            }
        });
        port
    }

    fn ask(client: &mut TcpStream, answer_bytes: usize) -> Duration {
        let start = Instant::now();
        client.write_all(b"GET /x HTTP/1.1\r\n\r\n").unwrap();
        client.read_exact(&mut vec![0; answer_bytes]).unwrap();
        start.elapsed()
    }

    #[test]
    fn each_request_takes_a_round_trip_and_is_counted() {
        let limits = Limits { round_trip: Duration::from_millis(40), bytes_per_second: None };
        let link = Link::start(server(10), limits).unwrap();
        let mut client = TcpStream::connect(("127.0.0.1", link.port())).unwrap();
        let first = ask(&mut client, 10);
        assert!(first >= Duration::from_millis(80), "handshake and request: {first:?}");
        let second = ask(&mut client, 10);
        assert!(second >= Duration::from_millis(40), "one round trip: {second:?}");
        assert_eq!(link.take_requests(), 2);
        assert_eq!(link.take_requests(), 0);
    }

    #[test]
    fn the_bandwidth_is_shared() {
        let limits = Limits { round_trip: Duration::ZERO, bytes_per_second: Some(2e6) };
        let link = Link::start(server(200_000), limits).unwrap();
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| ask(&mut TcpStream::connect(("127.0.0.1", link.port())).unwrap(), 200_000));
            }
        });
        assert!(start.elapsed() >= Duration::from_millis(190), "400 kB at 2 MB/s: {:?}", start.elapsed());
    }
}
