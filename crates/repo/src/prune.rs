//! Prunes: gives back the space of what no point needs.
//!
//! The order makes it safe to be killed at any moment: new packs, new index files, the decision what goes, then the old
//! index files, then the old packs. A location deletes only after it confirmed everything that replaces what it deletes.
//! Whatever cannot be listed or read stops the prune before it changes anything.

mod plan;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use holdfast_format::{BlobDecoder, Encoded, Id, IndexFile, IndexPack, encode_unpacked};
use holdfast_location::Area;
use serde::Serialize;

pub use plan::{PruneOptions, PrunePlan};

use crate::align::owe;
use crate::cancel::Cancel;
use crate::catalog::{self, Catalog};
use crate::deletion::{Deleting, Deletions, first_good, merge};
use crate::error::{Error, ErrorKind, Result};
use crate::mirror::Mirror;
use crate::monitor::Monitor;
use crate::outbox::Outbox;
use crate::packer::{Packer, Sink};
use crate::progress::Progress;
use crate::prune::plan::Decision;
use crate::repository::Repository;
use crate::sealed::Sealed;
use crate::spool::Spool;
use crate::tombstones::Tombstones;

/// What a prune did.
#[derive(Clone, Debug, Serialize)]
pub struct Pruned {
    /// What was planned, under the lock.
    pub plan: PrunePlan,
    /// By location; one that is away deletes when it is back.
    pub locations: Vec<Deletions>,
}

/// Blobs that one index file lists at most.
const INDEX_BLOBS_MAX: usize = 50_000;

impl Repository {
    /// Says what a prune would do once the points `forgotten` are gone. Changes nothing and takes no lock.
    pub fn plan_prune(
        &self,
        forgotten: &[Id],
        options: &PruneOptions,
        monitor: &dyn Monitor,
        cancel: &Cancel,
    ) -> Result<PrunePlan> {
        let mut catalog = catalog::list(&self.require_ready()?)?;
        catalog.snapshots.retain(|id, _| !forgotten.contains(id));
        let tombstones = Tombstones::load(&self.folders.tombstones)?;
        Ok(self.decide(options, &catalog, &tombstones, monitor, cancel)?.plan)
    }

