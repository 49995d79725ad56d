//! Makes repositories that are large in one respect, for measuring how cost grows:
//! `generate blobs REPOSITORY COUNT` archives COUNT small files that are made up on the way, each a blob of its own;
//! `generate points REPOSITORY COUNT` adds copies of the newest point, an hour apart, until there are COUNT points.
//! The password is in `RESTIC_PASSWORD`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a program for measuring")]

#[path = "generate/made_up.rs"]
mod made_up;
#[path = "generate/points.rs"]
mod points;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_location::{Place, Surroundings, establish};
use holdfast_repo::{ArchiveRequest, Cancel, LocalFolders, Mirror, Progress, Repository, Troubles, Writer};
use holdfast_world::{SystemClock, SystemRandom};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let usage = "usage: generate blobs|points REPOSITORY COUNT";
    let [_, what, repository, count] = &arguments[..] else { return Err(usage.into()) };
    let (repository, count) = (Path::new(repository), count.parse()?);
    let password = std::env::var("RESTIC_PASSWORD")?;
    match what.as_str() {
        "blobs" => blobs(repository, count, &password),
        "points" => points::add(repository, count, &password),
        _ => Err(usage.into()),
    }
}

fn blobs(path: &Path, count: u64, password: &str) -> Outcome<()> {
    let (parent, name) = (path.parent().ok_or("no parent folder")?, path.file_name().ok_or("no name")?);
    let surroundings = Surroundings::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let place = Place::folder("here", parent);
    let location = establish(&place, &surroundings)?;
    let mirrors = vec![Arc::new(Mirror::new(location, None, &name.to_string_lossy()))];
    let scratch = path.with_extension("state");
    let writer = writer();
    let identity = Repository::generate(password, &writer);
    let mut repository = Repository::open(mirrors, identity, password, folders(&scratch), writer)?;
    for (_, outcome) in repository.establish() {
        outcome?;
    }
    let source = made_up::MadeUp::new(count);
    let request = ArchiveRequest {
        source: &source,
        cache_name: "made-up",
        tags: Vec::new(),
        excludes: Vec::new(),
        full: false,
        locks: None,
    };
    let troubles = Troubles::default();
    let archived = repository.archive(&request, &troubles, &Progress::default(), &Cancel::default())?;
    if let Some(trouble) = troubles.list().first() {
        return Err(format!("the archive had trouble: {trouble:?}").into());
    }
    println!("{} files in point {}", archived.totals.files, archived.id.to_hex());
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}

fn folders(scratch: &Path) -> LocalFolders {
    let below = |name: &str| -> PathBuf { scratch.join(name) };
    LocalFolders {
        cache: below("cache"),
        spool: below("spool"),
        spool_bytes_max: 0,
        tombstones: below("tombstones"),
    }
}

fn writer() -> Writer {
    Writer {
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
        hostname: "here".to_owned(),
        machine: "0a1b2c3d".to_owned(),
        username: "root".to_owned(),
        uid: 0,
        gid: 0,
        pid: std::process::id(),
        is_process_alive: Arc::new(|_| true),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    }
}
