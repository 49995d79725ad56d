//! Several trees as one [`Source`]: a website's folder, what lies beside it, and the dumps of its databases.
//!
//! Of two points, one of the files and one of the database, nobody knows later which belong together, and one may be purged
//! before the other. So they become one, in which each lies at its own absolute path.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use holdfast_format::source::{
    Content, Directory, Entry, EntryKind, Listing, Metadata, Source, SourceError, Xattr,
};

/// What is archived together.
pub struct Joined {
    parts: Vec<Part>,
    missing: Vec<SourceError>,
}

/// One of the things that are joined.
pub enum Part {
    /// A folder with everything in it, or a dump.
    Tree(Box<dyn Source>),
    /// One file, symlink included, of a folder of which nothing else is taken.
    File {
        /// The folder.
        folder: Box<dyn Source>,
        /// The file's name.
        name: Vec<u8>,
    },
}

impl Part {
    fn source(&self) -> &dyn Source {
        match self {
            Part::Tree(source) | Part::File { folder: source, .. } => &**source,
        }
    }

    fn path(&self) -> Vec<Vec<u8>> {
        let mut path = self.source().path();
        if let Part::File { name, .. } = self {
            path.push(name.clone());
        }
        path
    }
}

impl Joined {
    /// Names them; nothing is opened yet. Without the first there is no point; one of the others that cannot be opened is told as
    /// a failure beside them, and so is what is known to be `missing`.
    pub fn new(parts: Vec<Part>, missing: Vec<SourceError>) -> Joined {
        Joined { parts, missing }
    }
}

impl Source for Joined {
    /// `/`, under which each has its place.
    fn path(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn paths(&self) -> Vec<Vec<Vec<u8>>> {
        self.parts.iter().map(Part::path).collect()
    }

    fn ancestors(&self) -> Result<Vec<Metadata>, SourceError> {
        Ok(Vec::new())
    }

    fn root(&self) -> Result<(Metadata, Arc<dyn Directory>), SourceError> {
        let mut top = Branch::default();
        let mut failures = self.missing.clone();
        for (position, part) in self.parts.iter().enumerate() {
            match top.add(part) {
                Err(error) if position > 0 => failures.push(error),
                outcome => outcome?,
            }
        }
        let newest = top.children.values().map(|(metadata, _)| metadata.mtime).max().unwrap_or_default();
        let metadata = Metadata::made_up(EntryKind::Directory, 0o755, newest);
        Ok((metadata, Arc::new(top.into_fork(Vec::new(), failures))))
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        self.parts.iter().find_map(|part| part.source().user_name(uid))
    }

    fn group_name(&self, gid: u32) -> Option<String> {
        self.parts.iter().find_map(|part| part.source().group_name(gid))
    }
}

/// The metadata of a file of a folder.
fn file_in(folder: &dyn Directory, name: &[u8]) -> Result<Metadata, SourceError> {
    let listing = folder.list()?;
    let path = || [&folder.path()[..], b"/", name].concat();
    if let Some(failure) = listing.failures.into_iter().find(|failure| failure.path == path()) {
        return Err(failure);
    }
    let entry = listing.entries.into_iter().find(|entry| entry.name == name);
    entry.map(|entry| entry.metadata).ok_or_else(|| SourceError {
        path: path(),
        kind: io::ErrorKind::NotFound,
        message: "there is no such file".to_owned(),
    })
}

/// A folder above the trees, while they are being joined.
#[derive(Default)]
struct Branch {
    children: BTreeMap<Vec<u8>, (Metadata, Grown)>,
}

enum Grown {
    Branch(Branch),
    Tree(Arc<dyn Directory>),
    /// Of the folder that it is opened in.
    File(Arc<dyn Directory>),
}

impl Branch {
    fn add(&mut self, part: &Part) -> Result<(), SourceError> {
        let source = part.source();
        let (metadata, root) = source.root()?;
        let mut levels = source.ancestors()?;
        levels.push(metadata);
        let mut place: Vec<(Vec<u8>, Metadata)> = source.path().into_iter().zip(levels).collect();
        let grown = match part {
            Part::Tree(_) => Grown::Tree(root),
            Part::File { name, .. } => {
                place.push((name.clone(), file_in(&*root, name)?));
                Grown::File(root)
            }
        };
        self.graft(&place, grown)
    }

