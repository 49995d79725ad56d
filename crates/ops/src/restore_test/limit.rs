//! How long the test of one target may last. One that hangs keeps all that come after it from being tested, and its data lying
//! about: so it is ended, and that is a result of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use holdfast_world::Clock;
use jiff::Timestamp;

/// How often the thread looks.
const LOOK: Duration = Duration::from_millis(100);

/// Raises a flag at a deadline, or as soon as somebody interrupts.
pub(super) struct Limit {
    /// Ends the work, once raised.
    pub(super) stop: Arc<AtomicBool>,
    is_late: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Limit {
    /// Begins. Without a thread nothing ends early, and the deadline is looked at afterwards alone.
    pub(super) fn begin(clock: Arc<dyn Clock>, interrupted: Arc<AtomicBool>, deadline: Timestamp) -> Limit {
        let (stop, is_late, is_over): (Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicBool>) =
            (Arc::default(), Arc::default(), Arc::default());
        let (stops, late, over) = (Arc::clone(&stop), Arc::clone(&is_late), Arc::clone(&is_over));
        let watch = move || {
            while !over.load(Ordering::SeqCst) {
                let is_past = clock.now() >= deadline;
                if is_past {
                    late.store(true, Ordering::SeqCst);
                }
                if is_past || interrupted.load(Ordering::SeqCst) {
                    stops.store(true, Ordering::SeqCst);
                    return;
                }
                thread::park_timeout(LOOK);
            }
        };
        let thread = thread::Builder::new().name("limit".to_owned()).spawn(watch).ok();
        Limit { stop, is_late, is_over, thread }
    }

    /// Whether the deadline was past while it went on.
    pub(super) fn is_late(&self) -> bool {
        self.is_late.load(Ordering::SeqCst)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
