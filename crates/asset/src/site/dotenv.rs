//! A `.env` file as Laravel reads it (the rules of phpdotenv), with nothing taken from anybody's environment.
//!
//! Readers of such files in Rust put the values of their own process in the place of `${NAME}`: a client would choose
//! which of holdfast's secrets becomes the name of a database. They also read passwords differently: here an unquoted `#`
//! begins a comment anywhere, and single quotes know no escapes.

use std::collections::HashMap;

use super::php::{Candidate, Candidates, Unresolved, Value};

const REFERENCE: &str = "it refers to a variable that the file does not set before";
const FORM: &str = "its line is not written as such a file has it";
/// The longest value, and all of them together with what they refer to: references can double with each line.
const VALUE_BYTES_MAX: usize = 64 << 10;
const ALL_BYTES_MAX: usize = 8 << 20;

/// What a `.env` file sets, up to the first line that is not written as such a file has it.
#[derive(Debug, Default)]
pub(super) struct Environment {
    values: HashMap<String, Candidate>,
    /// That line.
    pub(super) broken_line: Option<u32>,
}

impl Environment {
    pub(super) fn get(&self, name: &str) -> Option<&Candidate> {
        self.values.get(name)
    }

    /// What `env('NAME')` gives: the words for true, false, null and empty mean what they say.
    pub(super) fn look_up(&self, name: &[Candidate], line: u32) -> Candidates {
        let [Candidate { value: Value::Text(name), .. }] = name else {
            return vec![Candidate::unresolved(line, super::php::reason::COMPUTED)];
        };
        let Some(found) = self.values.get(name.as_ref()) else {
            return vec![Candidate::always(Value::Null, line)];
        };
        let mut found = found.clone();
        if let Value::Text(text) = &found.value {
            match text.to_ascii_lowercase().as_str() {
                "true" | "(true)" => found.value = Value::Bool(true),
                "false" | "(false)" => found.value = Value::Bool(false),
                "null" | "(null)" => found.value = Value::Null,
                "empty" | "(empty)" => found.value = Value::text(""),
                _ => {}
            }
        }
        vec![found]
    }
}

/// Reads a whole file.
pub(super) fn read(text: &str) -> Environment {
    let mut environment = Environment::default();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut line, mut all_bytes) = (1_u32, 0);
    while !rest.is_empty() {
        let (entry, length) = entry(rest);
        match entry {
            Entry::Nothing => {}
            Entry::Broken(name) => {
                // The website does not start with such a file either; and looking for the end of each of a million quotes
                // would take hours.
                environment.broken_line = Some(line);
                if let Some(name) = name {
                    environment.values.insert(name.to_owned(), Candidate::unresolved(line, FORM));
                }
                break;
            }
            Entry::Set(name, parts) => {
                let value = environment.join(&parts, line, &mut all_bytes);
                environment.values.insert(name.to_owned(), Candidate::always(value, line));
            }
        }
        line = line.saturating_add(rest[..length].matches('\n').count() as u32);
        rest = &rest[length..];
    }
    environment
}

enum Entry<'t> {
    Nothing,
    Broken(Option<&'t str>),
    Set(&'t str, Vec<Part<'t>>),
}

enum Part<'t> {
    Text(String),
    Reference(&'t str),
}

impl Environment {
    fn join(&self, parts: &[Part<'_>], line: u32, all_bytes: &mut usize) -> Value {
        let mut joined = String::new();
        for part in parts {
            match part {
                Part::Text(text) => joined += text,
                Part::Reference(name) => match self.values.get(*name).map(|found| &found.value) {
                    Some(Value::Text(text)) => joined += text,
                    _ => return Value::Unresolved(Unresolved { line, reason: REFERENCE }),
                },
            }
            if joined.len() > VALUE_BYTES_MAX || *all_bytes + joined.len() > ALL_BYTES_MAX {
                return Value::Unresolved(Unresolved { line, reason: super::php::reason::TOO_MUCH });
            }
        }
        *all_bytes += joined.len();
        Value::text(&joined)
    }
}

/// The entry at the beginning of the text, and its length with the end of its line.
fn entry(text: &str) -> (Entry<'_>, usize) {
    let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at + 1);
    let first = &text[..line_end(0)];
    let content = first.trim();
    if content.is_empty() || content.starts_with('#') {
        return (Entry::Nothing, first.len());
    }
    // A name alone sets nothing.
    let Some((before, after)) = first.split_once('=') else { return (Entry::Nothing, first.len()) };
    let name = before.trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    let name = name.trim_matches(|quote| quote == '"' || quote == '\'');
    if name.is_empty()
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    {
        return (Entry::Broken(None), first.len());
    }
    let begin = before.len() + 1 + (after.len() - after.trim_start_matches([' ', '\t']).len());
    match value(&text[begin..]) {
        Some((parts, length)) => (Entry::Set(name, parts), line_end(begin + length)),
        None => (Entry::Broken(Some(name)), first.len()),
    }
}

