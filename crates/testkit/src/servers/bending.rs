//! A way to a server on which one bit is bent, once: what a bad network card does, and what no server that does not look
//! at hashes will notice.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// How far into a connection the bit lies: beyond all that a client says before its first large upload, and within that.
const BENT_BYTE: usize = 2 << 20;

/// A running proxy.
pub struct Bending {
    port: u16,
    is_ended: Arc<AtomicBool>,
    is_bent: Arc<AtomicBool>,
}

impl Bending {
    /// Starts a proxy to a port of 127.0.0.1.
    pub fn start(backend: u16) -> Bending {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_ended, is_bent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (ended, bent) = (Arc::clone(&is_ended), Arc::clone(&is_bent));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let bent = Arc::clone(&bent);
                // A client that goes away in the middle is the client's affair.
                thread::spawn(move || relay(client, backend, &bent));
            }
        });
        Bending { port, is_ended, is_bent }
    }

    /// The URL of a folder that the server serves.
    pub fn url(&self, name: &str) -> String {
        format!("rest:http://127.0.0.1:{}/{name}", self.port)
    }

    /// Whether the bit was bent.
    pub fn is_bent(&self) -> bool {
        self.is_bent.load(Ordering::Relaxed)
    }
}

impl Drop for Bending {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for clients.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
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
