//! What the ledger has of former deliveries: what is due follows from it, and what somebody may still hold who was not asked since.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::Reader;
use holdfast_model::verdict::{Kit, LedgerCopied, Observed, Ring, RingAt};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::error::Result;
use crate::verdicts::stocktaking;

/// What the ledger has of former deliveries.
#[derive(Default)]
pub(super) struct Past {
    pub(super) kit: Option<Kit>,
    pub(super) ring: Option<Ring>,
    pub(super) rings: BTreeMap<String, RingAt>,
    /// Why the ring might go nowhere when that was last looked at.
    pub(super) refused: Option<String>,
    /// Every ring that ever went to a location, by the name that it lies under.
    pub(super) objects: BTreeSet<String>,
    copies: BTreeMap<String, (LedgerCopied, Timestamp)>,
    /// How many leaves the largest signed head at a location covers.
    heads: BTreeMap<String, u64>,
}

impl Past {
    pub(super) fn of(reader: &Reader) -> Result<Past> {
        let mut past = Past::default();
        for one in reader.observations()? {
            match stocktaking::read(&one) {
                Some(Observed::Kit(kit)) => past.kit = Some(kit),
                Some(Observed::Ring(ring)) => past.ring = Some(ring),
                Some(Observed::RingRefused(refused)) => past.refused = refused.reason,
                Some(Observed::RingSealed(sealed)) => {
                    past.objects.insert(sealed.object);
                }
                Some(Observed::RingAt(at)) => {
                    past.objects.insert(at.object.clone());
                    past.rings.insert(at.location.clone(), at);
                }
                Some(Observed::LedgerCopied(copied)) => {
                    past.copies.insert(copied.location.clone(), (copied, one.happened_at));
                }
                _ => {}
            }
        }
        for anchor in reader.anchors(None)? {
            let largest = past.heads.entry(anchor.location).or_default();
            *largest = (*largest).max(anchor.head.leaves);
        }
        Ok(past)
    }

    pub(super) fn is_due(&self, location: &str, kit: &str, ring: &str, today: Date) -> bool {
        let has_ring = self
            .rings
            .get(location)
            .is_some_and(|at| at.kit == kit && at.ring == ring && at.older_left.is_none());
        let has_copy = self.copies.get(location).is_some_and(|(copied, at)| {
            let is_as_long = self.heads.get(location).is_none_or(|leaves| copied.leaves >= *leaves);
            at.to_zoned(jiff::tz::TimeZone::UTC).date() == today && copied.ring == ring && is_as_long
        });
        !has_ring || !has_copy
    }
}

/// Locations that may still have a key ring with the key of a client, or a copy of the ledger from when there was one: by what they
/// were given last.
pub(crate) fn holders_of(reader: &Reader, client: &str) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let past = Past::of(reader)?;
    let mut of_client = BTreeSet::new();
    for one in reader.observations()? {
        if let Some(Observed::Ring(ring)) = stocktaking::read(&one)
            && ring.repositories.contains(client)
        {
            of_client.insert(ring.ring);
        }
    }
    let rings = past.rings.into_values().filter(|at| of_client.contains(&at.ring) || at.older_left.is_some());
    let copies = past.copies.into_values().filter(|(copied, _)| of_client.contains(&copied.ring));
    Ok((rings.map(|at| at.location).collect(), copies.map(|(copied, _)| copied.location).collect()))
}
