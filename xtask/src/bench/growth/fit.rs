//! The exponent of a growth: the slope in a log-log picture.

/// Below this many seconds the start of a process is most of what was measured, and the slope says nothing.
const SECONDS_MIN: f64 = 0.1;
/// A slope above this is worse than linear, and not noise.
const LINEAR_MAX: f64 = 1.15;

/// How a cost grows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    /// Least squares over the sizes that take long enough to tell.
    pub(super) exponent: f64,
    /// From the last size but one to the last: where a bad end shows first.
    pub(super) last_step: f64,
    /// Whether it grows faster than its cause.
    pub(super) is_worse_than_linear: bool,
}

/// `None` with fewer than two sizes. Costs so small that nothing can be said of them are not flagged.
pub(super) fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    let telling: Vec<_> = points.iter().copied().filter(|(_, seconds)| *seconds >= SECONDS_MIN).collect();
    let used = if telling.len() >= 2 { &telling } else { points };
    let logs: Vec<(f64, f64)> =
        used.iter().map(|(size, seconds)| (size.ln(), seconds.max(1e-9).ln())).collect();
    let [.., before, last] = logs[..] else { return None };
    let count = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let exponent = covariance / variance.max(f64::MIN_POSITIVE);
    let last_step = (last.1 - before.1) / (last.0 - before.0);
    let is_worse_than_linear = telling.len() >= 2 && (exponent > LINEAR_MAX || last_step > LINEAR_MAX);
    Some(Fit { exponent, last_step, is_worse_than_linear })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn along(of: impl Fn(f64) -> f64) -> Fit {
        fit(&[1e3, 1e4, 1e5, 1e6].map(|size| (size, of(size)))).unwrap()
    }

    #[test]
    fn powers_are_found() {
        assert!((along(|size| size * 1e-3).exponent - 1.0).abs() < 1e-9);
        assert!((along(|size| size.powi(2) * 1e-5).exponent - 2.0).abs() < 1e-9);
        assert!(along(|size| size.powf(1.5) * 1e-3).is_worse_than_linear);
        assert!(!along(|size| 0.2 + size * 1e-5).is_worse_than_linear);
    }

    #[test]
    fn a_bad_end_is_flagged_even_when_the_whole_looks_well() {
        let bent = along(|size| if size > 5e5 { 50.0 } else { 1.0 });
        assert!(bent.exponent < LINEAR_MAX && bent.is_worse_than_linear);
    }

    #[test]
    fn milliseconds_are_not_judged() {
        assert!(!along(|size| size.powi(2) * 1e-14).is_worse_than_linear);
        assert!(fit(&[(1.0, 1.0)]).is_none());
    }
}
