//! Restores the newest point of a repository in a folder: `restore PLACE REPOSITORY TARGET [--overwrite]`, with the
//! password in `RESTIC_PASSWORD`. For measuring.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program for measuring"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use holdfast_location::{Place, Surroundings, establish};
use holdfast_repo::{
    Cancel, LocalFolders, Mirror, Progress, Repository, RestoreRequest, Troubles, Writer, list,
};
use holdfast_world::{SystemClock, SystemRandom};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (url, name, target) = (arguments[1].clone(), &arguments[2], Path::new(&arguments[3]));
    let password = std::env::var("RESTIC_PASSWORD").unwrap();
    let surroundings = Surroundings::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let place = Place::folder("here", url);
    let location = establish(&place, &surroundings).unwrap();
    let mirrors = vec![Arc::new(Mirror::new(location, None, name))];
    let scratch = std::env::temp_dir().join("holdfast-restore-example");
    let folders = LocalFolders {
        cache: scratch.join("cache"),
        spool: scratch.join("spool"),
        spool_bytes_max: 0,
        tombstones: scratch.join("tombstones"),
    };
    let writer = Writer {
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
    };
    let start = Instant::now();
    let identity = Repository::adopt(&mirrors, &password).unwrap();
    let repository = Repository::open(mirrors, identity, &password, folders, writer).unwrap();
    let troubles = Troubles::default();
    let catalog = list(&repository.ready()).unwrap();
    let index = repository.load_index(&catalog, &troubles).index;
    let snapshot = repository.load_snapshots(&catalog, &troubles).pop().unwrap().1;
    println!("opened after {:?}", start.elapsed());
    let from = repository.ready();
    let overwrite = arguments.get(4).is_some_and(|a| a == "--overwrite");
    let request = RestoreRequest {
        snapshot: &snapshot,
        root: &[],
        target,
        include: None,
        enter: None,
        overwrite,
        from: &from,
    };
    let restored = repository.restore(&request, &index, &troubles, &Progress::default(), &Cancel::default());
    println!("{restored:?}");
    for trouble in troubles.list().iter().take(20) {
        println!("{trouble:?}");
    }
    println!("restored after {:?}", start.elapsed());
}
