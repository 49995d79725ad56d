//! One program's turn: every local work, one after the other, on one repository.
//!
//! The works stand on each other (a restore needs a backup), so the first backup is always made. A work that fails is
//! noted and the turn goes on; a first backup that fails ends it.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::change::Change;
use super::material::{Kind as Corpus, Material};
use super::peer::Peer;
use super::setting::{Setting, Store};
use super::table::{Sample, Table};
use super::work::{Deed, Work};
use super::{cold, folder, measure};
use crate::process;

/// One part in this many changes between two backups.
pub(super) const CHANGED_EVERY: u64 = 100;
/// Before a prune one part in this many changes again and again, so that there is something to give back.
const AGED_EVERY: u64 = 5;
const AGED_TIMES: u64 = 4;

/// What holds for every turn of a run.
pub(super) struct Conditions<'a> {
    /// Emptied before each turn.
    pub(super) scratch: &'a Path,
    /// The works that are wanted of this corpus.
    pub(super) works: &'a [Work],
    /// Forget the page cache before each command.
    pub(super) is_cold: bool,
}

impl Conditions<'_> {
    pub(super) fn wants(&self, work: Work) -> bool {
        self.works.contains(&work)
    }

    /// Whether any of these works is wanted, and the program can be measured at it.
    pub(super) fn wants_any(&self, works: &[Work], peer: &Peer, corpus: Corpus) -> bool {
        works.iter().any(|work| self.wants(*work) && peer.can(*work, corpus))
    }

    /// An empty scratch folder.
    pub(super) fn clear(&self) -> Result<()> {
        folder::remove(self.scratch)?;
        std::fs::create_dir_all(self.scratch).context("cannot make the scratch folder")
    }
}

/// One turn with a local repository. The corpus is as before at the end, whatever happens.
pub(super) fn local(
    peer: &Peer,
    material: &Material,
    change: &mut Change,
    conditions: &Conditions<'_>,
    table: &mut Table,
) -> Result<()> {
    conditions.clear()?;
    let mut setting = Setting::new(conditions.scratch, material, Store::Folders(1));
    peer.prepare(&setting)?;
    let mut outcome = Ok(());
    for work in Work::ALL.into_iter().filter(|work| work.is_on_one_repository()) {
        let is_wanted = conditions.wants(work) && peer.can(work, material.kind);
        if work != Work::First && !is_wanted {
            continue;
        }
        match one_work(peer, work, &mut setting, change, conditions) {
            Ok(Some(sample)) if is_wanted => table.add(&peer.title(), sample),
            Ok(_) => {}
            Err(error) if work == Work::First => {
                outcome = Err(error);
                break;
            }
            Err(error) => table.failed(&peer.title(), work, &format!("{error:#}")),
        }
    }
    change.undo()?;
    std::thread::sleep(super::SETTLE);
    outcome
}

/// The first backup into two locations, ours alone.
pub(super) fn two_locations(
    peer: &Peer,
    material: &Material,
    conditions: &Conditions<'_>,
    table: &mut Table,
) -> Result<()> {
    conditions.clear()?;
    let mut setting = Setting::new(conditions.scratch, material, Store::Folders(2));
    peer.prepare(&setting)?;
    let mut sample = measured(peer, Work::TwoLocations, &mut setting, conditions)?;
    let [first, second] = [0, 1]
        .map(|number| folder::count(&Setting::place(conditions.scratch, number)).map(|(_, bytes)| bytes));
    let (first, second) = (first?, second?);
    if first != second {
        bail!("the locations got {first} and {second} bytes; they must be the same")
    }
    sample.stored_bytes = Some(first + second);
    table.add(&peer.title(), sample);
    Ok(())
}

/// `None`: this work cannot be prepared on this machine.
fn one_work(
    peer: &Peer,
    work: Work,
    setting: &mut Setting<'_>,
    change: &mut Change,
    conditions: &Conditions<'_>,
) -> Result<Option<Sample>> {
    match work {
        Work::Changed => {
            change.apply(CHANGED_EVERY, 1)?;
            std::thread::sleep(super::SETTLE);
        }
        Work::ChangedUncached => {
            change.apply(CHANGED_EVERY, 2)?;
            std::thread::sleep(super::SETTLE);
            peer.forget_cache(setting)?;
        }
        Work::Prune if !age(peer, setting, change)? => {
            println!("bench: {}: no stock restic to forget points with; no prune", peer.name);
            return Ok(None);
        }
        _ => {}
    }
    let mut sample = measured(peer, work, setting, conditions)?;
    if matches!(work, Work::First | Work::Verify | Work::Prune) {
        sample.stored_bytes = Some(folder::count(&peer.repository(setting))?.1);
    }
    Ok(Some(sample))
}

/// Makes more points, each with the same part changed again, and forgets the older half of all.
fn age(peer: &Peer, setting: &mut Setting<'_>, change: &mut Change) -> Result<bool> {
    for step in 0..AGED_TIMES {
        change.apply_again(AGED_EVERY, 10 + step)?;
        process::output(peer.command(Deed::Backup, setting))?;
        setting.points += 1;
    }
    std::thread::sleep(super::SETTLE);
    let kept = setting.points / 2;
    setting.points = kept;
    peer.forget(kept, setting)
}

/// Runs one work, checks what came of it as far as that can be counted, and says what it took.
pub(super) fn measured(
    peer: &Peer,
    work: Work,
    setting: &mut Setting<'_>,
    conditions: &Conditions<'_>,
) -> Result<Sample> {
    let deed = work.deed();
    folder::remove(&setting.target)?;
    std::fs::create_dir_all(&setting.target)?;
    process::output(process::command::<&str>("sync", &[]))?;
    if conditions.is_cold {
        cold::forget_page_cache()?;
    }
    let command = peer.command(deed, setting);
    let usage = measure::run(&command, setting.scratch);
    let restored = folder::count(&setting.target);
    folder::remove(&setting.target)?;
    let (usage, restored) = (usage?, restored?);
    let material = setting.material;
    let expected = match deed {
        Deed::Restore => material.files,
        Deed::RestoreOne => (1, material.folder.join(&material.one_file).metadata()?.len()),
        _ => (0, 0),
    };
    if restored != expected {
        bail!("it restored {restored:?} (files, bytes) and not {expected:?}")
    }
    if deed == Deed::Backup {
        setting.points += 1;
    }
    println!("bench: {:<16} {:<27} {usage}", peer.name, work.name());
    Ok(Sample { work, usage, stored_bytes: None, requests: None })
}
