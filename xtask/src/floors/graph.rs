//! Which crate may depend on which. The compiler refuses cycles only; a `repo` that knows what a policy is would
//! compile well, and could never again be tested or replaced without one.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use super::Finding;
use crate::workspace;

/// Floor of each crate; a crate imports only from floors below its own.
const FLOORS: &[(&str, u8)] = &[
    ("holdfast-cli", 5),
    ("holdfast-server", 4),
    ("holdfast-ops", 3),
    ("holdfast-repo", 2),
    ("holdfast-asset", 2),
    ("holdfast-format", 1),
    ("holdfast-location", 1),
    ("holdfast-ledger", 1),
    ("holdfast-model", 0),
    ("holdfast-world", 0),
    // Alone in the garden: it judges the house, so it imports none of it, nor does any of the house import it.
    ("holdfast-audit-verify", 0),
];

/// Crates beside the house: tests and tasks may see every floor.
const SIDE: &[&str] = &["holdfast-testkit", "xtask"];

/// Pairs that the floors alone would allow.
const NEVER: &[(&str, &[&str], &str)] = &[
    (
        "holdfast-repo",
        &["holdfast-model"],
        "the engine knows nothing of Policy, Asset or Role; who cannot name the model cannot come to depend on it",
    ),
    (
        "holdfast-format",
        &["holdfast-model", "holdfast-world"],
        "format is deterministic: bytes in, types out",
    ),
    (
        "holdfast-server",
        &["holdfast-ledger", "holdfast-repo", "holdfast-asset", "holdfast-location"],
        "the server reaches data only through a call of ops that carries an Actor",
    ),
    (
        "holdfast-ledger",
        &["holdfast-model"],
        "facts outlive the vocabulary: a ledger of last year must open after a class was renamed",
    ),
    ("holdfast-model", &["holdfast-world"], "the model never asks for the time: it is handed in"),
];

/// Outside crates that belong to one place.
const HOMES: &[(&str, &[&str], &str)] = &[
    (
        "tokio",
        &["holdfast-location", "holdfast-server", "holdfast-world"],
        "only the inside of a network backend and the server are async",
    ),
    ("opendal", &["holdfast-location"], "copies are reached through location alone"),
    ("russh", &["holdfast-location"], "copies are reached through location alone"),
    ("russh-sftp", &["holdfast-location"], "copies are reached through location alone"),
    (
        "reqwest",
        &["holdfast-location", "holdfast-world", "holdfast-asset", "holdfast-server"],
        "sockets are opened by location, asset and server",
    ),
    ("axum", &["holdfast-server"], "only the server serves"),
    ("lettre", &["holdfast-server"], "sockets are opened by location, asset and server"),
    ("diesel", &["holdfast-ledger"], "SQL lives only in the ledger"),
    ("diesel_migrations", &["holdfast-ledger"], "SQL lives only in the ledger"),
    ("libsqlite3-sys", &["holdfast-ledger"], "SQL lives only in the ledger"),
    ("rusqlite", &["holdfast-ledger"], "SQL lives only in the ledger"),
    ("getrandom", &["holdfast-world"], "randomness is handed in"),
    ("rand", &[], "randomness is handed in"),
    ("clap", &["holdfast-cli"], "arguments are the command line's affair"),
    ("indicatif", &["holdfast-cli"], "only cli prints"),
    ("miette", &["holdfast-cli"], "only cli prints"),
    ("comfy-table", &["holdfast-cli"], "only cli prints"),
    ("anyhow", &[], "errors below xtask are typed: {kind, context, source}"),
];

/// One crate of the workspace, as far as the rules look.
#[derive(Debug)]
pub(super) struct Crate {
    name: String,
    dependencies: Vec<Dependency>,
    /// Dependencies whose version stands in the crate's own manifest.
    own_versions: Vec<String>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    is_dev: bool,
}

/// The workspace's crates, from `cargo metadata` and the manifests.
pub(super) fn read(root: &Path) -> Result<Vec<Crate>> {
    let mut command = MetadataCommand::new();
    command.cargo_path(workspace::cargo()).manifest_path(root.join("Cargo.toml")).no_deps();
    let metadata = command.exec().context("`cargo metadata` failed")?;
    let mut crates = Vec::new();
    for package in metadata.workspace_packages() {
        let dependencies = package.dependencies.iter().map(|dependency| Dependency {
            name: dependency.name.clone(),
            is_dev: dependency.kind == DependencyKind::Development,
        });
        let manifest = std::fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("cannot read {}", package.manifest_path))?;
        crates.push(Crate {
            name: package.name.to_string(),
            dependencies: dependencies.collect(),
            own_versions: own_versions(&manifest)
                .with_context(|| format!("{} is not valid", package.manifest_path))?,
        });
    }
    Ok(crates)
}

