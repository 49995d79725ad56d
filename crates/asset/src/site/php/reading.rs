//! One reading of one file: parsed by a library, and followed within bounds.

use std::collections::HashMap;

use php_rs_parser::diagnostics::ParseError;
use php_rs_parser::source_map::SourceMap;

use super::conditions::Conditions;
use super::value::Candidates;
use crate::site::dotenv::Environment;

/// `if`s and the like in one file; with more, what comes after is not followed, and that is told.
pub(super) const FORKS_MAX: u32 = 4096;
/// Steps of work for one file: some hundred times what the longest of known configurations needs, and well below a second.
const WORK_MAX: u64 = 2_000_000;
/// Ten times what the longest of known configurations has. What makes the parser's work grow with the square of the length
/// stays within a moment with so little.
const BYTES_MAX: usize = 256 << 10;
/// Texts of the kind `<<<`: for each the parser looks through the rest of the file for its end.
const HEREDOCS_MAX: usize = 100;
/// Deep enough for everything that the parser lets pass (512 levels) and what is followed here, with plenty to spare.
const STACK_BYTES: usize = 32 << 20;

/// Why something is not known. No word of the file is repeated: see [`super::value::Unresolved`].
pub(in crate::site) mod reason {
    pub(in crate::site) const BROKEN: &str = "it stands at or after a place that is not valid PHP";
    pub(in crate::site) const CALL: &str = "it comes from a function that only the website can run";
    pub(in crate::site) const COMPUTED: &str = "it is computed in a way that is not followed";
    pub(in crate::site) const CONSTANT: &str =
        "it is a constant that this file does not set (or a text without its quotes)";
    pub(in crate::site) const ENVIRONMENT: &str = "it comes from the environment of the web server";
    pub(in crate::site) const INCLUDED: &str = "it comes from another file that is included";
    pub(in crate::site) const LOOP: &str = "it is set in a loop";
    pub(in crate::site) const NOT_TEXT: &str = "it is not UTF-8 text";
    pub(in crate::site) const TOO_DEEP: &str = "it is nested too deeply";
    pub(in crate::site) const TOO_MANY: &str = "it has too many possible values";
    pub(in crate::site) const TOO_MUCH: &str = "the file takes too much work to read";
    pub(in crate::site) const VARIABLE: &str = "it is a variable that this file does not set";
    pub(in crate::site) const VARIABLE_IN_QUOTES: &str =
        "it holds a variable that this file does not set (or a `$` in double quotes)";
}

pub(super) struct Reading<'a> {
    pub(super) values: HashMap<String, Candidates>,
    pub(super) lines: &'a SourceMap,
    /// Where the file stops being PHP; beyond its end if it does not.
    pub(super) broken_at: u32,
    pub(super) is_utf8: bool,
    /// The folder of the file, for `__DIR__`; empty when it has no name in UTF-8.
    pub(super) folder: &'a str,
    /// What `env()` reads; without it the environment is nobody's.
    pub(super) environment: Option<&'a Environment>,
    pub(super) forks: u32,
    pub(super) depth: u32,
    pub(super) exempt: Vec<(String, u32)>,
    /// Lines that hand over to other files, or set what cannot be seen.
    pub(super) elsewhere: Vec<u32>,
    pub(super) is_cut_short: bool,
    work: u64,
}

impl Reading<'_> {
    /// Whether there is work left for this; if not, nothing more is done.
    pub(super) fn spend(&mut self, work: u64) -> bool {
        self.work = self.work.saturating_add(work);
        self.is_cut_short |= self.is_spent();
        !self.is_spent()
    }

    pub(super) fn is_spent(&self) -> bool {
        self.work > WORK_MAX
    }
}

/// What a file sets, as far as it can be told without running it.
#[derive(Debug, Default)]
pub(in crate::site) struct Settings {
    values: HashMap<String, Candidates>,
    /// The first line that is not valid PHP.
    pub(in crate::site) broken_line: Option<u32>,
    /// Lines that hand over to other files.
    pub(in crate::site) elsewhere: Vec<u32>,
    /// Whether the file is too large in some way to be followed to its end.
    pub(in crate::site) is_cut_short: bool,
}

impl Settings {
    /// What something may be: `$variable`, `CONSTANT`, `class::$field`, `class::CONSTANT` or `return`. Empty when the file
    /// does not set it.
    pub(in crate::site) fn candidates(&self, key: &str) -> Candidates {
        self.values.get(key).cloned().unwrap_or_default()
    }

    pub(in crate::site) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The one text that something is, if that is certain.
    pub(in crate::site) fn certain_text(&self, key: &str) -> Option<String> {
        match self.values.get(key)?.as_slice() {
            [candidate] if candidate.conditions.is_always() => Some(candidate.value.to_text()?.to_string()),
            _ => None,
        }
    }
}

/// Reads a file of PHP, on a stack of its own and so that a fault of the parser ends this reading and not the program.
pub(in crate::site) fn read(
    bytes: &[u8],
    folder: &str,
    environment: Option<&Environment>,
) -> Result<Settings, &'static str> {
    if bytes.len() > BYTES_MAX {
        return Err("it is larger than 256 KiB, more than any configuration that people write");
    }
    if bytes.windows(3).filter(|window| window == b"<<<").count() > HEREDOCS_MAX {
        return Err("it has more texts of the kind <<< than any configuration that people write");
    }
    let utf8 = std::str::from_utf8(bytes);
    let is_utf8 = utf8.is_ok();
    // Code is ASCII whatever the comments are in, so each byte can stand for itself.
    let source = utf8.map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("php".to_owned()).stack_size(STACK_BYTES);
        let reading = thread.spawn_scoped(scope, || follow(&source, is_utf8, folder, environment));
        let reading = reading.map_err(|_| "no thread could be started to read it in")?;
        reading.join().map_err(|_| "the parser failed on it: that is a fault of holdfast, please report it")
    })
}

fn follow(source: &str, is_utf8: bool, folder: &str, environment: Option<&Environment>) -> Settings {
    let arena = php_rs_parser::bumpalo::Bump::new();
    let parsed = php_rs_parser::parse_arena(&arena, source);
    // What a newer PHP forbids an older one ran.
    let is_syntax = |error: &&ParseError| {
        !matches!(error, ParseError::Forbidden { .. } | ParseError::VersionTooLow { .. })
    };
    let broken_at = parsed.errors.iter().filter(is_syntax).map(|error| error.span().start).min();
    let mut reading = Reading {
        values: HashMap::new(),
        lines: &parsed.source_map,
        broken_at: broken_at.unwrap_or(u32::MAX),
        is_utf8,
        folder,
        environment,
        forks: 0,
        depth: 0,
        exempt: Vec::new(),
        elsewhere: Vec::new(),
        is_cut_short: false,
        work: 0,
    };
    reading.statements(&parsed.program.stmts, &Conditions::default());
    Settings {
        broken_line: broken_at.map(|at| parsed.source_map.offset_to_line_col(at).line + 1),
        elsewhere: reading.elsewhere,
        is_cut_short: reading.is_cut_short,
        values: reading.values,
    }
}
