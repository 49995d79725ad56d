//! Whether a point can be relied on, by the evidence about its copies.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::{Id, Snapshot};
use holdfast_ledger::Point;
use holdfast_repo::Catalog;
use jiff::Timestamp;

use crate::error::Result;
use crate::evidence::{self, Evidence, PointEvidence};
use crate::known_points::KnownPoints;
use crate::points::CopyCheck;
use crate::setup::Setup;

/// What a verdict is made from.
pub(super) struct Judge<'a> {
    pub(super) setup: &'a Setup,
    pub(super) evidence: BTreeMap<String, Evidence>,
    pub(super) unasked: &'a BTreeSet<String>,
    pub(super) wanted: usize,
    /// What runs of ours recorded.
    pub(super) recorded: BTreeMap<String, Point>,
    pub(super) known: &'a KnownPoints,
}

impl Judge<'_> {
    /// Whether a run of ours recorded the point.
    pub(super) fn is_ours(&self, id: &Id) -> bool {
        self.recorded.contains_key(&id.to_hex())
    }

    /// What can be said of a point that no run of ours recorded: whoever made it chose what it claims.
    fn stranger(&self, id: &str, time: Timestamp) -> String {
        let seen = match self.known.first_seen(id) {
            Some(seen) => format!("first seen at {seen}"),
            None => "not seen before".to_owned(),
        };
        let now = self.setup.world.clock.now();
        let claim = if time > now { ", and the time that it claims is to come" } else { "" };
        format!("foreign: no run of ours recorded it; {seen}{claim}")
    }

    /// What is known of each copy.
    pub(super) fn checks(&self, id: &Id, copies: &[String]) -> Vec<CopyCheck> {
        let hex = id.to_hex();
        let of_copy = |location: &String| {
            let point = self.evidence.get(location).and_then(|evidence| evidence.points.get(&hex));
            CopyCheck {
                location: location.clone(),
                read: point.and_then(|point| point.read),
                damaged: point.and_then(|point| point.damaged),
            }
        };
        copies.iter().map(of_copy).collect()
    }

    /// The oldest of the newest readings of each copy.
    pub(super) fn checked(&self, id: &Id, copies: &[String]) -> Option<Timestamp> {
        let of_copy = |location: &String| self.evidence.get(location)?.points.get(&id.to_hex())?.read;
        copies.iter().map(of_copy).collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    pub(super) fn verdict(
        &self,
        point: &Id,
        time: Timestamp,
        copies: &[String],
        checked: Option<Timestamp>,
    ) -> (&'static str, String) {
        let id = point.to_hex();
        let known = |location: &&String| self.evidence.get(*location);
        let is_damaged = |e: &Evidence| {
            e.points.get(&id).is_some_and(|p| p.damaged.is_some()) || !e.other_damage.is_empty()
        };
        let damaged: Vec<&str> =
            copies.iter().filter(|l| known(l).is_some_and(is_damaged)).map(String::as_str).collect();
        if !damaged.is_empty() {
            return ("FAIL", format!("damaged at {}", damaged.join(", ")));
        }
        if !self.is_ours(point) {
            return ("NO_EVIDENCE", self.stranger(&id, time));
        }
        let hosts: BTreeSet<_> = copies
            .iter()
            .filter_map(|name| self.setup.estate.locations.get(name.as_str()))
            .map(|location| (&location.host, &location.site))
            .collect();
        let (count, wanted) = (hosts.len(), self.wanted);
        if count < wanted {
            if count + self.unasked.len() >= wanted {
                let names: Vec<&str> = self.unasked.iter().map(String::as_str).collect();
                return (
                    "NO_EVIDENCE",
                    format!("{count} of {wanted} copies; {} could not be asked", names.join(", ")),
                );
            }
            let same = if copies.len() > count { ", more lie on the same host" } else { "" };
            return ("FAIL", format!("{count} of {wanted} copies{same}"));
        }
        match checked {
            Some(_) => ("PASS", format!("{} copies (places as declared), every byte read", copies.len())),
            None => {
                let is_unread = |c: &CopyCheck| c.read.is_none();
                let unread = self.checks(point, copies).into_iter().filter(is_unread).map(|c| c.location);
                let names: Vec<String> = unread.collect();
                ("NO_EVIDENCE", format!("not every byte of it was read yet at {}", names.join(", ")))
            }
        }
    }
}

/// Tells which of an asset's points can be relied on, for the decision which one must stay whatever its age.
pub(crate) struct Goodness<'a> {
    evidence: BTreeMap<String, Evidence>,
    catalog: &'a Catalog,
    any_was_read: bool,
}

impl Goodness<'_> {
    /// Loads the evidence about an asset's points.
    pub(crate) fn of<'a>(
        setup: &Setup,
        repository: &str,
        catalog: &'a Catalog,
        points: &[&(Id, Snapshot)],
    ) -> Result<Goodness<'a>> {
        let evidence = evidence::load(setup, repository)?;
        let mut goodness = Goodness { evidence, catalog, any_was_read: false };
        goodness.any_was_read =
            points.iter().any(|(id, _)| goodness.known_copies(id).flatten().any(|p| p.read.is_some()));
        Ok(goodness)
    }

    /// Whole where it was read. As long as none of the asset's points was ever read anywhere: not known to be damaged at
    /// every location that holds it.
    pub(crate) fn is_good(&self, id: &Id) -> bool {
        let mut copies = self.known_copies(id);
        if self.any_was_read {
            copies.flatten().any(|p| p.read.is_some())
        } else {
            copies.any(|copy| copy.is_none_or(|p| p.damaged.is_none()))
        }
    }

    /// What is known about each copy of a point.
    fn known_copies(&self, id: &Id) -> impl Iterator<Item = Option<&PointEvidence>> {
        let bits = self.catalog.snapshots.get(id).copied().unwrap_or(0);
        let hex = id.to_hex();
        self.catalog.holders(bits).map(move |mirror| self.evidence.get(mirror.name())?.points.get(&hex))
    }
}
