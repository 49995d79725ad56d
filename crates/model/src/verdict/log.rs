//! Whether the ledger says what was written into it, whether everything was, and who could tell.

use jiff::Timestamp;

use super::facts::{ActionFact, ForkFact, latest};
use super::rows::Finding;
use super::{Evidence, Look, Row, Verdict, after, hours, minute};

/// So old may the last audit be.
const AUDIT_FRESH_HOURS: i64 = 48;
/// So old may the newest head at a location be: one goes there every day.
const HEAD_FRESH_HOURS: i64 = 48;
/// So long an action may go on until its entry counts as one without a result.
const ACTION_HOURS_MAX: i64 = 24;
/// So long one without a result keeps its control red, so that whoever looks once a week sees it.
const TOLD_HOURS: i64 = ACTION_HOURS_MAX + 7 * 24;
/// So long a head that was taken away or replaced does, also when all is well there again.
const FORK_TOLD_HOURS: i64 = 7 * 24;

/// So long it is told that a new log was begun: for longer than any evidence is asked for.
const RESTART_TOLD_HOURS: i64 = 400 * 24;

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
                match begun_anew(look) {
                    Some(finding) => return finding,
                    None => Finding::new(Verdict::Pass, why),
                }
            } else {
                Finding::new(Verdict::Stale, why)
                    .next("`holdfast status` reads it once a day; see whether it could")
            }
        }
    };
    finding.by(Evidence::leaf(audit.leaf), at)
}

/// Whoever begins a new log has what was signed before count no more. That may be right, and it is also what a forger does: so
/// it is red for a week, and somebody answers for it by name for a year.
fn begun_anew(look: &Look<'_>) -> Option<Finding> {
    let restart = look.facts.restarts.iter().rev().find(|one| one.recorded <= look.now)?;
    let is_new = !look.is_past(after(restart.recorded, hours(FORK_TOLD_HOURS)));
    if !is_new && look.is_past(after(restart.recorded, hours(RESTART_TOLD_HOURS))) {
        return None;
    }
    let verdict = if is_new { Verdict::Fail } else { Verdict::Exempt };
    let why = format!(
        "{} began a new log {} ({}): what was signed before vouches for nothing in it",
        restart.by,
        minute(restart.recorded),
        restart.reason
    );
    let next =
        "ask them; `holdfast audit export` and the old heads at the locations show what the former log had";
    Some(Finding::new(verdict, why).next(next).by(Evidence::leaf(restart.leaf), restart.recorded))
}

/// LOG-02. What is done around holdfast leaves no entry, and nobody here can tell; what is judged is what was begun through it.
pub(super) fn complete(look: &Look<'_>) -> Finding {
    let known: Vec<&ActionFact> = look.facts.actions.iter().filter(|one| one.begun <= look.now).collect();
    let until_now = |at: Option<Timestamp>| at.filter(|at| *at <= look.now);
    let unseen = known.iter().find(|one| one.is_without_log && until_now(one.reviewed).is_none());
    if let Some(one) = unseen {
        let why = format!("what was done without the log {} was reviewed by nobody", minute(one.begun));
        return Finding::new(Verdict::Fail, why)
            .next("`holdfast audit break-glass` shows it, and takes the review")
            .by(Evidence::leaf(one.leaf), one.begun);
    }
    // Each is waited for, so the first that is too late must not hide the others.
    let is_open = |one: &&&ActionFact| {
        until_now(one.ended).is_none()
            && look.is_past(after(one.begun, hours(ACTION_HOURS_MAX)))
            && !look.is_past(after(one.begun, hours(TOLD_HOURS)))
    };
    let open: Vec<&&ActionFact> = known.iter().filter(is_open).collect();
    if let Some(one) = open.first() {
        let why = format!("{} entries have no result; the first began {}", open.len(), minute(one.begun));
        return Finding::new(Verdict::Fail, why)
            .next("`holdfast audit verify` names them: find out whether they were carried out")
            .by(Evidence::leaf(one.leaf), one.begun);
    }
    let Some(last) = known.last() else {
        return Finding::not_applicable("nobody read clients' data or changed anything by hand yet");
    };
    let why = format!("all {} actions have their results, and none waits for a review", known.len());
    Finding::new(Verdict::Pass, why)
        .warn("what root does without holdfast leaves no entry")
        .by(Evidence::leaf(last.leaf), last.begun)
}

/// LOG-03.
pub(super) fn witnessed(look: &Look<'_>) -> Finding {
    let here =
        look.facts.forks.iter().rev().find(|one| one.location == ForkFact::HERE && one.recorded <= look.now);
    let newest = look.facts.anchors.iter().rev().find(|one| one.given <= look.now);
    // Nothing goes anywhere from a log that does not continue its own heads.
    if let Some(fork) = here.filter(|fork| newest.is_none_or(|newest| newest.given <= fork.recorded)) {
        return Finding::new(Verdict::Fail, "the log does not continue the heads that were signed for it")
            .next("`holdfast audit verify` says from which leaf on")
            .by(Evidence::leaf(fork.leaf), fork.recorded);
    }
    let rows = look.inventory.locations.keys().map(|name| {
        let row = |verdict, why: String| Row::new(name, verdict, why);
        let given =
            look.facts.anchors.iter().rev().find(|one| one.location == *name && one.given <= look.now);
        let fork =
            look.facts.forks.iter().rev().find(|one| one.location == *name && one.recorded <= look.now);
        // A head goes there only when the log continues all that lies there.
        let fork = fork.filter(|fork| {
            given.is_none_or(|given| given.given <= fork.recorded)
                || !look.is_past(after(fork.recorded, hours(FORK_TOLD_HOURS)))
        });
        if let Some(fork) = fork {
            let why = "another log's head lies or lay there, or heads were taken away".to_owned();
            return row(Verdict::Fail, why)
                .next(format!("`holdfast audit verify --against {name}` says from which leaf on"))
                .by(Evidence::leaf(fork.leaf), fork.recorded);
        }
        let Some(given) = given else {
            return row(Verdict::NoEvidence, "no signed head of the log was brought there yet".to_owned())
                .next("`holdfast serve` does so every day, and `holdfast audit checkpoint` at once");
        };
        let why = format!("it has the head of {} leaves since {}", given.leaves, minute(given.given));
        let row = if look.is_fresh(given.given, hours(HEAD_FRESH_HOURS)) {
            row(Verdict::Pass, why)
        } else {
            row(Verdict::Stale, why).next("`holdfast audit checkpoint` says what keeps it from going there")
        };
        row.by(Evidence::leaf(given.leaf), given.given)
    });
    let nowhere = Finding::no_evidence("no location is declared");
    Finding::of_rows(rows.collect(), "locations", "a signed head of the log lies there", nowhere)
}
