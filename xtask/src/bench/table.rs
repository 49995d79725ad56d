//! The table: medians with their spread, and the ratio of ours against the best peer of the same run.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use serde_json::json;

use super::Work;
use super::measure::Usage;

/// One measured command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) work: Work,
    pub(super) usage: Usage,
    /// Size of the repository afterwards; 0 where it was not asked for.
    pub(super) stored_bytes: u64,
}

/// Everything measured in one run.
pub(super) struct Table {
    corpus: String,
    /// In the order of their first appearance; the first is ours.
    peers: Vec<String>,
    samples: BTreeMap<String, Vec<Sample>>,
    failures: Vec<(String, String)>,
}

/// A quantity of a sample that rows are made of.
struct Quantity {
    name: &'static str,
    unit: &'static str,
    of: fn(&Sample) -> f64,
}

const TIME: Quantity = Quantity { name: "", unit: "s", of: |sample| sample.usage.wall.as_secs_f64() };
const PROCESSOR: Quantity =
    Quantity { name: ", processor time", unit: "s", of: |sample| sample.usage.processor.as_secs_f64() };
const MEMORY: Quantity =
    Quantity { name: ", peak memory", unit: "MB", of: |sample| sample.usage.memory_bytes as f64 / 1e6 };
const STORED: Quantity =
    Quantity { name: ", stored", unit: "MB", of: |sample| sample.stored_bytes as f64 / 1e6 };

impl Table {
    pub(super) fn new(corpus: &str) -> Table {
        Table { corpus: corpus.to_owned(), peers: Vec::new(), samples: BTreeMap::new(), failures: Vec::new() }
    }

    pub(super) fn add(&mut self, peer: &str, sample: Sample) {
        self.know(peer);
        self.samples.entry(peer.to_owned()).or_default().push(sample);
    }

    pub(super) fn failed(&mut self, peer: &str, why: &str) {
        self.know(peer);
        self.failures.push((peer.to_owned(), why.to_owned()));
    }

    pub(super) fn has_failed(&self, peer: &str) -> bool {
        self.failures.iter().any(|(failed, _)| failed == peer)
    }

    fn know(&mut self, peer: &str) {
        if !self.peers.iter().any(|known| known == peer) {
            self.peers.push(peer.to_owned());
        }
    }

    /// Median (least to most) of each peer; the last column is ours against the best peer.
    pub(super) fn markdown(&self, rounds: usize) -> String {
        let mut text =
            format!("Corpus: {}. Rounds: {rounds}. Each cell: median (least to most).\n\n", self.corpus);
        let _ = writeln!(text, "| work | {} | ours : best peer |", self.peers.join(" | "));
        let _ = writeln!(text, "|---|{}", "---|".repeat(self.peers.len() + 1));
        let quantities = |work| {
            if work == Work::First {
                &[TIME, PROCESSOR, MEMORY, STORED][..]
            } else {
                &[TIME, PROCESSOR, MEMORY]
            }
        };
        for work in Work::ALL {
            for quantity in quantities(work) {
                self.row(work, quantity, &mut text);
            }
        }
        for (peer, why) in &self.failures {
            let _ = writeln!(text, "\n{peer} FAILED: {}", why.lines().next().unwrap_or_default());
        }
        text
    }

    fn row(&self, work: Work, quantity: &Quantity, text: &mut String) {
        let spreads: Vec<Option<Spread>> =
            self.peers.iter().map(|peer| self.spread(peer, work, quantity)).collect();
        if spreads.iter().all(Option::is_none) {
            return;
        }
        let cells = spreads.iter().map(|spread| spread.as_ref().map_or("-".to_owned(), Spread::shown));
        let cells = cells.collect::<Vec<_>>().join(" | ");
        let ratio = ratio(&spreads).unwrap_or_else(|| "-".to_owned());
        let _ = writeln!(text, "| {}{}, {} | {cells} | {ratio} |", work.name(), quantity.name, quantity.unit);
    }

