//! Windows against objectives, and against the work that has to begin in them.

use std::time::Duration;

use super::{Found, LintInput};
use crate::scheduler::{Window, longest_closed};
use crate::{Class, Dataset, show_duration};

pub(super) fn too_short(input: &LintInput<'_>, found: &mut Vec<Found>) {
    for (class, dataset) in input.datasets() {
        let Some(schedule) = input.policy.schedule_of(class, dataset) else { continue };
        let windows = &schedule.value.windows;
        if windows.is_empty() {
            continue;
        }
        let named = windows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let finding = |message: String| {
            Found::at(&schedule, message)
                .holdfast("starts runs within the window alone, and shows every slot that this makes late or missed")
                .hint("make the window longer, let more run at once (limits), or allow the objective more time")
        };
        let (cadence, lasts) = (schedule.value.incremental, input.lasts(class, dataset));
        let closed = longest_closed(windows);
        if closed >= cadence.longest() {
            found.push(
                finding(format!("within {named} nothing can be made \"{}\"", cadence.as_str())).sum(format!(
                    "closed for {} ≥ {}",
                    show_duration(closed),
                    show_duration(cadence.longest())
                )),
            );
            continue;
        }
        // One run as soon as the window opens, and the next just before it closes a period later.
        let open: Duration = windows.iter().map(Window::lasts).sum();
        if let Some(objective) = input.policy.objective_of(class, dataset) {
            let worst = cadence.longest() + open + lasts.total();
            if worst > objective.age {
                found.push(
                    finding(format!(
                        "within {named} {class} {dataset} cannot be kept within {}",
                        show_duration(objective.age)
                    ))
                    .sum(format!(
                        "{} + window {} + capture {} + copy {} = {} > {}   ({})",
                        hours(cadence.longest()),
                        hours(open),
                        hours(lasts.capture),
                        hours(lasts.copy),
                        hours(worst),
                        hours(objective.age),
                        lasts.basis
                    )),
                );
            }
        }
        found.extend(
            crowded(input, (class, dataset), &named, open).map(|(message, sum)| finding(message).sum(sum)),
        );
    }
}

/// More runs than can begin while the window is open, where it is known how many there are.
fn crowded(
    input: &LintInput<'_>,
    (class, dataset): (Class, Dataset),
    named: &str,
    open: Duration,
) -> Option<(String, String)> {
    let assets = input.estate?.assets.values().filter(|asset| asset.class() == class);
    let mut by_host = std::collections::BTreeMap::<_, usize>::new();
    assets.for_each(|asset| *by_host.entry(asset.host.clone()).or_default() += 1);
    let limits = input.policy.limits;
    let count: usize = by_host.values().sum();
    // Whatever is narrower: all places together, or those of the fullest host.
    let overall = count.div_ceil(limits.overall.min(limits.per_location).max(1));
    let fullest = by_host.values().max().copied().unwrap_or(0).div_ceil(limits.per_host.max(1));
    let rounds = u32::try_from(overall.max(fullest)).unwrap_or(u32::MAX);
    let lasts = input.lasts(class, dataset);
    // The last ones need only begin before it closes.
    let needed = lasts.total().saturating_mul(rounds.saturating_sub(1));
    (needed >= open).then(|| {
        (
            format!("{count} {class} assets cannot all begin within {named}"),
            format!(
                "{rounds} rounds of {} each: the last begins {} after the first, and the window is open for {}   ({})",
                show_duration(lasts.total()),
                show_duration(needed),
                show_duration(open),
                lasts.basis
            ),
        )
    })
}

/// To the minute: the sum must show by how much it fails.
fn hours(duration: Duration) -> String {
    let minutes = duration.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h {minutes}m"),
    }
}
