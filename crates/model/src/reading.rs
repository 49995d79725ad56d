//! Reading TOML tables key by key, so that every finding knows its place and no key goes unnoticed.
//!
//! A derived deserializer stops at the first error, and an ignored key is a rule that its author believes in and
//! nobody follows.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::Problems;

/// A value and the bytes it was written in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands in the file.
    pub span: Span,
}

/// A range of bytes, ordered by its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Span {
        Span { start: range.start, end: range.end }
    }
}

impl Span {
    /// As a range.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

impl<T> Located<T> {
    pub(crate) fn new(value: T, span: Range<usize>) -> Located<T> {
        Located { value, span: span.into() }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), span: self.span }
    }
}

/// Parses a document; syntax errors become findings, and what could be read is given nevertheless.
pub(crate) fn parse<'t>(text: &'t str, problems: &mut Problems<'_>) -> DeTable<'t> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        // Of a value that was not recognised, the parser points at one character.
        let span = error.span().unwrap_or(0..0);
        problems.error("syntax", &span, error.message().to_owned());
    }
    document.into_inner()
}

/// A table of which every key must be asked for.
pub(crate) struct Fields<'t, 'i> {
    table: &'t DeTable<'i>,
    /// How the table is called in messages.
    name: String,
    /// What findings about the table as a whole point at.
    span: Range<usize>,
    known: Vec<&'static str>,
}

type Value<'t, 'i> = &'t Spanned<DeValue<'i>>;

impl<'t, 'i> Fields<'t, 'i> {
    pub(crate) fn new(table: &'t DeTable<'i>, name: impl Into<String>, span: Range<usize>) -> Fields<'t, 'i> {
        Fields { table, name: name.into(), span, known: Vec::new() }
    }

    pub(crate) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// The span of a key, where it is present.
    pub(crate) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table.keys().find(|found| found.get_ref() == key).map(Spanned::span)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.key_span(key).is_some()
    }

    pub(crate) fn value(&mut self, key: &'static str) -> Option<Value<'t, 'i>> {
        self.known.push(key);
        self.table.iter().find(|(found, _)| found.get_ref() == key).map(|(_, value)| value)
    }

    /// Reports a missing key.
    pub(crate) fn require<T>(&self, problems: &mut Problems<'_>, key: &str, value: Option<T>) -> Option<T> {
        // One of the wrong type was reported as such.
        if value.is_none() && !self.has(key) {
            problems.error("missing-key", &self.span, format!("{} lacks the key {key:?}", self.name));
        }
        value
    }

    pub(crate) fn text(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Located<String>> {
        let value = self.value(key)?;
        as_text(problems, key, value)
    }

    pub(crate) fn required_text(
        &mut self,
        problems: &mut Problems<'_>,
        key: &'static str,
    ) -> Option<Located<String>> {
        let value = self.text(problems, key);
        self.require(problems, key, value)
    }

    /// One text or a list of texts.
    pub(crate) fn texts(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Vec<Located<String>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        match value.get_ref() {
            DeValue::Array(values) => {
                values.iter().filter_map(|value| as_text(problems, key, value)).collect()
            }
            _ => as_text(problems, key, value).into_iter().collect(),
        }
    }

    /// A list of texts and tables, or one of either.
    #[allow(clippy::type_complexity, reason = "one of the two, as it stands in the file")]
    pub(crate) fn texts_and_tables(
        &mut self,
        problems: &mut Problems<'_>,
        key: &'static str,
    ) -> Vec<(Option<Located<String>>, Option<Fields<'t, 'i>>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let mut read = |value: Value<'t, 'i>| match value.get_ref() {
            DeValue::Table(table) => {
                (None, Some(Fields::new(table, format!("an entry of {key:?}"), value.span())))
            }
            _ => (as_text(problems, key, value), None),
        };
        match value.get_ref() {
            DeValue::Array(values) => values.iter().map(read).collect(),
            _ => vec![read(value)],
        }
    }

    pub(crate) fn flag(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Located<bool>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(Located::new(*flag, value.span())),
            other => wrong_type(problems, key, "true or false", other, &value.span()),
        }
    }

    pub(crate) fn whole(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Located<u32>> {
        let value = self.value(key)?;
        as_whole(problems, key, value)
    }

    pub(crate) fn number(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Located<f64>> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            other => return wrong_type(problems, key, "a number", other, &value.span()),
        };
        let number = number.map(|number| Located::new(number, value.span()));
        if number.is_none() {
            problems.error("bad-value", &value.span(), format!("{key} is no usable number"));
        }
        number
    }

    pub(crate) fn table(&mut self, problems: &mut Problems<'_>, key: &'static str) -> Option<Fields<'t, 'i>> {
        let value = self.value(key)?;
        let span = self.key_span(key).unwrap_or_else(|| value.span());
        as_table(problems, key, value, format!("{key:?}"), span)
    }

    /// The tables of a list; `None` where the key is missing.
    pub(crate) fn list(
        &mut self,
        problems: &mut Problems<'_>,
        key: &'static str,
    ) -> Option<Vec<Fields<'t, 'i>>> {
        let value = self.value(key)?;
        let DeValue::Array(values) = value.get_ref() else {
            wrong_type::<()>(problems, key, "a list of tables", value.get_ref(), &value.span());
            return Some(Vec::new());
        };
        let read = values
            .iter()
            .filter_map(|value| as_table(problems, key, value, format!("an entry of {key:?}"), value.span()));
        Some(read.collect())
    }

    /// The tables inside the table `key`: names as they were written, with their places.
    pub(crate) fn tables(
        &mut self,
        problems: &mut Problems<'_>,
        key: &'static str,
    ) -> Vec<(Located<String>, Fields<'t, 'i>)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Table(tables) = value.get_ref() else {
            wrong_type::<()>(problems, key, "a table of tables", value.get_ref(), &value.span());
            return Vec::new();
        };
        let read = tables.iter().filter_map(|(name, value)| {
            let shown = format!("[{key}.{}]", shown_key(name.get_ref()));
            let fields = as_table(problems, name.get_ref(), value, shown, name.span())?;
            Some((Located::new(name.get_ref().clone().into_owned(), name.span()), fields))
        });
        read.collect()
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self, problems: &mut Problems<'_>) {
        for key in self.table.keys() {
            if self.known.contains(&key.get_ref().as_ref()) {
                continue;
            }
            let message = format!("{} has no key {:?}", self.name, key.get_ref());
            let finding = problems.error("unknown-key", &key.span(), message);
            finding.hint(match nearest(key.get_ref(), &self.known) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("there are: {}", self.known.join(", ")),
            });
        }
    }
}

