//! Everything measured on one corpus: samples by program, failures, and the floor. What is shown of it lies in
//! `markdown` (tables) and `plot` (pictures); every sample is in the JSON, for whoever computes something else.

mod goals;
mod markdown;
mod quantity;

use std::collections::BTreeMap;

use serde_json::json;

use super::floor::Floor;
use super::material::Kind;
use super::measure::Usage;
use super::spread::Spread;
use super::work::Work;

/// One measured command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) work: Work,
    pub(super) usage: Usage,
    /// Size of the repository afterwards, where it was asked for.
    pub(super) stored_bytes: Option<u64>,
    /// Requests that the location was sent, where they could be counted.
    pub(super) requests: Option<u64>,
}

/// Everything measured on one corpus in one run.
pub(super) struct Table {
    pub(super) kind: Kind,
    corpus: String,
    /// In the order of their first appearance; the first is ours.
    peers: Vec<String>,
    samples: BTreeMap<String, Vec<Sample>>,
    failures: Vec<Failure>,
    floor: Option<Floor>,
}

struct Failure {
    peer: String,
    work: Work,
    why: String,
}

/// Wall time of one work: a group of bars.
pub(super) struct Bars {
    pub(super) work: Work,
    /// Each peer's median against ours, in the order of the table; `None` where it was not measured.
    pub(super) against_ours: Vec<Option<f64>>,
    pub(super) our_seconds: f64,
    pub(super) floor_seconds: Option<f64>,
}

impl Table {
    pub(super) fn new(kind: Kind, corpus: &str, floor: Option<Floor>) -> Table {
        let corpus = corpus.to_owned();
        let (peers, samples, failures) = (Vec::new(), BTreeMap::new(), Vec::new());
        Table { kind, corpus, peers, samples, failures, floor }
    }

    pub(super) fn add(&mut self, peer: &str, sample: Sample) {
        self.know(peer);
        self.samples.entry(peer.to_owned()).or_default().push(sample);
    }

    pub(super) fn failed(&mut self, peer: &str, work: Work, why: &str) {
        println!("bench: {peer}: {}: FAILED: {why}", work.name());
        self.know(peer);
        self.failures.push(Failure { peer: peer.to_owned(), work, why: why.to_owned() });
    }

    pub(super) fn has_failed(&self, peer: &str) -> bool {
        self.failures.iter().any(|failure| failure.peer == peer)
    }

    fn know(&mut self, peer: &str) {
        if !self.peers.iter().any(|known| known == peer) {
            self.peers.push(peer.to_owned());
        }
    }

    /// What was measured, ours first.
    pub(super) fn peers(&self) -> &[String] {
        &self.peers
    }

    /// The corpus, for people.
    pub(super) fn corpus(&self) -> &str {
        &self.corpus
    }

    /// Wall times of every work that ours did.
    pub(super) fn bars(&self) -> Vec<Bars> {
        let seconds = |peer: &String, work| self.spread(peer, work, &quantity::TIME);
        let bars = |work| {
            let ours = seconds(self.peers.first()?, work)?.median;
            let against_ours =
                self.peers.iter().map(|peer| Some(seconds(peer, work)?.median / ours.max(1e-9))).collect();
            Some(Bars { work, against_ours, our_seconds: ours, floor_seconds: self.floor_of(work) })
        };
        Work::ALL.into_iter().filter_map(bars).collect()
    }

    fn floor_of(&self, work: Work) -> Option<f64> {
        let ours = self.peers.first()?;
        let stored_mb = self.spread(ours, work, &quantity::STORED).map(|spread| spread.median);
        self.floor.as_ref()?.seconds(work, self.kind, stored_mb)
    }

    fn spread(&self, peer: &str, work: Work, quantity: &quantity::Quantity) -> Option<Spread> {
        let samples = self.samples.get(peer)?.iter().filter(|sample| sample.work == work);
        Spread::of(samples.filter_map(quantity.of).collect())
    }

    /// Every sample.
    pub(super) fn json(&self) -> serde_json::Value {
        let samples = |peer: &String| -> Vec<serde_json::Value> {
            let samples = self.samples.get(peer).into_iter().flatten();
            let entry = |sample: &Sample| {
                json!({
                    "work": sample.work.name(),
                    "wall_s": sample.usage.wall.as_secs_f64(),
                    "processor_s": sample.usage.processor.as_secs_f64(),
                    "memory_bytes_max": sample.usage.memory_bytes,
                    "read_bytes": sample.usage.read_bytes,
                    "disk_read_bytes": sample.usage.disk_read_bytes,
                    "stored_bytes": sample.stored_bytes,
                    "requests": sample.requests,
                })
            };
            samples.map(entry).collect()
        };
        let peers: Vec<_> =
            self.peers.iter().map(|peer| json!({ "peer": peer, "samples": samples(peer) })).collect();
        let failure = |failure: &Failure| json!({ "peer": failure.peer, "work": failure.work.name(), "why": failure.why });
        let failures: Vec<_> = self.failures.iter().map(failure).collect();
        let floors: BTreeMap<_, _> =
            Work::ALL.iter().filter_map(|work| Some((work.name(), self.floor_of(*work)?))).collect();
        json!({
            "corpus": self.corpus,
            "kind": self.kind.word(),
            "peers": peers,
            "failures": failures,
            "floor_s": floors,
            "primitives": self.floor,
        })
    }
}

#[cfg(test)]
mod tests;
