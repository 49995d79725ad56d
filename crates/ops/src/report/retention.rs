//! How old what lies there really is, beside what was promised: a range of days says nothing until somebody looks at both ends.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_model::verdict::Inventory;
use holdfast_model::{Class, Dataset, Policy};
use jiff::Timestamp;

use super::document::{PointTold, RetentionTold};

/// Of each part of an asset of which a point lies somewhere at the end of the period, the oldest first.
pub(super) fn of(
    points: &[PointTold],
    policy: Option<&Policy>,
    inventory: Option<&Inventory>,
    to: Timestamp,
) -> Vec<RetentionTold> {
    let mut parts: BTreeMap<(&str, &str), RetentionTold> = BTreeMap::new();
    for told in points {
        let lying: BTreeSet<&String> =
            told.copies.iter().filter(|copy| copy.removed_at.is_none()).map(|copy| &copy.location).collect();
        if lying.is_empty() {
            continue;
        }
        let (asset, dataset) = (told.point.asset.as_str(), told.point.dataset.as_str());
        let hours = to.duration_since(told.point.instant).as_hours();
        let promised = promised(policy, inventory, asset, dataset);
        let part = parts.entry((asset, dataset)).or_insert_with(|| RetentionTold {
            asset: asset.to_owned(),
            dataset: dataset.to_owned(),
            days_min: promised.map(|days| days.0),
            days_max: promised.map(|days| days.1),
            points: 0,
            oldest_hours: hours,
            newest_hours: hours,
            locations: BTreeSet::new(),
        });
        part.points += 1;
        part.oldest_hours = part.oldest_hours.max(hours);
        part.newest_hours = part.newest_hours.min(hours);
        part.locations.extend(lying.into_iter().cloned());
    }
    let mut parts: Vec<RetentionTold> = parts.into_values().collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.oldest_hours));
    parts
}

/// The least and the most days of the policy in force.
fn promised(
    policy: Option<&Policy>,
    inventory: Option<&Inventory>,
    asset: &str,
    dataset: &str,
) -> Option<(u32, u32)> {
    let class = Class::parse(&inventory?.assets.get(asset)?.class)?;
    let schedule = policy?.schedule_of(class, Dataset::parse(dataset)?)?.value;
    Some((schedule.retention.min_days, schedule.retention.max_days))
}
