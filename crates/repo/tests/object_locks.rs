//! Object locks, at a real server: what a point needs is locked as long as it promises, nothing longer, an unchanged run
//! asks for little, and what was missed is made up for.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests start servers and wait for them")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_format::{Id, Snapshot};
use holdfast_location::layers::Op;
use holdfast_location::layers::faulty::{Fault, Faults, Faulty, Rule};
use holdfast_location::layers::record::{Record, Recording};
use holdfast_location::{Credentials, ErrorKind, ObjectLock, Place, Surroundings};
use holdfast_repo::{
    ArchiveRequest, Archived, Cancel, LockPlan, Mirror, Progress, PruneOptions, Repository, TroubleKind,
    Troubles,
};
use holdfast_testkit::corpus::noise;
use holdfast_testkit::folder_source::FolderSource;
use holdfast_testkit::servers::Seaweed;
use holdfast_world::{Clock, SystemClock, SystemRandom};
use jiff::Timestamp;
use support::{Bench, PASSWORD, REPOSITORY};

/// What is promised: so long for a new point, and so long for some that are there.
#[derive(Default)]
struct Promised {
    new: Option<Timestamp>,
    earlier: BTreeMap<Id, Timestamp>,
}

impl LockPlan for Promised {
    fn of_new(&self, _made: Timestamp) -> Option<Timestamp> {
        self.new
    }

    fn of(&self, id: &Id, _snapshot: &Snapshot) -> Option<Timestamp> {
        self.earlier.get(id).copied()
    }
}

fn hours(hours: i64) -> Timestamp {
    Timestamp::from_second(SystemClock::new().now().as_second() + hours * 3600).unwrap()
}

/// A folder, and a bucket that locks, of which every call is counted and which fails as its script says.
struct Vault {
    server: Seaweed,
    bench: Bench,
    site: PathBuf,
    calls: Recording,
    faults: Faults,
    repository: Repository,
}

impl Vault {
    fn new() -> Vault {
        Vault::of(Seaweed::keeper_credentials_toml)
    }

    fn of(credentials: impl Fn(&Seaweed) -> String) -> Vault {
        let server = Seaweed::start("plain");
        server.make_locked_bucket("locked");
        let bench = Bench::new(&["here"]);
        let site = bench.path("site");
        fs::create_dir(&site).unwrap();
        fs::write(site.join("shared.bin"), noise(1, 400_000)).unwrap();
        let credentials = Credentials::parse(&credentials(&server)).unwrap();
        let place = Place::at("vault", &server.url("locked", ""), Some(credentials)).unwrap();
        let place = Place { object_lock: Some(ObjectLock::Governance), ..place };
        let surroundings = Surroundings::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
        let bucket = holdfast_location::establish(&place, &surroundings).unwrap();
        let (calls, faults) = (Recording::new(), Faults::new());
        let faulty = Arc::new(Faulty::new(bucket, faults.clone(), Arc::new(SystemClock::new())));
        let recorded = Arc::new(Record::new(faulty, calls.clone()));
        let vault = Arc::new(Mirror::new(recorded, None, REPOSITORY));
        let (mirrors, writer) = (vec![bench.mirror("here"), vault], bench.writer());
        let identity = Repository::generate(PASSWORD, &writer);
        let mut repository = Repository::open(mirrors, identity, PASSWORD, bench.folders(), writer).unwrap();
        for (location, outcome) in repository.establish() {
            outcome.unwrap_or_else(|error| panic!("{location}: {error}"));
        }
        Vault { server, bench, site, calls, faults, repository }
    }

    fn archive(&self, plan: Option<&Promised>) -> (Archived, Troubles) {
        let source = FolderSource::new(&self.site);
        let request = ArchiveRequest {
            source: &source,
            cache_name: "test",
            tags: Vec::new(),
            excludes: Vec::new(),
            full: false,
            locks: plan.map(|plan| plan as &dyn LockPlan),
        };
        let troubles = Troubles::default();
        let archived = self.repository.archive(&request, &troubles, &Progress::default(), &Cancel::default());
        (archived.unwrap(), troubles)
    }

    /// A run that locks until `new`, without any trouble; `earlier` are points that were made before.
    #[track_caller]
    fn locked_run(&self, new: Timestamp, earlier: &[(Id, Timestamp)]) -> Archived {
        let plan = Promised { new: Some(new), earlier: earlier.iter().copied().collect() };
        let (archived, troubles) = self.archive(Some(&plan));
        assert!(troubles.list().is_empty(), "{:?}", troubles.list());
        assert_eq!(archived.locks.len(), 1, "only one location locks");
        assert_eq!((archived.locks[0].until, &archived.locks[0].failure), (Some(new), &None));
        archived
    }

    /// Every object of the repository in the bucket, with the end of its lock.
    fn locks(&self) -> BTreeMap<String, Option<Timestamp>> {
        let objects = self.server.objects("locked").into_iter().map(|(path, _)| path);
        let own = objects.filter(|path| path.starts_with(REPOSITORY));
        own.map(|path| {
            let until = self.server.locked_until("locked", &path);
            (path, until.map(|until| until.parse().unwrap()))
        })
        .collect()
    }

