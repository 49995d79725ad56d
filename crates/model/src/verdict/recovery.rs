//! Whether less would be lost than was promised, for each asset; the worst is the headline.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::rows::Finding;
use super::rpo::{Measuring, measure};
use super::schedule::WINDOW_DAYS;
use super::{Evidence, Look, Part, PointFact, Row, Verdict, after, minute};
use crate::{Class, show_duration};

/// DR-03 and DR-04.
pub(super) fn points(look: &Look<'_>, class: Class) -> Finding {
    let mut warnings = Vec::new();
    let rows: Vec<Row> =
        look.parts().filter(|part| part.class == class).map(|part| row(look, &part, &mut warnings)).collect();
    let none = Finding::not_applicable(format!("the estate has no asset of the class {class}"));
    let mut finding = Finding::of_rows(rows, "parts", "less would be lost than was promised", none);
    finding.warnings = warnings;
    finding
}

fn row(look: &Look<'_>, part: &Part<'_>, warnings: &mut Vec<String>) -> Row {
    let row = |verdict, why: String| Row::new(part.target(), verdict, why).about(part.asset);
    let Some(objective) = look.words().objective_of(part.class, part.dataset) else {
        return row(Verdict::NotApplicable, "the policy states no objective for it".to_owned());
    };
    let points = look.states_of(part);
    let span = SignedDuration::try_from(objective.age).unwrap_or(SignedDuration::MAX);
    let enrolled = enrolled(look, part, &points);
    let is_protected = |point: &PointFact, at: Timestamp| {
        let has_key = look.facts.has_key(&point.repository, at).unwrap_or(true);
        let is_restorable = point.lacks.is_none() && has_key && !look.tested.is_disproven(&point.id, at);
        is_restorable && look.is_enough(point.good_at(at))
    };
    let keys = look.facts.keys.iter().map(|keys| keys.recorded);
    let turns = keys.chain(look.tested.turns_of(part.asset)).collect();
    // The window moves once a day, and what happened before it does not count any more.
    look.days_ago(WINDOW_DAYS);
    let mut rpo = measure(&Measuring {
        points: points.clone(),
        enrolled,
        objective: span,
        now: look.now,
        is_protected: &is_protected,
        turns,
    });
    let measured = look.facts.measured.get(&(part.asset.to_owned(), part.dataset)).copied();
    let plan = look.words().slot_plan(part.class, part.dataset, measured);
    rpo.headroom_seconds = plan.and_then(|(plan, _)| Some(plan.compiled?.headroom.as_secs()));
    let promised = show_duration(objective.age);
    let by = |row: Row| match (&rpo.point, rpo.recovery_point) {
        (Some(point), Some(instant)) => row.by(Evidence::of("point", point), instant),
        _ => row,
    };
    let next = if part.class.is_built() {
        format!("`holdfast backup {}`, then `holdfast points {}`", part.asset, part.asset)
    } else {
        format!("protect it by other means: backing up {} is not built", part.class)
    };
    let newest = points.last().filter(|point| rpo.point.as_ref() != Some(&point.id));
    let newest =
        newest.and_then(|point| why_not(look, point)).map_or_else(String::new, |why| format!("; {why}"));
    let is_broken = look.is_past(rpo.breaks_at);
    let verdict = match (is_broken, rpo.recovery_point) {
        (true, Some(instant)) => row(
            Verdict::Fail,
            format!(
                "the newest state that could be restored is of {}, and {promised} were over at {}{newest}",
                minute(instant),
                minute(rpo.breaks_at)
            ),
        )
        .next(next),
        (true, None) => row(
            Verdict::Fail,
            format!("no state of it could be restored since {}{newest}", minute(rpo.counts_from)),
        )
        .next(next),
        (false, None) => row(
            Verdict::NoEvidence,
            format!(
                "no state of it could be restored yet; the first is due by {}{newest}",
                minute(rpo.breaks_at)
            ),
        )
        .next(next),
        (false, Some(instant)) => row(
            Verdict::Pass,
            format!(
                "the newest state that could be restored is of {}, and {promised} are not over{newest}",
                minute(instant)
            ),
        ),
    };
    if !is_broken {
        // Before it breaks somebody can still do something.
        let warn_at =
            after(rpo.counts_from, SignedDuration::try_from(objective.age.mul_f64(0.7)).unwrap_or_default());
        if look.is_past(warn_at) && rpo.recovery_point.is_some() {
            warnings.push(format!(
                "{}: more than 70 % of {promised} are used up; it breaks at {}",
                part.target(),
                minute(rpo.breaks_at)
            ));
        }
    }
    if let Some(last) = rpo.breaches.iter().rev().find(|breach| breach.until.is_some()) {
        let until = last.until.unwrap_or(look.now);
        let lasted = show_duration(Duration::try_from(until.duration_since(last.from)).unwrap_or_default());
        warnings.push(format!("{}: was broken at {} for {lasted}", part.target(), minute(last.from)));
    }
    by(verdict).measured(rpo)
}

