//! What damage costs, in the words of whoever needs the files: points and paths instead of blobs and packs.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use holdfast_format::{BlobKind, Id, Node, Snapshot, parse_tree};

use super::Deaf;
use crate::blob_reader::BlobReader;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::index::Index;
use crate::mirror::Mirror;
use crate::repository::Repository;

/// Paths named per object; the total says how many there are.
const FILES_NAMED_MAX: usize = 10;

/// Damaged blobs, each with the numbers of the objects whose damage it is.
pub(crate) type DamagedBlobs = HashMap<(BlobKind, Id), Vec<usize>>;

/// What one damaged object costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Points that need it.
    pub points: Vec<Id>,
    /// Some of the paths that need it; a path that ends in `/` is a directory with all that is in it.
    pub files: Vec<String>,
    /// How many paths need it, counted in every point.
    pub files_total: u64,
}

/// Paths below one tree, by object.
type Paths = BTreeMap<usize, (Vec<String>, u64)>;

struct Frame {
    tree: Id,
    name: String,
    nodes: std::vec::IntoIter<Node>,
    paths: Paths,
}

/// Finds what needs the damaged blobs, for objects numbered from 0 to `objects`.
pub(crate) fn affected(
    repository: &Repository,
    index: &Index,
    mirrors: &[Arc<Mirror>],
    snapshots: &[(Id, Snapshot)],
    damaged: &DamagedBlobs,
    objects: usize,
    cancel: &Cancel,
) -> Result<Vec<Cost>> {
    let mut costs = vec![Cost::default(); objects];
    if damaged.is_empty() {
        return Ok(costs);
    }
    let mut reader = BlobReader::new(&repository.cipher, index, mirrors, &Deaf);
    let mut known: HashMap<Id, Rc<Paths>> = HashMap::new();
    for (point, snapshot) in snapshots {
        for (object, (files, total)) in below(&mut reader, &mut known, damaged, snapshot.tree, cancel)?.iter()
        {
            let cost = &mut costs[*object];
            cost.points.push(*point);
            cost.files_total += total;
            for file in files {
                if cost.files.len() < FILES_NAMED_MAX && !cost.files.contains(file) {
                    cost.files.push(file.clone());
                }
            }
        }
    }
    Ok(costs)
}

fn below(
    reader: &mut BlobReader<'_>,
    known: &mut HashMap<Id, Rc<Paths>>,
    damaged: &DamagedBlobs,
    root: Id,
    cancel: &Cancel,
) -> Result<Rc<Paths>> {
    let mut stack: Vec<Frame> = Vec::new();
    let mut next = Some((root, String::new()));
    loop {
        if let Some((tree, name)) = next.take() {
            if let Some(paths) = known.get(&tree) {
                let paths = Rc::clone(paths);
                match stack.last_mut() {
                    Some(parent) => merge(&mut parent.paths, &name, &paths),
                    None => return Ok(paths),
                }
            } else {
                cancel.check()?;
                let mut json = Vec::new();
                // What cannot be read here at all is reported as missing; its own damage is named below.
                let nodes = match reader.read(BlobKind::Tree, &tree, &mut json) {
                    Ok(()) => parse_tree(&json).unwrap_or_default(),
                    Err(_) => Vec::new(),
                };
                let mut paths = Paths::new();
                note(&mut paths, damaged, BlobKind::Tree, &tree, "/");
                stack.push(Frame { tree, name, nodes: nodes.into_iter(), paths });
            }
        }
        let Some(frame) = stack.last_mut() else { return Ok(Rc::default()) };
        match frame.nodes.next() {
            Some(node) => {
                let name = format!("/{}", String::from_utf8_lossy(&node.name));
                let mut objects: Vec<usize> = node
                    .content
                    .iter()
                    .flatten()
                    .filter_map(|id| damaged.get(&(BlobKind::Data, *id)))
                    .flatten()
                    .copied()
                    .collect();
                objects.sort_unstable();
                objects.dedup();
                for object in objects {
                    add(&mut frame.paths, object, std::slice::from_ref(&name), 1);
                }
                next = node.subtree.map(|tree| (tree, name));
            }
            None => {
                let Some(frame) = stack.pop() else { return Ok(Rc::default()) };
                let paths = Rc::new(frame.paths);
                known.insert(frame.tree, Rc::clone(&paths));
                match stack.last_mut() {
                    Some(parent) => merge(&mut parent.paths, &frame.name, &paths),
                    None => return Ok(paths),
                }
            }
        }
    }
}

fn note(paths: &mut Paths, damaged: &DamagedBlobs, kind: BlobKind, id: &Id, name: &str) {
    for object in damaged.get(&(kind, *id)).into_iter().flatten() {
        add(paths, *object, &[name.to_owned()], 1);
    }
}

fn merge(paths: &mut Paths, name: &str, inner: &Paths) {
    for (object, (files, total)) in inner {
        let files: Vec<String> = files.iter().map(|file| format!("{name}{file}")).collect();
        add(paths, *object, &files, *total);
    }
}

fn add(paths: &mut Paths, object: usize, files: &[String], total: u64) {
    let (known, count) = paths.entry(object).or_default();
    *count += total;
    let room = FILES_NAMED_MAX.saturating_sub(known.len());
    known.extend(files.iter().take(room).cloned());
}
