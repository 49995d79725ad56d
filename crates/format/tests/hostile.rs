//! Whatever a repository contains, reading it ends in a value or an error: never in a panic, an endless loop, or
//! memory beyond the stated bounds. Every parser is fed real files with random damage.
//!
//! A short run is part of the tests. To run longer: `HOLDFAST_FUZZ_ROUNDS=10000000 cargo nextest run --release -p
//! holdfast-format --test hostile`; `HOLDFAST_FUZZ_SEED` begins elsewhere. A failure prints seed and round.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the length of the run is set by the environment")]

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};

use holdfast_format::source::Xattr;
use holdfast_format::{
    BlobDecoder, BlobEncoder, BlobKind, Cipher, Config, Id, IndexFile, IndexPack, KeyFile, Lock, MasterKey,
    PackEntry, ScryptParams, Snapshot, decode_header, decode_unpacked, encode_header, encode_tree,
    encode_unpacked, parse_tree, quote,
};

const ROUNDS: u64 = 20_000;

/// Damages `seeds` over and over and hands the outcome to `read`.
fn fuzz(name: &str, seeds: &[Vec<u8>], mut read: impl FnMut(&[u8])) {
    let number = |name: &str, or: u64| std::env::var(name).map_or(or, |text| text.parse().expect("a number"));
    let rounds = number("HOLDFAST_FUZZ_ROUNDS", ROUNDS);
    let seed = number("HOLDFAST_FUZZ_SEED", 1);
    for round in 0..rounds {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round << 20 | 1);
        let input = damaged(seeds, &mut random);
        if catch_unwind(AssertUnwindSafe(|| read(&input))).is_err() {
            panic!("{name}: panicked at seed {seed}, round {round}: {}", input.escape_ascii());
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % limit.max(1) as u64) as usize
    }
}

/// Pieces that parsers trip over.
const PIECES: [&[u8]; 22] = [
    b"null",
    b"{}",
    b"[]",
    b"[",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"-1",
    b"4294967296",
    b"1e999",
    b"18446744073709551616",
    b"..",
    b"/",
    b"\0",
    b",",
    b"true",
    b"9999-12-31T23:59:59.999999999+23:59",
    b"Z",
    b"\x02\x28\xb5\x2f\xfd",
    b"=",
];

fn damaged(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(input.len() + 1);
        let to = at + random.below((input.len() - at + 1).min(60));
        match random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = random.below(256) as u8,
            2 => drop(input.drain(at..to)),
            3 => input.truncate(at),
            4 => {
                let copy = input[at..to].to_vec();
                input.splice(at..at, copy);
            }
            5 => drop(input.splice(at..to, PIECES[random.below(PIECES.len())].iter().copied())),
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input
}

fn cipher() -> Cipher {
    MasterKey::from_bytes(&[7; 64]).unwrap().cipher()
}

fn entries() -> Vec<PackEntry> {
    (0..5_u32)
        .map(|n| PackEntry {
            kind: if n < 3 { BlobKind::Data } else { BlobKind::Tree },
            id: Id::of(&[n as u8]),
            offset: n * 100,
            length: 100,
            uncompressed: NonZeroU32::new(n * 50),
        })
        .collect()
}

fn tree() -> Vec<u8> {
    include_bytes!("data/restic-tree-vectors.json").to_vec()
}

fn index() -> Vec<u8> {
    let pack = IndexPack { id: Id::of(b"pack"), blobs: entries() };
    IndexFile { packs: vec![pack.clone(), pack], packs_to_delete: Vec::new() }.to_json()
}

const SNAPSHOT: &str = r#"{"time":"2026-01-02T03:04:05.6+01:00","parent":"ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8","tree":"ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8","paths":["/srv"],"hostname":"h","username":"u","uid":1,"gid":1,"excludes":["x"],"tags":["t"],"program_version":"restic 0.18.0","summary":{"backup_start":"2026-01-02T03:04:05.6Z","backup_end":"2026-01-02T03:04:05.6Z","files_new":1,"data_blobs":1}}"#;

const LOCK: &str = r#"{"time":"2026-01-02T03:04:05.6Z","exclusive":true,"hostname":"h","username":"u","pid":1,"uid":1,"gid":1}"#;

#[test]
fn trees() {
    let seeds = [tree(), b"{\"nodes\":[]}\n".to_vec()];
    fuzz("tree", &seeds, |input| {
        if let Ok(nodes) = parse_tree(input) {
            let again = encode_tree(&nodes);
            let reread = parse_tree(&again).expect("what we write we read");
            assert_eq!(encode_tree(&reread), again, "writing is stable");
            for node in nodes {
                assert!(!node.name.is_empty() && !node.name.contains(&b'/') && !node.name.contains(&0));
                assert!(node.name != b"." && node.name != b"..");
                let _: Vec<Xattr> = node.xattrs;
            }
        }
    });
}

