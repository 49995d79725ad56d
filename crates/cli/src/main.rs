//! The binary `holdfast`: arguments in, words and exit code out.
//!
//! The only crate that prints. Tables and progress go to people; with `--json` exactly one document goes to stdout and
//! everything else to stderr, so that scripts never have to guess.

mod commands;
mod context;
mod diagnostics;
mod output;
mod progress_line;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run()
}