/// Every broken rule between the crates.
pub(super) fn check(crates: &[Crate]) -> Vec<Finding> {
    crates.iter().flat_map(check_crate).collect()
}

fn check_crate(krate: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |what: String, why| findings.push(Finding { place: krate.name.clone(), what, why });
    let is_side = SIDE.contains(&krate.name.as_str());
    let own = floor(&krate.name);
    if own.is_none() && !is_side {
        find(
            "has no floor; add it to FLOORS in xtask".to_owned(),
            "a crate without a floor may import anything",
        );
    }
    for name in &krate.own_versions {
        find(
            format!("sets the version of {name} itself; write `{name}.workspace = true`"),
            "versions stand in one place, or two crates speak of two different things by one name",
        );
    }
    for Dependency { name, is_dev } in &krate.dependencies {
        if name == "holdfast-testkit" && !is_dev && krate.name != "xtask" {
            find("has testkit as a normal dependency".to_owned(), "fakes must never reach the product");
        }
        if let (Some(own), Some(theirs)) = (own, floor(name))
            && theirs >= own
        {
            find(
                format!("on floor {own} imports {name} on floor {theirs}"),
                "a crate imports only from lower floors, so that each can be read and tested without those above",
            );
        }
        for (who, whom, why) in NEVER {
            if *who == krate.name && whom.contains(&name.as_str()) {
                find(format!("imports {name}"), why);
            }
        }
        for (what, homes, why) in HOMES {
            if what == name && !is_dev && !is_side && !homes.contains(&krate.name.as_str()) {
                find(format!("imports the outside crate {name}"), why);
            }
        }
    }
    findings
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

/// Names of dependencies that do not take their version from the workspace.
fn own_versions(manifest: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse()?;
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let entries = tables.iter().filter_map(|table| manifest.get(*table)?.as_table()).flatten();
    let own =
        entries.filter(|(_, value)| value.get("workspace").and_then(toml::Value::as_bool) != Some(true));
    Ok(own.map(|(name, _)| name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, dependencies: &[(&str, bool)]) -> Vec<String> {
        let dependencies = dependencies
            .iter()
            .map(|(name, is_dev)| Dependency { name: (*name).to_owned(), is_dev: *is_dev });
        let krate =
            Crate { name: name.to_owned(), dependencies: dependencies.collect(), own_versions: Vec::new() };
        check(&[krate]).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn lower_floors_are_fine() {
        let down = [
            ("holdfast-format", false),
            ("holdfast-location", false),
            ("holdfast-testkit", true),
            ("zstd", false),
        ];
        assert_eq!(one("holdfast-repo", &down), Vec::<String>::new());
        assert_eq!(one("xtask", &[("holdfast-testkit", false), ("clap", false)]), Vec::<String>::new());
    }

    #[test]
    fn an_upper_floor_is_found_even_in_tests() {
        assert_eq!(one("holdfast-format", &[("holdfast-ops", true)]).len(), 1);
    }

    #[test]
    fn the_judge_of_the_log_knows_nothing_of_holdfast() {
        let found = one("holdfast-audit-verify", &[("holdfast-world", false), ("sha2", false)]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn repo_and_asset_never_meet() {
        assert_eq!(one("holdfast-repo", &[("holdfast-asset", false)]).len(), 1);
        assert_eq!(one("holdfast-asset", &[("holdfast-repo", true)]).len(), 1);
    }

    #[test]
    fn repo_cannot_name_a_policy() {
        assert_eq!(one("holdfast-repo", &[("holdfast-model", false)]), ["imports holdfast-model"]);
    }

    #[test]
    fn testkit_stays_out_of_the_product() {
        assert_eq!(
            one("holdfast-ops", &[("holdfast-testkit", false)]),
            ["has testkit as a normal dependency"]
        );
    }

    #[test]
    fn a_crate_needs_a_floor_and_outside_crates_a_home() {
        assert_eq!(one("holdfast-extra", &[]).len(), 1);
        assert_eq!(one("holdfast-repo", &[("tokio", false)]), ["imports the outside crate tokio"]);
        assert_eq!(one("holdfast-location", &[("tokio", false)]), Vec::<String>::new());
    }

    #[test]
    fn a_version_of_its_own_is_found() {
        let manifest =
            "[dependencies]\na.workspace = true\nb = \"1\"\n[dev-dependencies]\nc = { version = \"2\" }\n";
        assert_eq!(own_versions(manifest).unwrap(), ["b", "c"]);
    }
}
