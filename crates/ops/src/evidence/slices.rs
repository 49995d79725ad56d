//! When the parts of a whole were last read.
//!
//! A whole may be cut in several ways, each with its own count of slices, because somebody changes how long a rotation
//! takes. Whoever forgot the old way then would take everything for unread and read it all at once.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Readings of the parts of a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slices {
    /// By number of slices, then by slice.
    read: BTreeMap<u32, BTreeMap<u32, Timestamp>>,
    /// When the whole was read at once.
    all: Option<Timestamp>,
}

impl Slices {
    /// Slice `number` of `of` was read.
    pub fn note(&mut self, number: u32, of: u32, time: Timestamp) {
        self.read.entry(of).or_default().insert(number % of.max(1), time);
    }

    /// Everything was read.
    pub fn note_all(&mut self, time: Timestamp) {
        self.all = Some(time);
    }

    /// Since when everything has been read: the oldest slice of the way of cutting that does best.
    pub fn complete_since(&self) -> Option<Timestamp> {
        self.complete_since_but(None)
    }

    fn complete_since_but(&self, but: Option<u32>) -> Option<Timestamp> {
        let complete = |(of, slices): (&u32, &BTreeMap<u32, Timestamp>)| {
            let is_complete = slices.len() == *of as usize && but != Some(*of);
            slices.values().min().copied().filter(|_| is_complete)
        };
        self.read.iter().filter_map(complete).max().max(self.all)
    }

    /// When a slice was last read, by itself or with everything.
    pub fn last_read(&self, number: u32, of: u32) -> Option<Timestamp> {
        let own = self.read.get(&of).and_then(|slices| slices.get(&number)).copied();
        own.max(self.complete_since_but(Some(of)))
    }

    /// The last time that a slice of `of` was read.
    pub fn latest(&self, of: u32) -> Option<Timestamp> {
        self.read.get(&of).and_then(|slices| slices.values().max()).copied()
    }

    /// The slice whose turn it is, of `of`, and when it was read last.
    pub fn next(&self, of: u32) -> (Option<Timestamp>, u32) {
        (0..of.max(1)).map(|slice| (self.last_read(slice, of), slice)).min().unwrap_or((None, 0))
    }
}
