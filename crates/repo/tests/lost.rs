//! What no location has whole: backups go on and store it again, junk at one location does not hold up the others, and
//! what is lost for good is given up only when somebody says so.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests run restic")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_format::{Id, Snapshot, decode_unpacked, encode_unpacked};
use holdfast_location::Area;
use holdfast_location::layers::Op;
use holdfast_location::layers::faulty::{Damage, Fault, Rule};
use holdfast_repo::{
    Archived, Cancel, ErrorKind, Progress, PruneOptions, RepairRequest, Repaired, Repository, TroubleKind,
    Troubles, Verified,
};
use holdfast_testkit::corpus::noise;
use support::{Bench, assert_same, must_succeed, restic, verified};

const BOTH: [&str; 2] = ["here", "there"];

/// A site of three files, one point at both locations.
fn site_with_a_point() -> (Bench, PathBuf, Archived) {
    let bench = Bench::new(&BOTH);
    let site = bench.path("site");
    fs::create_dir_all(site.join("uploads")).unwrap();
    for n in 0..3 {
        fs::write(site.join(format!("uploads/image{n}.jpg")), noise(n, 400_000)).unwrap();
    }
    let archived = bench.archive(&bench.create(), &site, false).0.unwrap();
    (bench, site, archived)
}

fn open(bench: &Bench) -> Repository {
    bench.reopen(bench.mirrors())
}

fn files(bench: &Bench, location: &str, area: &str) -> Vec<PathBuf> {
    let root = bench.repository_path(location).join(area);
    let mut find = Command::new("find");
    find.arg(root).args(["-type", "f", "-printf", "%s %p\\n"]);
    let mut found: Vec<(u64, PathBuf)> = must_succeed(&find.output().unwrap())
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(size, path)| (size.parse().unwrap(), path.into()))
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 1;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Flips a byte near the start of the largest pack, at these locations.
fn damage_largest_pack(bench: &Bench, locations: &[&str]) {
    for location in locations {
        flip(&files(bench, location, "data")[0], 1000);
    }
}

fn verify(bench: &Bench) -> Verified {
    verified(&open(bench))
}

fn repair(bench: &Bench, write_off: bool) -> Repaired {
    let request = RepairRequest { dry_run: false, write_off };
    open(bench)
        .repair(&request, None, &Troubles::default(), &Progress::default(), &Cancel::default())
        .unwrap()
}

fn prune(bench: &Bench) -> holdfast_repo::Result<holdfast_repo::Pruned> {
    open(bench).prune(
        &PruneOptions::default(),
        &Troubles::default(),
        &Progress::default(),
        &Cancel::default(),
    )
}

#[track_caller]
fn is_delivered(archived: &Archived) {
    assert!(
        archived.deliveries.iter().all(|d| d.owed == 0 && d.failure.is_none()),
        "{:?}",
        archived.deliveries
    );
}

#[track_caller]
fn restic_restores(bench: &Bench, location: &str, site: &Path) {
    must_succeed(&bench.restic(&restic(), location, &["check", "--read-data"]));
    let target = bench.path(&format!("restored-{location}"));
    let _ = fs::remove_dir_all(&target);
    let arguments = ["restore", "latest", "--target", target.to_str().unwrap()];
    must_succeed(&bench.restic(&restic(), location, &arguments));
    assert_same(site, &target.join(site.strip_prefix("/").unwrap()));
}

#[test]
fn what_is_lost_everywhere_is_stored_again_once_that_is_known() {
    let (bench, site, _) = site_with_a_point();
    damage_largest_pack(&bench, &BOTH);
    assert!(verify(&bench).is_damaged());
    let again = bench.archive(&open(&bench), &site, false).0.unwrap();
    is_delivered(&again);
    assert!(again.totals.bytes_added >= 1_200_000, "{:?}", again.totals);
    // The damaged pack is still there, but nothing needs it any more: the older point is whole again too.
    let verified = verify(&bench);
    let touched = |p: &holdfast_repo::Problem| !p.points.is_empty();
    assert!(verified.locations.iter().all(|l| !l.problems.iter().any(touched)), "{verified:#?}");
    let given_up = repair(&bench, true);
    assert!(given_up.steps.iter().all(|s| s.done), "{given_up:#?}");
    assert!(verify(&bench).is_sound());
    for location in BOTH {
        restic_restores(&bench, location, &site);
    }
}

