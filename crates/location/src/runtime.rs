//! The private async runtime of one place. Network libraries want one; nothing above this crate ever sees it, and a
//! caller's thread simply waits.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

/// Threads that move a place's bytes; two keep encryption and sockets apart.
const THREADS: usize = 2;

/// Starts a runtime for the place `name`.
pub(crate) fn start(name: &str) -> Result<Runtime, String> {
    Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name(format!("place {name}"))
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start threads for the place: {error}"))
}

/// Runs a future to its end on the calling thread.
pub(crate) fn wait<T>(runtime: &Runtime, future: impl Future<Output = T>) -> T {
    runtime.block_on(future)
}
