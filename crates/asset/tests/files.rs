//! Real trees of files, with everything in them that file systems allow, and some that change while they are read.
//! To be run as root: devices, owners and foreign file systems need it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use holdfast_asset::{FilesSource, Rules};
use holdfast_format::source::{EntryKind, Extent, Source};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, lsetxattr, makedev, mknodat, setxattr};

mod support;

use support::*;

#[test]
fn every_kind_of_entry_is_told_with_its_metadata() {
    let folder = tree();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "hello").unwrap();
    std::os::unix::fs::chown(at("file"), Some(4321), Some(1234)).unwrap();
    std::fs::set_permissions(at("file"), PermissionsExt::from_mode(0o6755)).unwrap();
    std::fs::hard_link(at("file"), at("hardlink")).unwrap();
    std::fs::create_dir(at("dir")).unwrap();
    std::fs::set_permissions(at("dir"), PermissionsExt::from_mode(0o1777)).unwrap();
    symlink("nowhere/\u{0007}/at all", at("dangling")).unwrap();
    symlink(OsStr::from_bytes(b"\xff\xfe"), at("foreign")).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from(0o640), 0).unwrap();
    mknodat(CWD, at("tty"), FileType::CharacterDevice, Mode::from(0o600), makedev(5, 1)).unwrap();
    mknodat(CWD, at("disk"), FileType::BlockDevice, Mode::from(0o600), makedev(300, 70_000)).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();

    let (root, listing) = list(folder.path(), Rules::none());
    let kinds: Vec<_> = listing
        .entries
        .iter()
        .map(|entry| (std::str::from_utf8(&entry.name).unwrap(), entry.metadata.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("dangling", EntryKind::Symlink),
            ("dir", EntryKind::Directory),
            ("disk", EntryKind::BlockDevice),
            ("fifo", EntryKind::Fifo),
            ("file", EntryKind::File),
            ("foreign", EntryKind::Symlink),
            ("hardlink", EntryKind::File),
            ("socket", EntryKind::Socket),
            ("tty", EntryKind::CharDevice),
        ]
    );
    assert!(listing.failures.is_empty());
    // The standard library's own reading of the same entries.
    for entry in &listing.entries {
        let expected = std::fs::symlink_metadata(at(std::str::from_utf8(&entry.name).unwrap())).unwrap();
        let found = &entry.metadata;
        assert_eq!(
            (found.permissions, found.uid, found.gid),
            (expected.mode() & 0o7777, expected.uid(), expected.gid())
        );
        assert_eq!(
            (found.inode, found.device_id, found.links),
            (expected.ino(), expected.dev(), expected.nlink())
        );
        assert_eq!((found.size, found.device), (expected.size(), expected.rdev()));
        let (mtime, ctime) = (found.mtime, found.ctime);
        assert_eq!((mtime.seconds, i64::from(mtime.nanoseconds)), (expected.mtime(), expected.mtime_nsec()));
        assert_eq!((ctime.seconds, i64::from(ctime.nanoseconds)), (expected.ctime(), expected.ctime_nsec()));
    }
    assert_eq!(find(&listing, "file").metadata.inode, find(&listing, "hardlink").metadata.inode);
    assert_eq!(find(&listing, "file").metadata.permissions, 0o6755);
    let target = root.link_target(find(&listing, "dangling")).unwrap();
    assert_eq!(target, "nowhere/\u{0007}/at all".as_bytes());
    assert_eq!(root.link_target(find(&listing, "foreign")).unwrap(), b"\xff\xfe");
    for name in ["fifo", "socket", "disk"] {
        assert!(root.open(find(&listing, name)).is_err(), "{name}");
    }
}

#[test]
fn times_before_1970_count_their_nanoseconds_forward() {
    let folder = tree();
    let file = std::fs::File::create(folder.path().join("old")).unwrap();
    let time = std::time::UNIX_EPOCH - Duration::new(100, 250_000_000);
    file.set_times(std::fs::FileTimes::new().set_modified(time)).unwrap();
    let (_, listing) = list(folder.path(), Rules::none());
    let mtime = find(&listing, "old").metadata.mtime;
    assert_eq!((mtime.seconds, mtime.nanoseconds), (-101, 750_000_000));
}