    fn count(&self, op: Op) -> u64 {
        self.calls.total(op).calls
    }
}

fn is_lockable(path: &str) -> bool {
    ["data", "index", "snapshots"].iter().any(|area| path.starts_with(&format!("{REPOSITORY}/{area}/")))
}

#[test]
fn what_a_point_needs_is_locked_and_an_unchanged_run_asks_for_its_snapshot_alone() {
    let vault = Vault::new();
    let (first, later) = (hours(1), hours(25));
    let point = vault.locked_run(first, &[]);
    let locks = vault.locks();
    assert!(locks.keys().filter(|path| is_lockable(path)).count() >= 4, "{locks:?}");
    for (path, until) in &locks {
        assert_eq!(*until, is_lockable(path).then_some(first), "{path}");
    }
    // Whoever may do everything deletes none of it.
    for path in locks.keys().filter(|path| is_lockable(path)) {
        let versions = vault.server.version_ids("locked", path);
        assert_eq!(versions.len(), 1, "{path}");
        assert_eq!(vault.server.delete_version("locked", path, &versions[0]), 403, "{path}");
    }
    let (raised, asked) = (vault.count(Op::Retain), vault.count(Op::RetainedUntil));
    let second = vault.locked_run(first, &[(point.id, first)]);
    // The folders above the site belong to other tests as well: where they changed, there is a tree and its index file.
    let new = vault.locks().keys().filter(|path| is_lockable(path) && !locks.contains_key(*path)).count();
    assert!(new == 1 || new == 3, "{new}");
    assert_eq!(vault.count(Op::Retain) - raised, new as u64);
    assert_eq!(vault.count(Op::RetainedUntil) - asked, 1);
    // The next day, everything that the new point needs, once, and nothing that it does not need.
    let raised = vault.count(Op::Retain);
    let earlier = [(point.id, first), (second.id, first)];
    let third = vault.locked_run(later, &earlier);
    let locks = vault.locks();
    let lockable = || locks.iter().filter(|(path, _)| is_lockable(path));
    let renewed = lockable().filter(|(_, until)| **until == Some(later)).count();
    assert_eq!(vault.count(Op::Retain) - raised, renewed as u64);
    assert!(lockable().all(|(_, until)| until.is_some_and(|until| until == first || until == later)));
    for (point, until) in [(&point, first), (&second, first), (&third, later)] {
        assert_eq!(locks[&format!("{REPOSITORY}/snapshots/{}", point.id)], Some(until));
    }
    let objects = vault.server.objects("locked");
    let data = objects.iter().filter(|(path, _)| path.starts_with(&format!("{REPOSITORY}/data/")));
    let (pack, _) = data.max_by_key(|(_, size)| *size).unwrap();
    assert_eq!(locks[pack], Some(later), "the pack of the site's files");
    assert_ne!(third.id, second.id);
}

#[test]
fn what_only_an_older_point_needs_keeps_the_older_time() {
    let vault = Vault::new();
    let (short, long) = (hours(1), hours(48));
    let own = vault.site.join("own.bin");
    fs::write(&own, noise(2, 300_000)).unwrap();
    fs::remove_file(vault.site.join("shared.bin")).unwrap();
    let old = vault.locked_run(short, &[]);
    let before: BTreeSet<String> = vault.locks().into_keys().collect();
    fs::write(&own, noise(3, 300_000)).unwrap();
    vault.locked_run(long, &[(old.id, short)]);
    let mut new = 0;
    for (path, until) in vault.locks().into_iter().filter(|(path, _)| is_lockable(path)) {
        let is_old = before.contains(&path);
        new += u64::from(!is_old);
        assert_eq!(until, Some(if is_old { short } else { long }), "{path}");
    }
    assert!(new >= 4);
}

#[test]
fn locks_that_a_run_missed_are_made_up_for_to_the_right_time() {
    let vault = Vault::new();
    let (short, long) = (hours(24), hours(72));
    fs::write(vault.site.join("own.bin"), noise(2, 300_000)).unwrap();
    // As if it had been killed right after its snapshot.
    let (missed, _) = vault.archive(None);
    assert!(vault.locks().values().all(Option::is_none));
    fs::remove_file(vault.site.join("own.bin")).unwrap();
    fs::write(vault.site.join("new.bin"), noise(4, 300_000)).unwrap();
    let new = vault.locked_run(long, &[(missed.id, short)]);
    let locks = vault.locks();
    assert!(locks.iter().all(|(path, until)| until.is_some() == is_lockable(path)), "{locks:?}");
    // Of the missed point's own: its snapshot and its trees. What is shared, with the pack of both files, is the new one's.
    let own = locks.iter().filter(|(_, until)| **until == Some(short)).count();
    assert!(own >= 2, "{locks:?}");
    assert!(locks[&format!("{REPOSITORY}/snapshots/{}", missed.id)] == Some(short));
    // The memory of it is a cache.
    fs::remove_dir_all(vault.bench.folders().cache.join("object-locks")).unwrap();
    let earlier = [(missed.id, short), (new.id, long)];
    let plan = Promised { new: None, earlier: earlier.into_iter().collect() };
    let raise = || {
        let troubles = Troubles::default();
        let outcome = vault.repository.raise_locks(&plan, &troubles, &Cancel::default()).unwrap();
        assert!(troubles.list().is_empty(), "{:?}", troubles.list());
        outcome
    };
    assert_eq!(raise().iter().map(|at| at.raised).sum::<u64>(), 0, "nothing was to be raised");
    assert_eq!(vault.locks(), locks);
    let asked = vault.count(Op::Retain);
    assert!(raise().is_empty());
    assert_eq!(vault.count(Op::Retain), asked);
}

