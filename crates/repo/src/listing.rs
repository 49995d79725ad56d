//! Lists what a point holds.
//!
//! Whoever looks for a file to restore must see what the point really holds: raw names, and an error, not an empty
//! list, where a directory cannot be read.

use std::sync::Arc;

use holdfast_format::source::EntryKind;
use holdfast_format::{Id, Node, Snapshot};

use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::mirror::Mirror;
use crate::monitor::Monitor;
use crate::repository::Repository;
use crate::restore::Enter;
use crate::tree_reader::TreeReader;

/// One entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Path relative to where the listing began, raw bytes with `/` between components.
    pub path: Vec<u8>,
    /// What the point says about it.
    pub node: Node,
}

impl Repository {
    /// Lists the directory `below` (components from the snapshot's root), each entry before what is in it, in the order
    /// of their names. `enter` is asked for each directory, after it was shown, whether what is in it is wanted too. Where
    /// `below` names something else than a directory, that alone is listed, by its name.
    #[allow(clippy::too_many_arguments, reason = "each is another part of the world; none belong together")]
    pub fn list_files(
        &self,
        snapshot: &Snapshot,
        below: &[Vec<u8>],
        enter: Enter<'_>,
        index: &Index,
        mirrors: &[Arc<Mirror>],
        monitor: &dyn Monitor,
        see: &mut dyn FnMut(&[u8], &Node),
    ) -> Result<()> {
        let trees = TreeReader::new(&self.cipher, index, mirrors, monitor);
        match find(&trees, snapshot, below)? {
            Found::Root(tree) => list_tree(&trees, &tree, enter, see),
            Found::Node(node) => match node.subtree.filter(|_| node.metadata.kind == EntryKind::Directory) {
                Some(tree) => list_tree(&trees, &tree, enter, see),
                None if node.metadata.kind == EntryKind::Directory => Err(no_tree(below)),
                None => {
                    see(&node.name, &node);
                    Ok(())
                }
            },
        }
    }
}

/// What a path of a snapshot leads to.
pub(crate) enum Found {
    /// The snapshot's root, which has no node.
    Root(Id),
    /// An entry.
    Node(Box<Node>),
}

/// Follows `path` from the root of a snapshot.
pub(crate) fn find(trees: &TreeReader<'_>, snapshot: &Snapshot, path: &[Vec<u8>]) -> Result<Found> {
    let mut found = Found::Root(snapshot.tree);
    for (depth, name) in path.iter().enumerate() {
        let tree = match &found {
            Found::Root(tree) => *tree,
            Found::Node(node) if node.metadata.kind == EntryKind::Directory => {
                node.subtree.ok_or_else(|| no_tree(&path[..depth]))?
            }
            Found::Node(_) => return Err(absent(path)),
        };
        let node = trees.read(&tree)?.into_iter().find(|n| n.name == *name);
        found = Found::Node(Box::new(node.ok_or_else(|| absent(path))?));
    }
    Ok(found)
}

fn list_tree(
    trees: &TreeReader<'_>,
    tree: &Id,
    enter: Enter<'_>,
    see: &mut dyn FnMut(&[u8], &Node),
) -> Result<()> {
    // The nodes still to be shown of each open directory, and the length of the directory's path.
    let mut open = vec![(trees.read(tree)?.into_iter(), 0)];
    let mut path = Vec::new();
    while let Some((nodes, length)) = open.last_mut() {
        path.truncate(*length);
        let Some(node) = nodes.next() else {
            open.pop();
            continue;
        };
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&node.name);
        see(&path, &node);
        if node.metadata.kind == EntryKind::Directory && enter(&path) {
            let subtree = node.subtree.ok_or_else(|| no_tree(std::slice::from_ref(&path)))?;
            open.push((trees.read(&subtree)?.into_iter(), path.len()));
        }
    }
    Ok(())
}

fn absent(path: &[Vec<u8>]) -> Error {
    Error::new(ErrorKind::NotFound, format!("the point holds no {}", show(path)))
}

pub(crate) fn no_tree(path: &[Vec<u8>]) -> Error {
    Error::new(ErrorKind::Damaged, format!("the directory {} names no tree", show(path)))
}

fn show(path: &[Vec<u8>]) -> String {
    let joined = path.iter().map(|name| String::from_utf8_lossy(name).escape_debug().to_string());
    format!("/{}", joined.collect::<Vec<_>>().join("/"))
}