#[test]
fn names_are_bytes() {
    let folder = tree();
    let longest = vec![b'n'; 255];
    let names: [&[u8]; 6] = [b"a\nb", b"\xff\xfe\x01", b" ", b"-rf", "ä".as_bytes(), &longest];
    for name in names {
        std::fs::write(folder.path().join(OsStr::from_bytes(name)), name).unwrap();
    }
    let (root, listing) = list(folder.path(), Rules::none());
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(listing.entries.iter().map(|entry| &entry.name[..]).collect::<Vec<_>>(), sorted);
    for entry in &listing.entries {
        assert_eq!(read_all(&mut *root.open(entry).unwrap()), entry.name);
        assert!(root.xattrs(entry).unwrap().iter().all(|xattr| !xattr.name.starts_with(b"user.")));
    }
}

#[test]
fn attributes_and_acls_come_sorted_from_every_kind_of_entry() {
    let folder = tree();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "").unwrap();
    std::fs::create_dir(at("dir")).unwrap();
    symlink("file", at("link")).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from(0o644), 0).unwrap();
    let big = vec![7; 3000];
    setxattr(at("file"), "user.zebra", b"", XattrFlags::empty()).unwrap();
    setxattr(at("file"), "user.big", &big, XattrFlags::empty()).unwrap();
    for number in 0..40 {
        let name = format!("user.a-rather-long-name-{number:02}");
        setxattr(at("dir"), name, b"v", XattrFlags::empty()).unwrap();
    }
    lsetxattr(at("link"), "trusted.link", b"l", XattrFlags::empty()).unwrap();
    lsetxattr(at("fifo"), "trusted.fifo", b"f", XattrFlags::empty()).unwrap();
    run("setfacl", &["-m".as_ref(), "u:4321:r".as_ref(), at("file").as_os_str()]);
    run("setfacl", &["-d".as_ref(), "-m".as_ref(), "g:1234:rx".as_ref(), at("dir").as_os_str()]);

    let (root, listing) = list(folder.path(), Rules::none());
    let of = |name: &str| {
        let xattrs = root.xattrs(find(&listing, name)).unwrap();
        // What a security module adds to every file is no business of this test.
        xattrs.into_iter().filter(|xattr| !xattr.name.starts_with(b"security.")).collect::<Vec<_>>()
    };
    let names = |name: &str| {
        of(name).into_iter().map(|xattr| String::from_utf8(xattr.name).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names("file"), ["system.posix_acl_access", "user.big", "user.zebra"]);
    assert_eq!(of("file")[1].value, big);
    assert_eq!(of("file")[2].value, b"");
    // Version 2, then entries of eight bytes: owner, user 4321, group, mask, others.
    let acl = &of("file")[0].value;
    assert_eq!((acl.len(), &acl[..4]), (4 + 5 * 8, &[2, 0, 0, 0][..]));
    assert!(acl[4..].chunks(8).any(|entry| entry == [2, 0, 4, 0, 0xe1, 0x10, 0, 0]), "{acl:?}");
    assert_eq!(names("dir").len(), 41);
    assert_eq!(names("dir")[0], "system.posix_acl_default");
    assert_eq!(names("link"), ["trusted.link"]);
    assert_eq!(names("fifo"), ["trusted.fifo"]);
    let own = root.child(find(&listing, "dir")).unwrap().own_xattrs().unwrap();
    assert_eq!(own, root.xattrs(find(&listing, "dir")).unwrap());
}

#[test]
fn holes_are_told_and_everything_else_is_read() {
    let folder = tree();
    let file = std::fs::File::create(folder.path().join("sparse")).unwrap();
    let mut expected = vec![0; 9 << 20];
    file.set_len(expected.len() as u64).unwrap();
    for (offset, byte) in [(1 << 20, 1), (4 << 20, 2)] {
        let data = vec![byte; 65_536];
        file.write_all_at(&data, offset).unwrap();
        expected[usize::try_from(offset).unwrap()..][..65_536].copy_from_slice(&data);
    }
    let (root, listing) = list(folder.path(), Rules::none());
    let entry = find(&listing, "sparse");
    let mut content = root.open(entry).unwrap();
    assert_eq!(content.extent().unwrap(), Extent::Hole(1 << 20));
    assert!(matches!(content.extent().unwrap(), Extent::Data(length) if (65_536..1 << 20).contains(&length)));
    drop(content);
    assert_eq!(read_all(&mut *root.open(entry).unwrap()), expected);
    // Read without asking for holes, zeros come.
    let mut content = root.open(entry).unwrap();
    let mut start = [9; 4096];
    assert_eq!(content.read(&mut start).unwrap(), 4096);
    assert_eq!(start, [0; 4096]);
    // All of it a hole, and none.
    std::fs::File::create(folder.path().join("empty-space")).unwrap().set_len(1 << 40).unwrap();
    std::fs::write(folder.path().join("dense"), vec![1; 100_000]).unwrap();
    std::fs::write(folder.path().join("zero"), "").unwrap();
    let listing = root.list().unwrap();
    let mut content = root.open(find(&listing, "empty-space")).unwrap();
    assert_eq!(content.extent().unwrap(), Extent::Hole(1 << 40));
    assert_eq!(content.extent().unwrap(), Extent::Data(u64::MAX));
    assert_eq!(content.read(&mut [0; 10]).unwrap(), 0);
    assert_eq!(root.open(find(&listing, "dense")).unwrap().extent().unwrap(), Extent::Data(u64::MAX));
    assert!(read_all(&mut *root.open(find(&listing, "zero")).unwrap()).is_empty());
}

