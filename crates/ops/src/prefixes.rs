//! What the tables of an application begin with, as a point says it: in tags, which stock tools show.
//!
//! Where several applications share a database, only the prefix tells whose a table is, and after a loss the configuration that
//! names it may be gone with everything else.

use std::collections::BTreeSet;

use holdfast_format::Snapshot;

/// How such a tag begins.
const TAG: &str = "prefix:";

/// The tags of a point whose databases have applications with these prefixes.
pub(crate) fn tags(prefixes: &BTreeSet<(String, String)>) -> Vec<String> {
    let tag = |(database, prefix): &(String, String)| format!("{TAG}{}/{}", escape(database), escape(prefix));
    prefixes.iter().map(tag).collect()
}

/// The prefixes of a database that a point knows.
pub(crate) fn of(snapshot: &Snapshot, database: &str) -> BTreeSet<String> {
    let of = |tag: &String| {
        let (name, prefix) = tag.strip_prefix(TAG)?.split_once('/')?;
        (unescape(name)? == database).then(|| unescape(prefix))?
    };
    snapshot.tags.iter().filter_map(of).collect()
}

/// A name may hold what separates tags.
fn escape(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$' | b'.');
    let escaped =
        |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escaped).collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let code = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(code, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_whatever_the_names() {
        for name in ["shop", "wp2_", "a/b", "100%", "ä,ö", "a b", "%2F"] {
            let escaped = escape(name);
            assert!(!escaped.contains([',', '/', ' ']), "{escaped}");
            assert_eq!(unescape(&escaped).as_deref(), Some(name));
        }
        assert_eq!(unescape("%"), None);
        assert_eq!(unescape("%zz"), None);
    }
}
