//! Whether nothing went too soon, nothing stayed too long, and the purge gets anywhere.
//!
//! That something was purged is believed only of a walk through storage: a catalogue that says so proves that somebody wrote
//! it. Between two walks, what the ledger knows to lie there and to be too old counts as well.

use super::facts::{PurgeFact, latest};
use super::rows::Finding;
use super::schedule::nothing;
use super::{Evidence, Look, PointFact, Row, Verdict, after, hours, minute};
use crate::retention::days_of;

/// So old may a look at a listing be.
const LOOK_FRESH_HOURS: i64 = 48;
/// So old may a walk through storage be.
const WALK_FRESH_HOURS: i64 = 7 * 24;
/// Within so much a purge must get everything away; one is tried every day.
const PURGE_WITHIN_HOURS: i64 = 48;
/// So long may something wait that should be gone.
const WAIT_HOURS_MAX: i64 = 24;

/// RET-01.
pub(super) fn minimum(look: &Look<'_>) -> Finding {
    let rows = look.scheduled().filter_map(|part| {
        let rule = look.words().schedule_of(part.class, part.dataset)?.value.retention;
        let row = |verdict, why: String| Row::new(part.target(), verdict, why).about(part.asset);
        // One that a purge took at this age was taken too soon, unless the minimum was another one then.
        let was_due = |point: &PointFact| point.is_purged(look.now) && point.is_purged(look.policy.from);
        let young = |point: &&&PointFact| point.age(look.now) <= days_of(rule.min_days) && !was_due(point);
        let points = look.points_of(&part);
        let young: Vec<&PointFact> = points.iter().filter(young).copied().collect();
        let Some(newest) = young.last() else {
            return Some(
                row(Verdict::NoEvidence, format!("it has no point of the last {} days", rule.min_days))
                    .next(format!("`holdfast backup {}`", part.asset)),
            );
        };
        let is_missing = |point: &&&PointFact| point.lies_at(look.now).next().is_none();
        let missing: Vec<&&PointFact> = young.iter().filter(is_missing).collect();
        if let Some(first) = missing.first() {
            let why = format!(
                "{} of {} points younger than {} days lie nowhere, the first of {}",
                missing.len(),
                young.len(),
                rule.min_days,
                minute(first.instant)
            );
            let row = row(Verdict::Fail, why).by(Evidence::of("point", &first.id), first.recorded);
            return Some(row.next("find out who deleted them; `holdfast points` names them"));
        }
        let looked = |point: &PointFact| {
            look.last_look(&point.repository).map_or(point.recorded, |at| at.max(point.recorded))
        };
        let oldest = young.iter().map(|point| looked(point)).min()?;
        let why = format!("{} points of the last {} days, none missing", young.len(), rule.min_days);
        let row = if look.is_fresh(oldest, hours(LOOK_FRESH_HOURS)) {
            row(Verdict::Pass, why)
        } else {
            row(Verdict::Stale, format!("{why} when they were last looked for, {}", minute(oldest)))
                .next("`holdfast verify`; `holdfast serve` looks every day")
        };
        Some(row.by(Evidence::of("point", &newest.id), oldest))
    });
    Finding::of_rows(rows.collect(), "schedules", "nothing younger than its minimum is missing", nothing())
}

/// RET-02.
pub(super) fn maximum(look: &Look<'_>) -> Finding {
    let mut rows: Vec<Row> = Vec::new();
    for part in look.scheduled() {
        let Some(rule) = look.words().schedule_of(part.class, part.dataset) else { continue };
        let rule = rule.value.retention;
        let points = look.points_of(&part);
        let last_good = points.iter().rev().find(|point| point.good_at(look.now).next().is_some());
        let held = look.facts.holds.iter().find(|hold| hold.asset == part.asset && stands(hold, look));
        let row = |verdict, why: String| Row::new(part.target(), verdict, why).about(part.asset);
        let lying: Vec<&&PointFact> =
            points.iter().filter(|p| p.lies_at(look.now).next().is_some()).collect();
        let gone_by = |point: &PointFact| after(after(point.instant, rule.max()), rule.grace());
        let over: Vec<&&&PointFact> = lying.iter().filter(|point| look.is_past(gone_by(point))).collect();
        let Some(first) = over.first() else {
            let why = format!(
                "no point is known to be older than {} days and {} hours of grace",
                rule.max_days,
                rule.grace.as_secs() / 3600
            );
            // By the ledger alone; the places below tell whether it is so.
            rows.push(row(Verdict::Pass, why));
            continue;
        };
        let oldest = format!(
            "{} points are past {} days and their grace, the oldest of {}",
            over.len(),
            rule.max_days,
            minute(first.instant)
        );
        let row = match held {
            Some(hold) => row(Verdict::Exempt, format!("{oldest}; held by {}: {}", hold.owner, hold.reason))
                .by(Evidence::of("hold", &hold.id), hold.placed),
            None if over.len() == 1 && last_good.is_some_and(|last| last.id == first.id) => {
                row(Verdict::Exempt, format!("{oldest}; it is the last good one"))
            }
            None => row(Verdict::Fail, oldest)
                .next("`holdfast purge`, and `holdfast purge --history` for what hinders it"),
        };
        rows.push(row.by(Evidence::of("point", &first.id), first.recorded));
    }
    let places = look.inventory.locations.keys().map(String::as_str).chain(["state"]);
    rows.extend(places.map(|place| walked(look, place)));
    Finding::of_rows(
        rows,
        "places and schedules",
        "a walk through storage found nothing that should be gone",
        nothing(),
    )
}

