//! Carries what `ops` has to say out of this machine.

use std::time::Duration;

use holdfast_ops::alerts::carrier::{Carried, Carrier, Failure, Mail, Post};
use tokio::runtime::{Builder, Runtime};

use crate::{mail, request};

/// So long a server has for each step. One that takes longer is tried again later, and holds up nothing meanwhile.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The one that carries.
#[derive(Debug)]
pub struct Courier {
    runtime: Runtime,
}

impl Courier {
    /// Readies it; nothing is contacted.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new() -> std::io::Result<Courier> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("courier").enable_all().build()?;
        Ok(Courier { runtime })
    }
}

impl Carrier for Courier {
    fn mail(&self, mail: &Mail) -> Result<Carried, Failure> {
        mail::send(mail)
    }

    fn post(&self, post: &Post) -> Result<Carried, Failure> {
        self.runtime.block_on(request::send(post))
    }
}

/// An error with everything below it.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}
