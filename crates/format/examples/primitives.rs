//! Measures what one core does per second: `cargo run --release -p holdfast-format --example primitives`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement reads a clock and prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use holdfast_format::{
    BlobDecoder, BlobEncoder, BlobKind, Id, IndexFile, IndexPack, MasterKey, Node, PackEntry, parse_tree,
};

const BLOB_BYTES: usize = 1 << 20;
const AT_LEAST: Duration = Duration::from_millis(1500);

fn main() {
    let cipher = MasterKey::from_bytes(&[7; 64]).expect("not zero").cipher();
    let text: Vec<u8> = (0..)
        .flat_map(|n: u32| format!("line {n} of {}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
        .take(BLOB_BYTES)
        .collect();

    for (name, bytes) in [("small, 4 KiB", 4096), ("1 MiB", BLOB_BYTES), ("16 MiB", 16 << 20)] {
        let plaintext = text.repeat(bytes.div_ceil(BLOB_BYTES));
        let plaintext = &plaintext[..bytes];
        let mut sealed = Vec::new();
        rate(&format!("seal, {name}"), bytes, || {
            sealed.clear();
            cipher.seal([3; 16], plaintext, &mut sealed);
        });
        let mut opened = Vec::new();
        rate(&format!("open, {name}"), bytes, || cipher.open(&sealed, &mut opened).expect("authentic"));
        rate(&format!("SHA-256, {name}"), bytes, || {
            black_box(Id::of(plaintext));
        });
    }

    let id = Id::of(&text);
    let mut out = Vec::new();
    let mut scratch = Vec::new();
    for level in [-3, 1, 3] {
        let mut encoder = BlobEncoder::new(level);
        let mut sealed = Vec::new();
        let mut encoded = None;
        rate(&format!("encode blob, zstd {level}"), BLOB_BYTES, || {
            sealed.clear();
            encoded = Some(encoder.encode(&cipher, [3; 16], &text, true, &mut sealed));
        });
        let length = encoded.expect("ran").uncompressed_len;
        let mut decoder = BlobDecoder::new();
        rate(&format!("decode blob, zstd {level} ({} bytes)", sealed.len()), BLOB_BYTES, || {
            decoder.decode(&cipher, &sealed, length, &id, &mut out, &mut scratch).expect("intact");
        });
    }

    let blobs: Vec<PackEntry> = (0..50_000_u32)
        .map(|n| PackEntry {
            kind: BlobKind::Data,
            id: Id::of(&n.to_le_bytes()),
            offset: n * 1000,
            length: 1000,
            uncompressed: std::num::NonZeroU32::new(3000),
        })
        .collect();
    let packs = blobs.chunks(500).map(|chunk| IndexPack { id: chunk[0].id, blobs: chunk.to_vec() }).collect();
    let index = IndexFile { packs, packs_to_delete: Vec::new() };
    let json = index.to_json();
    count("index, write 50,000 blobs", 50_000, || {
        black_box(index.to_json());
    });
    count("index, visit 50,000 blobs", 50_000, || {
        let mut seen = 0;
        IndexFile::visit(&json, &mut |_, blob| seen += blob.length).expect("an index");
        black_box(seen);
    });
    count("index, parse 50,000 blobs", 50_000, || {
        black_box(IndexFile::parse(&json).expect("an index"));
    });

    let mut tree = parse_tree(include_bytes!("../tests/data/restic-tree-vectors.json")).expect("a tree");
    let node = tree.swap_remove(8);
    let node = Node { content: Some(vec![id]), foreign: None, ..node };
    let nodes: Vec<Node> =
        (0..10_000).map(|n| Node { name: format!("file-{n:06}.php").into_bytes(), ..node.clone() }).collect();
    let mut encoded = Vec::new();
    count("nodes, encode", nodes.len(), || {
        encoded.clear();
        for node in &nodes {
            node.encode(&mut encoded);
        }
    });
    let tree = holdfast_format::encode_tree(&nodes);
    count("nodes, parse", nodes.len(), || {
        black_box(parse_tree(&tree).expect("a tree"));
    });
}

fn rate(name: &str, bytes: usize, work: impl FnMut()) {
    let seconds = seconds_each(work);
    println!("{name:<40} {:>8.2} GB/s", bytes as f64 / seconds / 1e9);
}

fn count(name: &str, items: usize, work: impl FnMut()) {
    let seconds = seconds_each(work);
    println!("{name:<40} {:>8.2} million/s  ({:.1} ms)", items as f64 / seconds / 1e6, seconds * 1e3);
}

fn seconds_each(mut work: impl FnMut()) -> f64 {
    work();
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < AT_LEAST {
        work();
        rounds += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(rounds)
}
