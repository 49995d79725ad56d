//! Repositories that restic wrote, read by us to the last byte.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use holdfast_format::{
    BlobDecoder, BlobKind, Cipher, Config, Id, IndexFile, KeyFile, Lock, PackEntry, Snapshot, TRAILER_BYTES,
    decode_header, decode_unpacked, encode_tree, header_length, parse_tree,
};

use crate::program::{PASSWORD, Restic, lab, run};

#[test]
fn version_2_of_the_systems_restic() {
    reads_all(Restic::of_system, "2", &SINCE_UNICODE_13);
}

#[test]
fn version_1_of_the_systems_restic() {
    reads_all(Restic::of_system, "1", &SINCE_UNICODE_13);
}

#[test]
fn version_2_of_the_newest_restic() {
    reads_all(Restic::newest, "2", &EVERY_CHARACTER);
}

#[test]
fn version_1_of_the_newest_restic() {
    reads_all(Restic::newest, "1", &EVERY_CHARACTER);
}

/// Older programs know an older Unicode, so newer characters look unprintable to them. No character has been added
/// since version 13 to these blocks.
const SINCE_UNICODE_13: [Range<u32>; 9] = [
    0x80..0x600,
    0x2000..0x20c0,
    0x3000..0x3100,
    0x4e00..0x4f00,
    0xac00..0xae00,
    0xd790..0xe100,
    0xfe00..0x10000,
    0x1f600..0x1f650,
    0xe0000..0xe0200,
];

/// The planes 0, 1, 2, 3, 14 and the begin of 15, but for the vast blocks in which nothing changes.
const EVERY_CHARACTER: [Range<u32>; 6] =
    [0x80..0x3400, 0xa000..0xac20, 0xd790..0x20000, 0x2a6d0..0x2a710, 0x2b730..0x2b830, 0xe0000..0xe0200];

/// rustic spells names and UTC its own way, which is read but not kept; restic does not keep it either.
#[test]
fn version_2_of_rustic() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    let source = folder.path().join("source");
    fill(&source, &SINCE_UNICODE_13);
    // rustic ends at a link whose target is not UTF-8 unless told otherwise, and writes it in its own way.
    fs::remove_file(source.join("badlink")).unwrap();
    let rustic = lab().join("bin/rustic");
    for command in [&["init"][..], &["backup", source.to_str().unwrap()]] {
        let mut rustic = Command::new(&rustic);
        rustic.args(["--no-cache", "--no-progress", "-r"]).arg(&repository).args(command);
        let output = rustic.env("RUSTIC_PASSWORD", PASSWORD).env("HOME", folder.path()).output();
        let output = output.unwrap_or_else(|error| {
            panic!("rustic does not run ({error}); `cargo xtask test` installs what the tests need")
        });
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    read(&repository, 2, 1, Spelling::Other);
}

fn reads_all(program: fn(&Path) -> Restic, version: &str, characters: &[Range<u32>]) {
    let folder = tempfile::tempdir().unwrap();
    let restic = program(&folder.path().join("repository"));
    let source = folder.path().join("source");
    fill(&source, characters);
    restic.run(&["init", "--repository-version", version]);
    restic.run(&[OsStr::new("backup"), source.as_ref(), OsStr::new("--tag"), OsStr::new("a,b")]);
    fs::write(source.join("late"), "later").unwrap();
    let exclude = ["backup", "--exclude", "*.tmp", "--with-atime"].map(OsStr::new);
    restic.run(&[&exclude[..], &[source.as_ref()]].concat());
    read(restic.repository(), version.parse().unwrap(), 2, Spelling::Gos);
    reads_the_lock(&restic);
}

/// Odd names, types, links, attributes, and enough content for several blobs.
fn fill(source: &Path, characters: &[Range<u32>]) {
    fs::create_dir_all(source.join("deep/er")).unwrap();
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
    fs::write(source.join("large"), content).unwrap();
    fs::write(source.join("empty"), "").unwrap();
    for name in odd_names(characters) {
        fs::write(source.join(OsStr::from_bytes(&name)), b"x").unwrap();
    }
    fs::hard_link(source.join("large"), source.join("deep/er/large")).unwrap();
    symlink("../dangling <&> \u{2028}\u{8}", source.join("link")).unwrap();
    symlink(OsStr::from_bytes(b"bad\xff\xc3\x28\xe2\x80"), source.join("badlink")).unwrap();
    run("mkfifo", &[source.join("fifo").as_ref()]);
    run("touch", &["-d".as_ref(), "1901-12-13 20:45:52.5".as_ref(), source.join("old").as_ref()]);
    run("chmod", &["6755".as_ref(), source.join("empty").as_ref()]);
    run("chmod", &["1777".as_ref(), source.join("deep").as_ref()]);
    let attribute = ["-n", "user.x<y>", "-v", "0x00ff"].map(OsStr::new);
    run("setfattr", &[&attribute[..], &[source.join("empty").as_ref()]].concat());
    run("setfattr", &["-n".as_ref(), "user.none".as_ref(), source.join("empty").as_ref()]);
}

/// Every single byte, and all of `characters`, 50 to a name.
fn odd_names(characters: &[Range<u32>]) -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> =
        (1..=255_u8).filter(|&byte| byte != b'/').map(|byte| vec![b'n', byte]).collect();
    let characters: Vec<char> = characters.iter().cloned().flatten().filter_map(char::from_u32).collect();
    names.extend(characters.chunks(50).map(|chunk| {
        let mut name = format!("{:06x} ", u32::from(chunk[0]));
        name.extend(chunk);
        name.into_bytes()
    }));
    names
}

/// Whether trees are spelled as Go spells them, byte for byte.
#[derive(Clone, Copy)]
enum Spelling {
    Gos,
    Other,
}

