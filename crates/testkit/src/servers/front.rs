//! A port in front of servers: whoever connects is handed on by a relay of the owner's, until the front is dropped.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A listening port.
pub(super) struct Front {
    port: u16,
    is_ended: Arc<AtomicBool>,
}

impl Front {
    /// Listens, and hands each connection to `relay` in a thread of its own.
    pub(super) fn start(relay: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Front {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_ended = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&is_ended);
        let relay = Arc::new(relay);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let relay = Arc::clone(&relay);
                // A client that goes away in the middle is the client's affair.
                thread::spawn(move || relay(client));
            }
        });
        Front { port, is_ended }
    }

    /// The port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a folder that a REST server behind it serves.
    pub(super) fn rest_url(&self, name: &str) -> String {
        format!("rest:http://127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for clients.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}
