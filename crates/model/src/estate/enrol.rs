//! From what lies in a root to the assets of the estate: what becomes one, what does not, and why.
//!
//! Names in a root are chosen by whoever makes websites there. One that cannot be an asset must neither be passed over in
//! silence nor stop the backups of all others, and none may take the place, the repository or the copies of another.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{Asset, ClientRule, Discovery, Estate, repository_name};
use crate::diagnostic::{Diagnostic, Problems};
use crate::{AssetName, DiscoveryName};

/// What lies in a root, or why nobody can tell.
pub type Listing = Result<Vec<Entry>, String>;

/// Something in a root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// What it is.
    pub kind: EntryKind,
}

/// What something in a root is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A folder, in which the one that the pattern asks for is, if it asks for one.
    Folder,
    /// A folder without the one that the pattern asks for.
    Without,
    /// A symbolic link, or a folder in which the one that is asked for is one; with where it leads, if anywhere.
    Link(Option<PathBuf>),
    /// No folder.
    File,
}

/// What was recorded of a root before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The assets that were there when it was last looked at.
    pub present: BTreeSet<String>,
    /// Those that had vanished by then.
    pub vanished: BTreeSet<String>,
}

/// What came of looking at a root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enrolment {
    /// Folders that are assets.
    pub assets: BTreeSet<AssetName>,
    /// Assets whose folders are not there any more.
    pub vanished: BTreeSet<AssetName>,
    /// What was known and is no concern of this root any more: it is left out by name now, or declared by itself.
    pub dropped: BTreeSet<String>,
    /// What can be no asset, by its name as it can be shown, and why.
    pub refused: BTreeMap<String, String>,
    /// What is left out on purpose.
    pub left_out: LeftOut,
    /// Why nobody can tell what is there; what was there before counts as there.
    pub failure: Option<String>,
}

/// Names of what is left out on purpose, as they can be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// They begin with a dot.
    pub hidden: Vec<String>,
    /// They are no folders.
    pub files: Vec<String>,
    /// `except` names them.
    pub excepted: Vec<String>,
    /// The pattern does not match them.
    pub others: Vec<String>,
    /// They lack the folder that the pattern asks for.
    pub without: Vec<String>,
    /// They lead to another folder of the same root.
    pub links: Vec<String>,
    /// estate.toml declares them as assets of their own.
    pub declared: Vec<String>,
}

impl LeftOut {
    /// Each kind with its names; those that are empty left out.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let all = [
            ("by except", &self.excepted),
            ("hidden", &self.hidden),
            ("no folder", &self.files),
            ("not matched by the pattern", &self.others),
            ("without the folder that the pattern asks for", &self.without),
            ("a link to another of the same root", &self.links),
            ("declared in estate.toml", &self.declared),
        ];
        all.into_iter().map(|(why, names)| (why, names.as_slice())).filter(|(_, names)| !names.is_empty())
    }
}

/// Of several things to be told about one root, so many are told one by one.
const TOLD_MAX: usize = 20;

/// Puts the folders of every root into an estate that has none of them yet. `apart` are folders that nothing may be backed up
/// of, each with what it is; both they and what `resolve` gives are without symbolic links. Returns what people must know.
pub fn enrol(
    estate: &mut Estate,
    listings: &BTreeMap<DiscoveryName, Listing>,
    known: &BTreeMap<String, Known>,
    (apart, resolve): (&[(PathBuf, String)], &dyn Fn(&Path) -> PathBuf),
    (file, text): (&str, &str),
) -> Vec<Diagnostic> {
    let mut problems = Problems::new("estate", file, text);
    let mut taken = Taken::of(estate, apart, resolve);
    let mut discoveries: Vec<Discovery> = estate.discoveries.values().cloned().collect();
    // In the order of the file: the first that has a folder keeps it.
    discoveries.sort_by_key(|discovery| discovery.span.start);
    for discovery in &discoveries {
        let unknown = Known::default();
        let known = known.get(discovery.name.as_str()).unwrap_or(&unknown);
        let listing = listings.get(&discovery.name).cloned();
        let listing = listing.unwrap_or_else(|| Err("it was not looked at".to_owned()));
        let mut root = Root { discovery, taken: &mut taken, estate, enrolment: Enrolment::default() };
        root.around(resolve, &mut problems);
        match listing {
            Ok(entries) => root.take(entries, resolve),
            Err(failure) => root.keep(known, failure),
        }
        root.miss(known);
        let enrolment = root.enrolment;
        tell(discovery, &enrolment, &mut problems);
        estate.enrolments.insert(discovery.name.clone(), enrolment);
    }
    for (inner, outer) in nested(estate) {
        let message = format!(
            "the folder of {} lies inside the one of {}, which was discovered",
            inner.name, outer.name
        );
        problems
            .warning("overlapping-assets", &inner.span.range(), message)
            .hint("the inner one is backed up twice; name the outer one in except, or remove the inner one");
    }
    problems.finish(Some(())).diagnostics
}

