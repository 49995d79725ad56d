//! Forgetting and pruning: what is freed, what stays, and what a location that was away does to it.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests run restic")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_format::Id;
use holdfast_location::layers::Op;
use holdfast_location::layers::faulty::{Damage, Fault, Rule};
use holdfast_location::layers::record::{Record, Recording};
use holdfast_location::{Area, ErrorKind as LocationErrorKind};
use holdfast_repo::{
    Cancel, ErrorKind, LocationState, Mirror, Problem, ProblemKind, Progress, PruneOptions, Pruned, Read,
    RepairRequest, Repository, Result, Tombstones, Troubles, VerifyRequest,
};
use holdfast_testkit::corpus::noise;
use support::{Bench, REPOSITORY, make_tree, verified};

/// Four points; each holds a big file of its own beside what all share.
fn four_points(bench: &Bench) -> (Repository, PathBuf, Vec<Id>) {
    let site = bench.path("site");
    make_tree(&site);
    let repository = bench.create();
    let mut points = Vec::new();
    for n in 0..4 {
        fs::write(site.join("changing.bin"), noise(n, 6_000_000)).unwrap();
        points.push(bench.archive(&repository, &site, false).0.unwrap().id);
    }
    (repository, site, points)
}

fn prune(repository: &Repository) -> Result<Pruned> {
    repository.prune(&PruneOptions::default(), &Troubles::default(), &Progress::default(), &Cancel::default())
}

fn forget(repository: &Repository, points: &[Id]) {
    repository.forget(points, &Troubles::default(), &Progress::default(), &Cancel::default()).unwrap();
}

fn bytes_in(folder: &Path) -> u64 {
    fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap())
        .map(|e| if e.path().is_dir() { bytes_in(&e.path()) } else { e.metadata().unwrap().len() })
        .sum()
}

#[test]
fn half_of_the_points_free_their_bytes_and_the_rest_restores() {
    let bench = Bench::new(&["here", "there"]);
    let (repository, site, points) = four_points(&bench);
    let before = bytes_in(&bench.repository_path("here"));
    let (troubles, cancel) = (Troubles::default(), Cancel::default());
    let foreseen = repository.plan_prune(&points[..2], &PruneOptions::default(), &troubles, &cancel).unwrap();
    assert_eq!(bytes_in(&bench.repository_path("here")), before);
    forget(&repository, &points[..2]);
    let planned = repository
        .plan_prune(&[], &PruneOptions::default(), &Troubles::default(), &Cancel::default())
        .unwrap();
    let pruned = prune(&repository).unwrap();
    assert_eq!((foreseen, planned), (pruned.plan, pruned.plan));
    assert_eq!(pruned.plan.snapshots, 2);
    let plan = pruned.plan;
    assert!(plan.bytes_freed + plan.bytes_unused_kept >= 11_900_000, "{plan:?}");
    // Which small files share a pack with a forgotten one differs from run to run; what may stay unused does not.
    let unused_max = before / 1000 * PruneOptions::default().unused_permille_max;
    assert!(plan.bytes_unused_kept <= unused_max, "{unused_max} of {before}: {plan:?}");
    for location in ["here", "there"] {
        let after = bytes_in(&bench.repository_path(location));
        assert!(before - after > plan.bytes_freed - 100_000, "{location}: {before} to {after}");
        bench.restic_restores(location, &site);
    }
    assert!(verified(&repository).is_sound());
    assert!(Tombstones::load(&bench.folders().tombstones).unwrap().is_empty());
    let again = prune(&repository).unwrap();
    assert_eq!((again.plan.packs_deleted, again.plan.packs_repacked), (0, 0), "{:?}", again.plan);
}

