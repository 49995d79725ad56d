//! Paths of a machine that was restored into a folder: no symlink of it leads to the machine that we run on.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// More is a circle.
const SYMLINKS_MAX: usize = 40;

/// Where an absolute path of that machine leads, with `root` as its `/`; `None` where nothing is there.
pub(super) fn resolve(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut left: VecDeque<OsString> = VecDeque::new();
    push(&mut left, path)?;
    let (mut at, mut symlinks) = (Vec::<OsString>::new(), 0);
    while let Some(name) = left.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        at.push(name);
        let place = place(root, &at);
        if !std::fs::symlink_metadata(&place).ok()?.is_symlink() {
            continue;
        }
        symlinks += 1;
        if symlinks > SYMLINKS_MAX {
            return None;
        }
        at.pop();
        let target = std::fs::read_link(&place).ok()?;
        if target.is_absolute() {
            at.clear();
        }
        push(&mut left, &target)?;
    }
    Some(place(root, &at))
}

fn place(root: &Path, at: &[OsString]) -> PathBuf {
    let mut place = root.to_owned();
    place.extend(at);
    place
}

/// Puts a path before what is left of another.
fn push(left: &mut VecDeque<OsString>, path: &Path) -> Option<()> {
    for part in path.components().rev() {
        match part {
            Component::Normal(name) => left.push_front(name.to_owned()),
            Component::ParentDir => left.push_front("..".into()),
            Component::RootDir | Component::CurDir => {}
            Component::Prefix(_) => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn symlinks_lead_within_the_restored_machine() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("restored");
        std::fs::create_dir_all(root.join("srv/files")).unwrap();
        std::fs::create_dir_all(root.join("www")).unwrap();
        std::fs::write(root.join("srv/files/a"), "a").unwrap();
        std::fs::write(folder.path().join("outside"), "of this machine").unwrap();
        symlink("/srv/files", root.join("www/absolute")).unwrap();
        symlink("../srv/files", root.join("www/relative")).unwrap();
        symlink("../../../outside", root.join("www/out")).unwrap();
        symlink(folder.path().join("outside"), root.join("www/away")).unwrap();
        symlink("circle", root.join("www/circle")).unwrap();
        let found = |path: &str| resolve(&root, Path::new(path)).filter(|path| path.is_file());
        for path in
            ["/srv/files/a", "/www/absolute/a", "/www/relative/a", "/www/../srv/./files/a", "/../srv/files/a"]
        {
            assert_eq!(found(path), Some(root.join("srv/files/a")), "{path}");
        }
        for path in ["/www/out", "/www/away", "/www/circle", "/srv/files/b", "/srv/files"] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
