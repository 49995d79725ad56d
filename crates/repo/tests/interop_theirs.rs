//! What stock programs write, as we take it up: restored, verified, pruned and continued, and their own check is content
//! with what we did to it.
#![allow(clippy::disallowed_methods, reason = "tests run restic and rustic")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use holdfast_format::{Id, Snapshot};
use holdfast_repo::{
    Cancel, Progress, PruneOptions, Read, Repository, RestoreRequest, Troubles, VerifyRequest, list,
};
use support::stock::Stock;
use support::{Bench, assert_same, make_tree, must_succeed};

/// Bytes of the file that each point has for itself.
const OWN_BYTES: u32 = 3_000_000;

/// A repository that a stock program wrote: four points of a site that changes in between, oldest first, each with a copy
/// of the site as it was.
struct Theirs {
    bench: Bench,
    stock: Stock,
    site: PathBuf,
    points: Vec<(Id, Snapshot)>,
    copies: Vec<PathBuf>,
}

impl Theirs {
    fn write(stock: Stock) -> Theirs {
        let bench = Bench::new(&["here"]);
        let site = bench.path("site");
        make_tree(&site);
        // Still many chunks, and less to wait for.
        fs::File::options()
            .write(true)
            .open(site.join("uploads/2026/big.bin"))
            .unwrap()
            .set_len(12_345_678)
            .unwrap();
        fs::set_permissions(site.join("empty"), std::os::unix::fs::PermissionsExt::from_mode(0o1777))
            .unwrap();
        let repository = bench.repository_path("here");
        stock.init(&repository);
        let mut copies = Vec::new();
        for number in 0..4u32 {
            let own: Vec<u8> = (0..OWN_BYTES / 4)
                .flat_map(|n| (n.wrapping_add(number << 22).wrapping_mul(2_654_435_761) >> 5).to_le_bytes())
                .collect();
            fs::write(site.join("own.bin"), own).unwrap();
            fs::write(site.join(format!("uploads/new{number}.txt")), format!("new {number}")).unwrap();
            fs::remove_file(site.join(format!("uploads/file{}.txt", 20 + number))).unwrap();
            let copy = bench.path(&format!("site-{number}"));
            must_succeed(&Command::new("cp").arg("-a").arg(&site).arg(&copy).output().unwrap());
            copies.push(copy);
            if number == 3 {
                // Stamps younger than two seconds are not believed, and what is not believed is read again.
                std::thread::sleep(Duration::from_millis(3100));
            }
            stock.backup(&repository, &site);
        }
        let mut theirs = Theirs { bench, stock, site, points: Vec::new(), copies };
        theirs.points = theirs.load(&theirs.open());
        assert_eq!(theirs.points.len(), 4);
        theirs
    }

    fn open(&self) -> Repository {
        self.bench.reopen(self.bench.mirrors())
    }

    fn repository_path(&self) -> PathBuf {
        self.bench.repository_path("here")
    }

    /// The points, oldest first.
    fn load(&self, repository: &Repository) -> Vec<(Id, Snapshot)> {
        let catalog = list(&repository.require_ready().unwrap()).unwrap();
        let troubles = Troubles::default();
        let points = repository.load_snapshots(&catalog, &troubles);
        assert_eq!(troubles.list(), []);
        points
    }

    #[track_caller]
    fn assert_restored(&self, repository: &Repository, point: &Snapshot, copy: &Path, name: &str) {
        let troubles = Troubles::default();
        let catalog = list(&repository.require_ready().unwrap()).unwrap();
        let index = repository.load_index(&catalog, &troubles).index;
        let target = self.bench.path(name);
        let root: Vec<Vec<u8>> = self
            .site
            .components()
            .skip(1)
            .map(|part| std::os::unix::ffi::OsStrExt::as_bytes(part.as_os_str()).to_vec())
            .collect();
        let request = RestoreRequest {
            snapshot: point,
            root: &root,
            target: &target,
            include: None,
            enter: None,
            overwrite: false,
            from: &catalog.mirrors,
        };
        let restored =
            repository.restore(&request, &index, &troubles, &Progress::default(), &Cancel::default());
        assert_eq!((restored.unwrap().failures, troubles.list()), (0, Vec::new()));
        if self.stock.is_rustic() && point.program_version.starts_with("rustic") {
            // rustic keeps no metadata of the folder that it was told to back up, nor of those above.
            fs::File::open(&target)
                .unwrap()
                .set_modified(fs::metadata(copy).unwrap().modified().unwrap())
                .unwrap();
        }
        assert_same(copy, &target);
        fs::remove_dir_all(target).unwrap();
    }