#[test]
fn a_change_while_reading_shows_in_the_metadata() {
    let folder = tree();
    let path = folder.path().join("log");
    std::fs::write(&path, "before").unwrap();
    let (root, listing) = list(folder.path(), Rules::none());
    let mut content = root.open(find(&listing, "log")).unwrap();
    let before = content.metadata().unwrap();
    assert_eq!(before, find(&listing, "log").metadata);
    std::fs::write(&path, "before and after").unwrap();
    let after = content.metadata().unwrap();
    assert_ne!(before, after);
    assert_eq!(after.size, 16);
}

#[test]
fn what_was_replaced_after_listing_is_never_followed() {
    let folder = tree();
    let secret = tree();
    std::fs::write(secret.path().join("shadow"), "root:secret").unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["dir", "dir-to-file"] {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("shadow"), "mine").unwrap();
    }
    for name in ["file", "file-to-fifo", "file-to-device", "file-to-dir", "gone", "renamed-over"] {
        std::fs::write(at(name), "mine").unwrap();
    }
    let (root, listing) = list(folder.path(), Rules::none());
    let held = root.child(find(&listing, "dir")).unwrap();

    std::fs::rename(at("dir"), at("dir-moved")).unwrap();
    symlink(secret.path(), at("dir")).unwrap();
    std::fs::remove_dir_all(at("dir-to-file")).unwrap();
    std::fs::write(at("dir-to-file"), "").unwrap();
    std::fs::remove_file(at("file")).unwrap();
    symlink(secret.path().join("shadow"), at("file")).unwrap();
    std::fs::remove_file(at("file-to-fifo")).unwrap();
    mknodat(CWD, at("file-to-fifo"), FileType::Fifo, Mode::from(0o644), 0).unwrap();
    std::fs::remove_file(at("file-to-device")).unwrap();
    mknodat(CWD, at("file-to-device"), FileType::CharacterDevice, Mode::from(0o644), makedev(1, 5)).unwrap();
    std::fs::remove_file(at("file-to-dir")).unwrap();
    std::fs::create_dir(at("file-to-dir")).unwrap();
    std::fs::remove_file(at("gone")).unwrap();
    std::fs::write(at("new"), "another").unwrap();
    std::fs::rename(at("new"), at("renamed-over")).unwrap();

    for name in ["dir", "dir-to-file"] {
        let error = root.child(find(&listing, name)).err().unwrap_or_else(|| panic!("{name} was followed"));
        assert!(error.message.contains("replaced"), "{error}");
    }
    for name in ["file", "file-to-fifo", "file-to-device", "file-to-dir"] {
        let error = root.open(find(&listing, name)).err().unwrap_or_else(|| panic!("{name} was read"));
        assert!(error.message.contains("replaced"), "{error}");
        assert_eq!(error.path, at(name).as_os_str().as_bytes());
    }
    let gone = find(&listing, "gone");
    assert_eq!(root.open(gone).err().unwrap().kind, io::ErrorKind::NotFound);
    assert_eq!(root.xattrs(gone).err().unwrap().kind, io::ErrorKind::NotFound);
    // A file that was replaced by a file, as editors do, is read, with the metadata that belongs to it.
    let mut content = root.open(find(&listing, "renamed-over")).unwrap();
    assert_ne!(content.metadata().unwrap().inode, find(&listing, "renamed-over").metadata.inode);
    assert_eq!(read_all(&mut *content), b"another");
    // The folder that was opened before it was moved away is still that folder.
    let inside = held.list().unwrap();
    assert_eq!(read_all(&mut *held.open(find(&inside, "shadow")).unwrap()), b"mine");
}

