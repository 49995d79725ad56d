//! Copies of the ledger: snapshots of a restic repository of their own, mirrored like any other, with its password in the ring.
//!
//! So what is known of copies holds for them too: sealed, deduplicated, read back, owed to a location that is away, readable
//! by stock restic. They hold values about people that were erased since, and that is why they are thinned: never so far that
//! none is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_asset::{FilesSource, Rules};
use holdfast_format::{Id, Snapshot};
use holdfast_ledger::{Ledger, Reader};
use holdfast_location::{Area, LEDGER_REPOSITORY, Location};
use holdfast_repo::{
    ArchiveRequest, Archived, Cancel, Index, LocalFolders, Mirror, Progress, PruneOptions, Repository,
    RestoreRequest, TroubleKind, Troubles, Writer,
};
use holdfast_world::{ExposeSecret, SecretString};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::folder::entries;
use crate::purge::caches;
use crate::restore::components;
use crate::setup::{Setup, Shut};

/// The ledger's file in a copy.
pub(super) const LEDGER: &str = "ledger.db";
/// Where the files of the configuration lie in it.
pub(super) const CONFIGURATION: &str = "configuration";
/// Where those of the state lie.
pub(super) const STATE: &str = "state";
/// Records that decisions rest on. What people ask a daemon for is none.
const RECORDS: [&str; 6] = ["points", "sizes", "locations", "object-lock", "serve", "clock"];
/// Copies younger than this all stay.
const ALL: SignedDuration = SignedDuration::from_hours(48);
/// Of older ones the last of each day stays, this long.
const DAILY: SignedDuration = SignedDuration::from_hours(31 * 24);

