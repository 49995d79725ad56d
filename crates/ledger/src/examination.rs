//! Reading all leaves and telling everything that is wrong, where the audit stops at the first: whoever has to find out
//! what somebody did to a log needs to know how much of it is left.
//!
//! The tree is built over the payloads and not over the hashes that lie beside them, so that a forger gains nothing by
//! leaving those alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::connection::Connection;
use crate::error::Result;
use crate::leaf::{self, hash_leaf};
use crate::reader::Reader;
use crate::tree::{Edge, TreeHead};

/// What reading all leaves showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// The head over what is there.
    pub head: TreeHead,
    /// The roots at the sizes that were asked for, as far as there are so many leaves.
    #[serde(skip)]
    pub roots: BTreeMap<u64, String>,
    /// Leaves with which something is wrong by themselves, at most [`BROKEN_MAX`] of them.
    pub broken: Vec<BrokenLeaf>,
}

/// A leaf with which something is wrong, whatever was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenLeaf {
    /// Its number.
    pub leaf: u64,
    /// What is wrong.
    pub what: String,
}

/// How many broken leaves are told.
pub const BROKEN_MAX: usize = 100;

const LEAVES_AT_ONCE: u32 = 1000;

impl Reader {
    /// Reads all leaves; the roots at `sizes` are told as well.
    ///
    /// # Errors
    /// When they cannot be read. What is wrong with them is no error.
    pub fn examine(&self, sizes: &BTreeSet<u64>) -> Result<Examination> {
        self.ask(|connection| examine(connection, sizes))
    }
}

fn examine(connection: &mut Connection, sizes: &BTreeSet<u64>) -> Result<Examination> {
    let mut edge = Edge::default();
    let (mut roots, mut broken) = (BTreeMap::new(), Vec::new());
    let mut tell = |leaf: u64, what: String| {
        if broken.len() < BROKEN_MAX {
            broken.push(BrokenLeaf { leaf, what });
        }
    };
    if sizes.contains(&0) {
        roots.insert(0, edge.head().root);
    }
    let (mut next, mut count) = (0, 0);
    loop {
        let leaves = leaf::load(connection, next, LEAVES_AT_ONCE)?;
        if leaves.is_empty() {
            return Ok(Examination { head: edge.head(), roots, broken });
        }
        for leaf in &leaves {
            if leaf.sequence != next {
                tell(next, format!("it is missing, and the next one is {}", leaf.sequence));
            }
            if let Err(error) = leaf.open() {
                tell(leaf.sequence, error.to_string());
            }
            edge.push(hash_leaf(&leaf.payload));
            next = leaf.sequence.saturating_add(1);
            count += 1;
            if sizes.contains(&count) {
                roots.insert(count, edge.head().root);
            }
        }
    }
}
