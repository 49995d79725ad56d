//! Whether an estate can keep a policy at all, before anything has run.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Problems};
use crate::unprotected::{Why, unprotected};
use crate::{Class, Estate, Policy};

/// Findings about the two together. `file` and `text` are those of the estate, which is what they point at.
pub fn compare(policy: &Policy, estate: &Estate, file: &str, text: &str) -> Vec<Diagnostic> {
    let mut problems = Problems::new("agreement", file, text);
    enough_locations(policy, estate, &mut problems);
    nothing_is_unprotected(policy, estate, &mut problems);
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

/// Only a warning each: what is protected stays so. That a class is not built is told where the estate is read.
fn nothing_is_unprotected(policy: &Policy, estate: &Estate, problems: &mut Problems<'_>) {
    for found in unprotected(policy, estate) {
        let (code, hint) = match (found.why, found.class) {
            (Why::NotBuilt, _) => continue,
            (Why::NoSchedule(_), class) => (
                "no-schedule",
                format!("add [schedule.{}] to the policy", class.map_or("...", Class::as_str)),
            ),
            (Why::NoAssets, _) => {
                ("host-without-assets", "declare what it holds as assets, or remove it".to_owned())
            }
        };
        problems.warning(code, &found.span.range(), found.words()).hint(hint);
    }
}
