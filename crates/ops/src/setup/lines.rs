//! The lines to the locations: what `bandwidth` in estate.toml limits.
//!
//! A process has several setups at once, and runs beside each other; were each of them given the whole bandwidth, a limit of
//! an uplink would be one only as long as nothing is busy. So there is one line for each location and limit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_location::layers::throttle::{Limits, Line};

/// The lines that were used so far, by location and bytes a second.
#[derive(Default)]
pub(super) struct Lines(Mutex<BTreeMap<(String, u64), Arc<Line>>>);

impl Lines {
    pub(super) fn to(&self, location: &str, bytes_per_second: u64) -> Arc<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = Limits {
            up_bytes_per_second: Some(bytes_per_second),
            down_bytes_per_second: Some(bytes_per_second),
            ..Limits::default()
        };
        let line = lines.entry((location.to_owned(), bytes_per_second));
        Arc::clone(line.or_insert_with(|| Arc::new(Line::new(limits))))
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}
