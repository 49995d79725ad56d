//! What was found in roots, and databases of nobody: as of each instant, and never before it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::verdict;
use super::world::{NOW, ago, at, hours, point, world};
use crate::verdict::*;

fn asset(repository: &str) -> AssetDeclared {
    let [class, host, repository] = ["website", "web1", repository].map(str::to_owned);
    AssetDeclared { class, host, repository }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn found(came: &[&str], vanished: &[&str], recorded: Timestamp) -> Noted<Discovered> {
    let came = came.iter().map(|name| ((*name).to_owned(), asset(name))).collect();
    let what =
        Discovered { root: "vhosts".to_owned(), came, vanished: names(vanished), ..Discovered::default() };
    Noted { what, recorded, leaf: 40 }
}

fn row(facts: &Facts, target: &str, now: Timestamp) -> Option<Row> {
    verdict(facts, "SCOPE-01", now).rows.into_iter().find(|row| row.target == target)
}

#[test]
fn a_folder_is_protected_from_when_it_was_found_until_it_vanished_and_the_past_stays() {
    let mut facts = world();
    facts.discovered = vec![found(&["c.example"], &[], ago(100)), found(&[], &["c.example"], ago(10))];
    facts.points.push(point("c.example", "c.example", ago(90)));
    let (asset, part) = ("c.example", "c.example/site");
    assert!(row(&facts, part, ago(101)).is_none() && row(&facts, asset, ago(101)).is_none());
    assert_eq!(row(&facts, part, ago(95)).unwrap().verdict, Verdict::NoEvidence, "it has no point yet");
    assert_eq!(row(&facts, part, ago(20)).unwrap().verdict, Verdict::Pass);
    let vanished = row(&facts, asset, ago(9)).unwrap();
    assert!(vanished.verdict == Verdict::Fail && vanished.why.contains("vanished"), "{vanished:?}");
    assert!(vanished.next.is_some() && row(&facts, part, ago(9)).is_none());
    // Back again, under its name.
    facts.discovered.push(found(&["c.example"], &[], ago(5)));
    assert_eq!(row(&facts, part, at(NOW)).unwrap().verdict, Verdict::Pass);
    assert!(row(&facts, asset, at(NOW)).is_none());
    assert_eq!(row(&facts, asset, ago(9)).unwrap(), vanished, "what was so stays so");
}

#[test]
fn a_new_folder_has_until_its_objective_to_get_its_first_point() {
    let mut facts = world();
    facts.discovered = vec![found(&["c.example"], &[], ago(1))];
    let rpo = |now| {
        let rows = verdict(&facts, "DR-04", now).rows;
        rows.into_iter().find(|row| row.target == "c.example/site").unwrap()
    };
    assert_ne!(rpo(at(NOW)).verdict, Verdict::Fail, "{:?}", rpo(at(NOW)));
    assert_eq!(rpo(ago(1) + hours(24)).verdict, Verdict::Fail);
}

#[test]
fn what_nobody_misses_any_more_is_not_missed_for_ever() {
    let mut facts = world();
    facts.discovered = vec![found(&["c.example"], &[], ago(100)), found(&[], &["c.example"], ago(10))];
    let ends = ago(10) + hours(30 * 24);
    assert!(row(&facts, "c.example", ends - hours(1)).is_some());
    assert!(row(&facts, "c.example", ends).is_none(), "no point of it was ever made");
    assert!(assess(&facts, at(NOW)).unwrap().deadline.is_some_and(|deadline| deadline <= ends));
    // Of purpose: somebody named it in except.
    let mut said = found(&[], &[], ago(5));
    said.what.dropped = names(&["c.example"]);
    facts.discovered.push(said);
    assert!(row(&facts, "c.example", at(NOW)).is_none());
}

#[test]
fn what_can_be_no_asset_and_a_root_that_cannot_be_read_are_red() {
    let mut facts = world();
    let mut bad = found(&[], &[], ago(3));
    bad.what.refused = BTreeMap::from([("a b".to_owned(), "it is no name".to_owned())]);
    facts.discovered = vec![bad];
    assert_eq!(row(&facts, "discover.vhosts: a b", at(NOW)).unwrap().verdict, Verdict::Fail);
    let mut blind = found(&[], &[], ago(2));
    blind.what.failure = Some("no such folder".to_owned());
    facts.discovered.push(blind);
    assert_eq!(row(&facts, "discover.vhosts", at(NOW)).unwrap().verdict, Verdict::Fail);
    assert!(row(&facts, "discover.vhosts: a b", at(NOW)).is_none());
}

#[test]
fn many_new_folders_open_a_review_and_a_first_look_opens_none() {
    let many: Vec<String> = (0..10).map(|n| format!("site{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut facts = world();
    // With the first inventory: it was never otherwise.
    let mut first = found(&many, &[], facts.inventories[0].recorded);
    first.leaf = 0;
    facts.discovered = vec![first];
    let fresh = verdict(&facts, "REV-02", at(NOW));
    assert!(fresh.warnings.is_empty(), "{fresh:?}");
    let mut facts = world();
    facts.discovered = vec![found(&many, &[], ago(10))];
    let grown = verdict(&facts, "REV-02", at(NOW));
    assert!(grown.why.contains("12 assets, and there were 2"), "{}", grown.why);
    assert_eq!(verdict(&facts, "REV-02", ago(10) + hours(30 * 24)).verdict, Verdict::Fail);
}

#[test]
fn databases_of_nobody_are_red_and_a_list_that_is_old_or_not_whole_proves_nothing() {
    let seen = |unpaired: &[&str], failure: Option<&str>, recorded| {
        let what = DatabasesSeen {
            server: "/run/s".to_owned(),
            unpaired: names(unpaired),
            count: 3,
            failure: failure.map(str::to_owned),
            ..DatabasesSeen::default()
        };
        Noted { what, recorded, leaf: 41 }
    };
    let mut facts = world();
    facts.databases = vec![seen(&["orphan"], None, ago(5))];
    let (one, all) = ("database orphan at /run/s", "databases at /run/s");
    assert!(row(&facts, one, ago(6)).is_none());
    assert_eq!(row(&facts, one, at(NOW)).unwrap().verdict, Verdict::Fail);
    facts.databases.push(seen(&[], None, ago(4)));
    assert!(row(&facts, one, at(NOW)).is_none());
    assert_eq!(row(&facts, all, at(NOW)).unwrap().verdict, Verdict::Pass);
    assert_eq!(row(&facts, all, ago(4) + hours(48)).unwrap().verdict, Verdict::Stale);
    facts.databases.push(seen(&[], Some("it was not told"), ago(3)));
    assert_eq!(row(&facts, all, at(NOW)).unwrap().verdict, Verdict::NoEvidence);
    let mut over = seen(&[], None, ago(2));
    over.what.is_over = true;
    facts.databases.push(over);
    assert!(row(&facts, all, at(NOW)).is_none());
}
