//! Brings every location what it is owed, without a new point.
//!
//! A location that was away would otherwise wait for the next run of a source that writes here: that is a day, a week, or,
//! where the source is gone, for ever, and all that time its points lie in one place fewer than everybody believes.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_format::Id;

use crate::align::owe;
use crate::cancel::Cancel;
use crate::doubts::Doubts;
use crate::error::Result;
use crate::monitor::Monitor;
use crate::outbox::{Delivery, Outbox};
use crate::progress::Progress;
use crate::repository::Repository;
use crate::spool::Spool;
use crate::verify::early::EarlyReads;
use crate::verify::new::{Brought, ReadBack};
use crate::writing::Writing;

/// What was brought to whom.
#[derive(Clone, Debug, Default)]
pub struct CaughtUp {
    /// What became of each location; those that could not even be opened are included.
    pub deliveries: Vec<Delivery>,
    /// What was read back at each location that something was brought to. None of it speaks for all that a point needs.
    pub read_back: Vec<ReadBack>,
    /// The points that each location listed before anything was brought.
    pub listed: BTreeMap<String, BTreeSet<Id>>,
}

impl CaughtUp {
    /// Whether no location is owed anything any more, as far as can be told.
    pub fn is_complete(&self) -> bool {
        self.deliveries.iter().all(Delivery::is_complete)
    }
}

impl Repository {
    /// Brings what is owed, and reads it back. Late deliveries are locked by [`Repository::raise_locks`].
    ///
    /// # Errors
    /// When no location can be used at all. What one of them lacks or could not take is in the result, and was told to
    /// `monitor`.
    pub fn catch_up(&self, monitor: &dyn Monitor, progress: &Progress, cancel: &Cancel) -> Result<CaughtUp> {
        let Writing { held, catalog, index, debts, mut left_out, .. } =
            self.begin_writing(monitor, cancel)?;
        let listed = catalog.mirrors.iter().enumerate().map(|(lane, mirror)| {
            let own = catalog.snapshots.iter().filter(|(_, bits)| **bits & (1 << lane) != 0);
            (mirror.name().to_owned(), own.map(|(id, _)| *id).collect())
        });
        let listed = listed.collect();
        let spool = Spool::open(&self.folders.spool, self.folders.spool_bytes_max)?;
        let outbox = Outbox::new(catalog.mirrors.clone(), &spool, monitor, progress);
        self.distrust_locks_where_owed(&catalog.mirrors, &debts);
        owe(debts, &catalog, &outbox, monitor);
        let early = EarlyReads::new(&self.cipher, catalog.mirrors.iter().map(AsRef::as_ref), &outbox);
        let mut deliveries = std::thread::scope(|scope| {
            let _closing = outbox.close_on_drop();
            outbox.start(scope);
            early.start(scope, cancel);
            outbox.finish(cancel)
        });
        Doubts::load(&self.folders.cache).note(outbox.whole_nowhere(), []);
        let brought = (0..deliveries.len()).map(|lane| Brought::by(&outbox, &catalog, lane));
        let brought: Vec<Brought> = brought.filter(|brought| !brought.objects.is_empty()).collect();
        // Under the locks: a prune in between would look like damage.
        let mut read_back = self.read_back(&brought, &index, early.into_packs(), monitor, cancel);
        // Nothing here tells that a point needs no more than what was brought.
        read_back.iter_mut().for_each(|read| read.is_everything = false);
        drop(held);
        if left_out.is_empty() && deliveries.iter().all(Delivery::is_complete) {
            spool.clear();
        }
        deliveries.append(&mut left_out);
        Ok(CaughtUp { deliveries, read_back, listed })
    }
}