fn walked(look: &Look<'_>, place: &str) -> Row {
    let target = if place == "state" { "this machine" } else { place };
    let row = |verdict, why: String| Row::new(target, verdict, why);
    let Some(walk) = latest(&look.facts.walks, look.now, |walk| walk.place == place) else {
        return row(Verdict::NoEvidence, "nobody walked through it to see what is left".to_owned())
            .next("`holdfast purge --audit`");
    };
    let (found, recorded) = (&walk.what, walk.recorded);
    let verdict = if let Some(first) = found.findings.first() {
        let why = format!("{} kinds of things should be gone: {first}", found.findings.len());
        row(Verdict::Fail, why).next("`holdfast purge`, then `holdfast purge --audit`")
    } else if let Some(reason) = found.reasons.first() {
        row(Verdict::NoEvidence, format!("not all of it could be looked at: {reason}"))
            .next("`holdfast purge --audit`")
    } else if !look.is_fresh(recorded, hours(WALK_FRESH_HOURS)) {
        row(Verdict::Stale, format!("nothing was left, but the last walk was at {}", minute(recorded)))
            .next("`holdfast purge --audit`")
    } else if let Some(first) = found.exempt.first() {
        row(Verdict::Exempt, format!("{} points stay beyond their age: {first}", found.exempt.len()))
    } else {
        row(Verdict::Pass, format!("{} objects looked at, nothing that should be gone", found.objects))
    };
    verdict.by(Evidence::leaf(walk.leaf), recorded)
}

/// RET-03.
pub(super) fn stalled(look: &Look<'_>) -> Finding {
    let known: Vec<&PurgeFact> = look.facts.purges.iter().filter(|purge| purge.begun <= look.now).collect();
    let is_ended = |at: Option<jiff::Timestamp>| at.is_some_and(|at| at <= look.now);
    let done = known.iter().filter(|purge| is_ended(purge.done)).max_by_key(|purge| purge.done);
    let hint = "`holdfast purge --history` says what waits, and where";
    let open = known.iter().filter(|purge| !is_ended(purge.done) && !is_ended(purge.dropped));
    for purge in open {
        if look.is_past(after(purge.begun, hours(WAIT_HOURS_MAX))) {
            let waits = purge.waits.first().map_or_else(|| "it did not end".to_owned(), Clone::clone);
            return Finding::new(
                Verdict::Fail,
                format!("a purge of {} is not completed: {waits}", minute(purge.begun)),
            )
            .next(hint)
            .by(Evidence::of("purge", &purge.id), purge.begun);
        }
    }
    let since = done.and_then(|purge| purge.done);
    let stall = look.facts.stalls.iter().rev().find(|stall| stall.recorded <= look.now);
    if let Some(stall) = stall.filter(|stall| since.is_none_or(|done| stall.recorded > done)) {
        return Finding::new(Verdict::Fail, stall.message.clone())
            .next(hint)
            .by(Evidence::leaf(stall.leaf), stall.recorded);
    }
    let Some((purge, at)) = done.and_then(|purge| Some((purge, purge.done?))) else {
        return Finding::no_evidence("no purge ever ran to its end")
            .next("`holdfast purge`; `holdfast serve` does it every day");
    };
    let why = format!("the last purge that got everything away ended {}", minute(at));
    let finding = if look.is_past(after(at, hours(PURGE_WITHIN_HOURS))) {
        Finding::new(Verdict::Fail, format!("no purge since: {why}"))
            .next("`holdfast purge`, or start `holdfast serve`")
    } else {
        Finding::new(Verdict::Pass, why)
    };
    finding.by(Evidence::of("purge", &purge.id), at)
}

/// RET-04.
pub(super) fn holds(look: &Look<'_>) -> Finding {
    let rows = look.facts.holds.iter().filter(|hold| stands(hold, look)).map(|hold| {
        let target = format!("{} ({})", hold.asset, hold.id);
        let day = hold.review_on;
        // The day itself is still in time.
        let over = day.tomorrow().and_then(|next| next.to_zoned(look.words().zone.clone()));
        let over = over.map_or(jiff::Timestamp::MAX, |zoned| zoned.timestamp());
        let row = if look.is_past(over) {
            Row::new(
                target,
                Verdict::Fail,
                format!("its day of review, {day}, is past ({}: {})", hold.owner, hold.reason),
            )
            .next("release it, or place it again with a new day: `holdfast hold`")
        } else {
            Row::new(
                target,
                Verdict::Pass,
                format!("held by {} until reviewed on {day}: {}", hold.owner, hold.reason),
            )
        };
        row.about(&hold.asset).by(Evidence::of("hold", &hold.id), hold.placed)
    });
    let none = Finding::not_applicable("nothing is held");
    Finding::of_rows(rows.collect(), "holds", "each has an owner, a reason and a day of review", none)
}

fn stands(hold: &super::HoldFact, look: &Look<'_>) -> bool {
    hold.placed <= look.now && hold.released.is_none_or(|released| released > look.now)
}

impl Look<'_> {
    /// When points of a repository were last listed, at the location where that is not so long ago.
    fn last_look(&self, repository: &str) -> Option<jiff::Timestamp> {
        let own = self.facts.readings.iter().filter(|reading| reading.repository == repository);
        own.filter_map(|reading| Some(reading.at(self.now)?.last_look)).max()
    }
}
