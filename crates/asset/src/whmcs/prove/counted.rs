//! References and sums: as many that do not hold as at the original, and not one more or less.

use super::{Copy, Findings, Seen};
use crate::Outcome;
use crate::database::Consistency;
use crate::whmcs::questions::{self, About, Asked};

/// What one question came to.
enum Found {
    /// There is nothing of it in this version.
    NotHere,
    /// So many, as at the original, or none.
    AsBefore(u64),
    /// So many; what the original had was not asked, but its rows are all here.
    Implied(u64),
}

/// The questions of a kind that count what is amiss.
pub(super) fn counted(copy: &mut Copy<'_>, about: About) -> Seen {
    let mut findings = Findings::default();
    let (mut asked, mut as_before, mut implied) = (0_usize, Vec::new(), Vec::new());
    for question in questions::about(about) {
        match count(copy, question, &mut findings) {
            Some(Found::NotHere) | None => {}
            Some(Found::AsBefore(count)) => {
                asked += 1;
                as_before.extend((count > 0).then(|| format!("{count} {}", question.words)));
            }
            Some(Found::Implied(count)) => {
                asked += 1;
                implied.push(format!("{count} {}", question.words));
            }
        }
    }
    if asked == 0 && findings.failed.is_empty() && findings.unproven.is_empty() {
        return (Outcome::Unproven, "none of the tables that could be asked is there".to_owned());
    }
    findings.seen(|| {
        let mut words = format!("{asked} questions, ");
        words += &match (as_before.is_empty(), implied.is_empty()) {
            (true, true) => "nothing amiss".to_owned(),
            (false, true) => format!("amiss as much as at the original: {}", as_before.join(", ")),
            (_, false) => format!(
                "amiss: {}; the original was not asked, but the dump has all of its rows as of one instant",
                as_before.iter().chain(&implied).cloned().collect::<Vec<_>>().join(", ")
            ),
        };
        words
    })
}

fn count(copy: &mut Copy<'_>, asked: &Asked, findings: &mut Findings) -> Option<Found> {
    let now = match copy.answer(asked) {
        Ok(now) => now,
        Err(why) => {
            findings.unproven.push(why);
            return None;
        }
    };
    let original = copy.original(asked).map(str::to_owned);
    let Some(now) = now else {
        if original.is_some() {
            findings.failed.push(format!("{} cannot be asked for any more", asked.words));
        }
        return Some(Found::NotHere);
    };
    let count: u64 = now.parse().unwrap_or(u64::MAX);
    match original {
        Some(original) if original == now => Some(Found::AsBefore(count)),
        Some(original) => {
            findings.failed.push(format!("{count} {}, and the original had {original}", asked.words));
            None
        }
        None if count == 0 => Some(Found::AsBefore(0)),
        None if is_of_one_instant(copy, asked) => Some(Found::Implied(count)),
        None => {
            findings
                .unproven
                .push(format!("{count} {}; how many the original had is not known", asked.words));
            None
        }
    }
}

/// Whether the dump has all rows of the tables as of one instant: then what is amiss in them was so at the original.
fn is_of_one_instant(copy: &Copy<'_>, asked: &Asked) -> bool {
    let manifest = copy.restored.manifest;
    let mut instants = Vec::new();
    for name in asked.tables() {
        let Some(table) = manifest.tables.iter().find(|table| table.name == *name) else { return false };
        if matches!(table.consistency, Consistency::Fuzzy { .. }) || table.note.is_some() {
            return false;
        }
        instants.push(&table.instant);
    }
    instants.windows(2).all(|two| two[0] == two[1])
}

/// Invoices, payments, and what was received altogether.
pub(super) fn money(copy: &mut Copy<'_>) -> Seen {
    let (outcome, mut words) = counted(copy, About::Money);
    let mut findings = Findings::default();
    let mut sums = Vec::new();
    for asked in questions::about(About::Sum) {
        match (copy.answer(asked), copy.original(asked)) {
            (Ok(now), Some(original)) if now.as_deref() != Some(original) => {
                let now = now.unwrap_or_else(|| "nothing".to_owned());
                findings.failed.push(format!("{}: {now}, and at the original {original}", asked.words));
            }
            (Ok(Some(now)), original) => {
                let as_before = if original.is_some() { " as at the original" } else { "" };
                sums.push(format!("{now} {}{as_before}", asked.words));
            }
            (Ok(None), _) => {}
            (Err(why), _) => findings.unproven.push(why),
        }
    }
    let (of_sums, told) = findings.seen(|| sums.join(", "));
    if !told.is_empty() {
        words = format!("{words}; {told}");
    }
    let worst = [outcome, of_sums].into_iter().max_by_key(|outcome| match outcome {
        Outcome::Held => 0,
        Outcome::NotApplicable => 1,
        Outcome::Unproven => 2,
        Outcome::Failed => 3,
    });
    (worst.unwrap_or(outcome), words)
}
