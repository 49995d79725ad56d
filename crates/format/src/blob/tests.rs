use proptest::prelude::*;

use super::*;
use crate::cipher::MasterKey;

fn cipher() -> Cipher {
    MasterKey::from_bytes(&[7; 64]).unwrap().cipher()
}

fn decode(sealed: &[u8], length: Option<u32>, id: Id) -> Result<Vec<u8>, BlobError> {
    let mut out = Vec::new();
    BlobDecoder::new().decode(&cipher(), sealed, length, &id, &mut out, &mut Vec::new()).map(|()| out)
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| byte()).collect()
}

#[test]
fn data_that_does_not_shrink_is_stored_raw_but_a_tree_never() {
    let noise = noise(1000);
    let mut out = b"pack so far".to_vec();
    let mut encoder = BlobEncoder::new(3);
    let encoded = encoder.encode(&cipher(), [1; 16], &noise, true, &mut out);
    assert_eq!(encoded, Encoded { uncompressed_len: None, sealed_len: 1032 });
    assert_eq!(&out[..11], b"pack so far");
    assert_eq!(decode(&out[11..], None, Id::of(&noise)).unwrap(), noise);

    let mut tree = Vec::new();
    let encoded = encoder.encode_tree(&cipher(), [1; 16], &noise, &mut tree);
    assert_eq!(encoded.uncompressed_len, Some(1000));
    assert_eq!(encoded.sealed_len as usize, tree.len());
    assert_eq!(decode(&tree, Some(1000), Id::of(&noise)).unwrap(), noise);
}

#[test]
fn frames_state_their_size_and_stay_within_the_window() {
    // 20 MiB that repeat after 10 MiB: level 22 would like a window of 32 MiB.
    let plaintext = noise(10 << 20).repeat(2);
    for level in [1, 22] {
        let mut out = Vec::new();
        let encoded = BlobEncoder::new(level).encode_tree(&cipher(), [1; 16], &plaintext, &mut out);
        let mut frame = Vec::new();
        cipher().open(&out, &mut frame).unwrap();
        let size = zstd::zstd_safe::get_frame_content_size(&frame).unwrap();
        assert_eq!(size, encoded.uncompressed_len.map(u64::from));
        let mut strict = zstd::zstd_safe::DCtx::create();
        strict.set_parameter(zstd::zstd_safe::DParameter::WindowLogMax(23)).unwrap();
        let mut source = zstd::zstd_safe::InBuffer::around(&frame);
        let mut buffer = vec![0; 1 << 20];
        let mut target = zstd::zstd_safe::OutBuffer::around(buffer.as_mut_slice());
        strict.decompress_stream(&mut target, &mut source).expect("the window is at most 8 MiB");
    }
}

#[test]
fn every_kind_of_lie_is_noticed() {
    let plaintext = b"plaintext ".repeat(100);
    let id = Id::of(&plaintext);
    let mut sealed = Vec::new();
    let encoded = BlobEncoder::new(3).encode(&cipher(), [1; 16], &plaintext, true, &mut sealed);
    assert_eq!(encoded.uncompressed_len, Some(1000));

    assert_eq!(decode(&sealed, Some(999), id), Err(BlobError::Length { expected: 999, found: 1000 }));
    let other = Id::of(b"other");
    assert_eq!(decode(&sealed, Some(1000), other), Err(BlobError::Content { expected: other, found: id }));
    assert!(matches!(decode(&sealed, None, id), Err(BlobError::Content { .. })));
    let mut raw = Vec::new();
    BlobEncoder::new(3).encode(&cipher(), [1; 16], &plaintext, false, &mut raw);
    assert!(matches!(decode(&raw, Some(1000), id), Err(BlobError::Compressed(FrameError::Damaged(_)))));
    sealed[40] ^= 1;
    assert_eq!(decode(&sealed, Some(1000), id), Err(BlobError::Sealed(CipherError::Unauthentic)));
}

#[test]
fn a_decoder_keeps_to_its_limit() {
    let zeros = vec![0; 1 << 20];
    let mut sealed = Vec::new();
    BlobEncoder::new(3).encode(&cipher(), [1; 16], &zeros, true, &mut sealed);
    let mut decoder = BlobDecoder::with_bytes_max(1000);
    let mut decode = |stated| {
        decoder.decode(&cipher(), &sealed, Some(stated), &Id::of(&zeros), &mut Vec::new(), &mut Vec::new())
    };
    let too_large = Err(BlobError::Compressed(FrameError::TooLarge(1000)));
    assert_eq!(decode(1 << 20), too_large, "stated honestly");
    assert_eq!(decode(1000), too_large, "and not");
}

#[test]
#[should_panic(expected = "no empty blobs")]
fn an_empty_blob_is_never_written() {
    BlobEncoder::new(3).encode(&cipher(), [1; 16], b"", true, &mut Vec::new());
}

proptest! {
    #[test]
    fn what_is_encoded_decodes(plaintext in prop::collection::vec(0..4_u8, 1..5000), level in -3..10, compress: bool) {
        let mut out = Vec::new();
        let encoded = BlobEncoder::new(level).encode(&cipher(), [1; 16], &plaintext, compress, &mut out);
        prop_assert_eq!(decode(&out, encoded.uncompressed_len, Id::of(&plaintext)), Ok(plaintext));
    }
}