#[test]
fn what_is_delivered_late_is_locked_too() {
    let vault = Vault::new();
    let (short, long) = (hours(24), hours(72));
    vault.faults.add(Rule::always(Fault::Fail(ErrorKind::Unreachable)).on(Op::Put));
    fs::write(vault.site.join("own.bin"), noise(2, 300_000)).unwrap();
    let plan = Promised { new: Some(short), ..Promised::default() };
    let (late, _) = vault.archive(Some(&plan));
    assert!(vault.locks().keys().all(|path| !is_lockable(path)));
    vault.faults.heal();
    fs::remove_file(vault.site.join("own.bin")).unwrap();
    vault.locked_run(long, &[(late.id, short)]);
    let locks = vault.locks();
    assert!(locks.iter().all(|(path, until)| until.is_some() == is_lockable(path)), "{locks:?}");
    assert_eq!(locks[&format!("{REPOSITORY}/snapshots/{}", late.id)], Some(short));
}

#[test]
fn a_location_that_does_not_lock_is_told_and_has_the_point() {
    let vault = Vault::of(Seaweed::operator_credentials_toml);
    let plan = Promised { new: Some(hours(1)), ..Promised::default() };
    let (archived, troubles) = vault.archive(Some(&plan));
    assert_eq!(archived.locks[0].until, None);
    assert!(archived.locks[0].failure.as_ref().unwrap().contains("refused"), "{:?}", archived.locks);
    let told = troubles.list();
    assert!(told.iter().any(|t| t.kind == TroubleKind::Warning && t.subject == "vault"), "{told:?}");
    assert!(vault.locks().contains_key(&format!("{REPOSITORY}/snapshots/{}", archived.id)));
}

#[test]
fn what_a_prune_rewrote_is_locked_anew_and_what_it_deleted_stays_until_its_lock_is_over() {
    let vault = Vault::new();
    let until = hours(24);
    fs::write(vault.site.join("own.bin"), noise(2, 300_000)).unwrap();
    let old = vault.locked_run(until, &[]);
    fs::remove_file(vault.site.join("own.bin")).unwrap();
    let new = vault.locked_run(until, &[(old.id, until)]);
    let before = vault.locks();
    let (troubles, progress, cancel) = (Troubles::default(), Progress::default(), Cancel::default());
    vault.repository.forget(&[old.id], &troubles, &progress, &cancel).unwrap();
    let thorough = PruneOptions { unused_permille_max: 0, ours: None };
    let pruned = vault.repository.prune(&thorough, &troubles, &progress, &cancel).unwrap();
    assert!(pruned.plan.packs_repacked > 0, "{:?}", pruned.plan);
    let plan = Promised { new: None, earlier: BTreeMap::from([(new.id, until)]) };
    vault.repository.raise_locks(&plan, &troubles, &cancel).unwrap();
    assert!(troubles.list().is_empty(), "{:?}", troubles.list());
    let after = vault.locks();
    assert!(after.iter().all(|(path, lock)| lock.is_some() == is_lockable(path)), "{after:?}");
    let gone: BTreeSet<&String> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    let locked_gone = gone.iter().filter(|path| is_lockable(path)).count();
    assert!(locked_gone >= 3, "a snapshot, a pack and an index file went: {gone:?}");

    let mirror = vault.repository.ready().into_iter().find(|mirror| mirror.name() == "vault").unwrap();
    let erase = || mirror.erase_hidden(SystemClock::new().now()).unwrap().unwrap();
    let erased = erase();
    assert!(erased.failure.is_none(), "{:?}", erased.failure);
    assert_eq!(erased.locked.len(), locked_gone);
    assert!(erased.locked.iter().all(|one| one.until == until), "{:?}", erased.locked);
    // Hidden, and still there.
    for one in &erased.locked {
        assert_eq!(vault.server.version_ids("locked", &one.lying.path).len(), 2, "{}", one.lying.path);
    }
    let soon = || Timestamp::from_second(SystemClock::new().now().as_second() + 5).unwrap().to_string();
    vault.server.end_locks("locked", REPOSITORY, &soon);
    while !erase().locked.is_empty() {
        std::thread::sleep(Duration::from_millis(200));
    }
    for one in &erased.locked {
        let left = vault.server.version_ids("locked", &one.lying.path);
        assert!(left.is_empty(), "{}: {left:?}", one.lying.path);
    }
}
