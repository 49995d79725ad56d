//! Whether backups were restored for a test as often as the policy says, each asset in its turn; and whether anything was left of
//! what was restored.
//!
//! What counts is the plan: who was drawn and has no result is a failure, whoever took the result away. And a test is no better than
//! its choice: one whose point somebody chose clears nobody.

use jiff::{SignedDuration, Timestamp};

use super::rows::Finding;
use super::schedule::RED_DAYS;
use super::tested::{self, Begun, Ended, QUIET, TestOutcome, TestedFact};
use super::{Evidence, Look, Row, Verdict, after, hours, minute};
use crate::policy::Exercise;
use crate::restore_test::{Exercised, Occasion, Pace, occasion_at, occasion_before};
use crate::show_duration;

/// TEST-01 and TEST-02.
pub(super) fn made(look: &Look<'_>, exercised: Exercised) -> Finding {
    let class = exercised.class();
    let targets: Vec<&str> = tested::targets(look.inventory, exercised).collect();
    if targets.is_empty() {
        return Finding::not_applicable(format!("the estate has no asset of the class {class}"));
    }
    let Some(rule) = exercised.rule(look.words()) else {
        let why = format!("the policy does not ask for restore tests of the class {class}");
        return Finding::no_evidence(why).next(format!("add {exercised} to [verification] in policy.toml"));
    };
    let Some(times) = Times::of(look, exercised, &rule.value) else {
        return Finding::no_evidence("time is out of bounds");
    };
    let mut rows = vec![occasion(look, exercised, &times)];
    rows.extend(targets.into_iter().map(|asset| target(look, exercised, &times, asset)));
    Finding::of_rows(
        rows,
        "targets",
        "restored and proven as often as the policy says",
        Finding::no_evidence(""),
    )
}

/// The occasions around the instant of the question.
struct Times {
    pace: Pace,
    /// Since when they count.
    from: Timestamp,
    current: Occasion,
    /// The last that is over and counts.
    last: Option<Occasion>,
}

impl Times {
    fn of(look: &Look<'_>, exercised: Exercised, exercise: &Exercise) -> Option<Times> {
        let zone = &look.words().zone;
        let from = look.facts.tests_count_from(exercised, look.now).unwrap_or(look.now);
        let current = occasion_at(exercise.every, zone, look.now)?;
        look.is_past(current.ends);
        let last = occasion_before(exercise.every, zone, look.now).filter(|last| last.opens >= from);
        Some(Times { pace: Pace::of(exercise), from, current, last })
    }

    /// By when the first must be made that counts.
    fn first_ends(&self, look: &Look<'_>) -> Timestamp {
        if self.current.opens >= self.from {
            return self.current.ends;
        }
        let next = occasion_at(self.pace.every, &look.words().zone, self.current.ends);
        next.map_or(Timestamp::MAX, |next| next.ends)
    }
}

fn again(exercised: Exercised) -> String {
    format!(
        "`holdfast test list` says what was seen; `holdfast serve` makes them, and `holdfast test {exercised}` makes one now"
    )
}

/// Whether the last occasion was kept.
fn occasion(look: &Look<'_>, exercised: Exercised, times: &Times) -> Row {
    let row = |verdict, why: String| Row::new(exercised.as_str(), verdict, why);
    let Some(last) = &times.last else {
        let due = minute(times.first_ends(look));
        let own = look.facts.restored.iter().filter(|tested| tested.exercised == exercised);
        let ended = own.filter_map(|tested| Some((tested, tested.ended_at(look.now)?)));
        let counted: Vec<_> = ended.filter(|(tested, ended)| tested.counts(ended)).collect();
        return match counted.last() {
            Some((_, ended)) => {
                let why = format!("{} restored before the first had to be, by {due}", counted.len());
                row(Verdict::Pass, why).by(Evidence::leaf(ended.leaf), ended.recorded)
            }
            None => row(
                Verdict::NoEvidence,
                format!("nothing was restored for a test yet; the first is due by {due}"),
            )
            .next(again(exercised)),
        };
    };
    let is_of_it = |test: &&super::TestFact| {
        test.exercised == exercised
            && test.recorded <= look.now.min(last.ends)
            && test.occasion.as_ref().is_some_and(|occasion| occasion.opens == last.opens)
    };
    let Some(test) = look.facts.tests.iter().find(is_of_it) else {
        let why = format!("no restore test was made in {}", last.label);
        return row(Verdict::Fail, why).next(again(exercised));
    };
    let by = |row: Row| row.by(Evidence::leaf(test.leaf), test.recorded);
    let (mut without, mut unwell) = (Vec::new(), Vec::new());
    for drawn in &test.drawn {
        let tested = look.tested.named(drawn);
        let ended = tested.and_then(|tested| tested.ended_at(look.now));
        match (tested, ended.filter(|ended| ended.recorded <= last.ends)) {
            (None, _) => without.push(drawn.as_str()),
            (Some(tested), None) => without.push(tested.asset.as_str()),
            (Some(tested), Some(ended)) if ended.outcome != TestOutcome::Successful => {
                let since = look.tested.last_of(exercised, &tested.asset, look.now);
                if since.is_none_or(|(_, since)| since.outcome != TestOutcome::Successful) {
                    unwell.push(tested.asset.as_str());
                }
            }
            (Some(_), Some(_)) => {}
        }
    }
    let (label, all) = (&last.label, test.drawn.len());
    if let Some(first) = without.first() {
        let why = format!("{} of {all} that were drawn in {label} have no result: {first}", without.len());
        return by(row(Verdict::Fail, why).next(again(exercised)));
    }
    if let Some(first) = unwell.first() {
        let why = format!("{} of {all} that were drawn in {label} did not pass: {first}", unwell.len());
        return by(row(Verdict::Fail, why).next(again(exercised)));
    }
    by(row(Verdict::Pass, format!("all {all} that were drawn in {label} have their result")))
}