#[test]
fn writing_off_saves_what_can_be_read_and_lets_purges_go_on() {
    let (bench, site, first) = site_with_a_point();
    damage_largest_pack(&bench, &BOTH);
    // The source lost one of the files as well, and the machine forgot what it knew.
    fs::remove_file(site.join("uploads/image0.jpg")).unwrap();
    fs::remove_file(site.join("uploads/image1.jpg")).unwrap();
    let second = bench.archive(&open(&bench), &site, false).0.unwrap();
    let lost = repair(&bench, false);
    assert!(!lost.is_healed() && lost.lost.iter().any(|l| l.files_total > 0), "{lost:#?}");

    let given_up = repair(&bench, true);
    assert!(given_up.lost.iter().any(|l| l.points.contains(&first.id)), "{given_up:#?}");
    prune(&bench).unwrap();
    // The first point lacks files, and says so; which, and whether the second has them, depends on what shared the pack.
    let verified = verify(&bench);
    assert!(
        verified.repository.iter().any(|p| p.points.contains(&first.id) && p.files_total >= 1),
        "{verified:#?}"
    );
    bench.archive(&open(&bench), &site, false).0.unwrap();
    let (troubles, progress, cancel) = (Troubles::default(), Progress::default(), Cancel::default());
    open(&bench).forget(&[first.id], &troubles, &progress, &cancel).unwrap();
    prune(&bench).unwrap();
    let verified = verify(&bench);
    assert!(verified.is_sound(), "{verified:#?}");
    assert_ne!(second.id, first.id);
    for location in BOTH {
        restic_restores(&bench, location, &site);
    }
}

#[test]
fn nothing_is_written_off_while_a_location_is_away() {
    let (bench, _, _) = site_with_a_point();
    damage_largest_pack(&bench, &["here"]);
    fs::rename(bench.path("there"), bench.path("away")).unwrap();
    let request = RepairRequest { dry_run: false, write_off: true };
    let outcome =
        open(&bench).repair(&request, None, &Troubles::default(), &Progress::default(), &Cancel::default());
    assert!(outcome.is_err_and(|e| e.kind == ErrorKind::Unreachable));
    fs::rename(bench.path("away"), bench.path("there")).unwrap();
    assert!(repair(&bench, false).is_healed());
    assert!(verify(&bench).is_sound());
}

#[test]
fn junk_at_one_location_holds_up_nobody() {
    for (area, junk) in [("snapshots", &b"junk"[..]), ("snapshots", b""), ("index", b"junk"), ("index", b"")]
    {
        for locations in [&BOTH[1..], &BOTH[..]] {
            let (bench, site, _) = site_with_a_point();
            for (n, location) in locations.iter().enumerate() {
                let name = Id([n as u8 + 7; 32]).to_hex();
                fs::write(bench.repository_path(location).join(area).join(name), junk).unwrap();
            }
            let label = format!("{area} {junk:?} at {locations:?}");
            fs::write(site.join("new.txt"), "new").unwrap();
            let (outcome, troubles) = bench.archive(&open(&bench), &site, false);
            is_delivered(&outcome.unwrap());
            assert!(troubles.count(TroubleKind::Damage) > 0, "{label}: the junk is not told of");
            repair(&bench, true);
            assert!(verify(&bench).is_sound(), "{label}: {:#?}", verify(&bench));
            for location in BOTH {
                restic_restores(&bench, location, &site);
            }
        }
    }
}

