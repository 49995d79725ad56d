//! The first phase: reads the point's trees with all threads and plans what to do, writing nothing.

use holdfast_format::source::EntryKind;
use holdfast_format::{BlobKind, Id, Node};
use parking_lot::Mutex;

use crate::archive::queue::Queue;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::index::Index;
use crate::listing::{Found, find, no_tree};
use crate::restore::RestoreRequest;
use crate::restore::plan::{Leader, Plan};
use crate::restore::reports::Reports;
use crate::restore::strangers::read_tree;
use crate::tree_reader::TreeReader;

/// A directory whose tree is to be read.
struct Task {
    directory: u32,
    tree: Id,
    /// Path relative to the target; empty at the target itself.
    path: Vec<u8>,
}

struct Walk<'a> {
    request: &'a RestoreRequest<'a>,
    index: &'a Index,
    trees: &'a TreeReader<'a>,
    reports: &'a Reports<'a>,
    cancel: &'a Cancel,
    queue: Queue<Task>,
    plan: Mutex<Plan>,
    fatal: Mutex<Option<Error>>,
}

/// Plans the restore.
pub(crate) fn plan(
    request: &RestoreRequest<'_>,
    index: &Index,
    trees: &TreeReader<'_>,
    reports: &Reports<'_>,
    threads: usize,
    cancel: &Cancel,
) -> Result<Plan> {
    let mut plan = Plan::new();
    let root = find(trees, request.snapshot, request.root)?;
    let is_everything = request.include.is_none();
    let (tree, single) = match root {
        Found::Root(tree) => {
            plan.add_directory(0, b"", None, true)?;
            (Some(tree), None)
        }
        Found::Node(node) if node.metadata.kind == EntryKind::Directory => {
            let attributes = plan.attributes(&node.metadata, node.xattrs.clone());
            plan.add_directory(0, b"", Some(attributes), is_everything)?;
            plan.need(0);
            (Some(node.subtree.ok_or_else(|| no_tree(request.root))?), None)
        }
        Found::Node(node) => {
            plan.add_directory(0, b"", None, true)?;
            (None, Some(*node))
        }
    };
    let walk = Walk {
        request,
        index,
        trees,
        reports,
        cancel,
        queue: Queue::new(),
        plan: Mutex::new(plan),
        fatal: Mutex::new(None),
    };
    if let Some(node) = single {
        walk.add(&mut walk.plan.lock(), &Task { directory: 0, tree: Id([0; 32]), path: Vec::new() }, node)?;
    }
    if let Some(tree) = tree {
        // The target's own tree is the one whose loss leaves nothing to restore.
        let mut json = Vec::new();
        trees.read_json(&tree, &mut json)?;
        walk.queue.push([Task { directory: 0, tree, path: Vec::new() }]);
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| walk.work());
            }
        });
    }
    if let Some(error) = walk.fatal.into_inner() {
        return Err(error);
    }
    let mut plan = walk.plan.into_inner();
    plan.settle();
    Ok(plan)
}

impl Walk<'_> {
    fn work(&self) {
        let mut json = Vec::new();
        while let Some(task) = self.queue.take() {
            if let Err(error) = self.cancel.check().and_then(|()| self.read(&task, &mut json)) {
                self.fatal.lock().get_or_insert(error);
                self.queue.stop();
            }
            self.queue.done();
        }
    }

    fn read(&self, task: &Task, json: &mut Vec<u8>) -> Result<()> {
        let read = self.trees.read_json(&task.tree, json).and_then(|()| read_tree(json));
        let (nodes, refused) = match read {
            Ok(read) => read,
            Err(error) => {
                self.reports.left_out(&task.path, format!("the directory's content is left out: {error}"));
                return Ok(());
            }
        };
        for reason in refused {
            self.reports.failed(&task.path, format!("an entry of the directory is refused: {reason}"));
        }
        let mut below = Vec::new();
        {
            let mut plan = self.plan.lock();
            for node in nodes {
                below.extend(self.add(&mut plan, task, node)?);
            }
        }
        self.queue.push(below.into_iter().rev());
        Ok(())
    }

    /// Plans one entry; gives the task of a directory.
    fn add(&self, plan: &mut Plan, task: &Task, node: Node) -> Result<Option<Task>> {
        let parent = task.directory;
        let metadata = node.metadata;
        let is_directory = metadata.kind == EntryKind::Directory;
        let path = [&task.path[..], if task.path.is_empty() { b"" } else { b"/" }, &node.name].concat();
        let is_selected = self.request.include.is_none_or(|include| include(&path, is_directory));
        if is_directory {
            if !is_selected && self.request.enter.is_some_and(|enter| !enter(&path)) {
                return Ok(None);
            }
            let attributes = plan.attributes(&metadata, node.xattrs);
            let directory = plan.add_directory(parent, &node.name, Some(attributes), is_selected)?;
            let Some(tree) = node.subtree else {
                self.reports.left_out(&path, "the point names no content for this directory");
                return Ok(None);
            };
            return Ok(Some(Task { directory, tree, path }));
        }
        if !is_selected {
            return Ok(None);
        }
        let content = match metadata.kind {
            EntryKind::File => node.content.unwrap_or_default(),
            _ => Vec::new(),
        };
        let target = match (metadata.kind, node.link_target) {
            (EntryKind::Symlink, Some(target)) if !target.is_empty() && !target.contains(&0) => target,
            (EntryKind::Symlink, _) => {
                self.reports.left_out(&path, "the point does not say where this symlink leads");
                return Ok(None);
            }
            _ => Vec::new(),
        };
        let is_linked = metadata.links > 1 && metadata.inode != 0;
        if is_linked && plan.link(&metadata, parent, &node.name, &content, &target)? {
            return Ok(None);
        }
        let leader = match metadata.kind {
            EntryKind::Socket => return Ok(None), // A program makes its own; none can be restored.
            EntryKind::File => {
                let Some(size) = self.size(&content) else {
                    self.reports
                        .left_out(&path, "left out: some of its content is in no index of the repository");
                    return Ok(None);
                };
                let attributes = plan.attributes(&metadata, node.xattrs);
                Leader::File(plan.add_file(parent, &node.name, attributes, &content, size)?)
            }
            _ => {
                let attributes = plan.attributes(&metadata, node.xattrs);
                Leader::Special(plan.add_special(parent, &node.name, attributes, &metadata, target)?)
            }
        };
        if is_linked {
            plan.lead(&metadata, leader);
        }
        Ok(None)
    }

    fn size(&self, content: &[Id]) -> Option<u64> {
        content.iter().map(|id| Some(u64::from(self.index.get(BlobKind::Data, id)?.plain_length()))).sum()
    }
}
