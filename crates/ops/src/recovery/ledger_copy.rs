//! Copies of the ledger: snapshots of a restic repository of their own, mirrored like any other, with its password in the ring.
//!
//! So what is known of copies holds for them too: sealed, deduplicated, read back, owed to a location that is away, readable
//! by stock restic. They hold values about people that were erased since, and that is why they are thinned: never so far that
//! none is left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_asset::{FilesSource, Rules};
use holdfast_format::{Id, Snapshot};
use holdfast_ledger::{Ledger, Reader};
use holdfast_location::{LEDGER_REPOSITORY, Location};
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
use crate::setup::Setup;

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
pub(super) fn store(setup: &Setup, staged: &Staged, troubles: &Troubles) -> Result<Archived> {
    let repository = setup.open_for_writing(LEDGER_REPOSITORY)?;
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

/// Forgets copies that nobody needs any more. The newest stays, whatever its age.
pub(super) fn thin(setup: &Setup, troubles: &Troubles) -> Result<()> {
    let now = setup.world.clock.now();
    forget(setup, troubles, |copies| {
        let days: Vec<Date> =
            copies.iter().map(|(_, time)| time.to_zoned(jiff::tz::TimeZone::UTC).date()).collect();
        let is_kept = |at: usize| {
            let age = now.duration_since(copies[at].1);
            let is_last_of_day = days.get(at + 1) != Some(&days[at]);
            age <= ALL || (age <= DAILY && is_last_of_day)
        };
        (0..copies.len()).filter(|at| !is_kept(*at)).map(|at| copies[at].0).collect()
    })
}

/// Forgets every copy but the newest: older ones have what was erased since.
pub(crate) fn forget_all_but_newest(setup: &Setup, troubles: &Troubles) -> Result<()> {
    forget(setup, troubles, |copies| copies.iter().map(|(id, _)| *id).collect())
}

/// Forgets what is chosen of the copies, oldest first; never the newest, which is not even offered.
fn forget(setup: &Setup, troubles: &Troubles, choose: impl Fn(&[(Id, Timestamp)]) -> Vec<Id>) -> Result<()> {
    let repository = setup.open_for_deleting(LEDGER_REPOSITORY)?;
    let catalog = holdfast_repo::list(&repository.require_ready()?)?;
    let mut copies: Vec<(Id, Timestamp)> = repository
        .load_snapshots(&catalog, troubles)
        .iter()
        .map(|(id, snapshot)| (*id, snapshot.time))
        .collect();
    copies.sort_by_key(|(_, time)| *time);
    copies.pop();
    let chosen = choose(&copies);
    if chosen.is_empty() {
        return Ok(());
    }
    let (progress, cancel) = (Progress::default(), setup.cancel());
    repository.forget(&chosen, troubles, &progress, &cancel)?;
    let options = PruneOptions { unused_permille_max: 0, ours: None };
    repository.prune(&options, troubles, &progress, &cancel)?;
    // In a bucket with versions a deletion only hides.
    for mirror in repository.ready() {
        mirror.erase_hidden(setup.world.clock.now())?;
    }
    caches::clean(setup, &repository, troubles)
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
        snapshots.sort_by_key(|(_, snapshot)| std::cmp::Reverse(snapshot.time));
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
