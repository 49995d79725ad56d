//! Whether an estate can keep a policy at all, before anything has run.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Problems};
use crate::{Class, Estate, Policy};

/// Findings about the two together. `file` and `text` are those of the estate, which is what they point at.
pub fn compare(policy: &Policy, estate: &Estate, file: &str, text: &str) -> Vec<Diagnostic> {
    let mut problems = Problems::new("agreement", file, text);
    enough_locations(policy, estate, &mut problems);
    every_class_has_rules(policy, estate, &mut problems);
    problems.finish(Some(())).diagnostics
}

fn enough_locations(policy: &Policy, estate: &Estate, problems: &mut Problems<'_>) {
    let copies = &policy.storage.copies;
    let wanted = copies.value.locations_min as usize;
    let outside = |site| !estate.hosts.values().any(|host| host.site == site);
    let sites: BTreeSet<_> = estate.locations.values().map(|location| location.site.clone()).collect();
    let sentences = copies.sentences_shown();
    if estate.locations.len() < wanted {
        problems
            .warning(
                "too-few-locations",
                &(0..0),
                format!(
                    "the policy ({sentences}) asks for copies at {wanted} locations, and there are {}",
                    estate.locations.len()
                ),
            )
            .hint("add a [locations.NAME]; points count as protected only when enough locations have them");
    } else if sites.len() < wanted {
        problems
            .warning(
                "too-few-sites",
                &(0..0),
                format!("the policy ({sentences}) asks for copies at {wanted} separate sites, and all locations lie at {}", sites.len()),
            )
            .hint("two locations at one site are one copy when the site is lost");
    }
    if !sites.is_empty() && !estate.hosts.is_empty() && !sites.into_iter().any(outside) {
        problems
            .warning(
                "no-copy-elsewhere",
                &(0..0),
                "every location lies at a site that has hosts in production",
            )
            .hint("put at least one location at another site");
    }
}

fn every_class_has_rules(policy: &Policy, estate: &Estate, problems: &mut Problems<'_>) {
    for asset in estate.assets.values() {
        let class = asset.class();
        for &dataset in class.datasets() {
            if policy.schedule_of(class, dataset).is_none() {
                let part = if class == Class::Website { String::new() } else { format!(" ({dataset})") };
                problems
                    .warning(
                        "no-schedule",
                        &asset.span.range(),
                        format!("no rule of the policy covers {}{part}", asset.name),
                    )
                    .hint(format!("add [schedule.{class}] to the policy"));
            }
        }
    }
}
