//! The floor: what the machine's own primitives take on the same bytes in the same run, and how far above it ours is.
//!
//! A ratio against peers says who is quicker; it does not say whether anything is left to gain. The primitives are measured
//! on one core, by an example of the engine's crate with the engine's settings, and their sum is divided by the cores: the
//! time of a program that keeps every core busy with nothing but what must be done. The page cache is warm for it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::material::{Kind, Material};
use super::work::Work;
use super::{folder, setting};
use crate::{process, workspace};

/// Below this, starting a process is what is measured.
const SECONDS_MIN: f64 = 0.05;

/// What the primitives took, in seconds on one core.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Floor {
    bytes: u64,
    cut_bytes: u64,
    unique_bytes: u64,
    sealed_bytes: u64,
    entries: u64,
    walk_s: f64,
    /// By primitive, of a first backup.
    take_in: BTreeMap<String, f64>,
    /// By primitive, of a restore.
    give_back: BTreeMap<String, f64>,
    #[serde(default)]
    cores: usize,
    /// Which part of the bytes is new after a change.
    #[serde(default)]
    changed_share: f64,
}

/// Measures the primitives on a corpus. A repository that was made elsewhere has no bytes to measure.
pub(super) fn measure(material: &Material, scratch: &Path, changed_every: u64) -> Result<Option<Floor>> {
    if material.kind == Kind::Blobs {
        return Ok(None);
    }
    let program = workspace::build_example("holdfast-repo", "floor")?;
    folder::remove(scratch)?;
    std::fs::create_dir_all(scratch)?;
    println!("bench: measuring the primitives");
    let target = setting::restore_folder(scratch, material.files.1);
    folder::remove(&target)?;
    let mut command = process::command(program, &[&material.folder]);
    command.arg(scratch).arg(&target);
    let text = process::output(command)?;
    let mut floor: Floor = serde_json::from_str(&text).context("the primitives gave no figures")?;
    floor.cores = std::thread::available_parallelism().map_or(1, usize::from);
    floor.changed_share = 1.0 / changed_every as f64;
    Ok(Some(floor))
}

impl Floor {
    /// The least seconds that a work can take on these cores. `None` where nothing but the start of a process is left.
    /// `stored_mb` is the size of the repository as that work met it: a check reads more after more backups.
    pub(super) fn seconds(&self, work: Work, kind: Kind, stored_mb: Option<f64>) -> Option<f64> {
        let taken = |names: &[&str]| -> f64 { names.iter().filter_map(|name| self.take_in.get(*name)).sum() };
        let known = taken(&["read", "chunk", "hash"]);
        let new = taken(&["compress", "seal", "hash the pack", "write"]);
        let given: f64 = self.give_back.values().sum();
        let one_core = match work {
            Work::First => self.walk_s + known + new,
            Work::Unchanged => self.walk_s,
            // Of a large file everything is read again, for nobody says where it changed.
            Work::Changed | Work::ChangedUncached if matches!(kind, Kind::Image | Kind::Big) => {
                self.walk_s + known + self.changed_share * new
            }
            Work::Changed | Work::ChangedUncached => self.walk_s + self.changed_share * (known + new),
            Work::Restore => given,
            Work::Verify => {
                let once = given - self.give_back.get("write").unwrap_or(&0.0) + taken(&["hash the pack"]);
                once * stored_mb.map_or(1.0, |stored| stored * 1e6 / self.sealed_bytes.max(1) as f64)
            }
            _ => return None,
        };
        let seconds = one_core / self.cores.max(1) as f64;
        (seconds >= SECONDS_MIN).then_some(seconds)
    }

    /// What each primitive took, for whoever asks where the time goes.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "Floor: primitives on one core, same bytes, same run, divided by {} cores for the column \"floor\". \
             {:.2} GB read, {:.2} GB of it different, {:.2} GB sealed.\n\n| primitive | s | MB/s |\n|---|---|---|\n",
            self.cores,
            self.bytes as f64 / 1e9,
            self.unique_bytes as f64 / 1e9,
            self.sealed_bytes as f64 / 1e9,
        );
        let entries_per_s = self.entries as f64 / self.walk_s.max(1e-9);
        let _ = writeln!(text, "| list and statx | {:.2} | {entries_per_s:.0} entries/s |", self.walk_s);
        for (part, laps) in [("backup", &self.take_in), ("restore", &self.give_back)] {
            for (name, seconds) in laps {
                let bytes = self.bytes_of(part, name);
                let rate = bytes as f64 / 1e6 / seconds.max(1e-9);
                let _ = writeln!(text, "| {part}: {name} | {seconds:.2} | {rate:.0} |");
            }
        }
        text
    }

    fn bytes_of(&self, part: &str, name: &str) -> u64 {
        match (part, name) {
            ("backup", "read" | "hash") | ("restore", "write") => self.bytes,
            // Small files are not cut.
            ("backup", "chunk") => self.cut_bytes,
            ("backup", "compress") | ("restore", "hash" | "decompress") => self.unique_bytes,
            _ => self.sealed_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_the_sum_of_what_must_be_done_by_the_cores() {
        let laps = |pairs: &[(&str, f64)]| pairs.iter().map(|(n, s)| ((*n).to_owned(), *s)).collect();
        let floor = Floor {
            bytes: 1,
            cut_bytes: 1,
            unique_bytes: 1,
            sealed_bytes: 1,
            entries: 1,
            walk_s: 1.0,
            take_in: laps(&[("read", 2.0), ("hash", 3.0), ("compress", 10.0), ("hash the pack", 4.0)]),
            give_back: laps(&[("read", 1.0), ("open", 2.0), ("write", 5.0)]),
            cores: 2,
            changed_share: 0.1,
        };
        let is = |work, kind, seconds: f64| {
            let found: f64 = floor.seconds(work, kind, None).unwrap();
            assert!((found - seconds).abs() < 1e-9, "{work:?} on {kind:?}: {found} and not {seconds}");
        };
        is(Work::First, Kind::Sites, 10.0);
        is(Work::Unchanged, Kind::Sites, 0.5);
        is(Work::Changed, Kind::Sites, (1.0 + 1.9) / 2.0);
        is(Work::Changed, Kind::Image, (6.0 + 1.4) / 2.0);
        is(Work::Restore, Kind::Sites, 4.0);
        is(Work::Verify, Kind::Sites, 3.5);
        assert!(floor.seconds(Work::List, Kind::Sites, None).is_none());
        let twice_the_size = Some(2.0 * floor.sealed_bytes as f64 / 1e6);
        assert_eq!(floor.seconds(Work::Verify, Kind::Sites, twice_the_size), Some(7.0));
    }
}
