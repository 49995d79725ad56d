use proptest::prelude::*;

use super::*;
use crate::cipher::MasterKey;

fn cipher() -> Cipher {
    MasterKey::from_bytes(&[7; 64]).unwrap().cipher()
}

fn entries() -> impl Strategy<Value = Vec<PackEntry>> {
    let entry = (any::<bool>(), any::<[u8; 32]>(), 32..100_000_u32, any::<u32>());
    prop::collection::vec(entry, 1..50).prop_map(|list| {
        let mut offset = 0;
        list.into_iter()
            .map(|(is_tree, id, length, uncompressed)| {
                let kind = if is_tree { BlobKind::Tree } else { BlobKind::Data };
                let uncompressed = NonZeroU32::new(uncompressed.saturating_sub(u32::MAX / 2));
                let entry = PackEntry { kind, id: Id(id), offset, length, uncompressed };
                offset += length;
                entry
            })
            .collect()
    })
}

fn seal_plain(header: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    cipher().seal([1; 16], header, &mut sealed);
    sealed
}

proptest! {
    #[test]
    fn what_is_written_is_read(entries in entries()) {
        let blobs: u64 = entries.iter().map(|entry| u64::from(entry.length)).sum();
        let mut end = Vec::new();
        seal_header(&cipher(), [1; 16], &entries, &mut end);
        prop_assert_eq!(end.len(), sealed_header_len(&entries));
        let (header, trailer) = end.split_at(end.len() - TRAILER_BYTES);
        prop_assert_eq!(header_length(trailer.try_into().unwrap()), Ok(header.len() as u32));
        let size = blobs + end.len() as u64;
        prop_assert_eq!(decode_header(&cipher(), header, size), Ok(entries));
        for wrong in [size - 1, size + 1] {
            let error = PackError::Size { expected: size, found: wrong };
            prop_assert_eq!(decode_header(&cipher(), header, wrong), Err(error));
        }
    }

    #[test]
    fn any_header_is_read_or_refused(header in prop::collection::vec(any::<u8>(), 0..200), size in any::<u64>()) {
        let _ = decode_header(&cipher(), &seal_plain(&header), size);
        let _ = decode_header(&cipher(), &header, size);
    }
}

#[test]
fn the_layout_is_the_one_of_the_format() {
    let id = Id::of(b"x");
    let entries = [
        PackEntry {
            kind: BlobKind::Tree,
            id,
            offset: 0,
            length: 0x0102,
            uncompressed: NonZeroU32::new(0x0304),
        },
        PackEntry { kind: BlobKind::Data, id, offset: 0x0102, length: 0x21, uncompressed: None },
    ];
    let mut expected = vec![3, 2, 1, 0, 0, 4, 3, 0, 0];
    expected.extend_from_slice(&id.0);
    expected.extend_from_slice(&[0, 0x21, 0, 0, 0]);
    expected.extend_from_slice(&id.0);
    assert_eq!(encode_header(&entries), expected);
    assert_eq!(entries[0].plaintext_len(), 0x0304);
    assert_eq!(entries[1].plaintext_len(), 1);
}

#[test]
fn impossible_headers_are_named() {
    let decode = |header: &[u8]| decode_header(&cipher(), &seal_plain(header), 1000);
    let entry = |kind: u8, length: u8| [&[kind, length, 0, 0, 0][..], &[5; 32]].concat();
    assert_eq!(decode(&entry(4, 50)), Err(PackError::UnknownType { entry: 0, found: 4 }));
    assert_eq!(decode(&entry(0, 31)), Err(PackError::ImpossibleLength(0)));
    assert_eq!(decode(&[2, 50, 0, 0, 0, 0, 0, 0, 0]), Err(PackError::ImpossibleLength(0)));
    let cut = [entry(0, 50), vec![0, 1]].concat();
    assert_eq!(decode(&cut), Err(PackError::CutOff(1)));
    // Lengths that overflow 32 bits when added up must not come out as a small pack.
    let huge = [&[0, 0xff, 0xff, 0xff, 0xff][..], &[5; 32]].concat().repeat(2);
    assert!(matches!(decode(&huge), Err(PackError::Size { expected, .. }) if expected > u64::from(u32::MAX)));
    for trailer in [0, 68, HEADER_BYTES_MAX + 1, u32::MAX] {
        assert_eq!(header_length(trailer.to_le_bytes()), Err(PackError::HeaderLength(trailer)));
    }
    assert_eq!(header_length(69_u32.to_le_bytes()), Ok(69));
}

#[test]
#[should_panic(expected = "without gaps")]
fn a_gap_is_never_written() {
    let entry =
        PackEntry { kind: BlobKind::Data, id: Id::of(b""), offset: 1, length: 40, uncompressed: None };
    encode_header(&[entry]);
}
