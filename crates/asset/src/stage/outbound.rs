//! Attempts to reach something outside. None can succeed: there is no way out. That they were made is what is told.
//!
//! The kernel counts what has no route. Who asks for a name first never comes so far, so the names are asked of us: they are kept,
//! and none has an address.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::failure::StageError;

/// How many names are kept.
const NAMES_MAX: usize = 100;

/// What was attempted since the website was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbound {
    /// Connections and datagrams to addresses outside, as the kernel counted them. One `connect` is one.
    pub attempts: u64,
    /// Questions for names. Asking is an attempt too, and mostly two: for an address of either kind.
    pub questions: u64,
    /// The names that were asked for, in order, each once: `api.wordpress.org`. At most the first hundred.
    pub names: Vec<String>,
}

impl Outbound {
    /// Whether nothing was attempted.
    pub fn is_quiet(&self) -> bool {
        self.attempts == 0 && self.questions == 0
    }

    /// For people: how often, and whom.
    pub(super) fn told(&self) -> String {
        let names: Vec<String> = self.names.iter().map(|name| format!("{name:?}")).collect();
        match (self.attempts, self.questions) {
            (0, 0) => "nothing was attempted".to_owned(),
            (attempts, 0) => format!("{attempts} connections to outside were attempted"),
            (attempts, questions) => format!(
                "{attempts} connections to outside were attempted, and {questions} questions for names asked: {}",
                names.join(", ")
            ),
        }
    }
}

/// Questions for names, as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub questions: u64,
    pub names: Vec<String>,
    known: HashSet<String>,
}

impl Asked {
    /// Keeps what a datagram asks for, and says that there is no such name.
    pub(super) fn answer(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        self.questions += 1;
        let name = name_in(datagram).unwrap_or_else(|| "?".to_owned());
        if self.names.len() < NAMES_MAX && self.known.insert(name.clone()) {
            self.names.push(name);
        }
        no_such_name(datagram)
    }
}

/// The name in a DNS question: labels with their lengths before them, after a head of 12 bytes.
fn name_in(datagram: &[u8]) -> Option<String> {
    let mut rest = datagram.get(12..)?;
    let mut labels = Vec::new();
    loop {
        let (length, after) = rest.split_first()?;
        match usize::from(*length) {
            0 => return Some(labels.join(".")),
            length @ 1..=63 => {
                labels.push(String::from_utf8_lossy(after.get(..length)?).into_owned());
                rest = &after[length..];
            }
            _ => return None,
        }
    }
}

/// The question again, marked as an answer: this server is asked rightly, and there is no such name (NXDOMAIN).
fn no_such_name(datagram: &[u8]) -> Option<Vec<u8>> {
    let mut answer = datagram.to_vec();
    let flags = answer.get_mut(2..4)?;
    flags[0] = flags[0] & 0x01 | 0x84;
    flags[1] = 0x83;
    // Whatever else was in it is not repeated as part of the answer: no records of any kind.
    let counts = answer.get_mut(6..12)?;
    counts.fill(0);
    let end = 12 + question_bytes(&datagram[12..])?;
    answer.truncate(end);
    Some(answer)
}

/// How long the question is: its name, its kind and its class.
fn question_bytes(question: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(length) = question.get(at) {
        at += 1 + usize::from(*length);
        if *length == 0 {
            return (question.len() >= at + 4).then_some(at + 4);
        }
    }
    None
}

/// What the kernel counted in the network of a process: what was to be sent and had no route, in both versions of IP.
pub(super) fn without_route(process: u32) -> Result<u64, StageError> {
    let folder = Path::new("/proc").join(process.to_string()).join("net");
    let read = |name| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|error| StageError::io("read", &path, error))
    };
    let missing = || StageError::io("read", &folder, std::io::Error::other("there is no such counter"));
    let four = counter(&read("snmp")?).ok_or_else(missing)?;
    // A kernel without version 6 has no such file.
    let six = read("snmp6").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("Ip6OutNoRoutes"))?;
        line.trim().parse::<u64>().ok()
    });
    Ok(four + six.unwrap_or_default())
}

/// `OutNoRoutes` in the two lines `Ip: <names>` and `Ip: <numbers>`.
fn counter(snmp: &str) -> Option<u64> {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let at = lines.next()?.split_whitespace().position(|name| name == "OutNoRoutes")?;
    lines.next()?.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_by_its_name() {
        let snmp = "Ip: Forwarding DefaultTTL OutNoRoutes\nIp: 2 64 7\nIcmp: InMsgs\nIcmp: 0\n";
        assert_eq!(counter(snmp), Some(7));
        assert_eq!(counter("Ip: Forwarding\nIp: 2\n"), None);
    }

    #[test]
    fn names_are_kept_and_have_no_address() {
        let mut question = vec![0xAB, 0xCD, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1];
        question.extend_from_slice(b"\x03api\x09wordpress\x03org\x00\x00\x01\x00\x01");
        let whole = question.len();
        question.extend_from_slice(&[0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
        let mut asked = Asked::default();
        let answer = asked.answer(&question).unwrap();
        assert_eq!(answer.len(), whole);
        assert_eq!(&answer[..4], [0xAB, 0xCD, 0x85, 0x83]);
        assert_eq!(&answer[4..12], [0, 1, 0, 0, 0, 0, 0, 0]);
        asked.answer(&question);
        assert_eq!((asked.questions, asked.names.as_slice()), (2, &["api.wordpress.org".to_owned()][..]));
    }

    #[test]
    fn a_datagram_that_is_no_question_is_counted_too() {
        let mut asked = Asked::default();
        for datagram in [&b""[..], &[0; 11], &[0xFF; 40], b"123456789012\x3fshort"] {
            asked.answer(datagram);
        }
        assert_eq!((asked.questions, asked.names.as_slice()), (4, &["?".to_owned()][..]));
    }
}