#[test]
fn names() {
    let seeds = [br"plain \x41 \u00ad \U000e0001 \101 \a\b\f\n\r\t\v".to_vec(), "é😀\u{fffd}".into()];
    fuzz("name", &seeds, |input| {
        let mut quoted = Vec::new();
        quote::quote(input, &mut quoted);
        let text = std::str::from_utf8(&quoted).expect("quoted names are text");
        assert_eq!(quote::unquote(text).as_deref(), Some(input));
        if let Ok(text) = std::str::from_utf8(input) {
            let _ = quote::unquote(text);
        }
    });
}

#[test]
fn indexes() {
    fuzz("index", &[index()], |input| {
        let mut seen = 0;
        let visited = IndexFile::visit(input, &mut |_, _| seen += 1);
        let parsed = IndexFile::parse(input);
        assert_eq!(visited.is_ok(), parsed.is_ok());
        if let Ok(index) = parsed {
            assert_eq!(index.packs.iter().map(|pack| pack.blobs.len()).sum::<usize>(), seen);
        }
    });
}

#[test]
fn snapshots_and_locks() {
    fuzz("snapshot", &[SNAPSHOT.into(), LOCK.into()], |input| {
        if let Ok(snapshot) = Snapshot::parse(input) {
            assert_eq!(Snapshot::parse(&snapshot.to_json()).expect("what we write we read"), snapshot);
        }
        if let Ok(lock) = Lock::parse(input) {
            assert_eq!(Lock::parse(&lock.to_json()).expect("what we write we read"), lock);
        }
    });
}

#[test]
fn key_files_and_configs() {
    let mut count = 0_u8;
    let mut random = |buffer: &mut [u8]| {
        buffer.iter_mut().for_each(|byte| {
            count = count.wrapping_mul(13).wrapping_add(7);
            *byte = count;
        });
    };
    let master = MasterKey::from_bytes(&[7; 64]).unwrap();
    let params = ScryptParams { log_n: 1, r: 1, p: 1 };
    let created = "2026-01-02T03:04:05Z".parse().unwrap();
    let key = KeyFile::create(b"pw", &master, params, created, "u", "h", &mut random).to_json();
    let config =
        format!(r#"{{"version":2,"id":"{}","chunker_polynomial":"3da3358b4dc173"}}"#, Id::of(b"repository"));
    fuzz("key file", &[key, config.into()], |input| {
        if let Ok(file) = KeyFile::parse(input) {
            assert!(KeyFile::parse(&file.to_json()).expect("what we write we read") == file);
            // Only cheap ones: the bounds themselves are for people with patience.
            if file.params().log_n < 8 && file.params().r < 16 && file.params().p < 16 {
                let _ = file.unlock(b"pw");
            }
        }
        let _ = Config::parse(input);
    });
}

#[test]
fn sealed_things() {
    let cipher = cipher();
    let json = b"{\"packs\":[]}".repeat(20);
    let mut blob = Vec::new();
    let encoded = BlobEncoder::new(3).encode(&cipher, [1; 16], &json, true, &mut blob);
    let unpacked = encode_unpacked(&cipher, [1; 16], &json);
    let mut frame = Vec::new();
    cipher.open(&unpacked, &mut frame).unwrap();
    let header = encode_header(&entries());
    let mut decoder = BlobDecoder::with_bytes_max(1 << 20);
    let (mut out, mut scratch, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
    let id = Id::of(&json);
    fuzz("sealed", &[blob, unpacked, frame, header], |input| {
        // As it comes: the tag catches it. Sealed anew: whoever has the key may have written anything.
        sealed.clear();
        cipher.seal([1; 16], input, &mut sealed);
        for bytes in [input, &sealed] {
            if let Ok(json) = decode_unpacked(&cipher, bytes) {
                assert!(json.len() < 1 << 20);
            }
            if let Ok(entries) = decode_header(&cipher, bytes, 500 + bytes.len() as u64 + 4) {
                assert_eq!(entries.iter().map(|entry| entry.length).sum::<u32>(), 500);
            }
            for stated in [None, encoded.uncompressed_len, Some(u32::MAX)] {
                if decoder.decode(&cipher, bytes, stated, &id, &mut out, &mut scratch).is_ok() {
                    assert_eq!(out, json);
                }
            }
        }
    });
}
