//! Turns: within one process, one operation at a time works on a repository.
//!
//! The locks of a repository let writers in side by side, and its records here are read, changed and written back: two
//! runs of one client at once would each lose what the other wrote down.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lines::Lines;
use crate::ending::Ending;
use crate::error::{Error, Result};

/// Who has a turn now, and the lines that all share. Shared by all setups of a process.
#[derive(Debug, Default)]
pub struct Turns {
    taken: Mutex<BTreeSet<String>>,
    given_back: Condvar,
    pub(super) lines: Lines,
}

/// A turn; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    name: String,
}

impl Turns {
    /// Waits for the turn called `name`, unless we are interrupted meanwhile.
    pub(crate) fn take(self: &Arc<Turns>, name: &str, interrupted: &AtomicBool) -> Result<Turn> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.contains(name) {
            if interrupted.load(Ordering::SeqCst) {
                return Err(Error::new(
                    Ending::Interrupted,
                    "interrupted while another operation had its turn",
                ));
            }
            let waited = self.given_back.wait_timeout(taken, Duration::from_millis(200));
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        taken.insert(name.to_owned());
        Ok(Turn { turns: Arc::clone(self), name: name.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
        self.turns.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_had_by_one_and_given_back() {
        let turns = Arc::new(Turns::default());
        let never = AtomicBool::new(false);
        let first = turns.take("C-1", &never).unwrap();
        let _other = turns.take("C-2", &never).unwrap();
        let waiting = std::thread::spawn({
            let turns = Arc::clone(&turns);
            move || turns.take("C-1", &AtomicBool::new(false)).map(|_| ())
        });
        assert_eq!(turns.take("C-1", &AtomicBool::new(true)).unwrap_err().ending, Ending::Interrupted);
        drop(first);
        waiting.join().unwrap().unwrap();
    }
}
