#![allow(clippy::unwrap_used, reason = "a test")]

use std::num::NonZeroU32;

use holdfast_format::{BlobKind, IndexPack, MasterKey, PackEntry};

use super::*;

const PACKS: u64 = 40;
const BLOBS: u64 = 1_000;

/// Two whole segments and a part of a third.
fn sourced() -> Sourced {
    let mut sourced = Sourced { files: vec![Id::of(b"one"), Id::of(b"two")], ..Sourced::default() };
    for pack in 0..PACKS {
        let blobs = (0..BLOBS).map(|blob| PackEntry {
            kind: if blob % 7 == 0 { BlobKind::Tree } else { BlobKind::Data },
            id: blob_id(pack, blob),
            offset: blob as u32 * 100,
            length: 100 - pack as u32,
            uncompressed: NonZeroU32::new(blob as u32 % 3 * 500),
        });
        sourced.index.add(&IndexPack { id: Id::of(&pack.to_be_bytes()), blobs: blobs.collect() });
        sourced.sources.push((pack % 2) as u32);
    }
    // The same blob in another pack.
    let twice =
        PackEntry { kind: BlobKind::Data, id: blob_id(3, 5), offset: 0, length: 90, uncompressed: None };
    sourced.index.add(&IndexPack { id: Id::of(b"another"), blobs: vec![twice] });
    sourced.sources.push(1);
    sourced
}

fn blob_id(pack: u64, blob: u64) -> Id {
    Id::of(&(pack * BLOBS + blob).to_le_bytes())
}

fn cipher(seed: u8) -> Cipher {
    MasterKey::generate(&mut |buffer| buffer.fill(seed)).cipher()
}

struct Bench {
    folder: tempfile::TempDir,
    cipher: Cipher,
}

