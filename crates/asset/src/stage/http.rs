//! A question to a website in a staging, and its answer.
//!
//! A page that never ends must not hold up the tests of all others: the whole answer has its time, not only each part of it.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use holdfast_world::Clock;

use super::failure::{StageError, StageErrorKind};

/// What is read of an answer, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// What the head of an answer may have, in bytes.
const HEAD_BYTES_MAX: usize = 256 << 10;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whether the website is to take it for HTTPS.
    pub is_https: bool,
    /// The host as a browser sends it, with its port where that is not the usual one: `shop.example`, `127.0.0.1:8080`.
    pub host: String,
    /// Path and query: `/`, `/index.php?page=1`.
    pub path: String,
    /// Longest wait for the whole answer.
    pub longest: Duration,
}

/// What a website answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status: 200.
    pub status: u16,
    /// The headers, as they came.
    pub headers: Vec<(String, String)>,
    /// The body; bytes that are no UTF-8 are replaced, and what is beyond 16 MiB is cut off.
    pub body: String,
    /// How long it took.
    pub took: Duration,
}

impl Answer {
    /// A header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Asks who listens at a socket.
pub(super) fn ask(socket: &Path, question: &Question, clock: &dyn Clock) -> Result<Answer, StageError> {
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain(&question.host) || !is_plain(&question.path) || !question.path.starts_with('/') {
        let what = format!("{:?} of {:?} is nothing that a browser asks for", question.path, question.host);
        return Err(StageError::refused(what));
    }
    let started = clock.monotonic();
    let passed = || clock.monotonic().saturating_sub(started);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => StageError::new(
            StageErrorKind::TimedOut,
            format!("no whole answer to {:?} within {:?}", question.path, question.longest),
        ),
        _ => StageError::io("ask", socket, error),
    };
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    let limit = |stream: &UnixStream| {
        let left = question.longest.saturating_sub(passed());
        if left.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        stream.set_read_timeout(Some(left))?;
        stream.set_write_timeout(Some(left))
    };
    limit(&stream).map_err(failed)?;
    // 1.0: then nothing comes in chunks, and the end of the answer is the end of the connection.
    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: holdfast-restore-test\r\nAccept: text/html,*/*\r\n\r\n",
        question.path, question.host
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let (mut bytes, mut part) = (Vec::new(), vec![0; 64 << 10]);
    while bytes.len() < ANSWER_BYTES_MAX {
        limit(&stream).map_err(failed)?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let answer = parse(&bytes, passed());
    answer
        .ok_or_else(|| StageError::new(StageErrorKind::Server, "what came back is no answer of a web server"))
}

fn parse(bytes: &[u8], took: Duration) -> Option<Answer> {
    let end = bytes[..bytes.len().min(HEAD_BYTES_MAX)].windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let first = lines.next()?.strip_prefix("HTTP/1.")?;
    let status = first.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
    };
    let headers = lines.filter_map(header).collect();
    Some(Answer { status, headers, body: String::from_utf8_lossy(&bytes[end + 4..]).into_owned(), took })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_and_anything_else_is_none() {
        let answer = b"HTTP/1.1 301 Moved\r\nLocation: /shop/\r\nX: a: b\r\n\r\nbody\xff";
        let answer = parse(answer, Duration::ZERO).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (301, "body\u{fffd}"));
        assert_eq!((answer.header("LOCATION"), answer.header("x")), (Some("/shop/"), Some("a: b")));
        for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 \r\n\r\n"] {
            assert_eq!(parse(bytes, Duration::ZERO), None);
        }
    }
}