    fn spread(&self, peer: &str, work: Work, quantity: &Quantity) -> Option<Spread> {
        let samples = self.samples.get(peer)?.iter().filter(|sample| sample.work == work);
        Spread::of(samples.map(quantity.of).collect())
    }

    /// Every sample, for whoever computes something else.
    pub(super) fn json(&self) -> Result<String> {
        let samples = |peer: &String| -> Vec<serde_json::Value> {
            let samples = self.samples.get(peer).into_iter().flatten();
            let entry = |sample: &Sample| {
                json!({
                    "work": sample.work.name(),
                    "wall_s": sample.usage.wall.as_secs_f64(),
                    "processor_s": sample.usage.processor.as_secs_f64(),
                    "memory_bytes_max": sample.usage.memory_bytes,
                    "stored_bytes": sample.stored_bytes,
                })
            };
            samples.map(entry).collect()
        };
        let peers: Vec<_> =
            self.peers.iter().map(|peer| json!({ "peer": peer, "samples": samples(peer) })).collect();
        let failures: Vec<_> =
            self.failures.iter().map(|(peer, why)| json!({ "peer": peer, "why": why })).collect();
        let document = json!({ "corpus": self.corpus, "peers": peers, "failures": failures });
        Ok(serde_json::to_string_pretty(&document)?)
    }
}

/// Least, median and most of some measurements.
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Spread> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let upper = values[values.len() / 2];
        let lower = values[(values.len() - 1) / 2];
        Some(Spread { least, median: f64::midpoint(lower, upper), most })
    }

    fn shown(&self) -> String {
        let digits = if self.median < 10.0 { 2 } else { usize::from(self.median < 100.0) };
        if self.least.total_cmp(&self.most).is_eq() {
            return format!("{:.digits$}", self.median);
        }
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.least, self.most)
    }
}

/// Median against the best median; in brackets the kindest and the harshest reading of the spread.
fn ratio(spreads: &[Option<Spread>]) -> Option<String> {
    let (ours, peers) = spreads.split_first()?;
    let ours = ours.as_ref()?;
    let best = peers.iter().flatten().min_by(|a, b| a.median.total_cmp(&b.median))?;
    let of = |ours: f64, theirs: f64| ours / theirs.max(f64::MIN_POSITIVE);
    let (kindest, harshest) = (of(ours.least, best.most), of(ours.most, best.least));
    Some(format!("**{:.2}** ({kindest:.2} to {harshest:.2})", of(ours.median, best.median)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sample(work: Work, milliseconds: u64) -> Sample {
        let wall = Duration::from_millis(milliseconds);
        Sample {
            work,
            usage: Usage { wall, processor: wall, memory_bytes: 5_000_000 },
            stored_bytes: 7_000_000,
        }
    }

    #[test]
    fn ratios_are_against_the_best_peer_of_this_run() {
        let mut table = Table::new("c");
        for (ours, slow, quick) in [(1000, 8000, 2000), (3000, 9000, 2500), (2000, 7000, 1500)] {
            table.add("ours 1", sample(Work::First, ours));
            table.add("slow 1", sample(Work::First, slow));
            table.add("quick 1", sample(Work::First, quick));
        }
        let text = table.markdown(3);
        let row = text.lines().find(|line| line.starts_with("| first backup, s ")).unwrap();
        assert_eq!(
            row,
            "| first backup, s | 2.00 (1.00 to 3.00) | 8.00 (7.00 to 9.00) | 2.00 (1.50 to 2.50) | **1.00** (0.40 to 2.00) |"
        );
        assert!(text.contains("| first backup, stored, MB | 7.00 | 7.00 | 7.00 |"));
    }

    #[test]
    fn what_failed_is_in_the_table() {
        let mut table = Table::new("c");
        table.add("ours 1", sample(Work::Verify, 1));
        table.failed("peer 2", "it crashed\nmore");
        assert!(table.has_failed("peer 2") && !table.has_failed("ours 1"));
        let text = table.markdown(1);
        assert!(text.contains("peer 2 FAILED: it crashed\n"));
        assert!(text.contains("| check, all data read, s | 0.00 | - | - |"));
    }
}
