//! Whether every point reaches every location, and soon enough.

use super::rows::Finding;
use super::schedule::nothing;
use super::{Evidence, Look, PointFact, Row, Verdict, after, minute};

/// How far back points are followed.
const WINDOW_DAYS: i64 = 30;

/// COPY-01.
pub(super) fn soon(look: &Look<'_>) -> Finding {
    let window = look.days_ago(WINDOW_DAYS);
    let mut waiting = Vec::new();
    let rows = look.scheduled().map(|part| {
        let row = |verdict, why: String| Row::new(part.target(), verdict, why).about(part.asset);
        let patience = look.patience(&part);
        let points = look.points_of(&part);
        let wanted = |point: &&&PointFact| point.recorded >= window && !point.is_purged(look.now);
        let wanted: Vec<&PointFact> = points.iter().filter(wanted).copied().collect();
        let Some(newest) = wanted.last() else {
            return row(Verdict::NoEvidence, format!("no point of it was made in {WINDOW_DAYS} days"))
                .next(format!("`holdfast backup {}`", part.asset));
        };
        let mut late: Vec<(&PointFact, &str)> = Vec::new();
        for point in &wanted {
            for location in look.inventory.locations.keys() {
                if point.copy_at(location, look.now).is_some_and(|copy| copy.state.is_there) {
                    continue;
                }
                if look.is_past(after(point.recorded, patience)) {
                    late.push((point, location));
                } else {
                    waiting.push(format!("{} of {} is not at {location} yet", part.target(), minute(point.instant)));
                }
            }
        }
        match late.last() {
            Some((point, location)) => {
                let why = format!(
                    "{} copies are missing for longer than {} hours, the last that of {} at {location}",
                    late.len(),
                    patience.as_hours(),
                    minute(point.instant)
                );
                row(Verdict::Fail, why)
                    .next(format!("`holdfast location test {location}`; once it answers, `holdfast serve` brings what is owed, as do the next backup and `holdfast repair`"))
                    .by(Evidence::of("point", &point.id), point.recorded)
            }
            None => {
                let (count, places) = (wanted.len(), look.inventory.locations.len());
                row(Verdict::Pass, format!("{count} points of {WINDOW_DAYS} days, each at {places} locations in time"))
                    .by(Evidence::of("point", &newest.id), newest.recorded)
            }
        }
    });
    let mut finding =
        Finding::of_rows(rows.collect(), "schedules", "every point is at every location", nothing());
    if let Some(first) = waiting.first() {
        finding = finding.warn(format!("{} copies are on their way: {first}", waiting.len()));
    }
    finding
}
