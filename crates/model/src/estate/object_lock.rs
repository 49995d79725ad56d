//! How a location shall lock objects.
//!
//! A word in a file makes nothing immutable, so this says what is wanted, and trying the location out says what it is.

use super::Located;
use crate::diagnostic::Problems;

/// Who may get rid of a lock before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Whoever was given the right to bypass it.
    Governance,
    /// Nobody.
    Compliance,
}

impl LockMode {
    /// Both.
    pub const ALL: [LockMode; 2] = [LockMode::Governance, LockMode::Compliance];

    /// The word of the estate.
    pub fn as_str(self) -> &'static str {
        match self {
            LockMode::Governance => "governance",
            LockMode::Compliance => "compliance",
        }
    }
}

/// Reads the word, for a location that is a bucket or is none.
pub(super) fn read_object_lock(
    problems: &mut Problems<'_>,
    text: Located<String>,
    is_bucket: bool,
) -> Option<Located<LockMode>> {
    let span = text.span.range();
    if !is_bucket {
        problems
            .error("bad-value", &span, "object_lock: only a bucket (s3://) can lock objects")
            .hint("remove it; what keeps others from deleting elsewhere, `holdfast location test` finds out");
        return None;
    }
    let mode = LockMode::ALL.into_iter().find(|mode| mode.as_str() == text.value);
    if mode.is_none() {
        problems.error("bad-value", &span, format!("there is no object_lock {:?}", text.value)).hint(
            "write \"compliance\", which nobody can undo, or \"governance\", which an administrator can",
        );
    }
    Some(Located { value: mode?, span: text.span })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::read_estate;

    fn read(url: &str, lock: &str) -> (Option<LockMode>, Vec<String>) {
        let text = format!(
            "[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n[locations.vault]\n\
             site = \"london\"\nhost = \"far\"\nurl = \"{url}\"\nobject_lock = {lock}\n"
        );
        let checked = read_estate("estate.toml", &text);
        let errors = checked.errors().map(|error| error.message.clone()).collect();
        let estate = checked.value;
        let mode = estate.and_then(|estate| Some(estate.locations.get("vault")?.object_lock.as_ref()?.value));
        (mode, errors)
    }

    #[test]
    fn a_bucket_locks_in_one_of_two_modes_and_nothing_else_does() {
        assert_eq!(read("s3://backups/x", "\"compliance\""), (Some(LockMode::Compliance), Vec::new()));
        assert_eq!(read("s3://backups/x", "\"governance\""), (Some(LockMode::Governance), Vec::new()));
        for (url, lock, why) in [
            ("s3://backups/x", "\"yes\"", "there is no object_lock \"yes\""),
            ("s3://backups/x", "true", "object_lock"),
            ("/srv/copies", "\"compliance\"", "only a bucket"),
            ("sftp://backup@nas/srv/copies", "\"compliance\"", "only a bucket"),
        ] {
            let (mode, errors) = read(url, lock);
            assert_eq!(mode, None);
            assert!(errors.iter().any(|error| error.contains(why)), "{url} {lock}: {errors:?}");
        }
    }
}
