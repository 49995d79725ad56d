//! Recording that somebody reviewed the policy.
//!
//! A review that changes nothing leaves no trace in the file, and an edited date in the file is no review. So it is a fact of
//! the ledger: who, when, and which text.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use holdfast_ledger::PolicyReview;
use holdfast_model::Policy;
use holdfast_world::World;
use jiff::civil::Date;

use super::Written;
use crate::error::{Error, Result};
use crate::journal;
use crate::requests::{self, Entry};
use crate::setup::Places;

/// Records that the policy, as it is written now, was reviewed.
///
/// # Errors
/// A usage error without a name; not done while a process has the ledger that takes no requests.
pub fn review(
    places: &Places,
    world: &World,
    written: &Written,
    (by, note): (&str, Option<&str>),
    interrupted: &AtomicBool,
) -> Result<PolicyReview> {
    let words = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let reviewer = words(by).ok_or_else(|| Error::usage("a review needs the name of who reviewed"))?;
    let entry = Entry::Review { reviewer, text: written.text.clone(), note: note.and_then(words) };
    let state = &places.state;
    let leaf = match requests::entered_by_daemon(world, state, &entry, interrupted)? {
        Some(leaf) => leaf,
        None => {
            let ledger = journal::open(world, state, "holdfast policy review")?;
            let leaf = requests::write(&ledger, entry, world.clock.now())?;
            ledger.close()?;
            leaf
        }
    };
    let reviews = journal::reader(state)?.map(|reader| reader.policy_reviews()).transpose()?;
    let recorded = reviews.into_iter().flatten().find(|review| review.leaf.to_string() == leaf);
    recorded.ok_or_else(|| Error::not_done("the review was not recorded"))
}

/// The day of the last review, in the policy's zone.
pub(crate) fn last(state: &Path, policy: &Policy) -> Result<Option<Date>> {
    let Some(reader) = journal::reader_if_current(state)? else { return Ok(None) };
    let last = reader.policy_reviews()?.into_iter().map(|review| review.happened_at).max();
    Ok(last.map(|instant| instant.to_zoned(policy.zone.clone()).date()))
}
