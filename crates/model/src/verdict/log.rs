//! Whether the ledger says what was written into it.

use super::facts::latest;
use super::rows::Finding;
use super::{Evidence, Look, Verdict, hours, minute};

/// So old may the last audit be.
const AUDIT_FRESH_HOURS: i64 = 48;

/// LOG-01.
pub(super) fn unchanged(look: &Look<'_>) -> Finding {
    let Some(audit) = latest(&look.facts.audits, look.now, |_| true) else {
        return Finding::no_evidence("nobody read the ledger through yet")
            .next("`holdfast status` does so once a day");
    };
    let (found, at) = (&audit.what, audit.recorded);
    let finding = match &found.damage {
        Some(damage) => Finding::new(Verdict::Fail, format!("the ledger was changed or damaged: {damage}"))
            .next("keep the file as it is, and find out who did that; backups do not need it"),
        None => {
            let why =
                format!("{} leaves were read {}, and the tables say what they say", found.leaves, minute(at));
            if look.is_fresh(at, hours(AUDIT_FRESH_HOURS)) {
                Finding::new(Verdict::Pass, why)
                    .warn("nothing outside of this machine witnesses the root of the tree yet")
            } else {
                Finding::new(Verdict::Stale, why)
                    .next("`holdfast status` reads it once a day; see whether it could")
            }
        }
    };
    finding.by(Evidence::leaf(audit.leaf), at)
}
