//! What a restore tells about trouble.
//!
//! A damaged pack may hold ten thousand files' content, and a file system without attributes refuses one for every file:
//! each cause is told once and counted as often as it is met, so that the one message that matters is not buried.

use std::collections::HashSet;

use parking_lot::Mutex;

use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::progress::Count;

pub(crate) struct Reports<'a> {
    monitor: &'a dyn Monitor,
    /// Entries that are missing, or are not in every respect as the point has them.
    pub(crate) failures: Count,
    damaged: Mutex<HashSet<String>>,
    told: Mutex<HashSet<String>>,
}

impl<'a> Reports<'a> {
    pub(crate) fn new(monitor: &'a dyn Monitor) -> Reports<'a> {
        let (damaged, told) = (Mutex::default(), Mutex::default());
        Reports { monitor, failures: Count::default(), damaged, told }
    }

    /// An entry could not be written as it should be.
    pub(crate) fn failed(&self, path: &[u8], message: impl Into<String>) {
        self.failures.add(1);
        self.monitor.trouble(Trouble::new(TroubleKind::Target, show(path), message));
    }

    /// An entry is left out because the repository cannot give it.
    pub(crate) fn left_out(&self, path: &[u8], message: impl Into<String>) {
        self.failures.add(1);
        self.monitor.trouble(Trouble::new(TroubleKind::Damage, show(path), message));
    }

    /// A failure that many entries may share: counted each time, told the first time.
    pub(crate) fn failed_alike(&self, cause: String, path: &[u8], message: impl Into<String>) {
        self.failures.add(1);
        if self.told.lock().insert(cause) {
            self.monitor.trouble(Trouble::new(TroubleKind::Target, show(path), message));
        }
    }

    /// A location could not be used.
    pub(crate) fn location(&self, name: &str, message: String) {
        if self.told.lock().insert(format!("location {name}")) {
            self.monitor.trouble(Trouble::new(TroubleKind::Location, name, message));
        }
    }

    /// How many stored objects were found damaged.
    pub(crate) fn damaged_objects(&self) -> u64 {
        self.damaged.lock().len() as u64
    }
}

impl Monitor for Reports<'_> {
    fn trouble(&self, trouble: Trouble) {
        if trouble.kind == TroubleKind::Damage && !self.damaged.lock().insert(trouble.subject.clone()) {
            return;
        }
        self.monitor.trouble(trouble);
    }
}

/// A path for people: lossy, with control characters made visible.
pub(crate) fn show(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_debug().to_string()
}
