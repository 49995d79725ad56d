//! How far apart two places are.

/// Kilometres between two places, each by its degrees north and east. Along the surface of a globe, which is exact enough for
/// "far".
pub fn distance_km((a_north, a_east): (f64, f64), (b_north, b_east): (f64, f64)) -> f64 {
    const RADIUS_KM: f64 = 6371.0;
    let (a_north, a_east) = (a_north.to_radians(), a_east.to_radians());
    let (b_north, b_east) = (b_north.to_radians(), b_east.to_radians());
    let half = |difference: f64| (difference / 2.0).sin().powi(2);
    let chord = half(b_north - a_north) + a_north.cos() * b_north.cos() * half(b_east - a_east);
    2.0 * RADIUS_KM * chord.sqrt().min(1.0).asin()
}
