//! Mail that something in a staging wanted to send.
//!
//! A restored shop writes to its customers. There is no way to them; what it wanted to send is kept, because that it wanted to is
//! what a test must tell.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::failure::StageError;
use super::tree::read_plain;

/// What is read of one mail, in bytes.
const MAIL_BYTES_MAX: u64 = 64 << 10;
/// How many mails are kept: more are counted.
pub(super) const MAILS_MAX: usize = 100;
/// What is taken of one connection, in bytes.
const TALK_BYTES_MAX: u64 = 64 << 20;
/// Longest silence of who sends.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A mail that went no further than the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Whether it came by PHP's `mail()` and the like (`sendmail`), or by SMTP to this machine (`smtp`).
    pub way: &'static str,
    /// The mail with its headers, at most the first 64 KiB. By SMTP the receivers stand before it, as `X-Receiver`.
    pub text: String,
}

impl Mail {
    /// The first line of a header, such as `To` or `Subject`.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.lines().take_while(|line| !line.trim().is_empty());
        let mut fields = head.filter_map(|line| line.split_once(':'));
        fields.find(|(other, _)| other.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What lies in the sink's folder, in no order.
pub(super) fn caught(folder: &Path) -> Result<Vec<Mail>, StageError> {
    let failed = |error| StageError::io("read", folder, error);
    let mut mails = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)?.take(MAILS_MAX) {
        let path = entry.map_err(failed)?.path();
        // Anybody inside could have put something else there, which counts as mail too.
        let text = read_plain(&path, MAIL_BYTES_MAX, false).map_err(failed)?;
        mails.push(Mail { way: "sendmail", text: String::from_utf8_lossy(&text).into_owned() });
    }
    Ok(mails)
}

/// Speaks SMTP with who connected, takes everything, and hands it over. Who connects and says nothing wanted to send too.
pub(super) fn take(stream: TcpStream, keep: &dyn Fn(Mail)) {
    let mut envelope = String::new();
    let mut kept = false;
    // How it ends is the sender's affair.
    let talked = talk(stream, &mut envelope, &mut |text| {
        kept = true;
        keep(Mail { way: "smtp", text });
    });
    drop(talked);
    if !kept {
        keep(Mail { way: "smtp", text: envelope });
    }
}

fn talk(stream: TcpStream, envelope: &mut String, keep: &mut dyn FnMut(String)) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    let mut to = stream.try_clone()?;
    let mut from = BufReader::new(stream.take(TALK_BYTES_MAX));
    to.write_all(b"220 staging ESMTP\r\n")?;
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let command = String::from_utf8_lossy(&line).trim().to_owned();
        let verb = command.get(..4).unwrap_or(&command).to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-staging\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
            // Any password will do; `LOGIN` asks twice.
            "AUTH" => {
                if command.to_ascii_uppercase().contains("LOGIN") {
                    for question in [&b"334 VXNlcm5hbWU6\r\n"[..], b"334 UGFzc3dvcmQ6\r\n"] {
                        to.write_all(question)?;
                        line.clear();
                        from.read_until(b'\n', &mut line)?;
                    }
                }
                b"235 2.7.0 accepted\r\n"
            }
            "RCPT" => {
                if let Some((_, receiver)) = command.split_once(':')
                    && envelope.len() < MAIL_BYTES_MAX as usize
                {
                    *envelope += &format!("X-Receiver: {}\n", receiver.trim());
                }
                b"250 ok\r\n"
            }
            "DATA" => {
                to.write_all(b"354 go on\r\n")?;
                keep(std::mem::take(envelope) + &message(&mut from)?);
                b"250 kept\r\n"
            }
            "QUIT" => {
                to.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        to.write_all(answer)?;
    }
}

/// Lines until the one that is a dot.
fn message(from: &mut impl BufRead) -> io::Result<String> {
    let (mut message, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 || line == b".\r\n" || line == b".\n" {
            return Ok(String::from_utf8_lossy(&message).replace("\r\n", "\n"));
        }
        if message.len() < MAIL_BYTES_MAX as usize {
            message.extend_from_slice(&line);
        }
    }
}
