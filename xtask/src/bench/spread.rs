//! Least, median and most of some measurements, and ratios between two such.

/// What several rounds measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub(super) least: f64,
    pub(super) median: f64,
    pub(super) most: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let upper = values[values.len() / 2];
        let lower = values[(values.len() - 1) / 2];
        Some(Spread { least, median: f64::midpoint(lower, upper), most })
    }

    /// This against another: medians; then the kindest and the harshest reading of both spreads.
    pub(super) fn against(&self, other: &Spread) -> Spread {
        let of = |ours: f64, theirs: f64| ours / theirs.max(f64::MIN_POSITIVE);
        Spread {
            least: of(self.least, other.most),
            median: of(self.median, other.median),
            most: of(self.most, other.least),
        }
    }

    /// For a cell of a table.
    pub(super) fn shown(&self) -> String {
        let digits = if self.median < 10.0 { 2 } else { usize::from(self.median < 100.0) };
        if self.least.total_cmp(&self.most).is_eq() {
            return format!("{:.digits$}", self.median);
        }
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.least, self.most)
    }

    /// For the cell of a ratio.
    pub(super) fn shown_as_ratio(&self) -> String {
        format!("**{:.2}** ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}
