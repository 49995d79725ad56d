//! The chunker polynomial of a repository's configuration.
//!
//! Our own chunkers do not use it, but restic does, and refuses to open a repository whose polynomial is reducible
//! (a reducible one would make its rolling hash weak). So it must be a true irreducible of degree 53 over GF(2).

/// Degree that restic's chunker is built for.
pub const DEGREE: u32 = 53;

/// Draws a random irreducible polynomial of degree 53; bit `i` is the coefficient of x^i.
///
/// About one candidate in 26 is irreducible. `random` fills the buffer it is given with secure random bytes.
pub fn generate(random: &mut dyn FnMut(&mut [u8])) -> u64 {
    loop {
        let mut bytes = [0; 8];
        random(&mut bytes);
        let candidate = u64::from_le_bytes(bytes) & ((1 << (DEGREE + 1)) - 1) | 1 << DEGREE | 1;
        if is_acceptable(candidate) {
            return candidate;
        }
    }
}

/// Whether `polynomial` has degree 53 and is irreducible.
///
/// Ben-Or's test: f of degree n is irreducible when gcd(f, x^(2^i) - x mod f) = 1 for every i up to n/2.
pub fn is_acceptable(polynomial: u64) -> bool {
    if degree(polynomial) != Some(DEGREE) {
        return false;
    }
    let x = 2;
    let mut power = x;
    (1..=DEGREE / 2).all(|_| {
        power = multiply(power, power, polynomial);
        greatest_common_divisor(polynomial, power ^ x) == 1
    })
}

fn degree(f: u64) -> Option<u32> {
    f.checked_ilog2()
}

/// `a * b mod f`, for `a` and `b` of lower degree than `f`, whose degree is 53.
fn multiply(a: u64, b: u64, f: u64) -> u64 {
    let mut product = 0;
    for bit in (0..DEGREE).rev() {
        product <<= 1;
        if product >> DEGREE != 0 {
            product ^= f;
        }
        if b >> bit & 1 == 1 {
            product ^= a;
        }
    }
    product
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, remainder(a, b));
    }
    a
}

fn remainder(mut a: u64, b: u64) -> u64 {
    let Some(of_b) = degree(b) else { return a };
    while let Some(of_a) = degree(a).filter(|&d| d >= of_b) {
        a ^= b << (of_a - of_b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_irreducible_from_reducible() {
        // The polynomial of restic's documentation, and neighbours of it.
        assert!(is_acceptable(0x25_b468_8383_73d5) == is_irreducible_by_division(0x25_b468_8383_73d5));
        assert!(is_acceptable(0x3d_a335_8b4d_c173));
        assert!(!is_acceptable(0x3d_a335_8b4d_c172), "divisible by x");
        assert!(!is_acceptable(0x3d_a335_8b4d_c171));
        assert!(!is_acceptable(0), "no degree");
        assert!(!is_acceptable(0b111), "irreducible, but of degree 2");
        assert!(!is_acceptable(1 << 63 | 1));
    }

    #[test]
    fn a_product_is_never_taken_for_irreducible() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..200 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let low_degree = 1 + (seed >> 58) as u32 % 26;
            let a = 1 << low_degree | seed >> 20 & ((1 << low_degree) - 1);
            let b = 1 << (DEGREE - low_degree) | seed & ((1 << (DEGREE - low_degree)) - 1);
            let product = carryless(a, b);
            assert_eq!(degree(product), Some(DEGREE));
            assert!(!is_acceptable(product), "{a:x} * {b:x}");
        }
    }

    #[test]
    fn generates_what_it_accepts() {
        let mut counter = 0_u64;
        let polynomial = generate(&mut |buffer| {
            counter += 0x1234_5678_9abc_def1;
            buffer.copy_from_slice(&counter.to_le_bytes());
        });
        assert!(is_acceptable(polynomial));
        assert!(is_irreducible_by_division(polynomial));
    }

    fn carryless(a: u64, b: u64) -> u64 {
        (0..64).filter(|bit| b >> bit & 1 == 1).fold(0, |sum, bit| sum ^ a << bit)
    }

    /// Trial division by every polynomial of degree up to 20: not a proof, but an independent look.
    fn is_irreducible_by_division(f: u64) -> bool {
        (2..1 << 20).all(|divisor| remainder(f, divisor) != 0)
    }
}