impl Bench {
    fn new() -> Bench {
        Bench { folder: tempfile::tempdir().unwrap(), cipher: cipher(7) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("cache/index.image")
    }

    fn write(&self, sourced: &Sourced, first_nonce: u64) {
        let nonces = AtomicUsize::new(first_nonce as usize);
        let nonce = || (1 + nonces.fetch_add(1, Ordering::Relaxed) as u128).to_le_bytes();
        write(&self.path(), &self.cipher, &nonce, sourced).unwrap();
    }

    fn read(&self) -> Option<Sourced> {
        read(&self.path(), &self.cipher, &|_| true, 3)
    }
}

fn assert_equal(one: &Sourced, other: &Sourced) {
    assert_eq!((&one.files, &one.sources), (&other.files, &other.sources));
    assert!(one.index.iter().eq(other.index.iter()));
    assert_eq!(one.index.packs().len(), other.index.packs().len());
    for (one, other) in one.index.packs().iter().zip(other.index.packs()) {
        assert_eq!((one.id, one.blobs, one.size), (other.id, other.blobs, other.size));
    }
}

#[test]
fn what_was_written_is_read_and_can_be_looked_up_and_added_to() {
    let bench = Bench::new();
    let written = sourced();
    bench.write(&written, 0);
    let mut read = bench.read().unwrap();
    assert_equal(&written, &read);
    for pack in 0..PACKS {
        for blob in 0..BLOBS {
            let id = blob_id(pack, blob);
            for kind in [BlobKind::Data, BlobKind::Tree] {
                assert!(read.index.all(kind, &id).eq(written.index.all(kind, &id)));
            }
        }
    }
    assert_eq!(read.index.all(BlobKind::Data, &blob_id(3, 5)).count(), 2);
    let known = IndexPack { id: Id::of(&3u64.to_be_bytes()), blobs: Vec::new() };
    assert!(!read.index.add(&known));
    for pack in PACKS..PACKS * 3 {
        let blobs = (0..BLOBS).map(|blob| PackEntry {
            kind: BlobKind::Data,
            id: blob_id(pack, blob),
            offset: 0,
            length: 100,
            uncompressed: None,
        });
        assert!(read.index.add(&IndexPack { id: Id::of(&pack.to_be_bytes()), blobs: blobs.collect() }));
    }
    assert!((PACKS..PACKS * 3).all(|pack| read.index.contains(BlobKind::Data, &blob_id(pack, 999))));
    assert!(read.index.contains(BlobKind::Data, &blob_id(0, 1)));
    assert!(!read.index.contains(BlobKind::Data, &blob_id(PACKS * 3, 0)));
}

#[test]
fn an_empty_index_is_one_too() {
    let bench = Bench::new();
    bench.write(&Sourced::default(), 0);
    let mut read = bench.read().unwrap();
    assert!(read.index.is_empty() && !read.index.contains(BlobKind::Data, &blob_id(0, 0)));
    assert!(read.index.add(&IndexPack { id: Id::of(b"pack"), blobs: Vec::new() }));
}

#[test]
fn nobody_else_can_read_it_and_no_id_of_a_blob_stands_in_it() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.write(&sourced(), 0);
    assert_eq!(fs::metadata(bench.path()).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = fs::read(bench.path()).unwrap();
    let id = blob_id(1, 1).0;
    assert!(!bytes.windows(8).any(|window| window == &id[..8]));
}

#[test]
fn a_copy_that_was_torn_or_altered_anywhere_is_not_believed() {
    let bench = Bench::new();
    bench.write(&sourced(), 0);
    let whole = fs::read(bench.path()).unwrap();
    assert!(bench.read().is_some());
    for at in (0..whole.len()).step_by(whole.len() / 97).chain(whole.len() - 8..whole.len()) {
        let mut altered = whole.clone();
        altered[at] ^= 0x10;
        fs::write(bench.path(), &altered).unwrap();
        assert!(bench.read().is_none(), "a byte at {at}");
        fs::write(bench.path(), &whole[..at]).unwrap();
        assert!(bench.read().is_none(), "cut at {at}");
        let mut holed = whole.clone();
        holed[at..(at + 4096).min(whole.len())].fill(0);
        fs::write(bench.path(), &holed).unwrap();
        // The upper bytes of the footer's offset are zeros anyway.
        assert!(holed == whole || bench.read().is_none(), "a hole at {at}");
    }
    fs::write(bench.path(), b"").unwrap();
    assert!(bench.read().is_none());
}

#[test]
fn parts_of_two_copies_do_not_make_one() {
    let bench = Bench::new();
    bench.write(&sourced(), 0);
    let older = fs::read(bench.path()).unwrap();
    bench.write(&sourced(), 1_000_000);
    let newer = fs::read(bench.path()).unwrap();
    assert_eq!(older.len(), newer.len());
    // The first part ends at the same place in both.
    let part = 8 + SEGMENT_ENTRIES * ENTRY_BYTES + OVERHEAD;
    for (first, second) in [(&older, &newer), (&newer, &older)] {
        fs::write(bench.path(), [&first[..part], &second[part..]].concat()).unwrap();
        assert!(bench.read().is_none());
    }
    // Nor do the parts of one in another order.
    let swapped = [&newer[..8], &newer[part..part * 2 - 8], &newer[8..part], &newer[part * 2 - 8..]].concat();
    fs::write(bench.path(), swapped).unwrap();
    assert!(bench.read().is_none());
    fs::write(bench.path(), &newer).unwrap();
    assert!(bench.read().is_some());
}

#[test]
fn a_copy_of_another_repository_is_not_believed() {
    let bench = Bench::new();
    bench.write(&sourced(), 0);
    assert!(read(&bench.path(), &cipher(8), &|_| true, 2).is_none());
}

#[test]
fn the_caller_decides_by_what_it_was_made_of() {
    let bench = Bench::new();
    bench.write(&sourced(), 0);
    let refuse = |files: &[Id]| {
        assert_eq!(files, [Id::of(b"one"), Id::of(b"two")]);
        false
    };
    assert!(read(&bench.path(), &bench.cipher, &refuse, 2).is_none());
}
