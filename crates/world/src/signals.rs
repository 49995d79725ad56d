//! Signals: an interrupt asks for a clean end (locks released, what is stored stays usable), a second one insists.
//!
//! Without handlers Ctrl-C would leave restic locks behind at every location. SIGHUP is taken and ignored: restic
//! sends it to the owner of a lock to see whether it lives, and its default action would end a backup at work.
//! SIGPIPE stays as Rust sets it, ignored: a storage connection that breaks off must be an error, not an end of the
//! process. Programs that we start get its default back from the standard library.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// The exit code of an interrupted command.
pub const EXIT_INTERRUPTED: i32 = 130;

/// Installs the handlers and returns the flag that the first SIGINT or SIGTERM raises. The second one ends the
/// process at once with [`EXIT_INTERRUPTED`]. To be called once, at the start.
///
/// # Errors
/// What the system said when a handler could not be installed.
pub fn install() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Handlers run in this order: the first signal finds the flag down, passes, and raises it.
        flag::register_conditional_shutdown(signal, EXIT_INTERRUPTED, Arc::clone(&interrupted))?;
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    // A handler rather than SIG_IGN, which programs that we start would inherit.
    flag::register(SIGHUP, Arc::new(AtomicBool::new(false)))?;
    Ok(interrupted)
}

/// The flags that signals raise in a process that works on by itself.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Raised by the first SIGINT or SIGTERM: what runs may end, nothing new begins.
    pub draining: Arc<AtomicBool>,
    /// Raised by the second: what runs ends early, and cleanly.
    pub interrupted: Arc<AtomicBool>,
}

/// Installs the handlers of a service. The third SIGINT or SIGTERM ends the process at once with [`EXIT_INTERRUPTED`];
/// SIGHUP is ignored as by [`install`]. To be called once, at the start, instead of that.
///
/// # Errors
/// What the system said when a handler could not be installed, or no thread could be started.
pub fn install_for_service() -> io::Result<Stop> {
    let stop = Stop { draining: Arc::default(), interrupted: Arc::default() };
    flag::register(SIGHUP, Arc::new(AtomicBool::new(false)))?;
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let raised = stop.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            if raised.interrupted.load(Ordering::SeqCst) {
                std::process::exit(EXIT_INTERRUPTED);
            }
            if raised.draining.swap(true, Ordering::SeqCst) {
                raised.interrupted.store(true, Ordering::SeqCst);
            }
        }
    })?;
    Ok(stop)
}
