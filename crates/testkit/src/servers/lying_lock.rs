//! A way to an S3 server that promises locks and keeps none: what is to be locked it remembers, tells when asked, and
//! hides from the server, which then deletes.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use super::front::Front;

/// A running proxy.
pub struct LyingLock {
    front: Front,
}

type Promises = Arc<Mutex<HashMap<String, Vec<u8>>>>;

impl LyingLock {
    /// Starts a proxy to an S3 server on a port of 127.0.0.1.
    pub fn start(backend: u16) -> LyingLock {
        let promises = Promises::default();
        LyingLock { front: Front::start(move |client| relay(client, backend, &promises)) }
    }

    /// The URL of a folder in a bucket.
    pub fn url(&self, bucket: &str, prefix: &str) -> String {
        format!("s3://{bucket}/{prefix}?endpoint=http://127.0.0.1:{}", self.front.port())
    }
}

/// One request for each connection; the client is told so.
fn relay(client: TcpStream, backend: u16, promises: &Promises) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut client = client;
    let (mut first, mut headers) = (String::new(), String::new());
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        headers += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if query.starts_with("retention=") {
        let mut promises = promises.lock().unwrap_or_else(PoisonError::into_inner);
        let promise = if method == "PUT" {
            promises.insert(path.to_owned(), body);
            Some(Vec::new())
        } else {
            promises.get(path).cloned()
        };
        let (status, answer) = match promise {
            Some(answer) => ("200 OK", answer),
            None => ("404 Not Found", b"<Error><Code>NoSuchObjectLockConfiguration</Code></Error>".to_vec()),
        };
        let (date, length) = (date(backend)?, answer.len());
        write!(
            client,
            "HTTP/1.1 {status}\r\n{date}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )?;
        return client.write_all(&answer);
    }
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, backend))?;
    write!(server, "{first}Connection: close\r\n{headers}\r\n")?;
    server.write_all(&body)?;
    io::copy(&mut server, &mut client).map(|_| ())
}

/// The server's `Date` line: nothing is locked by an answer that does not tell its clock.
fn date(backend: u16) -> io::Result<String> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, backend))?;
    server.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    for line in BufReader::new(server).lines() {
        let line = line?;
        if line.to_ascii_lowercase().starts_with("date:") {
            return Ok(line);
        }
    }
    Err(io::Error::other("the server tells no date"))
}
