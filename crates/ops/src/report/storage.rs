//! How storage grew: what each place was sent by runs, what purges removed there, and what walks found.
//!
//! None of the three is the other: a repack sends and removes without any run, and a stranger's file is neither. So they are told
//! apart, and a day of which nobody knows is a gap, not a zero.

use std::collections::BTreeMap;

use holdfast_ledger::{Reader, Receipt};
use holdfast_model::verdict::Observed;
use jiff::civil::Date;

use super::days;
use super::document::{PlaceDay, PlaceTold, RunTold, Walk};
use crate::error::Result;
use crate::verdicts::stocktaking;

pub(super) fn by_place(
    past: &Reader,
    period: &[Date],
    runs: &[RunTold],
    receipts: &[Receipt],
) -> Result<Vec<PlaceTold>> {
    let mut places: BTreeMap<String, PlaceTold> = BTreeMap::new();
    let mut unknown: BTreeMap<Date, u64> = BTreeMap::new();
    for run in runs {
        // What it sent is known when it ended, which may be days after it began.
        let day = days::day(run.run.ended_at.unwrap_or(run.run.begun_at));
        match &run.sent_bytes {
            Some(sent) => {
                for (place, bytes) in sent {
                    on(&mut places, place, period, day, |day| day.sent_bytes += bytes);
                }
            }
            None => *unknown.entry(day).or_default() += 1,
        }
    }
    // One purge may be carried out over many days.
    for receipt in receipts {
        let day = days::day(receipt.happened_at);
        let bytes = receipt.receipt.bytes;
        on(&mut places, &receipt.receipt.location, period, day, |day| day.removed_bytes += bytes);
    }
    for one in past.observations()? {
        let Some(Observed::StorageWalked(walked)) = stocktaking::read(&one) else { continue };
        let is_asked = period.contains(&days::day(one.recorded_at));
        let place = places.entry(walked.place.clone()).or_insert_with(|| empty(&walked.place, period));
        if is_asked {
            place.walks.push(Walk {
                recorded_at: one.recorded_at,
                bytes: walked.bytes,
                objects: walked.objects,
                overage_bytes: walked.overage_bytes,
                leaf: one.leaf,
            });
        }
    }
    for place in places.values_mut() {
        for day in &mut place.days {
            day.runs_unknown = unknown.get(&day.day).copied().unwrap_or(0);
        }
    }
    // This machine's own folder holds no copies.
    places.remove("state");
    Ok(places.into_values().collect())
}

fn empty(place: &str, period: &[Date]) -> PlaceTold {
    let day = |day: &Date| PlaceDay { day: *day, sent_bytes: 0, runs_unknown: 0, removed_bytes: 0 };
    PlaceTold { place: place.to_owned(), days: period.iter().map(day).collect(), walks: Vec::new() }
}

fn on(
    places: &mut BTreeMap<String, PlaceTold>,
    place: &str,
    period: &[Date],
    day: Date,
    add: impl FnOnce(&mut PlaceDay),
) {
    let told = places.entry(place.to_owned()).or_insert_with(|| empty(place, period));
    if let Some(day) = told.days.iter_mut().find(|known| known.day == day) {
        add(day);
    }
}
