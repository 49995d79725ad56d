//! The walk on trees that are large or deep.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use holdfast_asset::Rules;
use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat};

mod support;

use support::*;

#[test]
fn a_tree_deeper_than_any_path_is_walked_without_holding_it_open() {
    const DEPTH: usize = 2000;
    let folder = tree();
    // Made relative to open folders: no path leads there.
    let mut at = openat(CWD, folder.path(), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        mkdirat(&at, "folder", Mode::from(0o755)).unwrap();
        at = openat(&at, "folder", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    }
    drop(
        openat(&at, "deepest", OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::from(0o644)).unwrap(),
    );

    let open_files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let (_, _, mut directory) = root_of(folder.path(), rules(&["/folder/never"]));
    let open_before = open_files();
    for _ in 0..DEPTH {
        let listing = directory.list().unwrap();
        directory = directory.child(&listing.entries[0]).unwrap();
    }
    let listing = directory.list().unwrap();
    assert_eq!(listing.entries[0].name, b"deepest");
    assert_eq!(directory.path().len(), folder.path().as_os_str().len() + DEPTH * "/folder".len());
    assert!(read_all(&mut *directory.open(&listing.entries[0]).unwrap()).is_empty());
    directory.xattrs(&listing.entries[0]).unwrap();
    assert!(open_files() <= open_before + 1, "parents are held open");
    drop(directory);
    // The way out for the test itself: `rm` goes by open folders too.
    run("rm", &["-rf".as_ref(), folder.path().join("folder").as_os_str()]);
}

#[test]
fn a_folder_of_a_hundred_thousand_entries_is_complete_and_sorted_twice() {
    let folder = tree();
    for number in 0..100_000 {
        let path = folder.path().join(format!("{number:x}"));
        mknodat(CWD, path, FileType::RegularFile, Mode::from(0o644), 0).unwrap();
    }
    let (root, listing) = list(folder.path(), Rules::none());
    assert_eq!(listing.entries.len(), 100_000);
    assert!(listing.entries.windows(2).all(|pair| pair[0].name < pair[1].name));
    assert_eq!(root.list().unwrap().entries, listing.entries);
}

#[test]
fn listing_one_folder_from_many_threads_gives_each_all_of_it() {
    let folder = tree();
    for number in 0..3000 {
        std::fs::write(folder.path().join(number.to_string()), "").unwrap();
    }
    let (_, _, root) = root_of(folder.path(), Rules::none());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(root.list().unwrap().entries.len(), 3000));
        }
    });
}