#[test]
fn without_rights_each_failure_is_told_and_the_rest_is_read() {
    let folder = tree();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("public"), "p").unwrap();
    std::fs::write(at("private"), "s").unwrap();
    std::fs::set_permissions(at("private"), PermissionsExt::from_mode(0o600)).unwrap();
    for (name, mode) in [("closed", 0o700), ("unsearchable", 0o744)] {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("inside"), "").unwrap();
        std::fs::set_permissions(at(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    let path = folder.path().to_owned();
    // The file-system user is a property of a thread, and without it go the rights of root over files.
    let outcome = std::thread::spawn(move || {
        nix::unistd::setfsgid(65534.into());
        nix::unistd::setfsuid(65534.into());
        let (root, listing) = list(&path, Rules::none());
        // Also shows that a file of somebody else is opened although O_NOATIME is not permitted.
        assert_eq!(read_all(&mut *root.open(find(&listing, "public")).unwrap()), b"p");
        let denied = root.open(find(&listing, "private")).err().unwrap();
        assert_eq!(denied.kind, io::ErrorKind::PermissionDenied, "{denied}");
        let denied = root.child(find(&listing, "closed")).err().unwrap();
        assert_eq!(denied.kind, io::ErrorKind::PermissionDenied, "{denied}");
        // Names can be read, and nothing else: an entry that cannot be examined is a failure beside the listing.
        let inside = root.child(find(&listing, "unsearchable")).unwrap().list().unwrap();
        assert!(inside.entries.is_empty());
        assert_eq!(inside.failures.len(), 1);
        assert_eq!(inside.failures[0].kind, io::ErrorKind::PermissionDenied);
        assert!(inside.failures[0].path.ends_with(b"/unsearchable/inside"));
    });
    outcome.join().unwrap();
}

#[test]
fn patterns_sizes_and_cache_tags_leave_out_and_count() {
    let folder = tree();
    let at = |name: &str| folder.path().join(name);
    for directory in ["var/cache/deep", "app/var/cache", "pool/sub", "fake", "tmp"] {
        std::fs::create_dir_all(at(directory)).unwrap();
    }
    for file in [
        "a.log",
        "app/b.log",
        "app/keep.txt",
        "var/cache/deep/x",
        "app/var/cache/y",
        "pool/data",
        "fake/data",
    ] {
        std::fs::write(at(file), "0123456789").unwrap();
    }
    let signature = "Signature: 8a477f597d28d172789f06886806bc55";
    std::fs::write(at("pool/CACHEDIR.TAG"), format!("{signature}\n# made by a test\n")).unwrap();
    std::fs::write(at("fake/CACHEDIR.TAG"), "Signature: wrong").unwrap();
    std::fs::write(at("CACHEDIR.TAG"), signature).unwrap();
    std::fs::write(at("big"), vec![0; 1001]).unwrap();
    std::fs::write(at("limit"), vec![0; 1000]).unwrap();

    let mut strict = rules(&["*.log", "/var/cache", "tmp/"]);
    strict.exclude_caches = true;
    strict.file_size_bytes_max = Some(1000);
    let (found, excluded, failed) = walk(folder.path(), strict);
    assert_eq!(
        paths(&found),
        [
            "CACHEDIR.TAG",
            "app",
            "app/keep.txt",
            "app/var",
            "app/var/cache",
            "app/var/cache/y",
            "fake",
            "fake/CACHEDIR.TAG",
            "fake/data",
            "limit",
            "pool",
            "pool/CACHEDIR.TAG",
            "var",
        ]
    );
    // Two logs, var/cache, tmp, big, and of pool: data and sub.
    assert_eq!((excluded, failed), (7, 0));
    // And without rules, nothing is left out.
    assert_eq!(walk(folder.path(), Rules::none()).1, 0);
}

#[test]
fn a_cache_tag_that_is_no_file_of_this_folder_is_no_tag() {
    let folder = tree();
    let elsewhere = tree();
    std::fs::write(elsewhere.path().join("tag"), "Signature: 8a477f597d28d172789f06886806bc55").unwrap();
    std::fs::create_dir(folder.path().join("dir")).unwrap();
    std::fs::write(folder.path().join("dir/data"), "").unwrap();
    symlink(elsewhere.path().join("tag"), folder.path().join("dir/CACHEDIR.TAG")).unwrap();
    let mut strict = Rules::none();
    strict.exclude_caches = true;
    assert_eq!(paths(&walk(folder.path(), strict).0), ["dir", "dir/CACHEDIR.TAG", "dir/data"]);
}

/// A tmpfs, unmounted at the end.
struct Mounted<'p>(&'p Path);