    #[track_caller]
    fn assert_sound(&self, repository: &Repository, points: u64) {
        let request = VerifyRequest { locations: None, read: Read::All };
        let troubles = Troubles::default();
        let verified =
            repository.verify(&request, &troubles, &Progress::default(), &Cancel::default()).unwrap();
        assert!(verified.is_sound(), "{verified:#?}");
        assert_eq!((verified.points, troubles.list()), (points, Vec::new()));
        assert_eq!(verified.locations[0].packs_read, verified.locations[0].packs);
    }
}

fn bytes_below(folder: &Path) -> u64 {
    let du = Command::new("du").arg("-sb").arg(folder).output().unwrap();
    must_succeed(&du).split_whitespace().next().unwrap().parse().unwrap()
}

fn take_up(stock: Stock) {
    let theirs = Theirs::write(stock);
    let repository = theirs.open();
    theirs.assert_sound(&repository, 4);
    for number in [0, 3] {
        let name = format!("restored-{number}");
        theirs.assert_restored(&repository, &theirs.points[number].1, &theirs.copies[number], &name);
    }

    // Half of it goes, with its bytes.
    let before = bytes_below(&theirs.repository_path());
    let gone: Vec<Id> = theirs.points[..2].iter().map(|(id, _)| *id).collect();
    let (troubles, progress, cancel) = (Troubles::default(), Progress::default(), Cancel::default());
    repository.forget(&gone, &troubles, &progress, &cancel).unwrap();
    let pruned = repository.prune(&PruneOptions::default(), &troubles, &progress, &cancel).unwrap();
    assert_eq!(troubles.list(), []);
    assert!(pruned.locations.iter().all(|l| l.failure.is_none() && l.waiting == 0), "{pruned:#?}");
    let after = bytes_below(&theirs.repository_path());
    let freed = before.saturating_sub(after);
    assert!(freed > u64::from(OWN_BYTES), "{freed} bytes freed: {pruned:#?}");
    theirs.stock.check(&theirs.repository_path());

    let repository = theirs.open();
    theirs.assert_sound(&repository, 2);
    let left = theirs.load(&repository);
    assert_eq!(left.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [theirs.points[2].0, theirs.points[3].0]);
    for (number, ((_, point), copy)) in left.iter().zip(&theirs.copies[2..]).enumerate() {
        theirs.assert_restored(&repository, point, copy, &format!("left-{number}"));
    }
}

fn continue_on_top(stock: Stock) {
    let theirs = Theirs::write(stock);
    let repository = theirs.open();
    let site = &theirs.site;
    // Nothing changed: nothing is read, and what is stored is a snapshot and the folders above the site at most.
    let unchanged = theirs.bench.archive(&repository, site, false).0.unwrap();
    assert_eq!(unchanged.snapshot.parent, Some(theirs.points[3].0));
    assert_eq!(unchanged.totals.bytes_read, 0, "{:?}", unchanged.totals);
    assert_eq!(unchanged.totals.files_unmodified, unchanged.totals.files);
    assert_eq!(unchanged.snapshot.summary.as_ref().unwrap().data_blobs, 0);

    fs::write(site.join("changed.txt"), "changed after them").unwrap();
    let changed = theirs.bench.archive(&repository, site, false).0.unwrap();
    assert_eq!(changed.totals.bytes_read, 18);
    theirs.stock.check(&theirs.repository_path());
    theirs.assert_sound(&repository, 6);
    let target = theirs.bench.path("their-restore");
    theirs.stock.restore(&theirs.repository_path(), &changed.id.to_hex(), &target);
    assert_same(site, &target.join(site.strip_prefix("/").unwrap()));

    // And they go on on top of ours, and we after them.
    theirs.stock.backup(&theirs.repository_path(), site);
    theirs.stock.check(&theirs.repository_path());
    let repository = theirs.open();
    let points = theirs.load(&repository);
    assert_eq!(points.len(), 7);
    theirs.assert_restored(&repository, &points[6].1, site, "our-restore");
}

/// Where the parent snapshot is theirs and has no cache of ours, unchanged files are recognised by what they wrote.
#[test]
fn interop_theirs_continue_on_top_of_restic_of_debian() {
    continue_on_top(Stock::ResticOfDebian);
}

#[test]
fn interop_theirs_continue_on_top_of_restic_newest() {
    continue_on_top(Stock::ResticNewest);
}

#[test]
fn interop_theirs_continue_on_top_of_rustic() {
    continue_on_top(Stock::Rustic);
}

#[test]
fn interop_theirs_take_up_restic_of_debian() {
    take_up(Stock::ResticOfDebian);
}

#[test]
fn interop_theirs_take_up_restic_newest() {
    take_up(Stock::ResticNewest);
}

#[test]
fn interop_theirs_take_up_rustic() {
    take_up(Stock::Rustic);
}