/// A copy that waits to be brought to the locations; it is removed when this is dropped.
pub(super) struct Staged {
    folder: PathBuf,
    pub(super) leaves: u64,
    pub(super) until: Option<Timestamp>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Writes the copy into a folder of the state that only its owner reads. Always the same one, so that snapshots are alike.
pub(super) fn stage(setup: &Setup, ledger: &Ledger) -> Result<Staged> {
    let state = &setup.places.state;
    let folder = state.join("self-recovery/copy");
    let failed = |error: std::io::Error| {
        Error::not_done(format!("copy the ledger into {}: {error}", folder.display()))
    };
    // What a killed process left there is half of something.
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    holdfast_world::durable::create_directory(&folder, 0o700).map_err(failed)?;
    let mut staged = Staged { folder: folder.clone(), leaves: 0, until: None };
    let database = folder.join(LEDGER);
    ledger.read().copy_into(&database)?;
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let copy = Reader::open(&database)?;
    staged.leaves = copy.tree_head(None)?.leaves;
    staged.until = copy.assessed_until()?;
    drop(copy);
    let configuration = folder.join(CONFIGURATION);
    fs::create_dir(&configuration).map_err(failed)?;
    for name in ["policy.toml", "estate.toml"] {
        copy_file(&setup.places.config.join(name), &configuration.join(name)).map_err(failed)?;
    }
    copy_state(state, &folder.join(STATE)).map_err(failed)?;
    Ok(staged)
}

/// Records, and what is still to be deleted where: without those, what was purged here would come back from there.
fn copy_state(state: &Path, into: &Path) -> std::io::Result<()> {
    for kind in RECORDS {
        let target = into.join("records").join(kind);
        fs::create_dir_all(&target)?;
        for file in entries(&state.join("records").join(kind)).unwrap_or_default() {
            if let Some(name) = file.file_name().filter(|name| name.as_encoded_bytes().ends_with(b".json")) {
                copy_file(&file, &target.join(name))?;
            }
        }
    }
    for repository in entries(&state.join("repositories")).unwrap_or_default() {
        let (tombstones, Some(name)) = (repository.join("tombstones.jsonl"), repository.file_name()) else {
            continue;
        };
        if tombstones.is_file() {
            let target = into.join("repositories").join(name);
            fs::create_dir_all(&target)?;
            copy_file(&tombstones, &target.join("tombstones.jsonl"))?;
        }
    }
    Ok(())
}

/// Copies a file that may vanish meanwhile.
fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::read(from) {
        Ok(content) => {
            fs::write(to, content)?;
            fs::set_permissions(to, fs::Permissions::from_mode(0o600))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Stores a staged copy at every location that can be reached.
pub(super) fn store(setup: &Setup, shut: &Shut, staged: &Staged, troubles: &Troubles) -> Result<Archived> {
    let repository = setup.open_for_writing_but(LEDGER_REPOSITORY, shut)?;
    let folder = std::path::absolute(&staged.folder).map_err(|e| Error::not_done(e.to_string()))?;
    let source = FilesSource::new(&folder, Rules::none()).map_err(|e| Error::not_done(e.to_string()))?;
    let request = ArchiveRequest {
        source: &source,
        cache_name: "ledger",
        tags: vec!["holdfast:ledger".to_owned(), format!("leaves:{}", staged.leaves)],
        excludes: Vec::new(),
        // It is another file each time, whatever its metadata says.
        full: true,
        locks: None,
    };
    Ok(repository.archive(&request, troubles, &Progress::default(), &setup.cancel())?)
}

/// Forgets copies that nobody needs any more. The one that was just brought stays.
pub(super) fn thin(setup: &Setup, shut: &Shut, keep: &Id, troubles: &Troubles) -> Result<()> {
    let now = setup.world.clock.now();
    let choose = |copies: &[(Id, Timestamp)]| {
        let days: Vec<Date> =
            copies.iter().map(|(_, time)| time.to_zoned(jiff::tz::TimeZone::UTC).date()).collect();
        let is_kept = |at: usize| {
            let age = now.duration_since(copies[at].1);
            let is_last_of_day = days.get(at + 1) != Some(&days[at]);
            age <= ALL || (age <= DAILY && is_last_of_day)
        };
        (0..copies.len()).filter(|at| !is_kept(*at)).map(|at| copies[at].0).collect::<Vec<Id>>()
    };
    let repository = setup.open_for_deleting_but(LEDGER_REPOSITORY, shut)?;
    let offered = offered(&repository, keep, troubles)?;
    let (chosen, _) = forgettable(&repository, keep, choose(&offered))?;
    if chosen.is_empty() {
        return Ok(());
    }
    forget(setup, &repository, &chosen, troubles).map(|_| ())
}

/// Forgets every copy but the one that was just brought: the others have what was erased since. Returns the locations where some
/// are left, or may be, each with the reason.
pub(crate) fn forget_all_but(
    setup: &Setup,
    shut: &Shut,
    keep: &Id,
    troubles: &Troubles,
) -> Result<BTreeMap<String, String>> {
    let repository = setup.open_for_deleting_but(LEDGER_REPOSITORY, shut)?;
    let offered = offered(&repository, keep, troubles)?;
    let chosen = offered.into_iter().map(|(id, _)| id).collect();
    let (chosen, mut left) = forgettable(&repository, keep, chosen)?;
    // Even where there is nothing to choose: what a former attempt left is removed now.
    for (location, why) in forget(setup, &repository, &chosen, troubles)? {
        left.entry(location).or_insert(why);
    }
    Ok(left)
}

/// The copies at any location, oldest first, without the one that is kept. How old one is its leaves say: a clock that was wrong
/// once would make one of yesterday the newest for years.
fn offered(repository: &Repository, keep: &Id, troubles: &Troubles) -> Result<Vec<(Id, Timestamp)>> {
    let catalog = holdfast_repo::list(&repository.require_ready()?)?;
    let mut copies = repository.load_snapshots(&catalog, troubles);
    copies.sort_by_key(|(_, snapshot)| age(snapshot));
    Ok(copies.iter().map(|(id, snapshot)| (*id, snapshot.time)).filter(|(id, _)| id != keep).collect())
}

/// By what copies are ordered.
fn age(snapshot: &Snapshot) -> (Option<u64>, Timestamp) {
    let leaves = snapshot.tags.iter().find_map(|tag| tag.strip_prefix("leaves:")?.parse().ok());
    (leaves, snapshot.time)
}

/// What of the chosen may go: nothing that lies at a location which does not list the one that is kept. Returns those locations,
/// too.
fn forgettable(
    repository: &Repository,
    keep: &Id,
    mut chosen: Vec<Id>,
) -> Result<(Vec<Id>, BTreeMap<String, String>)> {
    let mut left = BTreeMap::new();
    for mirror in repository.ready() {
        let listed: BTreeSet<Id> = mirror.list(Area::Snapshots)?.into_iter().map(|(id, _)| id).collect();
        if !listed.contains(keep) && chosen.iter().any(|id| listed.contains(id)) {
            chosen.retain(|id| !listed.contains(id));
            left.insert(
                mirror.name().to_owned(),
                "the new copy is not there yet, so those before it stay".to_owned(),
            );
        }
    }
    Ok((chosen, left))
}

/// Forgets copies, and what only they need; returns the locations where something is left, or may be, each with the reason.
fn forget(
    setup: &Setup,
    repository: &Repository,
    chosen: &[Id],
    troubles: &Troubles,
) -> Result<BTreeMap<String, String>> {
    let (progress, cancel) = (Progress::default(), setup.cancel());
    let mut deletions = repository.forget(chosen, troubles, &progress, &cancel)?.locations;
    let options = PruneOptions { unused_permille_max: 0, ours: None };
    deletions.extend(repository.prune(&options, troubles, &progress, &cancel)?.locations);
    let mut left = BTreeMap::new();
    for at in deletions {
        let waiting = (at.waiting > 0).then(|| format!("{} objects are yet to be deleted", at.waiting));
        if let Some(why) = at.failure.or(waiting) {
            left.entry(at.location).or_insert(why);
        }
    }
    // In a bucket with versions a deletion only hides.
    for mirror in repository.ready() {
        let why = match mirror.erase_hidden(setup.world.clock.now()) {
            Ok(None) => None,
            Ok(Some(erased)) => match (&erased.failure, erased.locked.first()) {
                (Some(failure), _) => Some(failure.to_string()),
                (None, Some(locked)) => Some(format!("one is locked until {}", locked.until)),
                (None, None) => None,
            },
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = why {
            left.entry(mirror.name().to_owned()).or_insert(why);
        }
    }
    caches::clean(setup, repository, troubles)?;
    Ok(left)
}

/// The copies at one place, for whoever has the ring and no configuration yet.
pub(super) struct Copies {
    repository: Repository,
    index: Index,
    mirrors: Vec<Arc<Mirror>>,
    /// The newest first.
    pub(super) snapshots: Vec<(Id, Snapshot)>,
    /// Copies that are there and cannot be opened.
    pub(super) unreadable: Vec<String>,
}

/// Opens a repository at one place with its password alone.
pub(super) fn open_at(
    location: &Arc<dyn Location>,
    repository: &str,
    password: &SecretString,
    folders: LocalFolders,
    writer: Writer,
) -> Result<Repository> {
    let mirrors = vec![Arc::new(Mirror::new(Arc::clone(location), None, repository))];
    let identity = Repository::adopt(&mirrors, password.expose_secret())?;
    Ok(Repository::open(mirrors, identity, password.expose_secret(), folders, writer)?)
}

/// Folders below one that is thrown away.
pub(super) fn folders_below(folder: &Path) -> LocalFolders {
    LocalFolders {
        cache: folder.join("cache"),
        spool: folder.join("spool"),
        spool_bytes_max: 1 << 30,
        tombstones: folder.join("tombstones.jsonl"),
    }
}

impl Copies {
    /// Finds them.
    pub(super) fn of(repository: Repository, troubles: &Troubles) -> Result<Copies> {
        let mirrors = repository.require_ready()?;
        let catalog = holdfast_repo::list(&mirrors)?;
        let mut snapshots = repository.load_snapshots(&catalog, troubles);
        snapshots.sort_by_key(|(_, snapshot)| std::cmp::Reverse(age(snapshot)));
        let is_read = |id: &Id| snapshots.iter().any(|(read, _)| read == id);
        let unread = catalog.snapshots.keys().filter(|id| !is_read(id));
        let unreadable =
            unread.map(|id| format!("the copy {} cannot be opened", &id.to_hex()[..8])).collect();
        let index = repository.load_index(&catalog, troubles).index;
        Ok(Copies { repository, index, mirrors, snapshots, unreadable })
    }

    /// Restores one into a folder that is made.
    pub(super) fn restore(&self, cancel: &Cancel, snapshot: &Snapshot, into: &Path) -> Result<()> {
        let troubles = Troubles::default();
        let root = snapshot.paths.first().map(|path| components(Path::new(path))).unwrap_or_default();
        let request = RestoreRequest {
            snapshot,
            root: &root,
            target: into,
            include: None,
            enter: None,
            overwrite: false,
            from: &self.mirrors,
        };
        self.repository.restore(&request, &self.index, &troubles, &Progress::default(), cancel)?;
        let lost = troubles.list().into_iter().find(|trouble| {
            // Who is not root cannot give files to others; what they hold is all that counts.
            trouble.kind == TroubleKind::Damage
        });
        match lost {
            Some(trouble) => Err(Error::new(
                crate::ending::Ending::Damage,
                format!("{}: {}", trouble.subject, trouble.message),
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_location::Place;
    use holdfast_model::Address;
    use holdfast_world::World;

    use super::*;
    use crate::setup;

    fn mirror(folder: &Path, name: &str) -> Arc<Mirror> {
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        let address = Address::parse(folder.to_str().unwrap()).unwrap();
        let place = Place { name: name.to_owned(), address, credentials: None, object_lock: None };
        let location = holdfast_location::open(&place, &setup::surroundings(&World::system())).unwrap();
        location.establish().unwrap();
        Arc::new(Mirror::new(location, None, LEDGER_REPOSITORY))
    }

    #[test]
    fn nothing_goes_from_a_location_that_does_not_list_the_copy_that_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mirrors = vec![mirror(folder.path(), "here"), mirror(folder.path(), "there")];
        let writer = setup::writer(&World::system());
        let identity = Repository::generate("secret", &writer);
        let folders = folders_below(&folder.path().join("state"));
        let mut repository = Repository::open(mirrors.clone(), identity, "secret", folders, writer).unwrap();
        repository.establish();
        let put = |mirror: &Mirror, text: &'static str| {
            let id = Id::of(text.as_bytes());
            mirror.put(Area::Snapshots, &id, text.as_bytes().into()).unwrap();
            id
        };
        let [both, here, keep] = ["both", "here", "keep"].map(|text| put(&mirrors[0], text));
        put(&mirrors[1], "both");
        let (chosen, left) = forgettable(&repository, &keep, vec![both, here]).unwrap();
        assert_eq!((chosen, left.into_keys().collect::<Vec<_>>()), (vec![here], vec!["there".to_owned()]));
        put(&mirrors[1], "keep");
        let (chosen, left) = forgettable(&repository, &keep, vec![both, here]).unwrap();
        assert_eq!((chosen, left.len()), (vec![both, here], 0));
    }

    #[test]
    fn copies_are_ordered_by_their_leaves_whatever_their_clock_said() {
        let copy = |time: &str, leaves: Option<u64>| {
            let mut snapshot = Snapshot::new(time.parse().unwrap(), Id([1; 32]));
            snapshot.tags.extend(leaves.map(|leaves| format!("leaves:{leaves}")));
            snapshot
        };
        let excursion = copy("2099-01-01T00:00:00Z", Some(90));
        assert!(age(&excursion) < age(&copy("2026-11-27T00:00:00Z", Some(100))));
        // What is none of ours comes last of all that one tries.
        assert!(age(&copy("2099-01-01T00:00:00Z", None)) < age(&excursion));
    }
}