/// The one of `choices` that a mistyped `word` probably meant.
pub(crate) fn nearest<'c>(word: &str, choices: &[&'c str]) -> Option<&'c str> {
    let word = word.to_lowercase();
    let distance = |choice: &&&str| strsim::damerau_levenshtein(&word, choice);
    let near = choices.iter().min_by_key(distance)?;
    (distance(&near) <= (near.len() / 3).max(1) + 1 && distance(&near) < near.len()).then_some(*near)
}

fn as_text(problems: &mut Problems<'_>, key: &str, value: Value<'_, '_>) -> Option<Located<String>> {
    match value.get_ref() {
        DeValue::String(text) => Some(Located::new(text.clone().into_owned(), value.span())),
        other => wrong_type(problems, key, "a text in quotes", other, &value.span()),
    }
}

pub(crate) fn as_whole(problems: &mut Problems<'_>, key: &str, value: Value<'_, '_>) -> Option<Located<u32>> {
    let DeValue::Integer(number) = value.get_ref() else {
        return wrong_type(problems, key, "a whole number", value.get_ref(), &value.span());
    };
    let parsed = u32::from_str_radix(number.as_str(), number.radix()).ok();
    if parsed.is_none() {
        problems.error("bad-value", &value.span(), format!("{key} must lie between 0 and {}", u32::MAX));
    }
    parsed.map(|number| Located::new(number, value.span()))
}

fn as_table<'t, 'i>(
    problems: &mut Problems<'_>,
    key: &str,
    value: Value<'t, 'i>,
    name: String,
    span: Range<usize>,
) -> Option<Fields<'t, 'i>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(Fields::new(table, name, span)),
        other => wrong_type(problems, key, "a table", other, &value.span()),
    }
}

pub(crate) fn wrong_type<T>(
    problems: &mut Problems<'_>,
    key: &str,
    wanted: &str,
    found: &DeValue<'_>,
    span: &Range<usize>,
) -> Option<T> {
    let found = match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    problems.error("wrong-type", span, format!("{key} must be {wanted}, and is {found}"));
    None
}

fn shown_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("{key:?}") }
}