impl<'p> Mounted<'p> {
    fn new(path: &'p Path) -> Mounted<'p> {
        run("mount", &["-t".as_ref(), "tmpfs".as_ref(), "holdfast-test".as_ref(), path.as_os_str()]);
        Mounted(path)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        run("umount", &[self.0.as_os_str()]);
    }
}

#[test]
fn another_file_system_is_an_empty_folder_unless_it_is_wanted() {
    let folder = tree();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("mnt")).unwrap();
    std::fs::write(at("file"), "").unwrap();
    let mount_point = at("mnt");
    let _mounted = Mounted::new(&mount_point);
    std::fs::write(at("mnt/foreign"), "").unwrap();

    let mut strict = Rules::none();
    strict.one_file_system = true;
    let (found, excluded, _) = walk(folder.path(), strict.clone());
    assert_eq!((paths(&found), excluded), (vec!["file".to_owned(), "mnt".to_owned()], 1));
    let (found, excluded, _) = walk(folder.path(), Rules::none());
    assert_eq!((paths(&found).len(), excluded), (3, 0));
    // The root's own file system is where the root is, not where its path starts.
    let (found, excluded, _) = walk(&mount_point, strict);
    assert_eq!((paths(&found), excluded), (vec!["foreign".to_owned()], 0));
}

#[test]
fn the_root_must_be_a_real_folder() {
    let folder = tree();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("site")).unwrap();
    symlink(at("site"), at("link")).unwrap();
    std::fs::write(at("file"), "").unwrap();
    for (name, hint) in [("link", "symlink"), ("file", "not a folder"), ("absent", "No such file")] {
        let error = FilesSource::new(&at(name), Rules::none()).unwrap().root().err().unwrap();
        assert!(error.to_string().contains(hint), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    // Symlinks above the root are followed.
    std::fs::create_dir(at("site/sub")).unwrap();
    assert!(FilesSource::new(&at("link/sub"), Rules::none()).unwrap().root().is_ok());
    for bad in ["relative", "", "/srv/../etc"] {
        assert!(FilesSource::new(Path::new(bad), Rules::none()).is_err(), "{bad}");
    }
}

#[test]
fn the_root_may_vanish_at_any_time() {
    let folder = tree();
    let site = folder.path().join("site");
    std::fs::create_dir(&site).unwrap();
    std::fs::write(site.join("file"), "x").unwrap();
    let source = FilesSource::new(&site, Rules::none()).unwrap();
    let (_, root) = source.root().unwrap();
    let listing = root.list().unwrap();
    std::fs::remove_dir_all(&site).unwrap();
    assert_eq!(root.open(&listing.entries[0]).err().unwrap().kind, io::ErrorKind::NotFound);
    // A removed folder that listed as nothing would pass for an empty site.
    assert_eq!(root.list().unwrap_err().kind, io::ErrorKind::NotFound);
    assert_eq!(source.root().err().unwrap().kind, io::ErrorKind::NotFound);
}

#[test]
fn the_path_is_told_in_components_with_the_folders_above() {
    let folder = tree();
    let site = folder.path().join("a/b");
    std::fs::create_dir_all(&site).unwrap();
    let (source, metadata, root) = root_of(&site.join("."), Rules::none());
    let expected: Vec<Vec<u8>> = site.iter().skip(1).map(|part| part.as_bytes().to_vec()).collect();
    assert_eq!(source.path(), expected);
    assert_eq!(root.path(), site.as_os_str().as_bytes());
    assert_eq!(metadata.inode, site.metadata().unwrap().ino());
    let above: Vec<u64> = source.ancestors().unwrap().iter().map(|parent| parent.inode).collect();
    let mut expected: Vec<u64> =
        site.ancestors().skip(1).map(|parent| parent.metadata().unwrap().ino()).collect();
    expected.reverse();
    assert_eq!(above, expected[1..]);
    assert!(FilesSource::new(Path::new("/"), Rules::none()).unwrap().ancestors().unwrap().is_empty());
    assert_eq!(source.user_name(0).as_deref(), Some("root"));
    assert_eq!(source.group_name(0).as_deref(), Some("root"));
    assert_eq!(source.user_name(4_000_000), None);
}

#[test]
fn a_root_that_was_looked_at_before_is_not_reached_through_a_symlink_since() {
    let folder = tree();
    let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
    std::fs::create_dir_all(at("data/files")).unwrap();
    let plain = FilesSource::new(&at("data/files"), Rules::none()).unwrap().without_symlinks();
    assert!(plain.root().is_ok());
    std::fs::rename(at("data"), at("moved")).unwrap();
    symlink(at("moved"), at("data")).unwrap();
    let error = plain.root().err().unwrap().to_string();
    assert!(error.contains("is not any more"), "{error}");
    // Above a root that the administrator chose, symlinks are his.
    assert!(FilesSource::new(&at("data/files"), Rules::none()).unwrap().root().is_ok());
}
