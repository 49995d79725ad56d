//! Limits of this process. The usual 1,024 open files are fewer than a deep tree and a few hundred uploads need,
//! and running out half-way through a walk would make readable files look unreadable.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the number of files that this process may have open to its hard limit. Returns the number in force
/// afterwards (`u64::MAX` for no limit). A refusal leaves the old number and is not an error.
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if setrlimit(Resource::Nofile, wanted).is_ok() {
            return limit.maximum.unwrap_or(u64::MAX);
        }
    }
    limit.current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_reaches_the_hard_limit_and_repeats() {
        let first = raise_open_files();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), first);
        assert_eq!(raise_open_files(), first);
    }
}