    /// Prunes.
    pub fn prune(
        &self,
        options: &PruneOptions,
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Pruned> {
        let deleting = self.lock_for_deleting(monitor)?;
        let mirrors = deleting.mirrors();
        let mut tombstones = Tombstones::load(&self.folders.tombstones)?;
        let catalog = catalog::list(&mirrors)?;
        // Refuses before anything is changed, when something cannot be read.
        let ours = options.ours.as_ref();
        self.load_live(&catalog, &tombstones, ours, monitor)?;
        let complete = self.deliver_debts(&catalog, &tombstones, monitor, progress, cancel)?;
        let earlier = self.carry_out_tombstones(
            &deleting,
            &catalog,
            &complete,
            &mut tombstones,
            ours,
            monitor,
            cancel,
        )?;
        let catalog = catalog::list(&mirrors)?;
        let decision = self.decide(options, &catalog, &tombstones, monitor, cancel)?;
        if decision.changes_packs() {
            // The points need other packs and index files from here on.
            self.distrust_locks()?;
        }
        let written = self.rewrite(&decision, &catalog, &complete, monitor, progress, cancel)?;
        cancel.check()?;
        deleting.check()?;
        let names = self.location_names();
        let indexes: Vec<_> = decision.replaced_indexes.iter().map(|id| (Area::Index, *id)).collect();
        let packs: Vec<_> = decision.deleted_packs.iter().map(|id| (Area::Data, *id)).collect();
        if !indexes.is_empty() || !packs.is_empty() {
            tombstones.bury(&indexes, &names)?;
            tombstones.bury(&packs, &names)?;
        }
        for (lane, orphans) in decision.orphans.iter().enumerate() {
            let orphans: Vec<_> = orphans.iter().map(|id| (Area::Data, *id)).collect();
            if !orphans.is_empty() {
                tombstones.bury(&orphans, &[catalog.mirrors[lane].name().to_owned()])?;
            }
        }
        let mut locations = self.delete_at(&deleting, &written, &mut tombstones)?;
        merge(&mut locations, earlier);
        Ok(Pruned { plan: decision.plan, locations })
    }

    fn delete_at(
        &self,
        deleting: &Deleting,
        written: &[(Arc<Mirror>, Option<String>)],
        tombstones: &mut Tombstones,
    ) -> Result<Vec<Deletions>> {
        let mut locations = Vec::new();
        for (mirror, _) in &deleting.held {
            deleting.check()?;
            let failure = match written.iter().find(|(m, _)| m.name() == mirror.name()) {
                Some((_, None)) => {
                    locations.push(self.delete_waiting(mirror, tombstones));
                    continue;
                }
                Some((_, Some(reason))) => reason.clone(),
                None => "it does not have every point yet".to_owned(),
            };
            locations.push(waiting(mirror.name(), failure, tombstones));
        }
        for (location, reason) in &deleting.away {
            locations.push(waiting(location, reason.clone(), tombstones));
        }
        Ok(locations)
    }

    /// Brings every mirror of the catalog what it lacks; returns those that have everything now.
    pub(crate) fn deliver_debts(
        &self,
        catalog: &Catalog,
        tombstones: &Tombstones,
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Vec<Arc<Mirror>>> {
        let spool = Spool::open(&self.folders.spool, self.folders.spool_bytes_max)?;
        let outbox = Outbox::new(catalog.mirrors.clone(), &spool, monitor, progress);
        let snapshots = self.load_snapshots(catalog, monitor);
        // What was deleted and is needed after all comes back right after this, so no point is kept back for it.
        let trusted = self.trusted_indexes(catalog, tombstones, monitor);
        let debts = self.debts(catalog, &trusted, &snapshots, tombstones, cancel);
        self.distrust_locks_where_owed(&catalog.mirrors, &debts);
        owe(debts, catalog, &outbox, monitor);
        let deliveries = std::thread::scope(|scope| {
            let _closing = outbox.close_on_drop();
            outbox.start(scope);
            outbox.finish(cancel)
        });
        cancel.check()?;
        let pairs = catalog.mirrors.iter().zip(&deliveries);
        Ok(pairs.filter(|(_, d)| d.is_complete()).map(|(m, _)| Arc::clone(m)).collect())
    }

    /// Writes new packs and new index files to the complete mirrors; says of each why it failed, if it did.
    fn rewrite(
        &self,
        decision: &Decision,
        catalog: &Catalog,
        complete: &[Arc<Mirror>],
        monitor: &dyn Monitor,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Vec<(Arc<Mirror>, Option<String>)>> {
        if complete.is_empty() {
            return Err(Error::new(
                ErrorKind::Unreachable,
                "no location has every point; nothing was pruned",
            ));
        }
        let spool = Spool::open(&self.folders.spool, self.folders.spool_bytes_max)?;
        let outbox = Outbox::new(complete.to_vec(), &spool, monitor, progress);
        let (outcome, deliveries) = std::thread::scope(|scope| {
            let _closing = outbox.close_on_drop();
            outbox.start(scope);
            let outcome = self.fill(decision, catalog, &outbox, progress, cancel);
            (outcome, outbox.finish(cancel))
        });
        outcome?;
        let pairs = complete.iter().zip(deliveries);
        Ok(pairs
            .map(|(mirror, delivery)| {
                let reason = || {
                    let text = delivery.failure.clone();
                    text.unwrap_or_else(|| "it did not confirm everything new".to_owned())
                };
                (Arc::clone(mirror), (!delivery.is_complete()).then(reason))
            })
            .collect())
    }

    fn fill(
        &self,
        decision: &Decision,
        catalog: &Catalog,
        sink: &dyn Sink,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<()> {
        let packer = Packer::new(&self.cipher, &self.writer, sink);
        let mut decoder = BlobDecoder::new();
        let (mut plain, mut scratch) = (Vec::new(), Vec::new());
        for (pack, blobs) in &decision.repacked {
            cancel.check()?;
            let stored = first_good(&catalog.mirrors, Area::Data, pack)?;
            for blob in blobs {
                let range = blob.offset as usize..blob.offset as usize + blob.length as usize;
                let uncompressed_len = blob.uncompressed.map(NonZeroU32::get);
                // Opened although the sealed bytes are copied as they are: damage must not be carried on.
                let sealed = stored.get(range).ok_or_else(|| {
                    Error::new(ErrorKind::Damaged, format!("pack {pack} is shorter than the index says"))
                })?;
                decoder
                    .decode(&self.cipher, sealed, uncompressed_len, &blob.id, &mut plain, &mut scratch)
                    .map_err(|e| {
                        Error::new(ErrorKind::Damaged, format!("pack {pack}, blob {}: {e}", blob.id))
                    })?;
                let encoded = Encoded { uncompressed_len, sealed_len: blob.length };
                packer.add(blob.kind, &blob.id, sealed, &encoded)?;
            }
            progress.objects.add(1);
        }
        packer.finish()?;
        let mut batch: Vec<IndexPack> = Vec::new();
        let mut blobs = 0;
        for pack in &decision.relisted {
            blobs += pack.blobs.len();
            batch.push(pack.clone());
            if blobs >= INDEX_BLOBS_MAX {
                self.submit_index(std::mem::take(&mut batch), sink)?;
                blobs = 0;
            }
        }
        self.submit_index(batch, sink)
    }

    pub(crate) fn submit_index(&self, packs: Vec<IndexPack>, sink: &dyn Sink) -> Result<()> {
        if packs.is_empty() {
            return Ok(());
        }
        let json = IndexFile { packs, ..IndexFile::default() }.to_json();
        sink.submit(Sealed::new(Area::Index, encode_unpacked(&self.cipher, self.writer.nonce(), &json)))
    }

    /// The names of packs that a mirror lists, with their sizes.
    fn listed_packs(&self, mirror: &Mirror) -> Result<Vec<(Id, u64)>> {
        mirror.list(Area::Data).map_err(|e| {
            let context =
                format!("nothing is deleted, because location {} could not be listed", mirror.name());
            Error::because(e.kind, context, e)
        })
    }
}

fn waiting(location: &str, failure: String, tombstones: &Tombstones) -> Deletions {
    let waiting = tombstones.waiting_at(location).len() as u64;
    Deletions { location: location.to_owned(), waiting, failure: Some(failure), ..Deletions::default() }
}

/// Packs of a list of ids, for lookups.
type Names = BTreeSet<Id>;
