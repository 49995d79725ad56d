//! Whether the policy was reviewed in time, and after what changed.
//!
//! A review is a recorded act of a person. A date in the file that somebody edits is none, and a new version is none either:
//! so the time counts from the last recorded review, and before the first one from the earliest day that any version ever
//! claimed.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::discovered::Roots;
use super::facts::ReviewFact;
use super::observed::Inventory;
use super::rows::Finding;
use super::{Evidence, Look, Verdict, after, hours, minute};
use crate::Policy;

/// By when a change must be reviewed.
const AFTER_CHANGE_DAYS: i64 = 30;
/// So many hundredths more or fewer assets are a change.
const ASSETS_CHANGED_PERCENT: usize = 20;
const HINT: &str =
    "review the policy, and record it: `holdfast policy review --by NAME`; no change is a valid outcome";

/// REV-01.
pub(super) fn in_time(look: &Look<'_>) -> Finding {
    let policy = look.words();
    let Some(interval) = &policy.review.interval_months else {
        return Finding::no_evidence("the policy does not say how often it is reviewed")
            .next("add interval = { sentence = \"10.1\", months = 6 } to [review]");
    };
    let months = interval.value;
    let last = last_review(look);
    let day = |instant: Timestamp| instant.to_zoned(policy.zone.clone()).date();
    let from = last.map_or_else(|| first_effective(look), |review| day(review.happened));
    let Some(due) = due_after(from, months) else {
        return Finding::no_evidence("the day of the next review lies outside of time");
    };
    let start_of =
        |day: Date| day.to_zoned(policy.zone.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp());
    let since = match last {
        Some(review) => format!("last reviewed {from} by {}", review.reviewer),
        None => format!("never reviewed, in force since {from}"),
    };
    // The day itself is still in time.
    let is_overdue = look.is_past(due.tomorrow().map_or(Timestamp::MAX, start_of));
    let by = |finding: Finding| match last {
        Some(review) => finding.by(Evidence::leaf(review.leaf), review.happened),
        None => finding,
    };
    if is_overdue {
        let finding = Finding::new(
            Verdict::Fail,
            format!("{since}; the review was due {due}, {months} months later, and is overdue"),
        );
        return by(finding.next(HINT));
    }
    let adopted = look.policy.number.is_some();
    let mut finding = if last.is_some() || adopted {
        let how = "the name of who did it was taken by his word, not by a signature";
        Finding::new(Verdict::Pass, format!("{since}; the next review is due {due} ({how})"))
    } else {
        Finding::no_evidence(format!("{since}, which only the file says; the review is due {due}"))
            .next("`holdfast serve` adopts the policy; `holdfast policy review` records a review")
    };
    for days in [7, 30] {
        let remind = due.checked_sub(days.days()).map_or(Timestamp::MAX, start_of);
        if look.is_past(remind) {
            finding = finding.warn(format!("the review is due in {days} days or less, on {due}"));
            break;
        }
    }
    by(finding)
}

/// The last day on which the policy can be reviewed in time, after a review at an instant, or else from the day since which it
/// holds; none where the policy does not say how often.
pub fn review_due(policy: &Policy, last: Option<Timestamp>, effective: Date) -> Option<Date> {
    let months = policy.review.interval_months.as_ref()?.value;
    due_after(last.map_or(effective, |at| at.to_zoned(policy.zone.clone()).date()), months)
}

fn due_after(day: Date, months: u32) -> Option<Date> {
    day.checked_add(i64::from(months).months()).ok()
}

/// REV-02.
pub(super) fn after_changes(look: &Look<'_>) -> Finding {
    if look.words().review.changes.is_none() {
        return Finding::not_applicable("the policy asks for no review after changes");
    }
    let known = states(look);
    let last = last_review(look);
    // What was there when the policy was last reviewed, or first seen.
    let before = known.iter().rev().find(|one| last.is_some_and(|review| one.recorded <= review.recorded));
    let Some(before) = before.or(known.first()) else {
        return Finding::no_evidence("nobody wrote down what there is");
    };
    let changed = known.iter().filter(|one| one.recorded > before.recorded);
    let changed = changed.filter_map(|one| Some((one, change(before, one)?))).next();
    let Some((first, _)) = changed else {
        let what = "no location, host or site was added, and the number of assets is about the same";
        return Finding::new(Verdict::Pass, format!("{what} since {}", minute(before.recorded)))
            .by(Evidence::leaf(before.leaf), before.recorded);
    };
    // What it came to by now; what was taken back opens no review.
    let Some(what) = known.last().and_then(|now| change(before, now)) else {
        return Finding::new(
            Verdict::Pass,
            format!("what changed since {} was taken back", minute(before.recorded)),
        )
        .by(Evidence::leaf(first.leaf), first.recorded);
    };
    let due = after(first.recorded, hours(AFTER_CHANGE_DAYS * 24));
    let why = format!("since {}: {what}", minute(first.recorded));
    let finding = if look.is_past(due) {
        Finding::new(Verdict::Fail, format!("{why}; the review of that was due {}", minute(due))).next(HINT)
    } else {
        Finding::new(Verdict::Pass, format!("{why}; a review of that is open until {}", minute(due)))
            .warn(format!("the policy must be reviewed by {} because of a change: {what}", minute(due)))
            .next(HINT)
    };
    finding.by(Evidence::leaf(first.leaf), first.recorded)
}

