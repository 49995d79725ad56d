//! Where a folder lies: a chain of names up to the root, shared by all that is below.
//!
//! A path per folder would cost memory that grows with the square of the depth. The chain is walked only for
//! messages and anchored patterns. It holds no open folder, so a deep tree does not use up the open files.

use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Place {
    parent: Option<Arc<Place>>,
    /// The name in the parent; for the root, its path.
    name: Vec<u8>,
}

impl Place {
    pub(super) fn root(path: Vec<u8>) -> Arc<Place> {
        Arc::new(Place { parent: None, name: path })
    }

    pub(super) fn child(self: &Arc<Place>, name: &[u8]) -> Arc<Place> {
        Arc::new(Place { parent: Some(Arc::clone(self)), name: name.to_vec() })
    }

    /// The absolute path.
    pub(super) fn path(&self) -> Vec<u8> {
        let chain = self.chain();
        let mut path = chain.last().map_or_else(Vec::new, |root| root.name.clone());
        for place in chain.iter().rev().skip(1) {
            push_name(&mut path, &place.name);
        }
        path
    }

    /// The absolute path of an entry.
    pub(super) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path();
        push_name(&mut path, name);
        path
    }

    /// The path below the root, with a slash at its end; empty for the root.
    pub(super) fn prefix(&self) -> Vec<u8> {
        let mut prefix = Vec::new();
        for place in self.chain().iter().rev().skip(1) {
            prefix.extend_from_slice(&place.name);
            prefix.push(b'/');
        }
        prefix
    }

    pub(super) fn is_root(&self) -> bool {
        self.parent.is_none()
    }

    fn chain(&self) -> Vec<&Place> {
        std::iter::successors(Some(self), |place| place.parent.as_deref()).collect()
    }
}

fn push_name(path: &mut Vec<u8>, name: &[u8]) {
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

impl Drop for Place {
    /// One after the other: dropping parents from within each other would overflow the stack in a deep tree.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(place) = parent {
            parent = Arc::into_inner(place).and_then(|mut place| place.parent.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_prefixes_are_relative() {
        let root = Place::root(b"/srv".to_vec());
        let child = root.child(b"a").child(b"b");
        assert_eq!(child.path(), b"/srv/a/b");
        assert_eq!(child.path_of(b"c"), b"/srv/a/b/c");
        assert_eq!((root.prefix(), child.prefix()), (b"".to_vec(), b"a/b/".to_vec()));
        assert_eq!(Place::root(b"/".to_vec()).path_of(b"etc"), b"/etc");
    }

    #[test]
    fn a_very_deep_chain_is_dropped_without_overflowing_the_stack() {
        let mut place = Place::root(b"/".to_vec());
        for _ in 0..1_000_000 {
            place = place.child(b"d");
        }
        assert_eq!(place.prefix().len(), 2_000_000);
        drop(place);
    }
}
