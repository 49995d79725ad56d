//! How much may run at once. A machine in production must stay usable, and a link must not be shared by so many runs
//! that none of them gets done.

use std::collections::BTreeMap;

use super::{Running, Target};
use crate::{HostName, LocationName};

/// How many runs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub overall: usize,
    /// Per machine in production.
    pub per_host: usize,
    /// Per place for copies.
    pub per_location: usize,
}

impl Default for Limits {
    /// Where nobody says otherwise.
    fn default() -> Limits {
        Limits { overall: 4, per_host: 2, per_location: 4 }
    }
}

/// What is in use.
#[derive(Debug, Default)]
pub(super) struct InUse {
    overall: usize,
    hosts: BTreeMap<HostName, usize>,
    locations: BTreeMap<LocationName, usize>,
}

impl InUse {
    pub(super) fn of<'a>(running: impl Iterator<Item = &'a Running>) -> InUse {
        let mut in_use = InUse::default();
        for run in running {
            in_use.take(&run.target);
        }
        in_use
    }

    pub(super) fn take(&mut self, target: &Target) {
        self.overall += 1;
        *self.hosts.entry(target.host.clone()).or_default() += 1;
        for location in &target.locations {
            *self.locations.entry(location.clone()).or_default() += 1;
        }
    }

    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.overall >= limits.overall
    }

    pub(super) fn has_room(&self, target: &Target, limits: &Limits) -> bool {
        let is_below = |used: Option<&usize>, limit: usize| used.is_none_or(|used| *used < limit);
        self.overall < limits.overall
            && is_below(self.hosts.get(&target.host), limits.per_host)
            && target.locations.iter().all(|l| is_below(self.locations.get(l), limits.per_location))
    }
}
