//! A way to a server on which one bit is bent, once: what a bad network card does, and what no server that does not look
//! at hashes will notice.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::front::Front;

/// How far into a connection the bit lies: beyond all that a client says before its first large upload, and within that.
const BENT_BYTE: usize = 2 << 20;

/// A running proxy.
pub struct Bending {
    front: Front,
    is_bent: Arc<AtomicBool>,
}

impl Bending {
    /// Starts a proxy to a port of 127.0.0.1.
    pub fn start(backend: u16) -> Bending {
        let is_bent = Arc::new(AtomicBool::new(false));
        let bent = Arc::clone(&is_bent);
        Bending { front: Front::start(move |client| relay(client, backend, &bent)), is_bent }
    }

    /// The URL of a folder that the server serves.
    pub fn url(&self, name: &str) -> String {
        self.front.rest_url(name)
    }

    /// Whether the bit was bent.
    pub fn is_bent(&self) -> bool {
        self.is_bent.load(Ordering::Relaxed)
    }
}

fn relay(client: TcpStream, backend: u16, is_bent: &AtomicBool) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, backend))?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    let answering = thread::spawn(move || {
        let copied = io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Write);
        copied
    });
    let (mut client, mut server) = (client, server);
    let (mut buffer, mut passed) = ([0; 64 << 10], 0);
    loop {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        if (passed..passed + count).contains(&BENT_BYTE) && !is_bent.swap(true, Ordering::Relaxed) {
            buffer[BENT_BYTE - passed] ^= 1;
        }
        passed += count;
        server.write_all(&buffer[..count])?;
    }
    server.shutdown(Shutdown::Write)?;
    let _ = answering.join();
    Ok(())
}
