//! What a process left behind that was killed while it tested: its test has no end, and what it restored may lie there still.

use holdfast_asset::stage::{Left, Root};
use holdfast_ledger::{PickDestroyed, PickEnd, Reader, RestoreTestState, TestedPick};
use serde::Serialize;
use serde_json::Value;

use super::carry_out::question;
use super::stagings;
use crate::action::{self, TestStep};
use crate::error::Result;
use crate::setup::Setup;

/// The question that a test leaves open whose process was killed.
const ENDED: &str = "ended";

/// What was found and put in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// The test; none for a staging that no test of this ledger knows.
    pub test: Option<String>,
    /// The asset, where known.
    pub asset: Option<String>,
    /// Files and bytes that were destroyed.
    pub destroyed: (u64, u64),
    /// Why something may be left.
    pub failure: Option<String>,
}

/// Puts it in order. The caller holds the lock of whoever tests, so nobody is at work on any of it.
pub(crate) fn sweep(setup: &Setup, reader: &Reader) -> Result<Vec<Swept>> {
    for pick in reader.picks_overdue(setup.world.clock.now())? {
        let details = serde_json::json!({ "notes": ["its occasion was over before its turn came"] });
        end(setup, &pick.id, RestoreTestState::TimedOut, question::TIME, &details)?;
    }
    let unfinished = reader.picks_unfinished()?;
    let root = Root::at(&stagings::folder(setup), &setup.world);
    let left = root.as_ref().ok().and_then(|root| root.left().ok());
    if unfinished.is_empty() && left.as_ref().is_none_or(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let mut swept = Vec::new();
    for pick in &unfinished {
        if pick.ended.is_none() {
            let details = serde_json::json!({ "notes": ["its process was ended before it was done"] });
            end(setup, &pick.id, RestoreTestState::Failed, ENDED, &details)?;
        }
        let own = left.as_ref().map(|left| left.iter().find(|one| one.name == pick.id));
        let gone = match (&root, own) {
            (Ok(root), Some(Some(own))) => destroy(root, own, &pick.id),
            // What lay in memory is gone with the machine's last start, or was removed before that was written down.
            (Ok(_), Some(None)) => PickDestroyed { pick: pick.id.clone(), files: 0, bytes: 0, failure: None },
            (Err(error), _) => not_destroyed(&pick.id, error.to_string()),
            (Ok(_), None) => not_destroyed(&pick.id, "the folder for stagings cannot be read".to_owned()),
        };
        swept.push(told(Some(pick), &gone));
        action::of_a_test(setup, TestStep::Destroyed(gone))?;
    }
    if let (Ok(root), Some(left)) = (&root, &left) {
        for one in left.iter().filter(|one| !unfinished.iter().any(|pick| pick.id == one.name)) {
            swept.push(told(None, &destroy(root, one, &one.name)));
        }
    }
    Ok(swept)
}

fn end(setup: &Setup, pick: &str, state: RestoreTestState, question: &str, details: &Value) -> Result<()> {
    let end = PickEnd {
        pick: pick.to_owned(),
        state,
        failed: vec![question.to_owned()],
        details: Some(details.to_string()),
        screenshot_sha256: None,
    };
    action::of_a_test(setup, TestStep::Ended(end)).map(|_| ())
}

fn destroy(root: &Root, left: &Left, pick: &str) -> PickDestroyed {
    match root.destroy(left) {
        Ok(gone) => {
            PickDestroyed { pick: pick.to_owned(), files: gone.files, bytes: gone.bytes, failure: None }
        }
        Err(error) => not_destroyed(pick, error.to_string()),
    }
}

fn not_destroyed(pick: &str, failure: String) -> PickDestroyed {
    PickDestroyed { pick: pick.to_owned(), files: 0, bytes: 0, failure: Some(failure) }
}

fn told(pick: Option<&TestedPick>, gone: &PickDestroyed) -> Swept {
    Swept {
        test: pick.map(|pick| pick.id.clone()),
        asset: pick.map(|pick| pick.picked.asset.clone()),
        destroyed: (gone.files, gone.bytes),
        failure: gone.failure.clone(),
    }
}
