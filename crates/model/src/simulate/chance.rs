//! Chance that comes out the same each time: a hash of what it is asked about.

/// A number that looks random and depends on nothing but its arguments (splitmix64).
pub(super) fn draw(asset: u64, moment: i64, purpose: u64) -> u64 {
    let mut x = asset
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(moment.unsigned_abs().wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_add(purpose << 56);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// How long work lasts of which 99 in 100 take no longer than `p99_s`: mostly a third of that, with a tail.
pub(super) fn lasts_s(p99_s: u64, asset: u64, moment: i64, purpose: u64) -> i64 {
    let mille = draw(asset, moment, purpose) % 1000;
    let share = match mille {
        0..900 => 200 + mille / 4,
        900..990 => 425 + (mille - 900) * 6,
        _ => 1000 + (mille - 989) * 30,
    };
    i64::try_from(p99_s.saturating_mul(share) / 1000).unwrap_or(i64::MAX)
}