    /// Puts something in its place.
    fn graft(&mut self, place: &[(Vec<u8>, Metadata)], grown: Grown) -> Result<(), SourceError> {
        let [(name, metadata), below @ ..] = place else { return Err(clash(&grown)) };
        match (self.children.get_mut(name), below.is_empty()) {
            (None, true) => {
                self.children.insert(name.clone(), (*metadata, grown));
                Ok(())
            }
            (None, false) => {
                let mut branch = Branch::default();
                branch.graft(below, grown)?;
                self.children.insert(name.clone(), (*metadata, Grown::Branch(branch)));
                Ok(())
            }
            (Some((_, Grown::Branch(branch))), false) => branch.graft(below, grown),
            (Some(_), _) => Err(clash(&grown)),
        }
    }

    fn into_fork(self, path: Vec<u8>, failures: Vec<SourceError>) -> Fork {
        let children = self.children.into_iter().map(|(name, (metadata, grown))| {
            let below = [&path[..], b"/", &name].concat();
            let held = match grown {
                Grown::Branch(branch) => Held::Folder(Arc::new(branch.into_fork(below, Vec::new()))),
                Grown::Tree(root) => Held::Folder(root),
                Grown::File(folder) => Held::FileOf(folder),
            };
            (Entry { name, metadata }, held)
        });
        Fork { children: children.collect(), path, failures }
    }
}

fn clash(grown: &Grown) -> SourceError {
    let path = match grown {
        Grown::Tree(root) | Grown::File(root) => root.path(),
        Grown::Branch(_) => Vec::new(),
    };
    SourceError {
        path,
        kind: io::ErrorKind::InvalidInput,
        message: "it lies in or above something else that is backed up with it: name only the upper one"
            .into(),
    }
}

/// A folder above what was joined: it holds that, and nothing else that may lie there.
struct Fork {
    path: Vec<u8>,
    /// Ascending by name.
    children: Vec<(Entry, Held)>,
    failures: Vec<SourceError>,
}

enum Held {
    Folder(Arc<dyn Directory>),
    FileOf(Arc<dyn Directory>),
}

impl Fork {
    fn held(&self, entry: &Entry) -> Option<&Held> {
        self.children.iter().find(|(own, _)| own.name == entry.name).map(|(_, held)| held)
    }

    /// The folder that a file is opened in.
    fn folder_of(&self, entry: &Entry) -> Result<&dyn Directory, SourceError> {
        match self.held(entry) {
            Some(Held::FileOf(folder)) => Ok(&**folder),
            _ => Err(self.no_such(entry)),
        }
    }

    fn no_such(&self, entry: &Entry) -> SourceError {
        SourceError {
            path: [&self.path[..], b"/", &entry.name].concat(),
            kind: io::ErrorKind::NotFound,
            message: "this was not named among what is backed up".to_owned(),
        }
    }
}

impl Directory for Fork {
    fn path(&self) -> Vec<u8> {
        if self.path.is_empty() { b"/".to_vec() } else { self.path.clone() }
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let entries = self.children.iter().map(|(entry, _)| entry.clone()).collect();
        Ok(Listing { entries, failures: self.failures.clone(), ..Listing::default() })
    }

