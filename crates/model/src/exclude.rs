//! Patterns for what an asset leaves out.
//!
//! A pattern that means something else than its author thought silently leaves files out of every backup, so there
//! is one small set of rules, close to what `.gitignore` has taught everybody:
//!
//! `*` and `?` match within one name, `**` any number of folders, `[a-z]` a class, `{a,b}` either, `\` takes the next
//! character literally. A pattern without a slash matches a name anywhere below the asset's path (`*.log`). One with
//! a slash, at its start or in the middle, is anchored at the asset's path (`/tmp`, `var/cache`, `**/session/*`).
//! A slash at the end makes it match folders only (`cache/`). A folder that matches is left out with all that is in
//! it. Letter case counts. There is no negation.

use std::fmt;

use globset::{Glob, GlobBuilder};

/// A parsed pattern.
#[derive(Clone, Debug)]
pub struct ExcludePattern {
    /// As it was written.
    pub text: String,
    /// What it matches: the path below the root when `anchored`, else a single name.
    pub glob: Glob,
    /// Whether it is matched against the whole path below the root.
    pub anchored: bool,
    /// Whether it matches folders only.
    pub directories_only: bool,
}

/// Why a pattern makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// The pattern.
    pub text: String,
    /// The cause, and what to write instead.
    pub cause: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pattern {:?}: {}", self.text, self.cause)
    }
}

impl std::error::Error for PatternError {}

impl ExcludePattern {
    /// Parses a pattern by the rules at the top of this module.
    ///
    /// # Errors
    /// When it cannot match anything, or is not one.
    pub fn parse(text: &str) -> Result<ExcludePattern, PatternError> {
        let wrong = |cause: &str| PatternError { text: text.to_owned(), cause: cause.to_owned() };
        if text.starts_with('!') {
            return Err(wrong("there is no negation; for a name that starts with '!' write '\\!'"));
        }
        let directories_only = text.ends_with('/') && !text.ends_with("\\/");
        let body = text.trim_end_matches('/');
        let anchored = body.contains('/');
        let body = body.strip_prefix('/').unwrap_or(body);
        if body.is_empty() {
            return Err(wrong("it is empty, or would leave out everything"));
        }
        if body.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(wrong("'//', '.' and '..' match nothing; paths are written from the asset's path"));
        }
        let glob = GlobBuilder::new(body)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| wrong(&error.kind().to_string()))?;
        Ok(ExcludePattern { text: text.to_owned(), glob, anchored, directories_only })
    }
}

impl PartialEq for ExcludePattern {
    fn eq(&self, other: &ExcludePattern) -> bool {
        self.text == other.text
    }
}

impl Eq for ExcludePattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_decide_between_names_and_paths() {
        for (text, anchored, directories_only) in [
            ("*.log", false, false),
            ("cache/", false, true),
            ("/tmp", true, false),
            ("var/cache", true, false),
            ("/var/cache/", true, true),
        ] {
            let pattern = ExcludePattern::parse(text).unwrap();
            assert_eq!((pattern.anchored, pattern.directories_only), (anchored, directories_only), "{text}");
        }
    }

    #[test]
    fn patterns_that_cannot_mean_anything_are_refused() {
        for text in ["", "/", "//", "!keep", "a//b", "./a", "../a", "a/./b", "[a", "a{b"] {
            let error = ExcludePattern::parse(text).unwrap_err();
            assert!(!error.cause.is_empty(), "{text}");
        }
    }
}
