//! Findings about the files that people write: what is wrong, exactly where, and what to do about it.
//!
//! All findings of a file are collected; a reader that stopped at the first one would cost its author a run for each.

use std::fmt;
use std::ops::Range;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but something about it is doubtful.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name for scripts and documentation, e.g. `estate.unknown-key`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// The file, as the caller named it.
    pub file: String,
    /// The bytes of the file that it is about; never past its end.
    pub span: Range<usize>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Line and column of the start, both counted from 1, the column in characters. `text` is the file's content.
    pub fn line_and_column(&self, text: &str) -> (usize, usize) {
        let mut start = self.span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: {} [{}]", self.file, self.message, self.code)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// What reading a file gave.
#[derive(Clone, Debug)]
pub struct Checked<T> {
    /// The content; `None` when any finding is an error.
    pub value: Option<T>,
    /// All findings, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl<T> Checked<T> {
    /// The errors alone.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Findings of one file while it is read.
pub(crate) struct Problems<'t> {
    area: &'static str,
    file: &'t str,
    length: usize,
    found: Vec<Diagnostic>,
}

impl<'t> Problems<'t> {
    pub(crate) fn new(area: &'static str, file: &'t str, text: &str) -> Problems<'t> {
        Problems { area, file, length: text.len(), found: Vec::new() }
    }

    pub(crate) fn error(
        &mut self,
        code: &str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Error, code, span, message.into())
    }

    pub(crate) fn warning(
        &mut self,
        code: &str,
        span: &Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Warning, code, span, message.into())
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &str,
        span: &Range<usize>,
        message: String,
    ) -> &mut Diagnostic {
        let start = span.start.min(self.length);
        self.found.push(Diagnostic {
            severity,
            code: format!("{}.{code}", self.area),
            message,
            file: self.file.to_owned(),
            span: start..span.end.clamp(start, self.length),
            hint: None,
        });
        self.found.last_mut().expect("just pushed")
    }

    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Checked<T> {
        self.found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.severity));
        let is_usable = self.found.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
        Checked { value: value.filter(|_| is_usable), diagnostics: self.found }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

impl Diagnostic {
    /// Adds what to do about it.
    pub(crate) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}