/// Whether an asset was tested when it had to be, and passed.
fn target(look: &Look<'_>, exercised: Exercised, times: &Times, asset: &str) -> Row {
    let row = |verdict, why: String| Row::new(asset, verdict, why).about(asset);
    let next = format!(
        "`holdfast test list {asset}` says what was seen; `holdfast test {exercised} {asset}` tests again"
    );
    let since = look.facts.there_since(exercised, asset).unwrap_or(look.now).max(times.from);
    let due = Due::of(look, times, since);
    let Some((tested, ended)) = look.tested.last_of(exercised, asset, look.now) else {
        return match due.by(since) {
            Some(by) if look.is_past(by) => {
                row(Verdict::Fail, format!("it was never tested, and had to be by {}", minute(by))).next(next)
            }
            Some(by) => {
                row(Verdict::NotApplicable, format!("not tested yet; it has to be by {}", minute(by)))
            }
            None => {
                row(Verdict::NotApplicable, "not tested yet, and the policy names no day by which".to_owned())
            }
        };
    };
    let by = |row: Row| row.by(Evidence::leaf(ended.leaf), ended.recorded);
    let (at, from) = (minute(ended.recorded), from(tested));
    if ended.outcome != TestOutcome::Successful {
        let why = match ended.outcome {
            TestOutcome::TimedOut => format!("its test of {at}{from} was not done in time"),
            _ => format!("its test of {at}{from} failed: {}", ended.failed.join(", ")),
        };
        return by(row(Verdict::Fail, why).next(next));
    }
    by(match due.by(ended.recorded) {
        Some(due) if look.is_past(due) => {
            let why = format!("it was last tested {at}, and had to be again by {}", minute(due));
            row(Verdict::Stale, why).next(next)
        }
        Some(due) => row(Verdict::Pass, format!("restored and proven {at}{from}; again by {}", minute(due))),
        None => {
            let why = format!("restored and proven {at}{from}; the policy names no day by which it is again");
            row(Verdict::Pass, why)
        }
    })
}

fn from(tested: &TestedFact) -> String {
    tested.begun.as_ref().map_or_else(String::new, |begun| format!(" from {}", begun.location))
}

/// By when an asset must be tested again.
struct Due {
    /// So long after it was.
    within: Option<SignedDuration>,
    /// Where everybody is tested each time: what it was before the last occasion is too long ago.
    each_time: Option<EachTime>,
}

struct EachTime {
    /// When the last occasion opened that counts for it.
    last_opened: Option<Timestamp>,
    /// When the one ends that is open.
    ends: Timestamp,
    /// When the one after ends.
    next_ends: Timestamp,
    /// When the one that is open opened.
    opened: Timestamp,
}

impl Due {
    fn of(look: &Look<'_>, times: &Times, since: Timestamp) -> Due {
        let within =
            times.pace.untested_max.map(|max| SignedDuration::try_from(max).unwrap_or(SignedDuration::MAX));
        let each_time = times.pace.sample.is_none().then(|| {
            let next = occasion_at(times.pace.every, &look.words().zone, times.current.ends);
            EachTime {
                last_opened: times.last.as_ref().map(|last| last.opens).filter(|opens| *opens >= since),
                ends: times.current.ends,
                next_ends: next.map_or(Timestamp::MAX, |next| next.ends),
                opened: times.current.opens,
            }
        });
        Due { within, each_time }
    }

