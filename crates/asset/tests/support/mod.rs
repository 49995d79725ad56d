//! What the tests of the walk share.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "test support")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use holdfast_asset::{FilesSource, Rules};
use holdfast_format::source::{Content, Directory, Entry, EntryKind, Extent, Listing, Metadata, Source};
use holdfast_model::ExcludePattern;
use holdfast_world::process::{Finished, Invocation};
use tempfile::TempDir;

pub fn tree() -> TempDir {
    assert!(
        rustix::process::geteuid().is_root(),
        "run these tests as root: they make devices and change owners"
    );
    tempfile::tempdir().unwrap()
}

pub fn root_of(path: &Path, rules: Rules) -> (FilesSource, Metadata, Arc<dyn Directory>) {
    let source = FilesSource::new(path, rules).unwrap();
    let (metadata, root) = source.root().unwrap();
    (source, metadata, root)
}

pub fn list(path: &Path, rules: Rules) -> (Arc<dyn Directory>, Listing) {
    let (_, _, root) = root_of(path, rules);
    let listing = root.list().unwrap();
    (root, listing)
}

pub fn find<'l>(listing: &'l Listing, name: &str) -> &'l Entry {
    listing
        .entries
        .iter()
        .find(|entry| entry.name == name.as_bytes())
        .unwrap_or_else(|| panic!("{name} is missing"))
}

pub fn rules(patterns: &[&str]) -> Rules {
    let patterns: Vec<_> = patterns.iter().map(|pattern| ExcludePattern::parse(pattern).unwrap()).collect();
    Rules::excluding(&patterns).unwrap()
}

/// Every path below the root with its entry; the counts of what was left out and of what failed.
pub fn walk(path: &Path, rules: Rules) -> (BTreeMap<Vec<u8>, Entry>, u64, usize) {
    let (_, _, root) = root_of(path, rules);
    let (mut found, mut excluded, mut failed) = (BTreeMap::new(), 0, 0);
    let mut waiting = vec![(Vec::new(), root)];
    while let Some((prefix, directory)) = waiting.pop() {
        let listing = directory.list().unwrap();
        assert!(listing.entries.windows(2).all(|pair| pair[0].name < pair[1].name), "not strictly ascending");
        excluded += listing.excluded;
        failed += listing.failures.len();
        for entry in listing.entries {
            let path = [&prefix[..], &entry.name].concat();
            if entry.metadata.kind == EntryKind::Directory {
                waiting.push(([&path[..], b"/"].concat(), directory.child(&entry).unwrap()));
            }
            found.insert(path, entry);
        }
    }
    (found, excluded, failed)
}

pub fn paths(found: &BTreeMap<Vec<u8>, Entry>) -> Vec<String> {
    found.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect()
}

pub fn read_all(content: &mut dyn Content) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 7919];
    loop {
        match content.extent().unwrap() {
            Extent::Hole(length) => bytes.resize(bytes.len() + usize::try_from(length).unwrap(), 0),
            Extent::Data(length) => {
                let wanted = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
                let count = content.read(&mut buffer[..wanted]).unwrap();
                if count == 0 {
                    return bytes;
                }
                bytes.extend_from_slice(&buffer[..count]);
            }
        }
    }
}

pub fn run(program: &str, arguments: &[&OsStr]) {
    let invocation = Invocation::new(program, Duration::from_secs(60))
        .arguments(arguments)
        .variable("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    invocation.run(None).and_then(Finished::checked).unwrap_or_else(|error| {
        panic!("{error}; the tests need the packages acl and mount: cargo xtask test")
    });
}
