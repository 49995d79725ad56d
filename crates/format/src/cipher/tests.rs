use proptest::prelude::*;

use super::*;

fn key() -> MasterKey {
    let bytes = std::array::from_fn(|at| (at * 37 + 11) as u8);
    MasterKey::from_bytes(&bytes).unwrap()
}

fn sealed(iv: [u8; 16], plaintext: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    key().cipher().seal(iv, plaintext, &mut out);
    out
}

/// Sealing by the book: one block after the other, Poly1305 with schoolbook arithmetic.
fn sealed_slowly(key: &MasterKey, iv: [u8; 16], plaintext: &[u8]) -> Vec<u8> {
    let aes = Aes256Enc::new(&Array(*key.encrypt()));
    let mut counter = u128::from_be_bytes(iv);
    let mut out = iv.to_vec();
    for piece in plaintext.chunks(16) {
        let mut block = Array(counter.to_be_bytes());
        aes.encrypt_block(&mut block);
        out.extend(piece.iter().zip(block).map(|(byte, key)| byte ^ key));
        counter = counter.wrapping_add(1);
    }
    let mut pad = Array(iv);
    Aes128Enc::new(&Array(*key.mac_k())).encrypt_block(&mut pad);
    let tag = poly1305_slowly(*key.mac_r(), pad.into(), &out[16..]);
    out.extend_from_slice(&tag);
    out
}

/// Poly1305 (RFC 8439, 2.5) in base 2^8.
fn poly1305_slowly(r: [u8; 16], s: [u8; 16], message: &[u8]) -> [u8; 16] {
    let r = u128::from_le_bytes(r) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
    let r = r.to_le_bytes();
    let mut sum = [0_u64; 17];
    for piece in message.chunks(16) {
        for (digit, byte) in sum.iter_mut().zip(piece.iter().chain(&[1])) {
            *digit += u64::from(*byte);
        }
        let mut product = [0_u64; 40];
        for (i, digit) in sum.iter().enumerate() {
            for (j, factor) in r.iter().enumerate() {
                product[i + j] += digit * u64::from(*factor);
            }
        }
        carry(&mut product);
        // 2^136 = 5 * 2^6 modulo 2^130 - 5; twice, since the first round may carry beyond again.
        for _ in 0..2 {
            let high: Vec<u64> = product[17..].to_vec();
            product[17..].fill(0);
            for (digit, high) in product.iter_mut().zip(high) {
                *digit += high * 320;
            }
            carry(&mut product);
        }
        sum.copy_from_slice(&product[..17]);
    }
    // Reduce fully: subtract 2^130 - 5 while it fits.
    let mut modulus = [255_u64; 17];
    (modulus[0], modulus[16]) = (251, 3);
    while sum.iter().rev().ge(modulus.iter().rev()) {
        let mut borrow = 0;
        for (digit, part) in sum.iter_mut().zip(modulus) {
            let difference = 256 + *digit - part - borrow;
            *digit = difference & 255;
            borrow = u64::from(difference < 256);
        }
    }
    let low = sum[..16].iter().rev().fold(0_u128, |low, digit| low << 8 | u128::from(*digit));
    low.wrapping_add(u128::from_le_bytes(s)).to_le_bytes()
}

fn carry(digits: &mut [u64; 40]) {
    let mut carried = 0;
    for digit in digits {
        let full = *digit + carried;
        *digit = full & 255;
        carried = full >> 8;
    }
    assert_eq!(carried, 0);
}

#[test]
fn the_slow_poly1305_is_the_one_of_the_rfc() {
    let r = *b"\x85\xd6\xbe\x78\x57\x55\x6d\x33\x7f\x44\x52\xfe\x42\xd5\x06\xa8";
    let s = *b"\x01\x03\x80\x8a\xfb\x0d\xb2\xfd\x4a\xbf\xf6\xaf\x41\x49\xf5\x1b";
    let tag = *b"\xa8\x06\x1d\xc1\x30\x51\x36\xc6\xc2\x2b\x8b\xaf\x0c\x01\x27\xa9";
    assert_eq!(poly1305_slowly(r, s, b"Cryptographic Forum Research Group"), tag);
}

