//! What is in the roots whose folders are assets by themselves: the sum of what came and went.
//!
//! Only changes are written down: a root of ten thousand folders, of which one is new each hour, would fill the ledger with what
//! was known before. So what was there at an instant is added up, from nothing but what was recorded until then.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::facts::Noted;
use super::observed::{AssetDeclared, Discovered};

/// What is in every root.
#[derive(Debug, Default)]
pub struct Roots<'f> {
    /// Assets that are there.
    pub present: BTreeMap<&'f str, Present<'f>>,
    /// Assets whose folders are not there any more.
    pub vanished: BTreeMap<&'f str, Vanished<'f>>,
    /// When each asset was last seen to have vanished, those that are there again among them.
    pub missed: BTreeMap<&'f str, Timestamp>,
    /// The last word on each root.
    pub last: BTreeMap<&'f str, &'f Noted<Discovered>>,
}

/// An asset that is there.
#[derive(Debug)]
pub struct Present<'f> {
    /// The root.
    pub root: &'f str,
    /// What it is.
    pub declared: &'f AssetDeclared,
    /// Since when it is known, this time.
    pub since: Timestamp,
}

/// An asset whose folder is not there any more.
#[derive(Debug)]
pub struct Vanished<'f> {
    /// The root.
    pub root: &'f str,
    /// What it was.
    pub declared: Option<&'f AssetDeclared>,
    /// What says so.
    pub noted: &'f Noted<Discovered>,
}

impl<'f> Roots<'f> {
    /// As of an instant; `discovered` in the order in which it was recorded.
    pub fn at(discovered: &'f [Noted<Discovered>], now: Timestamp) -> Roots<'f> {
        let mut roots = Roots::default();
        discovered.iter().filter(|one| one.recorded <= now).for_each(|one| roots.take(one));
        roots
    }

    /// Takes in what was recorded next.
    pub fn take(&mut self, noted: &'f Noted<Discovered>) {
        let (root, since) = (noted.what.root.as_str(), noted.recorded);
        for name in noted.what.vanished.iter().chain(&noted.what.dropped) {
            // What one root lost another may have by now.
            if self.present.get(name.as_str()).is_none_or(|present| present.root == root) {
                let was = self.present.remove(name.as_str()).map(|present| present.declared);
                let is_dropped = noted.what.dropped.contains(name);
                let before = self.vanished.remove(name.as_str());
                if !is_dropped {
                    let declared = was.or_else(|| before.and_then(|before| before.declared));
                    self.vanished.insert(name, Vanished { root, declared, noted });
                    self.missed.insert(name, noted.recorded);
                }
            }
        }
        for (name, declared) in &noted.what.came {
            self.vanished.remove(name.as_str());
            self.present.insert(name, Present { root, declared, since });
        }
        self.last.insert(root, noted);
    }
}