    fn child(&self, entry: &Entry) -> Result<Arc<dyn Directory>, SourceError> {
        match self.held(entry) {
            Some(Held::Folder(directory)) => Ok(Arc::clone(directory)),
            _ => Err(self.no_such(entry)),
        }
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn Content>, SourceError> {
        self.folder_of(entry)?.open(entry)
    }

    fn xattrs(&self, entry: &Entry) -> Result<Vec<Xattr>, SourceError> {
        self.folder_of(entry)?.xattrs(entry)
    }

    fn own_xattrs(&self) -> Result<Vec<Xattr>, SourceError> {
        Ok(Vec::new())
    }

    fn link_target(&self, entry: &Entry) -> Result<Vec<u8>, SourceError> {
        self.folder_of(entry)?.link_target(entry)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::files::{FilesSource, Rules};

    fn joined(roots: &[&Path]) -> Joined {
        Joined::new(roots.iter().map(|root| Part::Tree(files(root))).collect(), Vec::new())
    }

    fn files(root: &Path) -> Box<dyn Source> {
        Box::new(FilesSource::new(root, Rules::excluding(&[]).unwrap()).unwrap())
    }

    fn names(directory: &dyn Directory) -> Vec<String> {
        let entries = directory.list().unwrap().entries;
        entries.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect()
    }

    #[test]
    fn each_lies_at_its_own_path_and_nothing_beside_it_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["www/shop/uploads", "www/other", "etc/vhosts/shop"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        let (shop, vhost) = (at("www/shop"), at("etc/vhosts/shop"));
        let source = joined(&[&shop, &vhost]);
        let shown: Vec<Vec<u8>> = source.paths().into_iter().map(|path| path.join(&b'/')).collect();
        assert_eq!(
            shown,
            [&shop, &vhost].map(|path| path.to_str().unwrap().trim_start_matches('/').as_bytes())
        );
        let mut directory = source.root().unwrap().1;
        for name in folder.path().iter().skip(1) {
            assert_eq!(names(&*directory), [name.to_str().unwrap()]);
            let entry = directory.list().unwrap().entries.remove(0);
            assert!(entry.metadata.inode != 0, "the folders above are the real ones");
            directory = directory.child(&entry).unwrap();
        }
        assert_eq!(names(&*directory), ["etc", "www"]);
        let www = directory.list().unwrap().entries.remove(1);
        let www = directory.child(&www).unwrap();
        assert_eq!(names(&*www), ["shop"]);
        let shop = www.child(&www.list().unwrap().entries[0]).unwrap();
        assert_eq!(names(&*shop), ["uploads"]);
    }

    #[test]
    fn of_the_folder_of_a_file_nothing_else_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("sites");
        std::fs::create_dir(&below).unwrap();
        for name in ["a.conf", "b.conf", "secret.conf"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let file = |name: &str| Part::File { folder: files(folder.path()), name: name.into() };
        let parts = vec![Part::Tree(files(&below)), file("b.conf"), file("a.conf")];
        let mut directory = Joined::new(parts, Vec::new()).root().unwrap().1;
        for _ in folder.path().iter().skip(1) {
            let entry = directory.list().unwrap().entries.remove(0);
            directory = directory.child(&entry).unwrap();
        }
        assert_eq!(names(&*directory), ["a.conf", "b.conf", "sites"]);
        let entries = directory.list().unwrap().entries;
        let mut text = [0; 20];
        assert_eq!(directory.open(&entries[0]).unwrap().read(&mut text).unwrap(), 6);
        assert_eq!(&text[..6], b"a.conf");
        assert!(directory.child(&entries[2]).is_ok() && directory.open(&entries[2]).is_err());
        let without = Joined::new(vec![Part::Tree(files(&below)), file("c.conf")], Vec::new());
        let listing = without.root().unwrap().1.list().unwrap();
        assert_eq!(listing.entries.len(), 1);
        let told = listing.failures[0].to_string();
        assert!(told.contains("c.conf: there is no such file"), "{told}");
    }

    #[test]
    fn without_the_first_there_is_nothing_and_the_others_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        assert!(joined(&[&gone, folder.path()]).root().is_err());
        let known = SourceError { path: b"x".to_vec(), kind: io::ErrorKind::Other, message: "known".into() };
        let parts = [folder.path(), &gone].map(|root| Part::Tree(files(root))).into();
        let listing = Joined::new(parts, vec![known]).root().unwrap().1.list().unwrap();
        assert_eq!((listing.entries.len(), listing.failures.len()), (1, 2));
    }

    #[test]
    fn one_within_the_other_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        std::fs::create_dir(&below).unwrap();
        for roots in [[folder.path(), &below], [&below, folder.path()], [&below, &below]] {
            let failures = joined(&roots).root().unwrap().1.list().unwrap().failures;
            assert!(failures[0].to_string().contains("name only the upper one"), "{failures:?}");
        }
    }
}
