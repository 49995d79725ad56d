//! What every command is given: the global options and the outside world.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use holdfast_ops::Tell;
use holdfast_ops::error::{Error, Result};
use holdfast_ops::setup::{Places, Setup};
use holdfast_ops::validate::{self, Loaded};
use holdfast_world::signals::Stop;
use holdfast_world::{Stream, World};

use crate::{diagnostics, output};

/// Options that every command takes.
#[derive(Args, Clone, Debug)]
pub struct GlobalOptions {
    /// Folder with policy.toml, estate.toml and keys/ [default: /etc/holdfast where it exists, else ./holdfast]
    #[arg(long, global = true, value_name = "DIR", env = "HOLDFAST_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder for caches, spool and records [default: /var/lib/holdfast where it exists, else ./holdfast/state]
    #[arg(long, global = true, value_name = "DIR", env = "HOLDFAST_STATE")]
    pub state: Option<PathBuf>,
    /// Print one JSON document on stdout instead of words
    #[arg(long, global = true)]
    pub json: bool,
    /// Print nothing but results and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The global options with the outside world.
pub struct Context {
    /// The options.
    pub options: GlobalOptions,
    /// The outside world.
    pub world: World,
    /// Raised by signals; only one that works on by itself is asked to drain first.
    pub stop: Stop,
}

impl Context {
    /// The folders that the options, or else the machine, name.
    pub fn places(&self) -> Places {
        let choose = |given: &Option<PathBuf>, system: &str, local: &str| {
            given.clone().unwrap_or_else(|| {
                let system = PathBuf::from(system);
                if system.is_dir() { system } else { PathBuf::from(local) }
            })
        };
        Places {
            config: choose(&self.options.config, "/etc/holdfast", "./holdfast"),
            state: choose(&self.options.state, "/var/lib/holdfast", "./holdfast/state"),
        }
    }

    /// Loads and checks the configuration.
    pub fn load(&self) -> Result<Loaded> {
        let tell: Tell = Arc::new(|text: &str| output::note(text));
        validate::load(&self.places(), &self.world, &self.stop.interrupted, &tell)
    }

    /// Loads and checks the configuration; what is wrong with it is printed with its place.
    pub fn setup(&self) -> Result<Setup> {
        let loaded = self.load()?;
        match loaded.setup {
            Some(setup) => Ok(setup),
            None => {
                diagnostics::print(&loaded.findings);
                Err(Error::usage("the configuration has errors; nothing was done")
                    .hint("`holdfast validate` lists them"))
            }
        }
    }

    /// Whether a moving progress line may be drawn.
    pub fn draws_progress(&self) -> bool {
        !self.options.quiet && self.world.environment.is_terminal(Stream::Error)
    }
}
