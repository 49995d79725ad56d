//! The head of the Merkle tree over all leaves: one hash that changes when any leaf does, as RFC 6962 has it.
//!
//! Only the right edge is kept while the leaves go by, so that a ledger of ten million leaves needs a few hundred bytes.

use std::collections::BTreeSet;

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::connection::Connection;
use crate::error::{Doing, Error, Result};
use crate::leaf::hex;
use crate::schema::leaves;

/// The head of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TreeHead {
    /// How many leaves it covers.
    pub leaves: u64,
    /// The root, as hex.
    pub root: String,
}

/// The roots of complete subtrees along the right edge, the largest first, each with its number of leaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edge {
    subtrees: Vec<(u64, [u8; 32])>,
}

impl Edge {
    /// Takes in the next leaf's hash.
    pub(crate) fn push(&mut self, leaf: [u8; 32]) {
        let mut size = 1;
        let mut hash = leaf;
        while let Some((left_size, left)) = self.subtrees.pop_if(|(left_size, _)| *left_size == size) {
            hash = parent(&left, &hash);
            size += left_size;
        }
        self.subtrees.push((size, hash));
    }

    /// The head over the leaves so far.
    pub(crate) fn head(&self) -> TreeHead {
        let leaves = self.subtrees.iter().map(|(size, _)| size).sum();
        let root =
            self.subtrees.iter().rev().map(|(_, hash)| *hash).reduce(|right, left| parent(&left, &right));
        // The tree without leaves has the hash of nothing.
        let root = root.unwrap_or_else(|| Sha256::digest([]).into());
        TreeHead { leaves, root: hex(&root) }
    }
}

fn parent(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The head over the first `count` leaves, or over all.
pub(crate) fn head(connection: &mut Connection, count: Option<u64>) -> Result<TreeHead> {
    let doing = || "read the leaves".to_owned();
    let limit = count.map_or(i64::MAX, |count| i64::try_from(count).unwrap_or(i64::MAX));
    let query = leaves::table.select(leaves::hash).order(leaves::sequence).limit(limit);
    let hashes = query.load_iter::<Vec<u8>, DefaultLoadingMode>(connection).doing(doing)?;
    let mut edge = Edge::default();
    for hash in hashes {
        let hash = hash.doing(doing)?;
        edge.push(hash.try_into().map_err(|_| Error::damaged("a leaf's hash is too short"))?);
    }
    Ok(edge.head())
}

/// The heads over the first so many leaves, for each of `sizes` that is no larger than the tree, and over all.
pub(crate) fn heads(connection: &mut Connection, sizes: &BTreeSet<u64>) -> Result<(Vec<TreeHead>, TreeHead)> {
    let doing = || "read the leaves".to_owned();
    let query = leaves::table.select(leaves::hash).order(leaves::sequence);
    let hashes = query.load_iter::<Vec<u8>, DefaultLoadingMode>(connection).doing(doing)?;
    let (mut edge, mut heads, mut count) = (Edge::default(), Vec::new(), 0);
    if sizes.contains(&0) {
        heads.push(edge.head());
    }
    for hash in hashes {
        let hash = hash.doing(doing)?;
        edge.push(hash.try_into().map_err(|_| Error::damaged("a leaf's hash is too short"))?);
        count += 1;
        if sizes.contains(&count) {
            heads.push(edge.head());
        }
    }
    Ok((heads, edge.head()))
}

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use sha2::Sha256;

    use super::*;
    use crate::leaf::hash_leaf;

    #[test]
    fn the_root_is_that_of_another_implementation_at_every_size() {
        let mut edge = Edge::default();
        let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        assert_eq!(edge.head().root, hex(other.root().as_bytes()));
        for number in 0..300_u64 {
            let payload = format!("{{\"leaf\":{number}}}");
            edge.push(hash_leaf(&payload));
            other.push(payload.into_bytes());
            let head = edge.head();
            assert_eq!(head.leaves, other.root().num_leaves());
            assert_eq!(head.root, hex(other.root().as_bytes()), "{number}");
        }
    }
}
