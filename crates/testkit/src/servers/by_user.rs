//! One address in front of several servers, which one depends on who logs in.
//!
//! rest-server refuses deleting for everybody or for nobody. Who wants a writer that cannot delete and somebody else who
//! can runs two over one folder, and a reverse proxy before them; this is that proxy.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use super::PASSWORD;
use super::front::Front;
use crate::lab;

/// More than any request's head that a test sends.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A running proxy.
pub struct ByUser(Front);

impl ByUser {
    /// Starts a proxy that sends each user, by name, to a port of 127.0.0.1. Everybody else gets no answer.
    pub fn start(backends: &[(&str, u16)]) -> ByUser {
        let by_header: Vec<(String, u16)> = backends
            .iter()
            .map(|(user, port)| (format!("Basic {}", base64(&format!("{user}:{PASSWORD}"))), *port))
            .collect();
        ByUser(Front::start(move |client| relay(client, &by_header)))
    }

    /// The URL of a folder that the servers serve.
    pub fn url(&self, name: &str) -> String {
        self.0.rest_url(name)
    }
}

/// Looks at a connection's first request and passes the whole connection on: a client logs in as one user on it.
fn relay(mut client: TcpStream, by_header: &[(String, u16)]) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let mut part = [0; 4096];
        let length = client.read(&mut part)?;
        if length == 0 || head.len() > HEAD_BYTES_MAX {
            return Ok(());
        }
        head.extend_from_slice(&part[..length]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let Some((_, port)) = by_header.iter().find(|(header, _)| text.contains(header)) else { return Ok(()) };
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?;
    server.write_all(&head)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let copied = io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    copied.map(|_| ())
}

fn base64(text: &str) -> String {
    let mut child = Command::new(lab::program("openssl"))
        .args(["base64", "-A"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().expect("it is piped").write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl base64 failed");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