#[test]
fn a_location_that_was_away_follows_and_resurrects_nothing() {
    for by_repair in [true, false] {
        let bench = Bench::new(&["here", "there"]);
        let (repository, site, points) = four_points(&bench);
        drop(repository);
        fs::rename(bench.path("there"), bench.path("away")).unwrap();
        let alone = bench.reopen(bench.mirrors());
        forget(&alone, &points[..2]);
        let pruned = prune(&alone).unwrap();
        assert!(pruned.locations.iter().any(|l| l.location == "there" && l.waiting > 0), "{pruned:?}");
        bench.restic_restores("here", &site);
        let deleted: Vec<PathBuf> =
            points[..2].iter().map(|p| Path::new("snapshots").join(p.to_hex())).collect();
        fs::rename(bench.path("away"), bench.path("there")).unwrap();
        // Forgotten points that a location still lists are no points, and a new one does not build on them.
        let both = bench.reopen(bench.mirrors());
        // By itself it stands on the index files that were replaced elsewhere: it is owed the new ones. That is no damage, and
        // no point is whole there.
        let request = VerifyRequest { locations: Some(vec!["there".to_owned()]), read: Read::All };
        let (troubles, cancel) = (Troubles::default(), Cancel::default());
        let behind = both.verify(&request, &troubles, &Progress::default(), &cancel).unwrap();
        let there = &behind.locations[0];
        assert!(!behind.is_damaged() && there.state == LocationState::Owed, "{behind:#?}");
        let is_owed = |p: &&Problem| p.kind == ProblemKind::Owed && p.message.contains("replaced");
        let owed = there.problems.iter().find(is_owed).unwrap();
        assert_eq!(owed.points, points[2..], "{behind:#?}");
        fs::write(site.join("changing.bin"), noise(0, 6_000_000)).unwrap();
        bench.archive(&both, &site, false).0.unwrap();
        bench.restic_restores("here", &site);
        if by_repair {
            let repaired = both
                .repair(
                    &RepairRequest::default(),
                    None,
                    &Troubles::default(),
                    &Progress::default(),
                    &Cancel::default(),
                )
                .unwrap();
            assert!(repaired.is_healed(), "{repaired:?}");
        } else {
            prune(&both).unwrap();
        }
        for location in ["here", "there"] {
            for snapshot in &deleted {
                assert!(!bench.repository_path(location).join(snapshot).exists(), "{location}");
            }
            bench.restic_restores(location, &site);
        }
        let verified = verified(&both);
        assert!(verified.is_sound(), "{verified:#?}");
        assert!(Tombstones::load(&bench.folders().tombstones).unwrap().is_empty());
    }
}

#[test]
fn a_point_that_only_the_absent_location_knows_keeps_its_packs() {
    let bench = Bench::new(&["here", "there"]);
    let (repository, site, points) = four_points(&bench);
    drop(repository);
    // Only "there" gets this point, which needs the content of the first one again.
    fs::rename(bench.path("here"), bench.path("away")).unwrap();
    fs::write(site.join("changing.bin"), noise(0, 6_000_000)).unwrap();
    let point = {
        let alone = bench.reopen(bench.mirrors());
        bench.archive(&alone, &site, false).0.unwrap().id
    };
    fs::rename(bench.path("away"), bench.path("here")).unwrap();
    fs::rename(bench.path("there"), bench.path("away")).unwrap();
    {
        let alone = bench.reopen(bench.mirrors());
        forget(&alone, &points[..3]);
        prune(&alone).unwrap();
    }
    fs::rename(bench.path("away"), bench.path("there")).unwrap();
    let both = bench.reopen(bench.mirrors());
    let repaired = both
        .repair(
            &RepairRequest::default(),
            None,
            &Troubles::default(),
            &Progress::default(),
            &Cancel::default(),
        )
        .unwrap();
    assert!(repaired.is_healed(), "{repaired:#?}");
    for location in ["here", "there"] {
        assert!(
            bench.repository_path(location).join("snapshots").join(point.to_hex()).exists(),
            "{location}"
        );
        bench.restic_restores(location, &site);
    }
    assert!(verified(&both).is_sound());
}

#[test]
fn verifying_one_point_reads_what_it_needs_and_no_more() {
    let bench = Bench::new(&["here"]);
    let (repository, _, points) = four_points(&bench);
    let read = |read: Read| {
        let request = VerifyRequest { locations: None, read };
        let (troubles, progress, cancel) = (Troubles::default(), Progress::default(), Cancel::default());
        let verified = repository.verify(&request, &troubles, &progress, &cancel).unwrap();
        assert!(verified.is_sound());
        verified.locations[0].bytes_read
    };
    let (all, one) = (read(Read::All), read(Read::Points(vec![points[3]])));
    // Each point has six million bytes of its own; those of the first share packs with what all points need.
    assert!(one >= 6_000_000 && one + 11_000_000 < all, "{one} of {all}");
    assert_eq!(read(Read::Points(points)), all);
}

