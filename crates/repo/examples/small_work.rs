//! Four small works whose instructions can be counted: `small_work prepare|archive|unchanged|restore|verify FOLDER`.
//!
//! Times on a shared machine cannot be asserted; instructions nearly can. For that everything that varies is fixed: the
//! files and their times, the clock, the randomness, one worker. `prepare` makes the files and an empty repository; the
//! works then follow each other in that order. `cargo xtask instructions` runs them under callgrind and compares.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program for measuring")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use holdfast_location::{Place, Surroundings, establish};
use holdfast_repo::{
    ArchiveRequest, Cancel, LocalFolders, Mirror, Progress, Read, Repository, RestoreRequest, Troubles,
    VerifyRequest, Writer, list,
};
use holdfast_testkit::corpus;
use holdfast_testkit::folder_source::FolderSource;
use holdfast_world::fake::{FakeClock, FakeRandom};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const PASSWORD: &str = "only-for-counting";
/// Small files, most of them text, and one file that is cut into several chunks, half of it noise.
const FILES: u64 = 400;
const LARGE_FILE_BYTES: u64 = 4 << 20;
/// Later than any time that a machine shows, so that no file is taken for just changed.
const NOW: &str = "2100-01-01T00:00:00Z";

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, work, folder] = &arguments[..] else {
        return Err("usage: small_work prepare|archive|unchanged|restore|verify FOLDER".into());
    };
    let stand = Stand { root: Path::new(folder) };
    match work.as_str() {
        "prepare" => stand.prepare(),
        "archive" | "unchanged" => stand.archive(&stand.open()?, work == "unchanged"),
        "restore" => stand.restore(&stand.open()?),
        "verify" => stand.verify(&stand.open()?),
        other => Err(format!("there is no work called {other}").into()),
    }
}

struct Stand<'a> {
    root: &'a Path,
}

impl Stand<'_> {
    fn prepare(&self) -> Outcome<()> {
        let source = self.root.join("source");
        corpus::make_files(&source, FILES)?;
        corpus::make_file(&source.join("large.bin"), LARGE_FILE_BYTES)?;
        let mirrors = self.mirrors()?;
        let writer = writer(1)?;
        let identity = Repository::generate(PASSWORD, &writer);
        let mut repository = Repository::open(mirrors, identity, PASSWORD, self.folders(), writer)?;
        for (_, outcome) in repository.establish() {
            outcome?;
        }
        Ok(())
    }

    fn open(&self) -> Outcome<Repository> {
        let mirrors = self.mirrors()?;
        let identity = Repository::adopt(&mirrors, PASSWORD)?;
        Ok(Repository::open(mirrors, identity, PASSWORD, self.folders(), writer(2)?)?)
    }

    fn mirrors(&self) -> Outcome<Vec<Arc<Mirror>>> {
        let location = self.root.join("location");
        fs::create_dir_all(&location)?;
        let clock = Arc::new(FakeClock::new(NOW.parse()?));
        let surroundings = Surroundings::new(clock, Arc::new(FakeRandom::new(3)));
        let location = establish(&Place::folder("here", location), &surroundings)?;
        Ok(vec![Arc::new(Mirror::new(location, None, "counted"))])
    }

    fn folders(&self) -> LocalFolders {
        LocalFolders {
            cache: self.root.join("cache"),
            spool: self.root.join("spool"),
            spool_bytes_max: 0,
            tombstones: self.root.join("tombstones"),
        }
    }

    fn archive(&self, repository: &Repository, is_again: bool) -> Outcome<()> {
        let folder = fs::canonicalize(self.root.join("source"))?;
        let source = FolderSource::new(&folder);
        let request = ArchiveRequest {
            source: &source,
            cache_name: "counted",
            tags: Vec::new(),
            excludes: Vec::new(),
            full: false,
            locks: None,
        };
        let troubles = Troubles::default();
        let archived = repository.archive(&request, &troubles, &Progress::default(), &Cancel::default())?;
        none(&troubles)?;
        let expected = if is_again { FILES + 1 } else { 0 };
        let unmodified = archived.totals.files_unmodified;
        if unmodified != expected {
            return Err(format!("{unmodified} files were taken for unmodified and not {expected}").into());
        }
        println!("{} files, {unmodified} unmodified", archived.totals.files);
        Ok(())
    }

    fn restore(&self, repository: &Repository) -> Outcome<()> {
        let troubles = Troubles::default();
        let from = repository.ready();
        let catalog = list(&from)?;
        let index = repository.load_index(&catalog, &troubles).index;
        let (_, snapshot) =
            repository.load_snapshots(&catalog, &troubles).pop().ok_or("there is no point")?;
        let target = self.root.join("restored");
        let request = RestoreRequest {
            snapshot: &snapshot,
            root: &[],
            target: &target,
            include: None,
            enter: None,
            overwrite: false,
            from: &from,
        };
        repository.restore(&request, &index, &troubles, &Progress::default(), &Cancel::default())?;
        none(&troubles)?;
        println!("restored");
        Ok(())
    }

    fn verify(&self, repository: &Repository) -> Outcome<()> {
        let troubles = Troubles::default();
        let request = VerifyRequest { locations: None, read: Read::All };
        let verified = repository.verify(&request, &troubles, &Progress::default(), &Cancel::default())?;
        none(&troubles)?;
        if !verified.is_sound() {
            return Err(format!("damage where none can be: {verified:?}").into());
        }
        println!("{} points verified", verified.points);
        Ok(())
    }
}

fn none(troubles: &Troubles) -> Outcome<()> {
    match troubles.list().first() {
        Some(trouble) => Err(format!("there was trouble: {trouble:?}").into()),
        None => Ok(()),
    }
}

fn writer(seed: u64) -> Outcome<Writer> {
    Ok(Writer {
        clock: Arc::new(FakeClock::new(NOW.parse()?)),
        random: Arc::new(FakeRandom::new(seed)),
        hostname: "here".to_owned(),
        machine: "0a1b2c3d".to_owned(),
        username: "root".to_owned(),
        uid: 0,
        gid: 0,
        pid: 1,
        is_process_alive: Arc::new(|_| true),
        threads: 1,
    })
}
