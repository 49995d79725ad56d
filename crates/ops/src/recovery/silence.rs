//! The time between the copy that a ledger was rebuilt from and the rebuilding: whatever was known of it is lost.
//!
//! The last verdicts of the copy would go on to hold there, and the rules would judge the time by facts that nobody has: a
//! backup that was made and forgotten would be a missed one. So from the moment after the copy each verdict is NO_EVIDENCE,
//! until the instant of the rebuilding is judged as any other.

use holdfast_ledger::{Ledger, NewAssessment, VerdictChange};
use holdfast_model::verdict::{RULES, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::error::Result;
use crate::verdicts::HEADLINE;

/// Writes down that nothing is known after an instant.
pub(super) fn write(ledger: &Ledger, until: Timestamp, why: &str) -> Result<()> {
    let Some(held) = ledger.read().verdicts_at(until)? else { return Ok(()) };
    let changed = |document: &Value| {
        let mut document = document.clone();
        if document["verdict"] != Verdict::NotApplicable.as_str()
            && let Value::Object(fields) = &mut document
        {
            fields.insert("verdict".to_owned(), Verdict::NoEvidence.as_str().into());
            fields.insert("why".to_owned(), why.into());
            fields.insert("evidence".to_owned(), json!([]));
            fields.insert("as_of".to_owned(), Value::Null);
            for stale in ["next", "warnings", "rpo"] {
                fields.remove(stale);
            }
        }
        document
    };
    let change = |((control, target), document): (&(String, Option<String>), &Value)| {
        let document = match (control.as_str(), target) {
            (HEADLINE, None) => json!({ "company": document["company"], "worst": null }),
            _ => changed(document),
        };
        VerdictChange { control: control.clone(), target: target.clone(), document: Some(document) }
    };
    let changes = held.verdicts.iter().map(change).collect();
    let new = NewAssessment { rules: RULES, policy_version: held.policy_version, changes };
    let moment_after = until.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(until);
    Ok(ledger.write(|transaction| transaction.assess(new, moment_after))?)
}
