//! What the parts of an estate must be to each other.

use std::path::{Path, PathBuf};

use super::overlap::{self, Overlap};
use super::{Estate, FolderSettings, Settings};
use crate::Address;
use crate::diagnostic::{Diagnostic, Problems};

/// What the text does not show: the findings that come up once `resolve` has followed the symbolic links in the folders
/// of this machine. `file` and `text` are those that the estate was read from.
pub fn relations_resolved(
    estate: &Estate,
    file: &str,
    text: &str,
    resolve: &dyn Fn(&Path) -> PathBuf,
) -> Vec<Diagnostic> {
    let findings = |estate: &Estate| {
        let mut problems = Problems::new("estate", file, text);
        check(estate, &mut problems);
        problems.finish(Some(())).diagnostics
    };
    let mut resolved = estate.clone();
    for location in resolved.locations.values_mut() {
        if let Address::Local { path } = &mut location.address {
            *path = resolve(path);
        }
    }
    for asset in resolved.assets.values_mut() {
        let folder = match &mut asset.settings {
            Settings::Website(website) => &mut website.folder,
            Settings::Whmcs(whmcs) => &mut whmcs.folder,
            Settings::NotBuilt(_) => continue,
        };
        folder.path = resolve(&folder.path);
        folder.also.iter_mut().for_each(|(path, _)| *path = resolve(path));
    }
    let known = findings(estate);
    findings(&resolved).into_iter().filter(|finding| !known.contains(finding)).collect()
}

/// Who has what is kept in 32 bits.
const LOCATIONS_MAX: usize = 32;

pub(super) fn check(estate: &Estate, problems: &mut Problems<'_>) {
    locations_countable(estate, problems);
    locations_apart(estate, problems);
    locations_outside_sources(estate, problems);
    assets_apart(estate, problems);
    names_are_no_clients(estate, problems);
    logs_are_apart(estate, problems);
    copies_off_production(estate, problems);
}

fn locations_countable(estate: &Estate, problems: &mut Problems<'_>) {
    let mut spans: Vec<_> = estate.locations.values().map(|location| &location.span).collect();
    spans.sort();
    if let Some(first_too_many) = spans.get(LOCATIONS_MAX) {
        let message = format!("there are {} locations, and {LOCATIONS_MAX} is the most", spans.len());
        problems
            .error("too-many-locations", &first_too_many.range(), message)
            .hint("remove those that hold no copy any more, or split the estate");
    }
}

fn locations_apart(estate: &Estate, problems: &mut Problems<'_>) {
    let mut locations: Vec<_> = estate.locations.iter().collect();
    // In the order of the file: the later one is the one to blame.
    locations.sort_by_key(|(_, location)| location.span.start);
    for (position, (name, location)) in locations.iter().enumerate() {
        for (earlier, other) in &locations[..position] {
            let span = location.url.span.range();
            match overlap::of_places(&location.address, &other.address) {
                None => {}
                Some(Overlap::Same) => problems
                    .error("duplicate-location", &span, format!("{name} and {earlier} are the same place"))
                    .hint("one place counts as one copy; remove one of them"),
                Some(Overlap::Nested) => problems
                    .error(
                        "nested-location",
                        &span,
                        format!("one of {name} and {earlier} lies inside the other"),
                    )
                    .hint("its folders would be taken for repositories; put them side by side"),
            }
        }
    }
}

fn locations_outside_sources(estate: &Estate, problems: &mut Problems<'_>) {
    for (name, location) in &estate.locations {
        let Some(place) = location.address.local_path() else { continue };
        for asset in estate.assets.values() {
            for (path, span) in asset.folder().into_iter().flat_map(FolderSettings::places) {
                if place.starts_with(path) {
                    problems
                        .error(
                            "location-in-source",
                            &location.url.span.range(),
                            format!("the location {name} lies inside what the asset {} backs up", asset.name),
                        )
                        .hint("every backup would back up the backups; move the location out");
                } else if path.starts_with(place) {
                    problems
                        .error(
                            "source-in-location",
                            &span.range(),
                            format!("the asset {} lies inside the location {name}", asset.name),
                        )
                        .hint("a place for copies holds nothing else; move one of them");
                }
            }
        }
    }
}

fn assets_apart(estate: &Estate, problems: &mut Problems<'_>) {
    let websites: Vec<_> =
        estate.assets.values().filter_map(|asset| Some((asset, asset.folder()?))).collect();
    for (position, (asset, website)) in websites.iter().enumerate() {
        for (other, other_website) in &websites[..position] {
            if asset.host != other.host {
                continue;
            }
            let (message, hint) = match overlap::of_paths(&website.path, &other_website.path) {
                None => continue,
                Some(Overlap::Same) => (
                    format!("{} and {} are the same folder", asset.name, other.name),
                    "remove one, unless two clients really share it",
                ),
                Some(Overlap::Nested) => (
                    format!("the folder of one of {} and {} lies inside the other's", asset.name, other.name),
                    "the inner one is backed up twice; exclude it from the outer one",
                ),
            };
            problems.warning("overlapping-assets", &website.path_span.range(), message).hint(hint);
        }
    }
}

fn names_are_no_clients(estate: &Estate, problems: &mut Problems<'_>) {
    for asset in estate.assets.values() {
        let has_own_repository = asset.client.is_none() || !matches!(asset.settings, Settings::Website(_));
        let owner = estate.assets.values().find(|other| {
            other.name != asset.name && super::repository_name(other).as_str() == asset.name.as_str()
        });
        if let (true, Some(owner)) = (has_own_repository, owner) {
            let message = format!(
                "the asset {0} would share the repository {0} with the client of {1}",
                asset.name, owner.name
            );
            problems
                .error("name-is-a-client", &asset.span.range(), message)
                .hint("give the asset a client, or one of them another name");
        }
    }
}

/// The repository of an asset's binary log is nobody else's.
fn logs_are_apart(estate: &Estate, problems: &mut Problems<'_>) {
    for asset in estate.assets.values() {
        let Some(log) = super::log_repository(asset) else { continue };
        let other = estate.assets.values().find(|other| super::repository_name(other) == log);
        if let Some(other) = other {
            let message = format!(
                "the repository of {} would be the one of the binary log of {}",
                other.name, asset.name
            );
            problems
                .error("name-is-a-log", &other.span.range(), message)
                .hint("give it, or its client, another name");
        }
    }
}

fn copies_off_production(estate: &Estate, problems: &mut Problems<'_>) {
    for (name, location) in &estate.locations {
        if estate.hosts.contains_key(&location.host) {
            problems
                .warning(
                    "copy-on-production",
                    &location.span.range(),
                    format!("the location {name} lies on {}, a machine in production", location.host),
                )
                .hint("what destroys the machine destroys both; it never counts as a copy elsewhere");
        }
    }
}
