//! What grows, by how much, and what is measured at each size.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::series::Series;
use super::{Extent, judging};
use crate::bench::material::{self, Kind, Material, Sizes};
use crate::bench::measure::{self, Usage};
use crate::bench::peer::Peer;
use crate::bench::setting::{Setting, Store};
use crate::bench::work::Deed;
use crate::bench::{SETTLE, estate, folder};
use crate::{process, workspace};

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Axis {
    /// Files of one website.
    Files,
    /// Blobs of the repository.
    Blobs,
    /// Points of the repository.
    Points,
    /// Locations that a backup goes to.
    Locations,
    /// Bytes of one file.
    FileBytes,
    /// Runs that the ledger knows, by which verdicts are judged.
    Runs,
}

impl Axis {
    pub(super) const ALL: [Axis; 6] =
        [Axis::Files, Axis::Blobs, Axis::Points, Axis::Locations, Axis::FileBytes, Axis::Runs];

    pub(super) fn name(self) -> &'static str {
        match self {
            Axis::Files => "files",
            Axis::Blobs => "blobs",
            Axis::Points => "points",
            Axis::Locations => "locations",
            Axis::FileBytes => "bytes of one file",
            Axis::Runs => "recorded runs",
        }
    }

    fn sizes(self, extent: Extent) -> Vec<u64> {
        let (all, counts): (&[u64], [usize; 3]) = match self {
            Axis::Files => (&[1_000, 10_000, 100_000, 1_000_000], [2, 3, 4]),
            Axis::Blobs => (&[10_000, 100_000, 1_000_000, 10_000_000], [2, 3, 4]),
            Axis::Points => (&[10, 100, 1_000, 10_000], [2, 3, 4]),
            Axis::Locations => (&[1, 2, 3, 4], [2, 3, 4]),
            Axis::Runs => (&[3_000, 30_000, 90_000, 365_000], [2, 3, 4]),
            Axis::FileBytes => {
                (&[1_000_000, 10_000_000, 100_000_000, 2_000_000_000, 20_000_000_000], [3, 4, 5])
            }
        };
        all[..counts[extent as usize]].to_vec()
    }
}

/// Who is measured, and where.
pub(super) struct Stand<'a> {
    pub(super) ours: &'a Peer,
    pub(super) bench: &'a Path,
    pub(super) rounds: usize,
}

/// The works of one size, in order, each with the deed that it is.
const FIRST: (&str, Deed) = ("first backup", Deed::Backup);
const UNCHANGED: (&str, Deed) = ("nothing changed", Deed::Backup);
const RESTORE: (&str, Deed) = ("restore", Deed::Restore);
const STRUCTURE: (&str, Deed) = ("check, structure", Deed::Structure);
const VERIFY: (&str, Deed) = ("check, all data read", Deed::Verify);
const LIST: (&str, Deed) = ("list of a large folder", Deed::List);

/// Measures along one axis.
pub(super) fn measure(stand: &Stand<'_>, axis: Axis, extent: Extent) -> Result<Vec<Series>> {
    let mut all: Vec<Series> = Vec::new();
    for size in axis.sizes(extent) {
        println!("bench: growth: {} = {size}", axis.name());
        if axis == Axis::Runs {
            for (work, usage) in judging::measure(stand, size)? {
                println!("bench: growth: {work:<27} {usage}");
                keep(&mut all, axis, work, size, usage);
            }
            continue;
        }
        let (material, _) = material::make(kind(axis), stand.bench, &sizes(axis, size))?;
        for _ in 0..stand.rounds {
            for (work, usage) in one_size(stand, axis, size, &material)? {
                println!("bench: growth: {work:<27} {usage}");
                keep(&mut all, axis, work, size, usage);
            }
        }
        folder::remove(&material.folder)?;
    }
    Ok(all)
}

/// The quickest of several rounds counts: what a neighbour took is not ours.
fn keep(all: &mut Vec<Series>, axis: Axis, work: &'static str, size: u64, usage: Usage) {
    let position = all.iter().position(|series| series.work == work).unwrap_or_else(|| {
        all.push(Series { axis, work, points: Vec::new() });
        all.len() - 1
    });
    let points = &mut all[position].points;
    let size = size as f64;
    match points.last_mut() {
        Some((last, known)) if *last == size => {
            if usage.wall < known.wall {
                *known = usage;
            }
        }
        _ => points.push((size, usage)),
    }
}

fn one_size(
    stand: &Stand<'_>,
    axis: Axis,
    size: u64,
    material: &Material,
) -> Result<Vec<(&'static str, Usage)>> {
    let scratch = stand.bench.join("scratch");
    folder::remove(&scratch)?;
    std::fs::create_dir_all(&scratch)?;
    let store = Store::Folders(if axis == Axis::Locations { size as usize } else { 1 });
    let mut setting = Setting::new(&scratch, material, store);
    stand.ours.prepare(&setting)?;
    let works: &[(&str, Deed)] = match axis {
        Axis::Files => &[FIRST, UNCHANGED, RESTORE, STRUCTURE, LIST],
        Axis::Blobs => &[("first backup beside them", Deed::Backup), UNCHANGED, STRUCTURE],
        Axis::Points => &[UNCHANGED, STRUCTURE],
        Axis::Locations => &[FIRST, UNCHANGED, VERIFY],
        Axis::FileBytes => &[FIRST, UNCHANGED, RESTORE, VERIFY],
        Axis::Runs => &[],
    };
    if axis == Axis::Points {
        add_points(stand, &setting, size)?;
    }
    let mut usages = Vec::new();
    for (name, deed) in works {
        folder::remove(&setting.target)?;
        std::fs::create_dir_all(&setting.target)?;
        usages.push((*name, measure::run(&stand.ours.command(*deed, &setting), &scratch)?));
        setting.points += u32::from(*deed == Deed::Backup);
    }
    folder::remove(&setting.target)?;
    if axis == Axis::Points {
        usages.push(("list of points", measure::run(&with_words(stand, &scratch, &["points"]), &scratch)?));
    }
    Ok(usages)
}

/// One real point, and copies of it.
fn add_points(stand: &Stand<'_>, setting: &Setting<'_>, count: u64) -> Result<()> {
    process::output(stand.ours.command(Deed::Backup, setting))?;
    let program = workspace::build_example("holdfast-repo", "generate")?;
    let mut generate = process::command(program, &["points"]);
    generate.arg(stand.ours.repository(setting)).arg(count.to_string());
    generate.env("RESTIC_PASSWORD", stand.ours.password(setting)?);
    process::output(generate).context("cannot add points")?;
    std::thread::sleep(SETTLE);
    Ok(())
}

fn with_words(stand: &Stand<'_>, scratch: &Path, words: &[&str]) -> Command {
    let mut command = estate::start(&stand.ours.program, scratch);
    command.args(words).args(["sites", "--quiet"]);
    command
}

fn kind(axis: Axis) -> Kind {
    match axis {
        Axis::Files | Axis::Points => Kind::Many,
        Axis::Blobs => Kind::Blobs,
        Axis::Locations => Kind::Sites,
        Axis::FileBytes | Axis::Runs => Kind::Big,
    }
}

fn sizes(axis: Axis, size: u64) -> Sizes {
    Sizes {
        sites: 3,
        image_size: 0,
        files: if axis == Axis::Files { size } else { 1_000 },
        big_size: size,
        blobs: size,
        clients: 0,
    }
}