/// What nothing else may take.
struct Taken {
    /// Folders of assets, without symbolic links.
    folders: BTreeMap<PathBuf, AssetName>,
    /// Repositories, and the declared asset that each is of.
    repositories: BTreeMap<String, AssetName>,
    apart: Vec<(PathBuf, String)>,
}

impl Taken {
    fn of(estate: &Estate, apart: &[(PathBuf, String)], resolve: &dyn Fn(&Path) -> PathBuf) -> Taken {
        let mut taken =
            Taken { folders: BTreeMap::new(), repositories: BTreeMap::new(), apart: apart.to_vec() };
        for asset in estate.declared() {
            if let Some(folder) = asset.folder() {
                taken.folders.insert(resolve(&folder.path), asset.name.clone());
            }
            taken.repositories.insert(repository_name(asset).as_str().to_owned(), asset.name.clone());
        }
        taken
    }

    /// What holds a folder, or lies in it, and is none of our sources.
    fn overlap(&self, path: &Path) -> Option<&str> {
        let lies = |(other, _): &&(PathBuf, String)| path.starts_with(other) || other.starts_with(path);
        self.apart.iter().find(lies).map(|(_, what)| what.as_str())
    }
}

struct Root<'a> {
    discovery: &'a Discovery,
    taken: &'a mut Taken,
    estate: &'a mut Estate,
    enrolment: Enrolment,
}

impl Root<'_> {
    /// A declared asset that holds the whole root has everything in it already.
    fn around(&self, resolve: &dyn Fn(&Path) -> PathBuf, problems: &mut Problems<'_>) {
        let root = resolve(&self.discovery.root);
        for asset in self.estate.declared() {
            if asset.folder().is_some_and(|folder| root.starts_with(resolve(&folder.path))) {
                let name = &self.discovery.name;
                let message = format!("the asset {} holds the whole root of discover.{name}", asset.name);
                problems
                    .warning("overlapping-assets", &self.discovery.span.range(), message)
                    .hint("everything in it is backed up twice; remove one of them");
            }
        }
    }

    fn take(&mut self, entries: Vec<Entry>, resolve: &dyn Fn(&Path) -> PathBuf) {
        let discovery = self.discovery;
        let (wanted, except) = discovery.matchers();
        let root = resolve(&discovery.root);
        let folders: BTreeSet<OsString> = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Folder)
            .map(|entry| entry.name.clone())
            .collect();
        for entry in entries {
            let shown = shown(&entry.name);
            let left_out = &mut self.enrolment.left_out;
            if except.iter().any(|glob| glob.is_match(Path::new(&entry.name))) {
                left_out.excepted.push(shown);
            } else if shown.starts_with('.') {
                left_out.hidden.push(shown);
            } else if entry.kind == EntryKind::File {
                left_out.files.push(shown);
            } else if !wanted.is_match(Path::new(&entry.name)) {
                left_out.others.push(shown);
            } else if entry.kind == EntryKind::Without {
                left_out.without.push(shown);
            } else if let EntryKind::Link(target) = &entry.kind {
                let is_alias = target.as_ref().is_some_and(|target| {
                    discovery.below.is_none()
                        && target.parent() == Some(&root)
                        && target.file_name().is_some_and(|name| folders.contains(name))
                });
                if is_alias {
                    left_out.links.push(shown);
                } else {
                    let why = "it is a symbolic link, which is not followed out of the root; \
                               what it leads to is not protected by it";
                    self.enrolment.refused.insert(shown, why.to_owned());
                }
            } else {
                self.enrol(&entry.name, &root, shown);
            }
        }
    }

    fn enrol(&mut self, name: &OsStr, root: &Path, shown: String) {
        let real = match &self.discovery.below {
            Some(below) => root.join(name).join(below),
            None => root.join(name),
        };
        if let Some(other) = self.taken.folders.get(&real) {
            let is_declared = self.estate.assets.get(other).is_some_and(|asset| asset.discovered.is_none());
            if is_declared {
                self.enrolment.left_out.declared.push(shown);
            }
            // Else another root has it: it is no concern of this one.
            return;
        }
        match self.judge(name, &real) {
            Ok(asset) => {
                self.taken.folders.insert(real, asset.name.clone());
                self.enrolment.assets.insert(asset.name.clone());
                self.estate.assets.insert(asset.name.clone(), asset);
            }
            Err(why) => {
                self.enrolment.refused.insert(shown, why);
            }
        }
    }

    /// The asset that a folder becomes, or why it cannot be one.
    fn judge(&self, name: &OsStr, real: &Path) -> Result<Asset, String> {
        const BY_HAND: &str = "declare it in estate.toml under a name of its own";
        let Some(text) = name.to_str() else {
            return Err(format!("its name is no text; {BY_HAND} after renaming it"));
        };
        let asset = self.discovery.asset(text).map_err(|error| format!("{error}; {BY_HAND}"))?;
        if let Some(other) = self.estate.assets.get(&asset.name) {
            let other = other.folder().map_or_else(String::new, |f| format!(", at {}", f.path.display()));
            return Err(format!("another asset has its name{other}; {BY_HAND}"));
        }
        if let Some(what) = self.taken.overlap(real) {
            return Err(format!("it and {what} lie inside each other"));
        }
        let repository = repository_name(&asset);
        let owner = self.taken.repositories.get(repository.as_str());
        // Whoever chooses names of folders must not choose whose repository they go into.
        if let Some(owner) = owner.filter(|_| !matches!(self.discovery.client, ClientRule::Fixed(_))) {
            return Err(format!("it would share the repository {repository} with {owner}; {BY_HAND}"));
        }
        Ok(asset)
    }

    /// Nobody can tell what is there: what was there before is expected to be there.
    fn keep(&mut self, known: &Known, failure: String) {
        self.enrolment.failure = Some(failure);
        for name in &known.present {
            let Ok(asset) = self.discovery.asset(name) else { continue };
            if !self.estate.assets.contains_key(&asset.name) {
                self.enrolment.assets.insert(asset.name.clone());
                self.estate.assets.insert(asset.name.clone(), asset);
            }
        }
    }

    /// What was known and is not there.
    fn miss(&mut self, known: &Known) {
        let (_, except) = self.discovery.matchers();
        let declared: BTreeSet<String> = self.enrolment.left_out.declared.iter().cloned().collect();
        for name in known.present.union(&known.vanished) {
            let Ok(asset) = self.discovery.asset(name) else { continue };
            if self.enrolment.assets.contains(&asset.name) {
                continue;
            }
            let is_excepted = except.iter().any(|glob| glob.is_match(Path::new(name)));
            if is_excepted || declared.contains(name) || self.estate.assets.contains_key(&asset.name) {
                self.enrolment.dropped.insert(name.clone());
                continue;
            }
            self.enrolment.vanished.insert(asset.name.clone());
            self.estate.vanished.insert(asset.name.clone(), asset);
        }
    }
}

