//! Where copies lie, behind which doors: lines that leave something out, and words that anything satisfies.

use super::{Found, LintInput};
use crate::Estate;
use crate::estate::{self, Site};

pub(super) fn left_out(input: &LintInput<'_>, found: &mut Vec<Found>) {
    for ((class, dataset), rule) in &input.policy.schedule {
        let stated = [("encryption", rule.value.encrypted), ("a copy elsewhere", rule.value.offsite)];
        let silent: Vec<&str> =
            stated.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        let Some(merged) = class.datasets().first().filter(|_| !silent.is_empty()) else { continue };
        let Some(effective) = input.policy.effective(*class, dataset.unwrap_or(*merged)) else { continue };
        let part = dataset.map(|dataset| format!(" {dataset}")).unwrap_or_default();
        let mut finding =
            Found::at(rule, format!("{class}{part}: the schedule says nothing of {}", silent.join(" or ")));
        for (name, value) in [("encryption", &effective.encrypted), ("a copy elsewhere", &effective.offsite)]
        {
            if !silent.contains(&name) {
                continue;
            }
            let from = value.iter().flat_map(|value| &value.origins);
            let from: Vec<String> = from
                .map(|origin| {
                    let sentences: Vec<String> = origin.sentences.iter().map(ToString::to_string).collect();
                    format!("{} ({})", origin.key, sentences.join(", "))
                })
                .collect();
            finding = finding.sum(match &from[..] {
                [] => format!("{name}: no other rule asks for it either"),
                from => format!("{name}: required by {}", from.join(" and ")),
            });
        }
        found.push(
            finding
                .holdfast("merges all rules, the strictest wins; `holdfast policy show` names the origin of each value")
                .hint("write encrypted = true and offsite = true in the schedule too"),
        );
    }
}

pub(super) fn second_factor(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let Some(rule) = &input.policy.storage.second_factor else { return };
    let holdfast = "has no accounts of its own yet, and believes of other systems what is written here";
    let hint = "write [storage.second_factor.systems.NAME] with available, enabled and evidence for each system that holds \
                or reaches backups";
    if !rule.value.is_required || rule.value.systems.is_empty() {
        let what = if rule.value.is_required {
            "no system is named that does or does not offer a second factor"
        } else {
            "a second factor is not required"
        };
        let sum =
            "\"where available\" is kept by a system that offers none, and by one that nobody looked at";
        found.push(Found::at(rule, what).sum(sum).holdfast(holdfast).hint(hint));
    }
    for (name, system) in &rule.value.systems {
        let what = if system.is_available && !system.is_enabled {
            "offers a second factor, and it is off"
        } else if system.evidence.is_none() {
            "has no evidence for what is said of it"
        } else {
            continue;
        };
        let sum = format!(
            "available: {}, enabled: {}, evidence: {}",
            system.is_available,
            system.is_enabled,
            system.evidence.as_deref().unwrap_or("none")
        );
        found.push(Found::at(rule, format!("{name} {what}")).sum(sum).holdfast(holdfast).hint(hint));
    }
}

pub(super) fn same_server(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let Some(rule) = &input.policy.compliance.separate_server else { return };
    if !rule.value.is_required || rule.value.is_physical {
        return;
    }
    found.push(
        Found::at(rule, "\"the same physical server\" is not defined")
            .sum("two names, two addresses, two virtual machines: one hypervisor that burns")
            .holdfast("goes by the hosts that estate.toml declares, says so beside each verdict, and never calls that proven")
            .hint("write identity = \"physical\" if that is meant"),
    );
}

pub(super) fn separate_locations(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let rule = &input.policy.storage.copies;
    let copies = &rule.value;
    let holdfast = "counts one copy per host and site, however many locations lie there";
    if copies.locations_min < 2 || copies.distance_km_min == 0 {
        found.push(
            Found::at(rule, "\"two geographically separate locations\" has no distance")
                .sum(format!(
                    "at least {} locations, at least {} km apart: next door will do",
                    copies.locations_min, copies.distance_km_min
                ))
                .holdfast(holdfast)
                .hint("write locations_min = 2, distance_km_min = 50"),
        );
    }
    if copies.outside_production_min.is_none_or(|outside| outside == 0) {
        found.push(
            Found::at(rule, "it is not said whether the site of production counts as a location")
                .sum(format!(
                    "{} locations: two backups, or production and one backup?",
                    copies.locations_min
                ))
                .holdfast(holdfast)
                .hint("write outside_production_min = 1: so many copies lie where no production is"),
        );
    }
    if let Some(estate) =
        input.estate.filter(|estate| estate.locations.len() > 1 && copies.distance_km_min > 0)
    {
        let wanted = f64::from(copies.distance_km_min);
        let sum = match farthest_km(estate) {
            Some(distance) if distance >= wanted => return,
            Some(distance) => format!("the two that are farthest apart: {distance:.0} km < {wanted:.0} km"),
            None => "fewer than two sites of locations have latitude and longitude".to_owned(),
        };
        found.push(
            Found::at(rule, "the estate's locations are not known to be far enough apart")
                .sum(sum)
                .holdfast(holdfast)
                .hint("give each [sites.NAME] its coordinates, and put a location farther away"),
        );
    }
}

/// The distance between the two sites of locations that are farthest apart.
fn farthest_km(estate: &Estate) -> Option<f64> {
    let sites: Vec<&Site> =
        estate.locations.values().filter_map(|location| estate.sites.get(&location.site)).collect();
    let pairs = sites.iter().enumerate().flat_map(|(n, a)| sites[n + 1..].iter().map(move |b| (a, b)));
    pairs.filter_map(|(a, b)| distance_km(a, b)).reduce(f64::max)
}

fn distance_km(a: &Site, b: &Site) -> Option<f64> {
    Some(estate::distance_km((a.latitude?, a.longitude?), (b.latitude?, b.longitude?)))
}
