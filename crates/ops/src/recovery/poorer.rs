//! Whether a key ring may take the place of the one before.
//!
//! A location keeps one ring, so a poorer one destroys the better one: a key file that was deleted, damaged or closed to us here
//! would be gone from everywhere within minutes, and every backup under it unreadable. So a ring that lacks something goes
//! nowhere; only a client that was shredded leaves it.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{PurgeKind, Reader};
use holdfast_model::verdict::Observed;
use jiff::Timestamp;

use super::ring::Contents;
use crate::error::Result;
use crate::verdicts::stocktaking;

/// Why a ring may go nowhere; none where it may.
pub(crate) fn refusal(reader: &Reader, contents: &Contents) -> Result<Option<String>> {
    if let Some(missing) = contents.missing.first() {
        return Ok(Some(format!("what belongs into the key ring cannot be read: {missing}")));
    }
    let (have, shredded) = (contents.repositories(), shredded(reader)?);
    let lost = held(reader)?.into_keys().find(|name| !have.contains(name) && !shredded.contains(name));
    Ok(lost.map(|name| {
        format!(
            "the key of {name} is gone from this machine, and {name} was never shredded; put its key file back: \
             the key ring at a location has it, and the kit opens that"
        )
    }))
}

/// The repositories of the last ring, each with the instant since which the rings have it.
fn held(reader: &Reader) -> Result<BTreeMap<String, Timestamp>> {
    let mut held = BTreeMap::<String, Timestamp>::new();
    for one in reader.observations()? {
        if let Some(Observed::Ring(ring)) = stocktaking::read(&one) {
            let since = |name: &String| held.get(name).copied().unwrap_or(one.recorded_at);
            held = ring.repositories.iter().map(|name| (name.clone(), since(name))).collect();
        }
    }
    Ok(held)
}

/// Clients whose shredding began. One that came back since, with another key, is not among them.
pub(super) fn shredded(reader: &Reader) -> Result<BTreeSet<String>> {
    let held = held(reader)?;
    let shreds = reader.purges(Timestamp::UNIX_EPOCH)?.into_iter();
    let shreds = shreds.filter(|purge| purge.purge.kind == PurgeKind::Shred);
    let began = shreds.filter_map(|purge| Some((purge.purge.client?, purge.begun_at)));
    let is_later = |(client, at): &(String, Timestamp)| held.get(client).is_none_or(|since| at >= since);
    Ok(began.filter(is_later).map(|(client, _)| client).collect())
}
