//! Loads the index of a listing: from the local copy as far as that goes, from index files beyond it.
//!
//! The listing decides. The copy is used only when every index file that it was made of is listed now and wanted by the
//! caller: after a prune it would name packs that are gone. Index files that came since are read one by one; once they
//! are many, or some of the copy's are gone, a new copy is written. Whoever deletes plans from the index files
//! themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use holdfast_format::{Id, IndexFile};

use crate::catalog::Catalog;
use crate::doubts::Doubts;
use crate::error::{Error, Result};
use crate::index::Index;
use crate::index::image::{self, Sourced};
use crate::monitor::Monitor;
use crate::repository::Repository;

/// With fewer blobs beyond the copy than this, reading their index files costs less than writing another.
const BLOBS_MIN: usize = 10_000;
/// The same for a part of what the copy holds: each blob is written eight times over the years, and no more than a
/// ninth of all is ever parsed.
const PART: usize = 8;
/// Index files read at the same time, for locations that are far away.
const READERS: usize = 4;

impl Repository {
    /// The index of `wanted` files, each with the bits of the mirrors that list it. Files that no holder gives whole are
    /// handed to `failed`.
    pub(crate) fn gather(
        &self,
        catalog: &Catalog,
        wanted: &BTreeMap<Id, u32>,
        monitor: &dyn Monitor,
        failed: &mut dyn FnMut(&Id, Error),
    ) -> Index {
        let path = self.index_image_path();
        let may_use = |files: &[Id]| files.iter().all(|id| wanted.contains_key(id));
        let threads = self.writer.threads;
        let mut sourced = image::read(&path, &self.cipher, &may_use, threads).unwrap_or_default();
        let copied = sourced.index.len();
        let known: BTreeSet<Id> = sourced.files.iter().copied().collect();
        for (number, source) in sourced.sources.iter().enumerate() {
            sourced.index.set_not_due(number, !wanted[&sourced.files[*source as usize]]);
        }
        let rest: Vec<(Id, u32)> =
            wanted.iter().filter(|(id, _)| !known.contains(id)).map(|(id, bits)| (*id, *bits)).collect();
        for some in rest.chunks(READERS) {
            for ((id, bits), outcome) in some.iter().zip(self.read_together(catalog, some, monitor)) {
                match outcome {
                    Ok(file) => sourced.add(*id, &file, *bits),
                    Err(error) => failed(id, error),
                }
            }
        }
        if sourced.index.len() - copied >= BLOBS_MIN.max(copied / PART) {
            // It is a cache: what cannot be written is parsed again.
            let _ = image::write(&path, &self.cipher, &|| self.writer.nonce(), &sourced);
        }
        sourced.index
    }

    /// The same without the packs that are doubted, from the index files alone: doubts are rare.
    pub(crate) fn gather_without(
        &self,
        doubts: &Doubts,
        catalog: &Catalog,
        wanted: &BTreeMap<Id, u32>,
        monitor: &dyn Monitor,
        failed: &mut dyn FnMut(&Id, Error),
    ) -> Index {
        let mut index = Index::default();
        for (id, bits) in wanted {
            match self.read_index(catalog, id, *bits, monitor) {
                Ok(file) => {
                    for pack in file.packs.iter().filter(|pack| !doubts.contains(&pack.id)) {
                        index.add_of(pack, *bits);
                    }
                }
                Err(error) => failed(id, error),
            }
        }
        index
    }

    fn read_together(
        &self,
        catalog: &Catalog,
        files: &[(Id, u32)],
        monitor: &dyn Monitor,
    ) -> Vec<Result<IndexFile>> {
        let read = |(id, bits): &(Id, u32)| self.read_index(catalog, id, *bits, monitor);
        if let [one] = files {
            return vec![read(one)];
        }
        std::thread::scope(|scope| {
            let readers: Vec<_> = files.iter().map(|file| scope.spawn(move || read(file))).collect();
            readers.into_iter().map(|reader| reader.join().expect("reading an index never panics")).collect()
        })
    }

    fn index_image_path(&self) -> PathBuf {
        self.folders.cache.join("index.image")
    }
}

impl Sourced {
    fn add(&mut self, id: Id, file: &IndexFile, bits: u32) {
        let source = self.files.len() as u32;
        self.files.push(id);
        for pack in &file.packs {
            if self.index.add_of(pack, bits) {
                self.sources.push(source);
            }
        }
    }
}
