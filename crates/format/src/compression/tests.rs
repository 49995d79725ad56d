use std::io::Write;

use proptest::prelude::*;

use super::*;

fn decompress(frame: &[u8], bytes_max: u64) -> Result<Vec<u8>, FrameError> {
    let mut out = vec![9; 3];
    Decompressor::new().decompress(frame, bytes_max, &mut out).map(|()| out)
}

/// A frame as a streaming compressor writes it: without its size, unless it is empty.
fn unsized_frame(plaintext: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(plaintext).unwrap();
    let frame = encoder.finish().unwrap();
    assert_eq!(get_frame_content_size(&frame).unwrap(), None);
    frame
}

fn sized_frame(plaintext: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    Compressor::new(3).append(plaintext, &mut frame);
    frame
}

#[test]
fn frames_with_and_without_a_size_are_read_up_to_the_limit() {
    let plaintext = b"0123456789".repeat(100_000);
    for frame in [sized_frame(&plaintext), unsized_frame(&plaintext)] {
        assert!(decompress(&frame, 1_000_000).unwrap() == plaintext);
        assert_eq!(decompress(&frame, 999_999), Err(FrameError::TooLarge(999_999)));
        for length in 0..frame.len() {
            assert!(decompress(&frame[..length], 1_000_000).is_err(), "cut off after {length}");
        }
        let mut longer = frame.clone();
        longer.push(0);
        assert!(decompress(&longer, 2_000_000).is_err(), "a byte follows");
        let twice = frame.repeat(2);
        assert!(decompress(&twice, 2_000_000).is_err(), "another frame follows");
    }
}

#[test]
fn one_decompressor_survives_damage_and_goes_on() {
    let mut decompressor = Decompressor::new();
    let mut out = Vec::new();
    for frame in [sized_frame(b"good"), unsized_frame(b"good")] {
        let mut bad = frame.clone();
        bad.truncate(frame.len() - 1);
        assert!(decompressor.decompress(&bad, 100, &mut out).is_err());
        assert!(out.is_empty());
        decompressor.decompress(&frame, 100, &mut out).unwrap();
        assert_eq!(out, b"good");
    }
}

proptest! {
    #[test]
    fn damaged_frames_never_exceed_the_limit(plaintext in prop::collection::vec(0..4_u8, 1..3000), at: usize, to: u8, sized: bool) {
        let mut frame = if sized { sized_frame(&plaintext) } else { unsized_frame(&plaintext) };
        let at = at % frame.len();
        frame[at] = to;
        if let Ok(out) = decompress(&frame, 10_000) {
            prop_assert!(out.len() <= 10_000);
        }
    }
}