#[test]
fn what_cannot_be_listed_or_read_stops_a_prune_before_it_changes_anything() {
    let bench = Bench::new(&["here"]);
    let (repository, site, points) = four_points(&bench);
    forget(&repository, &points[..2]);
    drop(repository);
    fs::remove_dir_all(bench.folders().cache).unwrap();
    let name = |folder: &str| {
        let entries = fs::read_dir(bench.repository_path("here").join(folder)).unwrap();
        let largest = entries.map(|e| e.unwrap()).max_by_key(|e| e.metadata().unwrap().len()).unwrap();
        largest.file_name().into_string().unwrap()
    };
    let pack = {
        let prefix = fs::read_dir(bench.repository_path("here").join("data")).unwrap();
        let packs = prefix.flat_map(|e| fs::read_dir(e.unwrap().path()).unwrap());
        packs
            .map(|e| e.unwrap())
            .max_by_key(|e| e.metadata().unwrap().len())
            .unwrap()
            .file_name()
            .into_string()
            .unwrap()
    };
    let gone = Fault::Fail(LocationErrorKind::Unreachable);
    let hide = |name: &str| Rule::always(Fault::Damage(Damage::Hide(name.to_owned()))).on(Op::List);
    let cases = [
        ("snapshots fail", Rule::always(gone.clone()).on(Op::List).area(Area::Snapshots)),
        ("indexes fail", Rule::always(gone.clone()).on(Op::List).area(Area::Index)),
        ("packs fail", Rule::always(gone).on(Op::List).area(Area::Data)),
        ("an index is hidden", hide(&name("index")).area(Area::Index)),
        ("a pack is hidden", hide(&pack[..1]).area(Area::Data)),
        (
            "an index is damaged",
            Rule::always(Fault::Damage(Damage::Flip(40))).on(Op::Get).area(Area::Index).path(name("index")),
        ),
        (
            "a snapshot is damaged",
            Rule::always(Fault::Damage(Damage::Flip(40)))
                .on(Op::Get)
                .area(Area::Snapshots)
                .path(name("snapshots")),
        ),
    ];
    for (case, rule) in cases {
        // What is cached would hide the damage, rightly.
        let _ = fs::remove_dir_all(bench.folders().cache);
        let (mirror, faults) = bench.faulty("here");
        let repository = bench.reopen(vec![mirror]);
        let before = bytes_in(&bench.repository_path("here"));
        faults.add(rule);
        let error = prune(&repository).map(|p| p.plan).expect_err(case);
        assert!(matches!(error.kind, ErrorKind::Damaged | ErrorKind::Unreachable), "{case}: {error}");
        faults.heal();
        assert_eq!(bytes_in(&bench.repository_path("here")), before, "{case}: {error}");
    }
    bench.restic_restores("here", &site);
}

#[test]
fn a_prune_that_is_killed_at_any_deletion_or_write_loses_nothing_and_completes_later() {
    let bench = Bench::new(&["here"]);
    let (repository, site, points) = four_points(&bench);
    forget(&repository, &points[..2]);
    drop(repository);
    let saved = bench.path("saved");
    let copy = |from: &Path, to: &Path| {
        let _ = fs::remove_dir_all(to);
        let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
        assert!(status.success());
    };
    copy(&bench.path("here"), &saved);
    // What an undisturbed prune does says where it can be cut. How many packs it writes is drawn by lot, what it deletes
    // is not.
    let recording = Recording::new();
    let recorded = Record::new(bench.local("here"), recording.clone());
    prune(&bench.reopen(vec![Arc::new(Mirror::new(Arc::new(recorded), None, REPOSITORY))])).unwrap();
    let calls = |op, area| recording.counts().get(&(op, Some(area))).map_or(0, |count| count.calls);
    let mut cuts = vec![(Op::Put, Area::Data, 0), (Op::Put, Area::Index, 0)];
    for area in [Area::Index, Area::Data] {
        let deletions = calls(Op::Delete, area);
        assert!(deletions > 0, "nothing was deleted from {area:?}");
        cuts.extend(
            BTreeSet::from([0, deletions / 2, deletions - 1]).into_iter().map(|nth| (Op::Delete, area, nth)),
        );
    }
    for (op, area, nth) in cuts {
        copy(&saved, &bench.path("here"));
        let _ = fs::remove_dir_all(bench.path("state"));
        let (mirror, faults) = bench.faulty("here");
        let repository = bench.reopen(vec![mirror]);
        // From this call on nothing gets through any more, as after a kill.
        let gone = Rule::always(Fault::Fail(LocationErrorKind::Unreachable)).on(op).area(area);
        faults.add(Rule { skip: nth, ..gone });
        let is_cut = prune(&repository).map_or(true, |pruned| pruned.locations.iter().any(|l| l.waiting > 0));
        assert!(is_cut, "{op:?} {area:?} {nth}: the prune went through");
        faults.heal();
        drop(repository);
        for lock in fs::read_dir(bench.repository_path("here").join("locks")).unwrap() {
            fs::remove_file(lock.unwrap().path()).unwrap();
        }
        bench.restic_restores("here", &site);
        let repository = bench.reopen(bench.mirrors());
        prune(&repository).unwrap();
        bench.restic_restores("here", &site);
        assert!(verified(&repository).is_sound(), "{op:?} {area:?} {nth}");
    }
}
