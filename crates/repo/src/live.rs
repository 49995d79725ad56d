//! What must not be deleted: everything that a point needs, and whatever may be a point.
//!
//! Whoever deletes must know everything, so one object that cannot be read stops it. But whoever may write into a
//! repository could stop every deletion for ever with one piece of junk that calls itself a snapshot, or with a snapshot
//! that names data which never was. So that stops nothing, where no run of ours recorded such a point, every location was
//! looked at, and none of them has anything better: it is told. A point of ours that is damaged does stop it. Packs that no
//! index names stay while data is named that no index lists: an index file may be lost, and they hold just that data.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_format::{BlobKind, Id, IndexPack, Snapshot};
use holdfast_location::Area;

use crate::cancel::Cancel;
use crate::catalog::{Catalog, parse_snapshot};
use crate::closure::{Closure, close_over};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::mirror::Mirror;
use crate::monitor::{Monitor, Trouble, TroubleKind};
use crate::repository::Repository;
use crate::tombstones::Tombstones;
use crate::written_off::WrittenOff;

/// Everything that is not to be deleted.
pub(crate) struct Live {
    pub snapshots: Vec<(Id, Snapshot)>,
    /// What lies among the snapshots and is none.
    pub junk: u64,
    pub index: Index,
    /// Index files with the packs that they name.
    pub files: Vec<(Id, Vec<Id>)>,
    pub packs: Vec<IndexPack>,
}

impl Repository {
    /// Everything that the live points need, and how many are known to lack something of it; one of `ours` may lack nothing.
    pub(crate) fn needs(
        &self,
        live: &Live,
        index: &Index,
        mirrors: &[Arc<Mirror>],
        ours: Option<&BTreeSet<Id>>,
        monitor: &dyn Monitor,
        cancel: &Cancel,
    ) -> Result<(Closure, u64)> {
        let close = |is_asked: &dyn Fn(&Id) -> bool| {
            let asked = live.snapshots.iter().filter(|(id, _)| is_asked(id));
            let mut closure =
                close_over(self, index, mirrors, asked.map(|(_, snapshot)| snapshot.tree), cancel)?;
            closure.unknown.take().map_or(Ok(closure), Err)
        };
        let closure = close(&|_| true)?;
        let Err(refusal) = self.refuse_missing(&closure) else { return Ok((closure, 0)) };
        let Some(ours) = ours.filter(|_| mirrors.len() == self.mirrors.len()) else { return Err(refusal) };
        self.refuse_missing(&close(&|id| ours.contains(id))?)?;
        // Following each of a thousand to its end would be another way to hold everything up.
        let is_empty = |(id, snapshot): &&(Id, Snapshot)| {
            !ours.contains(id) && closure.missing.contains(&(BlobKind::Tree, snapshot.tree))
        };
        let empty: Vec<&Id> = live.snapshots.iter().filter(is_empty).map(|(id, _)| id).collect();
        let which = empty.first().map_or("snapshots".to_owned(), |first| format!("snapshot {first}"));
        let more = match empty.len() {
            0 | 1 => String::new(),
            count => format!(", nor {} others", count - 1),
        };
        let why = format!(
            "no run of ours recorded it{more}, and data is named that no index lists; nothing waits for it, \
             but packs that no index names are kept, for they may hold it; run `holdfast repair`"
        );
        monitor.trouble(Trouble::new(TroubleKind::Warning, which, why));
        Ok((closure, empty.len().max(1) as u64))
    }

    /// Stops where points need blobs that cannot be found, unless a person has written them off.
    fn refuse_missing(&self, closure: &Closure) -> Result<()> {
        let written_off = WrittenOff::load(&self.folders.cache);
        let missing = closure.missing.iter().filter(|(kind, id)| !written_off.contains(*kind, id)).count();
        if missing == 0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Damaged,
            format!(
                "nothing is deleted, because points need {missing} blobs that cannot be found; run `holdfast repair`, \
                 and `holdfast repair --write-off` when what it reports as lost is to be given up"
            ),
        ))
    }

    /// Loads what is live: points and index files without a tombstone. Anything unreadable is an error, for whoever deletes
    /// must know everything; but for what lies among the snapshots, is none of `ours`, and can never be read.
    pub(crate) fn load_live(
        &self,
        catalog: &Catalog,
        tombstones: &Tombstones,
        ours: Option<&BTreeSet<Id>>,
        monitor: &dyn Monitor,
    ) -> Result<Live> {
        if let Some((mirror, error)) = catalog.failures.first() {
            return Err(Error::new(
                error.kind,
                format!(
                    "nothing is deleted, because location {} could not be listed: {error}",
                    mirror.name()
                ),
            ));
        }
        let mut live = Live {
            snapshots: Vec::new(),
            junk: 0,
            index: Index::default(),
            files: Vec::new(),
            packs: Vec::new(),
        };
        live.snapshots = self.load_snapshots(catalog, monitor);
        live.snapshots.retain(|(id, _)| !tombstones.contains(Area::Snapshots, id));
        let read: BTreeSet<Id> = live.snapshots.iter().map(|(id, _)| *id).collect();
        let is_unread = |id: &Id| !tombstones.contains(Area::Snapshots, id) && !read.contains(id);
        let mut unread = 0;
        for (id, bits) in catalog.snapshots.iter().filter(|(id, _)| is_unread(id)) {
            if ours.is_some_and(|ours| !ours.contains(id)) && self.is_junk(catalog, id, *bits) {
                live.junk += 1;
                let why = "no run of ours recorded it, and it can never be read: it is no point, and nothing waits for it";
                monitor.trouble(Trouble::new(TroubleKind::Warning, format!("snapshot {id}"), why));
            } else {
                unread += 1;
            }
        }
        if unread > 0 {
            let context = format!("{unread} points cannot be read; run `holdfast repair` first");
            return Err(Error::new(ErrorKind::Damaged, context));
        }
        for (id, bits) in &catalog.indexes {
            if tombstones.contains(Area::Index, id) {
                continue;
            }
            let file = self.read_index(catalog, id, *bits, monitor).map_err(|e| {
                let context = format!("index {id} cannot be read; run `holdfast repair` first");
                Error::because(e.kind, context, e)
            })?;
            live.files.push((*id, file.packs.iter().map(|p| p.id).collect()));
            for pack in file.packs {
                if live.index.add(&pack) {
                    live.packs.push(pack);
                }
            }
        }
        Ok(live)
    }

    /// Whether what lies among the snapshots is none, wherever it lies: bytes with the right name that say nothing, or with
    /// another at every location. What some location did not give may be anything.
    fn is_junk(&self, catalog: &Catalog, id: &Id, bits: u32) -> bool {
        let mut is_damaged = catalog.mirrors.len() == self.mirrors.len();
        for mirror in catalog.holders(bits) {
            match mirror.get(Area::Snapshots, id) {
                Ok(stored) => return parse_snapshot(&self.cipher, id, &stored).is_err(),
                Err(error) => is_damaged &= error.kind == ErrorKind::Damaged,
            }
        }
        is_damaged
    }
}