    /// By when, after it was tested or first there at an instant.
    fn by(&self, from: Timestamp) -> Option<Timestamp> {
        let within = self.within.map(|within| after(from, within));
        let each_time = self.each_time.as_ref().map(|each| match each.last_opened {
            // Tested before the last one opened, and not in it: that was over when the one that is open began.
            Some(opened) if from < opened => each.opened,
            // In the last one, or before any counted.
            _ if from <= each.opened => each.ends,
            _ => each.next_ends,
        });
        within.into_iter().chain(each_time).min()
    }
}

/// TEST-04.
pub(super) fn cut_off(look: &Look<'_>) -> Finding {
    let has_targets = |exercised: &Exercised| tested::targets(look.inventory, *exercised).next().is_some();
    if !Exercised::ALL.iter().any(has_targets) {
        return Finding::not_applicable("the estate has nothing that is restored for tests");
    }
    let mut rows = Vec::new();
    for of_asset in look.tested.assets() {
        let begun = of_asset.iter().filter_map(|tested| Some((*tested, tested.begun_at(look.now)?)));
        let begun: Vec<(&TestedFact, &Begun)> = begun.collect();
        let last = begun
            .iter()
            .max_by_key(|(_, begun)| (begun.recorded, begun.leaf))
            .map(|(last, _)| last.id.as_str());
        for (tested, begun) in begun {
            let judged = staging(look, tested, begun);
            // Of those before the last one only what is wrong is told.
            if judged.verdict.is_red() || last == Some(tested.id.as_str()) {
                rows.push(judged);
            }
        }
    }
    let none = Finding::no_evidence("nothing was restored for a test yet")
        .next("`holdfast test websites` does it now");
    let mut finding =
        Finding::of_rows(rows, "stagings", "cut off from everything, and destroyed in time", none);
    if look.words().verification.staging.is_none() {
        finding = finding.warn("the policy has no [verification.staging]: what is restored for tests goes at once, within a day at the latest");
    }
    finding
}

fn staging(look: &Look<'_>, tested: &TestedFact, begun: &Begun) -> Row {
    let row = |verdict, why: String| {
        Row::new(format!("{} {}", tested.asset, tested.id), verdict, why).about(&tested.asset)
    };
    let by = |row: Row| row.by(Evidence::leaf(begun.leaf), begun.recorded);
    let spoke = |ended: &&Ended| ended.failed.iter().any(|question| question == QUIET);
    if let Some(ended) = tested.ended_at(look.now).filter(spoke) {
        let told = format!(
            "what was restored tried to reach the outside, or that it did not is not proven ({})",
            minute(ended.recorded)
        );
        let is_red = look.is_fresh(ended.recorded, hours(RED_DAYS * 24))
            || look
                .tested
                .last_of(tested.exercised, &tested.asset, look.now)
                .is_some_and(|(last, _)| last.id == tested.id);
        if is_red {
            let next = format!("`holdfast test list {}` says what it tried; nothing got out", tested.asset);
            return row(Verdict::Fail, told).next(next).by(Evidence::leaf(ended.leaf), ended.recorded);
        }
    }
    let deadline = minute(begun.destroy_by);
    let Some(destroyed) = tested.destroyed_at(look.now) else {
        return by(if look.is_past(begun.destroy_by) {
            row(Verdict::Fail, format!("nothing says that it was destroyed, and it had to be by {deadline}"))
                .next("`holdfast serve` destroys what is left when it begins, and so does `holdfast test list --sweep`")
        } else {
            row(Verdict::NotApplicable, format!("it is there, and goes by {deadline}"))
        });
    };
    let by = |row: Row| by(row).by(Evidence::leaf(destroyed.leaf), destroyed.recorded);
    let at = minute(destroyed.recorded);
    if destroyed.recorded > begun.destroy_by && look.is_fresh(destroyed.recorded, hours(RED_DAYS * 24)) {
        let why = format!("it was destroyed {at}, and had to be by {deadline}");
        return by(
            row(Verdict::Fail, why).next("find out why nothing destroyed it in time; it is told for a week")
        );
    }
    let lived = destroyed.recorded.duration_since(begun.recorded);
    let lived = show_duration(std::time::Duration::from_secs(u64::try_from(lived.as_secs()).unwrap_or(0)));
    by(row(
        Verdict::Pass,
        format!("{}, cut off; {} files destroyed {at}, after {lived}", begun.staging, destroyed.files),
    ))
}