/// A value at the beginning of the text, and where it ends. What follows up to the end of the line is a comment.
fn value(text: &str) -> Option<(Vec<Part<'_>>, usize)> {
    let (parts, end) = match text.chars().next() {
        Some('\'') => {
            let length = text[1..].find('\'')?;
            (vec![Part::Text(text[1..=length].to_owned())], length + 2)
        }
        Some('"') => quoted(text)?,
        _ => {
            let end = text.find(['#', '\n', '\r', ' ', '\t']).unwrap_or(text.len());
            (references(&text[..end]), end)
        }
    };
    let line = text[end..].split('\n').next().unwrap_or_default().trim();
    (line.is_empty() || line.starts_with('#')).then_some((parts, end))
}

/// In double quotes: escapes, references, and ends of lines.
fn quoted(text: &str) -> Option<(Vec<Part<'_>>, usize)> {
    let (mut parts, mut plain) = (Vec::new(), String::new());
    let mut rest = &text[1..];
    loop {
        let next = rest.chars().next()?;
        match next {
            '"' => break,
            '\\' => {
                let escaped = rest[1..].chars().next()?;
                plain.push(match escaped {
                    '"' | '\\' | '$' => escaped,
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'f' => '\u{c}',
                    'v' => '\u{b}',
                    _ => return None,
                });
                rest = &rest[2..];
                continue;
            }
            '$' => {
                if let Some((name, length)) = reference(rest) {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Reference(name));
                    rest = &rest[length..];
                    continue;
                }
                plain.push('$');
            }
            other => plain.push(other),
        }
        rest = &rest[next.len_utf8()..];
    }
    parts.push(Part::Text(plain));
    Some((parts, text.len() - rest.len() + 1))
}

fn references(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find('$') {
        match reference(&rest[at..]) {
            Some((name, length)) => {
                parts.push(Part::Text(rest[..at].to_owned()));
                parts.push(Part::Reference(name));
                rest = &rest[at + length..];
            }
            None => {
                parts.push(Part::Text(rest[..=at].to_owned()));
                rest = &rest[at + 1..];
            }
        }
    }
    parts.push(Part::Text(rest.to_owned()));
    parts
}

/// `${NAME}`, and its length.
fn reference(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("${")?;
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))?;
    (end > 0 && inner[end..].starts_with('}')).then(|| (&inner[..end], end + 3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value_of(text: &str) -> Option<String> {
        Some(read(text).get("A")?.value.to_text()?.to_string())
    }

    #[test]
    fn values_are_read_as_phpdotenv_reads_them() {
        for (written, expected) in [
            ("A=b", Some("b")),
            ("export A=b\r\n", Some("b")),
            ("A = b # comment", Some("b")),
            ("A=b#c", Some("b")),
            ("A=", Some("")),
            ("A=''", Some("")),
            ("A='b#c\\n$d ${E}'", Some("b#c\\n$d ${E}")),
            ("A=\"b#c\\n\\\"\\$\" # comment", Some("b#c\n\"$")),
            ("A=\"two\nlines\"\nB=c", Some("two\nlines")),
            ("B=c\nA=\"${B}d$\"", Some("cd$")),
            ("B=c\nA=${B}d", Some("cd")),
            ("A=b\nA=c", Some("c")),
            ("#A=b", None),
            ("A", None),
            ("A=${PATH}", None),
            ("A=b c", None),
            ("A=\"open", None),
            ("A=\"\\q\"", None),
        ] {
            assert_eq!(value_of(written).as_deref(), expected, "{written:?}");
        }
        assert_eq!(read("A=b\nC=d e\nF=g").broken_line, Some(2));
        assert_eq!(read("A=\"x\ny\"\nC=d e").broken_line, Some(3));
    }

    #[test]
    fn references_to_references_end() {
        let doubling: String = (1..100).map(|n| format!("A{n}=${{A{m}}}${{A{m}}}\n", m = n - 1)).collect();
        let environment = read(&format!("A0=0123456789\n{doubling}"));
        assert!(environment.get("A99").is_some_and(|found| found.value.to_text().is_none()));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([A-Z=\"'$\\{\\}#\\\\ \n\ré]|A=)*") {
            read(&text);
        }
    }
}
