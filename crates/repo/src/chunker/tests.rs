use std::collections::HashSet;

use super::*;

/// Bytes without a pattern, always the same for one seed.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(next).flatten().take(length).collect();
    bytes.truncate(length);
    bytes
}

fn chunks<'a>(chunker: &Chunker, mut data: &'a [u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    while !data.is_empty() {
        let (chunk, rest) = data.split_at(chunker.cut(data));
        found.push(chunk);
        data = rest;
    }
    found
}

#[test]
fn chunks_keep_the_limits_and_are_all_of_it() {
    for data in [noise(20 << 20, 1), vec![0; 9 << 20], vec![7; 9 << 20]] {
        let cut = chunks(&Chunker::new(5), &data);
        assert_eq!(cut.concat(), data);
        let (last, others) = cut.split_last().unwrap();
        assert!(last.len() <= CHUNK_BYTES_MAX);
        assert!(others.iter().all(|chunk| (CHUNK_BYTES_MIN..=CHUNK_BYTES_MAX).contains(&chunk.len())));
    }
}

#[test]
fn another_secret_cuts_elsewhere() {
    let data = noise(20 << 20, 2);
    let ends = |secret| -> HashSet<usize> {
        let mut at = 0;
        let end = |chunk: &&[u8]| {
            at += chunk.len();
            at
        };
        chunks(&Chunker::new(secret), &data).iter().map(end).filter(|end| *end < data.len()).collect()
    };
    assert_eq!(ends(1), ends(1));
    assert!(ends(1).is_disjoint(&ends(2)));
}

#[test]
fn what_follows_an_insertion_is_found_again() {
    let data = noise(30 << 20, 3);
    let changed = [&noise(1000, 4), &data[..]].concat();
    let chunker = Chunker::new(6);
    let before: HashSet<&[u8]> = chunks(&chunker, &data).into_iter().collect();
    let after = chunks(&chunker, &changed);
    let known = after.iter().filter(|chunk| before.contains(**chunk)).count();
    assert!(known + 4 > after.len(), "{known} of {} are known", after.len());
}

#[test]
fn in_an_image_no_more_than_a_file_is_new_around_a_change() {
    // Files as a file system lays them out: each begins on a block, and its last block is filled up with zeros.
    let block = |file: &[u8]| [file, &vec![0; 4096 - file.len() % 4096]].concat();
    let files: Vec<Vec<u8>> = (0..20).map(|number| block(&noise(300_000, 10 + number))).collect();
    let image = files.concat();
    let changed = [&files[..9].concat()[..], &block(&noise(50_000, 9)), &files[9..].concat()].concat();
    let chunker = Chunker::new(7);
    let before: HashSet<&[u8]> = chunks(&chunker, &image).into_iter().collect();
    let after = chunks(&chunker, &changed);
    let new: usize = after.iter().filter(|chunk| !before.contains(**chunk)).map(|chunk| chunk.len()).sum();
    assert!(new < 400_000, "{new} bytes are new");
}

#[test]
fn the_pieces_of_a_hole_are_the_hole() {
    for length in [0, 1, ZERO_BYTES_SMALL as u64, (ZERO_BYTES_SMALL + ZERO_BYTES_LARGE) as u64 + 5, 40 << 30]
    {
        assert_eq!(cut_hole(length).map(|size| size as u64).sum::<u64>(), length);
    }
    assert_eq!(cut_hole((20 << 30) + 5).collect::<HashSet<_>>().len(), 3);
}
