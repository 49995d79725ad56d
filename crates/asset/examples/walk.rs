//! Walks a tree as a backup would, without reading files, and says how fast: `cargo run --release --example walk DIR`.
//! With `--xattrs`, extended attributes are asked for as well, as on a first backup.
#![allow(clippy::print_stdout, reason = "an example talks")]

use std::path::Path;

use holdfast_asset::{FilesSource, Rules};
use holdfast_format::source::{Directory, EntryKind, Source, SourceError};
use holdfast_world::{Clock, SystemClock};

#[derive(Default)]
struct Seen {
    entries: u64,
    directories: u64,
    with_xattrs: u64,
    failures: Vec<SourceError>,
}

fn main() -> Result<(), SourceError> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let with_xattrs = arguments.iter().any(|argument| argument == "--xattrs");
    arguments.retain(|argument| argument != "--xattrs");
    let root = arguments.pop().unwrap_or_else(|| "/usr".to_owned());
    let clock = SystemClock::new();
    for round in 1..=3 {
        let start = clock.monotonic();
        let mut seen = Seen::default();
        let source = FilesSource::new(Path::new(&root), Rules::none())?;
        let mut waiting = vec![source.root()?.1];
        while let Some(directory) = waiting.pop() {
            visit(&*directory, with_xattrs, &mut waiting, &mut seen);
        }
        let seconds = (clock.monotonic() - start).as_secs_f64();
        println!(
            "round {round}: {} entries in {} folders, {} with attributes, {} failures, {seconds:.3} s, {:.0} entries/s",
            seen.entries,
            seen.directories,
            seen.with_xattrs,
            seen.failures.len(),
            seen.entries as f64 / seconds
        );
    }
    Ok(())
}

fn visit(
    directory: &dyn Directory,
    with_xattrs: bool,
    waiting: &mut Vec<std::sync::Arc<dyn Directory>>,
    seen: &mut Seen,
) {
    seen.directories += 1;
    let listing = match directory.list() {
        Ok(listing) => listing,
        Err(error) => return seen.failures.push(error),
    };
    seen.failures.extend(listing.failures);
    for entry in &listing.entries {
        seen.entries += 1;
        if with_xattrs {
            match directory.xattrs(entry) {
                Ok(xattrs) => seen.with_xattrs += u64::from(!xattrs.is_empty()),
                Err(error) => seen.failures.push(error),
            }
        }
        if entry.metadata.kind == EntryKind::Directory {
            match directory.child(entry) {
                Ok(child) => waiting.push(child),
                Err(error) => seen.failures.push(error),
            }
        }
    }
}