#[test]
fn an_owed_pack_that_is_damaged_at_its_only_holder_costs_one_run_at_most() {
    let (bench, site, _) = site_with_a_point();
    fs::rename(bench.path("here"), bench.path("away")).unwrap();
    fs::write(site.join("uploads/later.jpg"), noise(9, 700_000)).unwrap();
    let before: Vec<PathBuf> = files(&bench, "there", "data");
    bench.archive(&open(&bench), &site, false).0.unwrap();
    let _ = fs::remove_dir_all(bench.path("state/spool"));
    fs::rename(bench.path("away"), bench.path("here")).unwrap();
    let new = files(&bench, "there", "data").into_iter().find(|p| !before.contains(p)).unwrap();
    flip(&new, 1000);

    fs::write(site.join("more.txt"), "more").unwrap();
    let (outcome, troubles) = bench.archive(&open(&bench), &site, false);
    let gap = outcome.unwrap();
    assert!(gap.deliveries.iter().any(|d| d.location == "here" && d.owed > 0), "{:?}", gap.deliveries);
    assert!(troubles.count(TroubleKind::Damage) > 0, "{:?}", troubles.list());
    must_succeed(&bench.restic(&restic(), "here", &["check", "--read-data"]));
    // A purge brings debts too, and must not bring a point without what it needs either.
    let _ = prune(&bench);
    must_succeed(&bench.restic(&restic(), "here", &["check", "--read-data"]));

    fs::write(site.join("evenmore.txt"), "more").unwrap();
    let next = bench.archive(&open(&bench), &site, false).0.unwrap();
    let snapshot = bench.repository_path("here").join("snapshots").join(next.id.to_hex());
    assert!(snapshot.exists(), "{:?}", next.deliveries);
    restic_restores(&bench, "here", &site);
}

#[test]
fn a_point_whose_packs_were_deleted_here_is_not_brought_back_without_them() {
    let (bench, site, _) = site_with_a_point();
    let first = files(&bench, "here", "snapshots")[0].file_name().unwrap().to_str().unwrap().to_owned();
    fs::remove_file(site.join("uploads/image0.jpg")).unwrap();
    bench.archive(&open(&bench), &site, false).0.unwrap();
    // Somebody forgets the first point with stock restic at one of the locations, and a purge follows while the other,
    // which still has it, is away.
    must_succeed(&bench.restic(&restic(), "here", &["forget", &first]));
    fs::rename(bench.path("there"), bench.path("away")).unwrap();
    let all = PruneOptions { unused_permille_max: 0, ours: None };
    open(&bench).prune(&all, &Troubles::default(), &Progress::default(), &Cancel::default()).unwrap();
    fs::rename(bench.path("away"), bench.path("there")).unwrap();

    let (outcome, troubles) = bench.archive(&open(&bench), &site, false);
    let archived = outcome.unwrap();
    assert!(
        archived.deliveries.iter().any(|d| d.location == "here" && d.owed > 0),
        "{:?}",
        archived.deliveries
    );
    assert!(troubles.list().iter().any(|t| t.message.contains(&first)), "{:?}", troubles.list());
    restic_restores(&bench, "here", &site);
    // The next deleter takes the deletion back, for the point exists.
    prune(&bench).unwrap();
    is_delivered(&bench.archive(&open(&bench), &site, false).0.unwrap());
    assert!(bench.repository_path("here").join("snapshots").join(&first).exists());
    for location in BOTH {
        restic_restores(&bench, location, &site);
    }
    assert!(verify(&bench).is_sound());
}

