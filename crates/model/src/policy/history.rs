//! The versions of a policy over time, and which of them was in force when.
//!
//! An edited file must not change what was promised last month. So a version holds from an instant that is never before
//! the one at which it was recorded, versions only ever follow each other, and the past asks the version of its time.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use super::Policy;
use crate::slot::{Lasts, Slot};
use crate::{AssetName, Class, Dataset};

/// A policy that was put in force.
#[derive(Clone, Debug)]
pub struct PolicyVersion {
    /// What it says.
    pub policy: Policy,
    /// Who approved it.
    pub approver: String,
    /// From when it holds: its effective day in its zone, or the instant of its recording where that is later.
    pub from: Timestamp,
}

/// Versions in order of time.
#[derive(Clone, Debug, Default)]
pub struct History {
    versions: Vec<PolicyVersion>,
}

/// Why a version cannot follow the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionRefusal {
    /// Nobody approved it.
    NotApproved {
        /// The version.
        version: u32,
    },
    /// Its number does not follow.
    Number {
        /// The last version's number.
        last: u32,
        /// This one's.
        version: u32,
    },
    /// It would hold from the same day as the last one, or from an earlier one.
    Effective {
        /// The day of the last version.
        last: Date,
        /// The day of this one.
        effective: Date,
    },
    /// Its day has no instant in its zone.
    Day {
        /// The day.
        effective: Date,
    },
}

impl fmt::Display for VersionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersionRefusal::NotApproved { version } => {
                write!(f, "version {version} names nobody who approved it (header.approved_by)")
            }
            VersionRefusal::Number { last, version } => {
                write!(f, "version {version} follows version {last}: the next one is {}", last + 1)
            }
            VersionRefusal::Effective { last, effective } => write!(
                f,
                "effective from {effective}, but the version before holds from {last}: a new version starts on a later day"
            ),
            VersionRefusal::Day { effective } => write!(f, "{effective} cannot be the start of a policy"),
        }
    }
}

impl std::error::Error for VersionRefusal {}

impl History {
    /// Adds a version that was recorded at `recorded`. The first one may hold from before: nothing else did.
    ///
    /// # Errors
    /// When it has no approver, or does not follow the last version in number and in time. Nothing changes then.
    pub fn add(&mut self, policy: Policy, recorded: Timestamp) -> Result<&PolicyVersion, VersionRefusal> {
        let header = &policy.header.value;
        let (version, effective) = (header.version, header.effective);
        let approver = header.approved_by.clone().ok_or(VersionRefusal::NotApproved { version })?;
        let day = policy.effective_from().ok_or(VersionRefusal::Day { effective })?;
        let from = match self.versions.last() {
            None => day,
            Some(last) => {
                let before = &last.policy.header.value;
                if before.version.checked_add(1) != Some(version) {
                    return Err(VersionRefusal::Number { last: before.version, version });
                }
                if effective <= before.effective || day <= last.from {
                    let last = last.from.to_zoned(last.policy.zone.clone()).date();
                    return Err(VersionRefusal::Effective { last, effective });
                }
                day.max(recorded)
            }
        };
        self.versions.push(PolicyVersion { policy, approver, from });
        Ok(self.versions.last().expect("just pushed"))
    }

    /// The version in force at an instant; `None` before the first.
    pub fn in_force(&self, at: Timestamp) -> Option<&PolicyVersion> {
        self.versions.iter().rev().find(|version| version.from <= at)
    }

    /// All versions, oldest first.
    pub fn versions(&self) -> &[PolicyVersion] {
        &self.versions
    }

    /// The slots of a dataset that open at or after `from` and before `to`, each as the version in force at its opening
    /// wants it, with that version's place in [`History::versions`]. A slot that had opened stays owed when a new version begins.
    pub fn slots(
        &self,
        asset: &AssetName,
        (class, dataset): (Class, Dataset),
        measured: Option<Lasts>,
        enrolled: Option<Timestamp>,
        (from, to): (Timestamp, Timestamp),
    ) -> Vec<(usize, Slot)> {
        let mut slots = Vec::new();
        for (position, version) in self.versions.iter().enumerate() {
            let until = self.versions.get(position + 1).map_or(to, |next| next.from.min(to));
            let start = version.from.max(from);
            if start >= until {
                continue;
            }
            if let Some((plan, _)) = version.policy.slot_plan(class, dataset, measured) {
                let wanted = plan.slots(asset, dataset, enrolled, start, until);
                slots.extend(wanted.into_iter().map(|slot| (position, slot)));
            }
        }
        slots
    }
}

impl Policy {
    /// The first instant of the effective day in the policy's zone.
    pub fn effective_from(&self) -> Option<Timestamp> {
        let midnight = self.header.value.effective.at(0, 0, 0, 0);
        self.zone.to_ambiguous_zoned(midnight).compatible().ok().map(|zoned| zoned.timestamp())
    }
}

#[cfg(test)]
mod tests;
