//! A question to a website in a staging, and its answer.

use std::time::Duration;

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
