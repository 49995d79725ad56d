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

/// Why a ledger is not the one that goes on from what was signed at a location: another controller does, or did. None where it is,
/// or where nobody can tell.
pub(crate) fn forked_at(
    location: &dyn Location,
    reader: &Reader,
    log_key: Option<&str>,
) -> Result<Option<String>> {
    let Some(signer) = log_key.and_then(log_key::parse) else { return Ok(None) };
    // What is kept here was compared with the leaves when it was.
    let known: BTreeSet<String> = reader.checkpoints()?.into_iter().map(|kept| kept.sha256).collect();
    for name in place::names(location)?.into_iter().filter(|name| !known.contains(name)) {
        let content = place::read(location, &name)?.content;
        let note = content.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(head) = note.and_then(|note| signer.verifier().open_checkpoint(note).ok()) else { continue };
        let (heads, ours) = reader.tree_heads(&BTreeSet::from([head.leaves]))?;
        if !heads.contains(&head) {
            return Ok(Some(format!(
                "a head of {} leaves was signed there that this log, with its {}, does not continue: another controller goes on, or \
                 did; `holdfast audit verify --against` tells more",
                head.leaves, ours.leaves
            )));
        }
    }
    Ok(None)
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
