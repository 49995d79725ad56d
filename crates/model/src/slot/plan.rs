//! Expansion: from a rule, a dataset and two instants to the slots between them.
//!
//! Only what is handed in decides, and a span cut in two gives the same slots as the whole: so the expectation about any
//! past day can be computed again, and must come out the same.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::calendar::periods;
use super::compile::{Cannot, Compiled, Lasts, Objective, compile};
use super::{Slot, SlotBasis, SlotKind};
use crate::{AssetName, Cadence, Class, Dataset, Policy};

/// What one policy version expects of one dataset, compiled.
///
/// Whoever expands a plan keeps it: one that is compiled again from newer measurements holds from that instant on, and
/// changes no slot that opened before.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotPlan {
    /// The zone of the calendar.
    pub zone: TimeZone,
    /// How often the words want a point.
    pub incremental: Cadence,
    /// How often the words want a full point.
    pub full: Option<Cadence>,
    /// The cadence that keeps the objective; `None` where the words alone decide.
    pub compiled: Option<Compiled>,
}

impl SlotPlan {
    /// The slots of a dataset that open at or after `from` and before `to`, by opening.
    ///
    /// `enrolled` is when the asset came to be known: it owes nothing from before, and a first point within its
    /// objective after.
    pub fn slots(
        &self,
        asset: &AssetName,
        dataset: Dataset,
        enrolled: Option<Timestamp>,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<Slot> {
        let start = enrolled.map_or(from, |enrolled| enrolled.max(from));
        let slot = |kind, basis, opens, closes, due| Slot {
            asset: asset.clone(),
            dataset,
            kind,
            basis,
            opens,
            closes,
            due,
        };
        let mut slots = Vec::new();
        if let Some(enrolled) = enrolled.filter(|enrolled| (from..to).contains(enrolled)) {
            let due = later(enrolled, self.first_within());
            slots.push(slot(SlotKind::Incremental, SlotBasis::First, enrolled, due, due));
        }
        if let Some(compiled) = &self.compiled {
            let basis = SlotBasis::Compiled { interval_s: compiled.interval.as_secs() };
            let within = signed(compiled.within);
            let interval = signed(compiled.interval);
            for opens in self.openings(compiled, asset, dataset, start).take_while(|opens| *opens < to) {
                let due = later(opens, within);
                let closes = later(opens, interval).min(due);
                slots.push(slot(SlotKind::Incremental, basis, opens, closes, due));
            }
        }
        let literal = [(SlotKind::Incremental, Some(self.incremental)), (SlotKind::Full, self.full)];
        for (kind, cadence) in literal {
            let Some(cadence) = cadence else { continue };
            for period in periods(cadence, &self.zone, start).take_while(|period| period.start < to) {
                let basis = SlotBasis::Literal { cadence, date: period.date };
                slots.push(slot(kind, basis, period.start, period.end, period.end));
            }
        }
        slots.sort_by_key(|slot| slot.opens);
        slots
    }

    /// How long a new asset may be without a point.
    fn first_within(&self) -> SignedDuration {
        match &self.compiled {
            Some(compiled) => signed(compiled.objective.age),
            None => super::calendar::shortest(self.incremental),
        }
    }

    fn openings(
        &self,
        compiled: &Compiled,
        asset: &AssetName,
        dataset: Dataset,
        from: Timestamp,
    ) -> impl Iterator<Item = Timestamp> {
        let interval = i64::try_from(compiled.interval.as_secs()).unwrap_or(i64::MAX).max(1);
        let (latest_start, earliest_end) = self.bounds(interval);
        let phase = compiled.phase_s(&format!("{asset}/{dataset}"), latest_start, earliest_end);
        // Rounded up: a part of a second after `from` is after it too.
        let after = from.as_second() + i64::from(from.subsec_nanosecond() > 0);
        let mut next = after + (phase - after).rem_euclid(interval);
        std::iter::from_fn(move || {
            let opens = Timestamp::from_second(next).ok()?;
            next = next.checked_add(interval)?;
            Some(opens)
        })
    }

    /// The latest second of UTC at which a period of the zone starts, and the earliest at which one ends, over all
    /// offsets that the zone has; seconds after a multiple of a day, or of an hour.
    fn bounds(&self, interval: i64) -> (i64, i64) {
        if interval < 86_400 {
            return (0, interval);
        }
        let offsets = self.offsets();
        let lowest = offsets.iter().min().copied().unwrap_or(0);
        let highest = offsets.iter().max().copied().unwrap_or(0);
        (-lowest, interval - highest)
    }

    /// Every offset of the zone, in seconds east of UTC, over the rules in force around 2025. A fixed span, so that the
    /// same zone always gives the same phase.
    fn offsets(&self) -> Vec<i64> {
        let from = Timestamp::from_second(1_735_689_600).unwrap_or_default();
        let mut offsets = vec![i64::from(self.zone.to_offset(from).seconds())];
        offsets.extend(self.zone.following(from).take(4).map(|change| i64::from(change.offset().seconds())));
        offsets
    }
}

fn later(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

fn signed(duration: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

impl Policy {
    /// The objective of a dataset, where the policy states one for it.
    pub fn objective_of(&self, class: Class, dataset: Dataset) -> Option<Objective> {
        let rule = self.recovery.rpo.get(&class).filter(|rule| rule.value.is_for(dataset))?;
        Some(Objective { age: rule.value.age, sentences: rule.sentences.clone() })
    }

    /// How long captures and copies of a dataset last: as measured, or else as the policy assumes.
    pub fn lasts_of(&self, class: Class, dataset: Dataset, measured: Option<Lasts>) -> Lasts {
        let assumed = self.schedule_of(class, dataset).and_then(|rule| rule.value.assume);
        measured.or(assumed).unwrap_or(self.assume)
    }

    /// What is expected of a dataset; `None` where no rule covers it. Where no cadence can keep the objective, the
    /// reason stands in place of the compiled one.
    pub fn slot_plan(
        &self,
        class: Class,
        dataset: Dataset,
        measured: Option<Lasts>,
    ) -> Option<(SlotPlan, Option<Cannot>)> {
        let schedule = self.schedule_of(class, dataset)?.value;
        let objective = self.objective_of(class, dataset);
        let lasts = self.lasts_of(class, dataset, measured);
        // Within windows there is no cadence to choose: the words alone decide, and the linter says what they can promise.
        let compiled = match schedule.windows.is_empty() {
            true => compile(schedule.incremental, objective.as_ref(), lasts),
            false => Ok(None),
        };
        let (compiled, cannot) = match compiled {
            Ok(compiled) => (compiled, None),
            Err(cannot) => (None, Some(cannot)),
        };
        let zone = self.zone.clone();
        let plan = SlotPlan { zone, incremental: schedule.incremental, full: schedule.full, compiled };
        Some((plan, cannot))
    }
}
