//! The ledger against its promises: what is acknowledged stays, what was said stays said, and one process writes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "the histogram is part of the result")]
#![allow(clippy::disallowed_methods, reason = "tests start programs, wait for them and look at the machine")]

mod actions;
mod facts;
mod forgery;
mod full_disk;
mod kill;
mod logs;
mod notices;
mod opening;
mod past;
mod readers;
mod restore_tests;
mod service;
mod support;
mod verdicts;