/// Why a point is no state that could be restored.
fn why_not(look: &Look<'_>, point: &PointFact) -> Option<String> {
    let of = minute(point.instant);
    if look.facts.has_key(&point.repository, look.now) == Some(false) {
        return Some(format!("the key of {} is gone", point.repository));
    }
    if let Some(lacks) = &point.lacks {
        return Some(format!("the point of {of} does not count: {lacks}"));
    }
    if look.tested.is_disproven(&point.id, look.now) {
        return Some(format!("the point of {of} does not count: its restore test failed"));
    }
    let copies: Vec<_> = point.lies_at(look.now).collect();
    if let Some((location, _)) = copies.iter().find(|(_, copy)| copy.state.is_damaged) {
        return Some(format!("the point of {of} is damaged at {location}"));
    }
    if let Some((location, _)) = copies.iter().find(|(_, copy)| !copy.state.is_checked) {
        return Some(format!("the point of {of} was not checked at {location}"));
    }
    let counted = look.places.count(point.good_at(look.now));
    if !look.is_enough(point.good_at(look.now)) {
        let copies = look.words().storage.copies.value;
        return Some(format!(
            "the point of {of} is whole at {} of {} places, {} of {} off site",
            counted.places,
            copies.locations_min,
            counted.off_site,
            copies.outside_production_min.unwrap_or(1),
        ));
    }
    None
}

/// When a part came to be known: what is new has until its objective to get its first point.
fn enrolled(look: &Look<'_>, part: &Part<'_>, points: &[&PointFact]) -> Timestamp {
    let first_slot = look.by_asset.slots(part.asset).iter().filter(|slot| slot.is_recorded);
    let first_slot = first_slot.map(|slot| slot.opens).filter(|opens| *opens <= look.now).min();
    let seen = look.facts.inventories.iter().filter(|one| one.what.assets.contains_key(part.asset));
    let found = look.roots.present.get(part.asset).map(|present| present.since);
    let seen = seen.map(|one| one.recorded).chain(found).min();
    let first_point = points.iter().map(|point| point.instant).min();
    [first_slot, seen, first_point].into_iter().flatten().min().unwrap_or(look.now).min(look.now)
}

impl<'f> Look<'f> {
    /// The points from which a part could be restored that were recorded by now: its own, and those of its companions.
    fn states_of(&self, part: &Part<'_>) -> Vec<&'f PointFact> {
        let is_of_part = |point: &&&'f PointFact| point.dataset.ruled_by() == part.dataset;
        self.by_asset.points(part.asset).iter().filter(is_of_part).copied().collect()
    }

    /// The points of a part that were recorded by now, by the instant that they stand for.
    pub(super) fn points_of(&self, part: &Part<'_>) -> Vec<&'f PointFact> {
        let is_own = |point: &&&'f PointFact| point.dataset == part.dataset;
        self.by_asset.points(part.asset).iter().filter(is_own).copied().collect()
    }

    /// Whether these locations are as many places as the policy asks for, one of them off site.
    pub(super) fn is_enough<'n>(&self, locations: impl Iterator<Item = &'n str>) -> bool {
        let copies = self.words().storage.copies.value;
        let counted = self.places.count(locations);
        counted.places >= copies.locations_min as usize
            && counted.off_site >= copies.outside_production_min.unwrap_or(1) as usize
    }
}
