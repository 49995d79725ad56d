//! What the signed heads at a location say of a ledger that was brought back from there: that it is the one that was signed, and
//! how much was signed after it and is lost.

use std::collections::BTreeSet;

use holdfast_ledger::Reader;
use holdfast_location::Location;

use super::{log_key, place};
use crate::ending::Ending;
use crate::error::{Error, Result};

/// The heads at a location.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadsAt {
    /// Heads that the ledger continues.
    pub(crate) fitting: usize,
    /// The largest tree that was signed and is larger than the ledger's.
    pub(crate) beyond: Option<u64>,
}

/// Compares a ledger with the signed heads at a location, by the log's key as its file has it.
///
/// # Errors
/// Damage where a head says otherwise than the ledger; else when the heads cannot be read.
pub(crate) fn heads_at(location: &dyn Location, reader: &Reader, log_key: Option<&str>) -> Result<HeadsAt> {
    let mut found = HeadsAt::default();
    let Some(signer) = log_key.and_then(log_key::parse) else { return Ok(found) };
    let ours = reader.tree_head(None)?.leaves;
    for name in place::names(location)? {
        let content = place::read(location, &name)?.content;
        let note = content.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        // What another key signed, a former one or a stranger's, says nothing of this log.
        let Some(head) = note.and_then(|note| signer.verifier().open_checkpoint(note).ok()) else { continue };
        if head.leaves > ours {
            found.beyond = found.beyond.max(Some(head.leaves));
            continue;
        }
        let (heads, _) = reader.tree_heads(&BTreeSet::from([head.leaves]))?;
        if !heads.contains(&head) {
            return Err(Error::new(
                Ending::Damage,
                format!(
                    "its leaves are not those that were signed: {} lies there with {} leaves",
                    &name[..8],
                    head.leaves
                ),
            ));
        }
        found.fitting += 1;
    }
    Ok(found)
}
