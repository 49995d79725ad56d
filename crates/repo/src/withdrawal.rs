//! Taking back the deletion of a point that waits for some location, because somebody wants to keep the point after all.
//!
//! Elsewhere its data is pruned already. Half a point that is called alive again would look like one, and would stop every
//! later deletion, because it needs what nobody has. So it is first followed to its end where it still lies, with nothing
//! but what lies there.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_format::{Id, IndexPack};
use holdfast_location::Area;

use crate::cancel::Cancel;
use crate::catalog::{self, parse_snapshot};
use crate::closure::{Deaf, close_over};
use crate::error::Result;
use crate::index::Index;
use crate::mirror::Mirror;
use crate::repository::Repository;
use crate::tombstones::Tombstones;

/// What became of the deletion of a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// The point is whole at this location, and stays.
    Kept(String),
    /// What is left of it is not whole, for these reasons, and goes.
    Late(Vec<String>),
    /// No location that still has it could be looked at.
    Unknown,
}

impl Repository {
    /// Takes back the deletions of `points` that wait, where the point is whole at some location; with `dry_run` only tells.
    /// Points of which no deletion waits are left out. The next prune brings the others what they lack of a point.
    pub fn withdraw(&self, points: &[Id], dry_run: bool, cancel: &Cancel) -> Result<Vec<(Id, Withdrawal)>> {
        let mut tombstones = Tombstones::load(&self.folders.tombstones)?;
        let mut outcomes = Vec::new();
        for id in points.iter().filter(|id| tombstones.contains(Area::Snapshots, id)) {
            let (mut kept, mut late) = (None, Vec::new());
            for mirror in self.ready() {
                if !tombstones.waiting_at(mirror.name()).contains(&(Area::Snapshots, *id)) {
                    continue;
                }
                let Some(why) = self.why_not_whole(&mirror, id, cancel)? else {
                    kept = Some(mirror.name().to_owned());
                    break;
                };
                late.push(why);
            }
            let outcome = match kept {
                Some(location) => Withdrawal::Kept(location),
                None if late.is_empty() => Withdrawal::Unknown,
                None => Withdrawal::Late(late),
            };
            outcomes.push((*id, outcome));
        }
        if !dry_run {
            let is_kept = |(_, outcome): &&(Id, Withdrawal)| matches!(outcome, Withdrawal::Kept(_));
            let kept = outcomes.iter().filter(is_kept).map(|(id, _)| (Area::Snapshots, *id));
            let kept: Vec<(Area, Id)> = kept.collect();
            for name in self.location_names() {
                tombstones.confirm(&kept, &name)?;
            }
        }
        Ok(outcomes)
    }

    /// Why a point is not whole at a location; `None` where it is.
    fn why_not_whole(&self, mirror: &Arc<Mirror>, id: &Id, cancel: &Cancel) -> Result<Option<String>> {
        let name = mirror.name();
        let stored = match mirror.get(Area::Snapshots, id) {
            Ok(stored) => stored,
            Err(error) => return Ok(Some(format!("{name}: {error}"))),
        };
        let snapshot = match parse_snapshot(&self.cipher, id, &stored) {
            Ok(snapshot) => snapshot,
            Err(error) => return Ok(Some(format!("{name}: {error}"))),
        };
        let mirrors = [Arc::clone(mirror)];
        let catalog = catalog::list(&mirrors)?;
        let packs: BTreeMap<Id, u64> = mirror.list(Area::Data)?.into_iter().collect();
        let mut named = Index::default();
        let mut entries: Vec<IndexPack> = Vec::new();
        for (index, bits) in &catalog.indexes {
            // One that cannot be read costs what only it names.
            let Ok(file) = self.read_index(&catalog, index, *bits, &Deaf) else { continue };
            entries.extend(file.packs.into_iter().filter(|pack| named.add(pack)));
        }
        let mut index = Index::default();
        for pack in &entries {
            if named.pack(&pack.id).is_some_and(|known| packs.get(&pack.id) == Some(&known.size)) {
                index.add(pack);
            }
        }
        let closure = close_over(self, &index, &mirrors, [snapshot.tree], cancel)?;
        if let Some(error) = closure.unknown {
            return Ok(Some(format!("{name}: {error}")));
        }
        let missing = closure.missing.len();
        Ok((missing > 0).then(|| format!("{name}: {missing} pieces of its data are not there any more")))
    }
}