#[test]
fn a_location_that_was_pruned_during_the_run_takes_no_part_in_it() {
    let (bench, site, _) = site_with_a_point();
    let index = files(&bench, "there", "index")[0].file_name().unwrap().to_str().unwrap().to_owned();
    let (there, faults) = bench.faulty("there");
    let repository = bench.reopen(vec![bench.mirror("here"), there]);
    let pruned = Rule::always(Fault::Damage(Damage::Hide(index))).on(Op::List).area(Area::Index);
    faults.add(Rule { skip: 1, ..pruned });
    fs::write(site.join("new.txt"), "new").unwrap();
    let archived = bench.archive(&repository, &site, false).0.unwrap();
    let there = archived.deliveries.iter().find(|d| d.location == "there").unwrap();
    assert!(there.failure.as_ref().is_some_and(|f| f.contains("pruned")), "{there:?}");
    let snapshot = Path::new("snapshots").join(archived.id.to_hex());
    assert!(bench.repository_path("here").join(&snapshot).exists());
    assert!(!bench.repository_path("there").join(&snapshot).exists());
}

#[test]
fn what_is_owed_is_no_damage_to_a_reader() {
    let (bench, site, _) = site_with_a_point();
    fs::rename(bench.path("here"), bench.path("away")).unwrap();
    fs::write(site.join("uploads/later.jpg"), noise(9, 700_000)).unwrap();
    bench.archive(&open(&bench), &site, false).0.unwrap();
    fs::rename(bench.path("away"), bench.path("here")).unwrap();
    let (outcome, troubles) = bench.archive(&open(&bench), &site, false);
    is_delivered(&outcome.unwrap());
    assert_eq!(troubles.count(TroubleKind::Damage), 0, "{:?}", troubles.list());
}

/// What a stranger with the key puts among the snapshots: bytes that are sealed and no snapshot, bytes that are nothing at
/// all, and a snapshot of a tree that never was; under their own names. And bytes under another's name.
fn plant(bench: &Bench, like: &Id, location: &str) -> Vec<Id> {
    let cipher = open(bench).identity().open(support::PASSWORD).unwrap();
    let folder = bench.repository_path(location).join("snapshots");
    let genuine = fs::read(folder.join(like.to_hex())).unwrap();
    let mut forged = Snapshot::parse(&decode_unpacked(&cipher, &genuine).unwrap()).unwrap();
    forged.tree = Id([9; 32]);
    let sealed = [
        encode_unpacked(&cipher, [3; 16], b"{\"no\": \"snapshot\"}").to_vec(),
        b"junk".to_vec(),
        encode_unpacked(&cipher, [4; 16], &forged.to_json()).to_vec(),
    ];
    let mut planted: Vec<(Id, Vec<u8>)> = sealed.into_iter().map(|bytes| (Id::of(&bytes), bytes)).collect();
    planted.push((Id([7; 32]), b"junk of another name".to_vec()));
    planted.iter().for_each(|(id, bytes)| fs::write(folder.join(id.to_hex()), bytes).unwrap());
    planted.into_iter().map(|(id, _)| id).collect()
}