/// What there was from an instant on.
struct State<'f> {
    what: &'f Inventory,
    /// How many assets, those that were found in roots among them.
    assets: usize,
    recorded: Timestamp,
    leaf: u64,
}

/// What there was after each change that was recorded, oldest first.
fn states<'f>(look: &Look<'f>) -> Vec<State<'f>> {
    let facts = look.facts;
    let mut found = facts.discovered.iter().filter(|one| one.recorded <= look.now).peekable();
    let mut named = facts.inventories.iter().filter(|one| one.recorded <= look.now).peekable();
    let (mut roots, mut last) = (Roots::default(), None);
    let mut states = Vec::new();
    loop {
        // What was found in a root is written down before the inventory that it belongs to.
        let is_found = match (found.peek(), named.peek()) {
            (None, None) => return states,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(found), Some(named)) => found.leaf < named.leaf,
        };
        let (recorded, leaf) = if is_found {
            let Some(noted) = found.next() else { return states };
            roots.take(noted);
            (noted.recorded, noted.leaf)
        } else {
            let Some(noted) = named.next() else { return states };
            last = Some(&noted.what);
            (noted.recorded, noted.leaf)
        };
        if let Some(what) = last {
            let assets = what.assets.len() + roots.present.len();
            states.push(State { what, assets, recorded, leaf });
        }
    }
}

/// What is new, and how far the number of assets changed.
fn change(before: &State<'_>, now: &State<'_>) -> Option<String> {
    let (had, has) = (before.assets, now.assets);
    let (before, now) = (before.what, now.what);
    let new = |what: &str, before: BTreeSet<&String>, now: BTreeSet<&String>| {
        let new: Vec<&str> = now.difference(&before).map(|name| name.as_str()).collect();
        (!new.is_empty()).then(|| format!("new {what}: {}", new.join(", ")))
    };
    let moved: Vec<&str> = now
        .locations
        .iter()
        .filter(|(name, location)| before.locations.get(*name).is_some_and(|old| old.place != location.place))
        .map(|(name, _)| name.as_str())
        .collect();
    let is_far = had.abs_diff(has) * 100 > had * ASSETS_CHANGED_PERCENT;
    let changes = [
        new("locations", before.locations.keys().collect(), now.locations.keys().collect()),
        new("hosts", before.hosts.keys().collect(), now.hosts.keys().collect()),
        new("sites", before.sites.keys().collect(), now.sites.keys().collect()),
        (!moved.is_empty()).then(|| format!("moved locations: {}", moved.join(", "))),
        is_far.then(|| format!("{has} assets, and there were {had}")),
    ];
    let changes: Vec<String> = changes.into_iter().flatten().collect();
    (!changes.is_empty()).then(|| changes.join("; "))
}

fn last_review<'f>(look: &Look<'f>) -> Option<&'f ReviewFact> {
    let known =
        look.facts.reviews.iter().filter(|review| review.recorded <= look.now && review.happened <= look.now);
    known.max_by_key(|review| (review.happened, review.leaf))
}

/// The earliest day from which any version ever claimed to hold.
fn first_effective(look: &Look<'_>) -> Date {
    let adopted =
        look.facts.policies.iter().filter(|version| version.recorded <= look.now || version.number.is_none());
    let adopted = adopted.map(|version| version.policy.header.value.effective);
    let seen = look
        .facts
        .policies_seen
        .iter()
        .filter(|seen| seen.recorded <= look.now)
        .map(|seen| seen.what.effective);
    adopted.chain(seen).min().unwrap_or(look.words().header.value.effective)
}
