//! Mail that something in a staging wanted to send.

/// A mail that went no further than the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Whether it came by PHP's `mail()` and the like (`sendmail`), or by SMTP to this machine (`smtp`).
    pub way: &'static str,
    /// The mail with its headers, at most the first 64 KiB.
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