#[test]
fn what_a_stranger_put_among_the_snapshots_stops_no_deletion() {
    let (bench, site, first) = site_with_a_point();
    fs::write(site.join("uploads/image0.jpg"), noise(9, 400_000)).unwrap();
    let second = bench.archive(&open(&bench), &site, false).0.unwrap();
    let planted = plant(&bench, &second.id, "here");
    let (troubles, progress, cancel) = (Troubles::default(), Progress::default(), Cancel::default());
    open(&bench).forget(&[first.id], &troubles, &progress, &cancel).unwrap();
    let before: Vec<usize> = BOTH.iter().map(|location| bytes(&bench, location)).collect();
    let prune_with = |ours: &[Id]| {
        let ours = Some(ours.iter().copied().collect());
        let options = PruneOptions { unused_permille_max: 0, ours };
        open(&bench).prune(&options, &troubles, &progress, &cancel)
    };
    // Where nobody knows which are ours, and where one of them is, nothing is deleted.
    assert!(prune(&bench).is_err_and(|error| error.kind == ErrorKind::Damaged));
    for id in &planted {
        let outcome = prune_with(&[second.id, *id]);
        assert!(outcome.is_err_and(|error| error.kind == ErrorKind::Damaged), "{id}");
    }
    // A location that is away may have it whole.
    fs::rename(bench.path("there"), bench.path("away")).unwrap();
    assert!(prune_with(&[second.id]).is_err_and(|error| error.kind == ErrorKind::Damaged));
    fs::rename(bench.path("away"), bench.path("there")).unwrap();
    assert_eq!(BOTH.map(|location| bytes(&bench, location)).to_vec(), before);

    let pruned = prune_with(&[second.id]).unwrap();
    assert_eq!((pruned.plan.snapshots_broken, pruned.plan.snapshots), (4, 2), "{:?}", pruned.plan);
    for (location, before) in BOTH.iter().zip(before) {
        assert!(bytes(&bench, location) + 399_000 < before, "{location}");
    }
    for id in &planted {
        assert!(troubles.list().iter().any(|t| t.subject == format!("snapshot {id}")), "{id} is not told of");
    }
    // What is no snapshot is not brought to others by a repair, and removed once it is given up.
    let there = |id: &Id| bench.repository_path("there").join("snapshots").join(id.to_hex()).exists();
    let is_snapshot = |id: &&Id| **id == planted[2];
    let repaired = repair(&bench, false);
    assert!(!repaired.is_healed());
    assert!(planted.iter().filter(|id| !is_snapshot(id)).all(|id| !there(id)), "{repaired:?}");
    repair(&bench, true);
    for id in &planted {
        fs::remove_file(bench.repository_path("here").join("snapshots").join(id.to_hex()))
            .map_or_else(|_| assert_ne!(*id, planted[2]), |()| assert_eq!(*id, planted[2]));
        let _ = fs::remove_file(bench.repository_path("there").join("snapshots").join(id.to_hex()));
    }
    assert!(verify(&bench).is_sound(), "{:#?}", verify(&bench));
    for location in BOTH {
        restic_restores(&bench, location, &site);
    }
}

#[test]
fn packs_of_an_index_that_is_lost_everywhere_stay_while_a_snapshot_of_a_stranger_needs_them() {
    let (bench, _, foreign) = site_with_a_point();
    let lost: Vec<PathBuf> = BOTH.iter().flat_map(|location| files(&bench, location, "index")).collect();
    let other = bench.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("own.jpg"), noise(9, 400_000)).unwrap();
    let ours = bench.archive(&open(&bench), &other, false).0.unwrap();
    lost.iter().for_each(|index| fs::remove_file(index).unwrap());
    let before = BOTH.map(|location| bytes(&bench, location));

    let (troubles, progress, cancel) = (Troubles::default(), Progress::default(), Cancel::default());
    let options = PruneOptions { unused_permille_max: 0, ours: Some([ours.id].into_iter().collect()) };
    let pruned = open(&bench).prune(&options, &troubles, &progress, &cancel).unwrap();
    assert_eq!((pruned.plan.snapshots_broken, pruned.plan.packs_deleted), (1, 0), "{:?}", pruned.plan);
    assert_eq!(BOTH.map(|location| bytes(&bench, location)), before);
    let is_told = |t: &holdfast_repo::Trouble| t.subject == "packs" && t.message.contains("are kept");
    assert!(troubles.list().iter().any(is_told), "{:?}", troubles.list());

    assert!(repair(&bench, false).is_healed() && verify(&bench).is_sound(), "{:#?}", verify(&bench));
    for location in BOTH {
        must_succeed(&bench.restic(&restic(), location, &["ls", &foreign.id.to_hex()]));
        restic_restores(&bench, location, &other);
    }
}

/// What a location holds in packs.
fn bytes(bench: &Bench, location: &str) -> usize {
    files(bench, location, "data").iter().map(|pack| fs::metadata(pack).unwrap().len() as usize).sum()
}
