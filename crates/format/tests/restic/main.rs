//! restic itself is the judge: we read every byte that it wrote, and it accepts a repository made of our parts.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    reason = "the judges are started as processes, in folders that the environment names"
)]

mod ours;
mod program;
mod theirs;