#[test]
fn the_counter_carries_over_all_sixteen_bytes() {
    let plaintext = vec![0x5a; 16 * 40];
    for iv in [
        [0xff; 16],
        *b"\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xf0",
        *b"\x01\x02\x03\x04\x05\x06\x07\x08\xff\xff\xff\xff\xff\xff\xff\xff",
        *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xe0",
        *b"\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe",
    ] {
        assert!(sealed(iv, &plaintext) == sealed_slowly(&key(), iv, &plaintext), "{iv:x?}");
    }
}

#[test]
fn every_length_around_the_pieces_is_sealed_right() {
    let lengths = [0, 1, 15, 16, 17, 255, 256, 4095].into_iter();
    let around = [PIECE_BYTES, 2 * PIECE_BYTES, 3 * PIECE_BYTES].map(|n| [n - 16, n - 1, n, n + 1, n + 16]);
    for length in lengths.chain(around.into_iter().flatten()) {
        let plaintext: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
        let fast = sealed([0xff; 16], &plaintext);
        assert!(fast == sealed_slowly(&key(), [0xff; 16], &plaintext), "{length} bytes");
        assert_eq!(fast.len(), length + OVERHEAD);
        let mut opened = vec![1, 2, 3];
        key().cipher().open(&fast, &mut opened).unwrap();
        assert!(opened == plaintext, "{length} bytes");
    }
}

#[test]
fn sealing_appends_and_leaves_the_rest_alone() {
    let mut out = b"before".to_vec();
    key().cipher().seal([9; 16], b"text", &mut out);
    assert_eq!(&out[..6], b"before");
    assert_eq!(out[6..], sealed([9; 16], b"text"));
}

#[test]
fn any_flipped_bit_is_noticed_before_decryption() {
    let good = sealed([9; 16], b"some plaintext of more than one block");
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let mut out = vec![1];
        assert_eq!(key().cipher().open(&bad, &mut out), Err(CipherError::Unauthentic), "bit {bit}");
        assert!(out.is_empty());
        assert_eq!(key().cipher().authenticate(&bad), Err(CipherError::Unauthentic), "bit {bit}");
    }
    assert_eq!(key().cipher().authenticate(&good), Ok(()));
    for length in 0..good.len() {
        let error = key().cipher().open(&good[..length], &mut Vec::new()).unwrap_err();
        let expected =
            if length < OVERHEAD { CipherError::TooShort(length) } else { CipherError::Unauthentic };
        assert_eq!(error, expected);
    }
}

#[test]
fn blank_messages_and_blank_keys_are_refused() {
    assert_eq!(key().cipher().open(&[0; 64], &mut Vec::new()), Err(CipherError::ZeroIv));
    let blank_iv = sealed([0; 16], b"x");
    assert_eq!(key().cipher().open(&blank_iv, &mut Vec::new()), Err(CipherError::ZeroIv));
    assert_eq!(MasterKey::from_parts([0; 32], [1; 16], [1; 16]), None);
    assert_eq!(MasterKey::from_parts([1; 32], [0; 16], [1; 16]), None);
    assert_eq!(MasterKey::from_parts([1; 32], [1; 16], [0; 16]), None);
    let mut draws = 0;
    MasterKey::generate(&mut |buffer| {
        draws += 1;
        buffer.fill(draws - 1);
    });
    assert_eq!(draws, 2, "the blank first draw is thrown away");
}

#[test]
fn secrets_are_not_printed() {
    assert_eq!(format!("{:?} {:?}", key(), key().cipher()), "MasterKey(secret) Cipher(secret)");
}

proptest! {
    #[test]
    fn agrees_with_the_slow_computation(
        bytes in prop::array::uniform32(any::<[u8; 2]>()),
        iv in any::<[u8; 16]>(),
        plaintext in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let bytes: [u8; 64] = bytes.concat().try_into().unwrap();
        let key = MasterKey::from_bytes(&bytes).unwrap();
        let mut fast = Vec::new();
        key.cipher().seal(iv, &plaintext, &mut fast);
        prop_assert_eq!(fast, sealed_slowly(&key, iv, &plaintext));
    }

    #[test]
    fn opening_any_bytes_gives_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(key().cipher().open(&bytes, &mut Vec::new()).is_err());
    }
}
