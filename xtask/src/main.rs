//! `cargo xtask`: everything a developer or the CI does with this repository, as programs and not as prose.
//!
//! Without it each check would live in somebody's memory, and a fresh machine would fail in a way that only its
//! owner can explain. Every command here runs on a fresh clone, says what it does in one line a step, and names
//! what is missing when it cannot go on.
#![allow(
    clippy::disallowed_methods,
    reason = "a developer's tool: it starts programs and reads the environment"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool: it prints")]

mod bench;
mod demo;
mod floors;
mod instructions;
mod lab;
mod package;
mod process;
mod suite;
mod workspace;

use clap::{Parser, Subcommand};

/// Tasks of the holdfast repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the real servers and peers that tests run against, from apt, pip and cargo.
    Lab(lab::Args),
    /// Check the floors, the words and the habits that the architecture promises.
    Floors,
    /// Install the lab, then run every test with nextest.
    Test(suite::Args),
    /// Measure ours and every installed peer in one run, in alternation, and print the ratios.
    Bench(bench::Args),
    /// Count the instructions of four small works and compare them with the committed counts.
    Instructions(instructions::Args),
    /// Tell one day of a backup with real websites, real servers and a damaged copy.
    Demo(demo::Args),
    /// Build the Debian package, unpack it, and try what is in it.
    Package(package::Args),
    /// What `bench` starts itself as.
    #[command(hide = true)]
    Measure(bench::MeasureArgs),
}

fn main() -> std::process::ExitCode {
    let outcome = match Cli::parse().task {
        Task::Lab(args) => lab::install(&args),
        Task::Floors => floors::check(),
        Task::Test(args) => suite::run(&args),
        Task::Demo(args) => demo::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Package(args) => package::run(&args),
        Task::Instructions(args) => instructions::run(&args),
        Task::Measure(args) => bench::measure(&args),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