fn read(repository: &Path, version: u32, backups: usize, spelling: Spelling) {
    let cipher = open(repository);
    let config = Config::open(&cipher, &fs::read(repository.join("config")).unwrap()).unwrap();
    assert_eq!(config.version, version);

    let mut indexed = BTreeMap::new();
    for (_, stored) in files(&repository.join("index")) {
        let index = IndexFile::parse(&decode_unpacked(&cipher, &stored).unwrap()).unwrap();
        for pack in index.packs {
            assert!(indexed.insert(pack.id, pack.blobs).is_none(), "{} is indexed twice", pack.id);
        }
    }
    let mut trees = Vec::new();
    let mut packs = 0;
    for prefix in fs::read_dir(repository.join("data")).unwrap() {
        for (id, pack) in files(&prefix.unwrap().path()) {
            let mut expected = indexed.remove(&id).expect("every pack is in the index");
            expected.sort_by_key(|entry| entry.offset);
            read_pack(&cipher, &pack, &expected, &mut trees);
            packs += 1;
        }
    }
    assert!(packs >= 2 && indexed.is_empty(), "every indexed pack is there");
    assert!(trees.len() >= 4);
    for tree in trees {
        match spelling {
            Spelling::Gos => assert_same(&tree, &encode_tree(&parse_tree(&tree).unwrap())),
            Spelling::Other => {
                let mut nodes = parse_tree(&tree).unwrap();
                for node in &mut nodes {
                    node.atime.get_or_insert(node.metadata.mtime);
                }
                assert_eq!(parse_tree(&encode_tree(&nodes)).unwrap(), nodes);
            }
        }
    }
    let snapshots = files(&repository.join("snapshots"));
    assert_eq!(snapshots.len(), backups);
    for (_, stored) in snapshots {
        let json = decode_unpacked(&cipher, &stored).unwrap();
        let snapshot = Snapshot::parse(&json).unwrap();
        let value = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).unwrap();
        let (mut ours, mut theirs) = (value(&snapshot.to_json()), value(&json));
        if matches!(spelling, Spelling::Other) {
            // Fields that only rustic has are left out.
            for part in ["", "/summary"] {
                let ours = ours.pointer(part).unwrap().as_object().unwrap();
                let theirs = theirs.pointer_mut(part).unwrap().as_object_mut().unwrap();
                theirs.retain(|key, _| ours.contains_key(key));
            }
        }
        for summary in [&mut ours, &mut theirs].into_iter().filter_map(|value| value.get_mut("summary")) {
            for time in ["backup_start", "backup_end"] {
                let text = summary[time].as_str().unwrap();
                summary[time] = text.parse::<jiff::Timestamp>().unwrap().to_string().into();
            }
        }
        assert_eq!(ours, theirs);
    }
}

fn assert_same(theirs: &[u8], ours: &[u8]) {
    let differs = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs);
    let around = |tree: &[u8]| {
        let at = differs.unwrap_or(ours.len().min(theirs.len()));
        String::from_utf8_lossy(&tree[at.saturating_sub(200)..tree.len().min(at + 100)]).into_owned()
    };
    assert!(ours == theirs, "theirs: {}\nours:   {}", around(theirs), around(ours));
}

fn open(repository: &Path) -> Cipher {
    let keys = files(&repository.join("keys"));
    let file = KeyFile::parse(&keys[0].1).unwrap();
    file.unlock(PASSWORD.as_bytes()).unwrap().cipher()
}

/// Names and contents of a folder; each name must be the hash of the content.
fn files(folder: &Path) -> Vec<(Id, Vec<u8>)> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        let content = fs::read(entry.path()).unwrap();
        assert_eq!(Id::of(&content).to_hex(), entry.file_name().into_string().unwrap());
        (Id::of(&content), content)
    };
    fs::read_dir(folder).unwrap().map(read).collect()
}

fn read_pack(cipher: &Cipher, pack: &[u8], expected: &[PackEntry], trees: &mut Vec<Vec<u8>>) {
    let (rest, trailer) = pack.split_at(pack.len() - TRAILER_BYTES);
    let header_len = header_length(trailer.try_into().unwrap()).unwrap() as usize;
    let header = &rest[rest.len() - header_len..];
    let entries = decode_header(cipher, header, pack.len() as u64).unwrap();
    assert_eq!(entries, expected);
    let mut decoder = BlobDecoder::new();
    for entry in entries {
        let sealed = &pack[entry.offset as usize..][..entry.length as usize];
        let length = entry.uncompressed.map(u32::from);
        let mut plaintext = Vec::new();
        decoder.decode(cipher, sealed, length, &entry.id, &mut plaintext, &mut Vec::new()).unwrap();
        assert_eq!(plaintext.len(), entry.plaintext_len() as usize);
        if entry.kind == BlobKind::Tree {
            trees.push(plaintext);
        }
    }
}

fn reads_the_lock(restic: &Restic) {
    let locks = restic.repository().join("locks");
    let mut backup = restic.waiting_backup();
    let stored = (0..600).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let entry = fs::read_dir(&locks).unwrap().next()?.unwrap();
        // A lock is written under another name first.
        fs::read(entry.path()).ok().filter(|_| entry.file_name().len() == 64)
    });
    let stored = stored.expect("a backup takes a lock within 30 seconds");
    let lock = Lock::parse(&decode_unpacked(&open(restic.repository()), &stored).unwrap()).unwrap();
    assert!(!lock.exclusive);
    assert_eq!(lock.pid, i64::from(backup.id()));
    assert!(!lock.hostname.is_empty());
    backup.stdin.take().unwrap().write_all(b"end").unwrap();
    assert!(backup.wait().unwrap().success());
}
