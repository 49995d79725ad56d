//! One work along one axis.

use serde_json::json;

use super::axes::Axis;
use super::fit::{Fit, fit};
use crate::bench::measure::Usage;
use crate::bench::plot::seconds;

/// What a work took at each size.
pub(super) struct Series {
    pub(super) axis: Axis,
    pub(super) work: &'static str,
    pub(super) points: Vec<(f64, Usage)>,
}

impl Series {
    /// Sizes and seconds.
    pub(super) fn times(&self) -> Vec<(f64, f64)> {
        self.points.iter().map(|(size, usage)| (*size, usage.wall.as_secs_f64())).collect()
    }

    pub(super) fn fit(&self) -> Option<Fit> {
        fit(&self.times())
    }

    pub(super) fn row(&self) -> String {
        let times: Vec<String> =
            self.times().iter().map(|(size, took)| format!("{}: {}", shown(*size), seconds(*took))).collect();
        let memory: Vec<String> =
            self.points.iter().map(|(_, usage)| format!("{:.0}", usage.memory_bytes as f64 / 1e6)).collect();
        let (exponent, last_step, flag) = match self.fit() {
            Some(fit) => (
                format!("{:.2}", fit.exponent),
                format!("{:.2}", fit.last_step),
                if fit.is_worse_than_linear { "**worse than linear**" } else { "" },
            ),
            None => ("-".to_owned(), "-".to_owned(), ""),
        };
        format!(
            "| {} | {} | {} | {exponent} | {last_step} | {} | {flag} |",
            self.axis.name(),
            self.work,
            times.join(", "),
            memory.join(", ")
        )
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let point = |(size, usage): &(f64, Usage)| {
            json!({
                "size": size,
                "wall_s": usage.wall.as_secs_f64(),
                "processor_s": usage.processor.as_secs_f64(),
                "memory_bytes_max": usage.memory_bytes,
                "read_bytes": usage.read_bytes,
            })
        };
        json!({
            "axis": self.axis.name(),
            "work": self.work,
            "points": self.points.iter().map(point).collect::<Vec<_>>(),
            "exponent": self.fit().map(|fit| fit.exponent),
            "last_step": self.fit().map(|fit| fit.last_step),
            "is_worse_than_linear": self.fit().map(|fit| fit.is_worse_than_linear),
        })
    }
}

/// `1k`, `20M`, `3`.
pub(super) fn shown(size: f64) -> String {
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if size >= unit {
            return format!("{}{name}", size / unit);
        }
    }
    format!("{size}")
}