fn tell(discovery: &Discovery, enrolment: &Enrolment, problems: &mut Problems<'_>) {
    let (name, span) = (&discovery.name, discovery.span.range());
    if let Some(failure) = &enrolment.failure {
        let root = discovery.root.display();
        problems
            .warning(
                "discover-unreadable",
                &span,
                format!("discover.{name}: what lies in {root} cannot be told: {failure}"),
            )
            .hint("what was there before is expected to be there; new websites are not noticed");
    }
    for (folder, why) in enrolment.refused.iter().take(TOLD_MAX) {
        problems
            .warning(
                "discover-refused",
                &span,
                format!("discover.{name}: \"{folder}\" is not protected: {why}"),
            )
            .hint(format!("or name it in except of [discover.{name}]"));
    }
    for folder in enrolment.vanished.iter().take(TOLD_MAX) {
        let message = format!(
            "discover.{name}: the folder of {folder} vanished; its points stay for as long as the policy keeps them"
        );
        problems.warning("discover-vanished", &span, message).hint(format!(
            "`holdfast restore {folder} --to DIR` has it back; if it is gone on purpose, name it in except of \
             [discover.{name}]"
        ));
    }
    let more =
        enrolment.refused.len().saturating_sub(TOLD_MAX) + enrolment.vanished.len().saturating_sub(TOLD_MAX);
    if more > 0 {
        let message = format!("discover.{name}: {more} more such folders");
        problems.warning("discover-more", &span, message).hint("`holdfast status` names each of them");
    }
}

/// A name as it can be shown: whoever chose it may have put anything into it.
fn shown(name: &OsStr) -> String {
    let quoted = format!("{name:?}");
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted).to_owned()
}

/// Declared assets whose folders lie within a discovered one, and are backed up twice.
fn nested(estate: &Estate) -> impl Iterator<Item = (&Asset, &Asset)> {
    let folders: BTreeMap<&Path, &Asset> = estate
        .assets
        .values()
        .filter(|asset| asset.discovered.is_some())
        .filter_map(|asset| Some((asset.folder()?.path.as_path(), asset)))
        .collect();
    estate.declared().filter_map(move |asset| {
        let path = &asset.folder()?.path;
        let outer = path.ancestors().skip(1).find_map(|above| folders.get(above))?;
        Some((asset, *outer))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests;
