//! Folders of a WHMCS that lie outside of its own, and whether they may be taken along.
//!
//! Its makers advise to move attachments, downloads, compiled templates and crons above the web root, so a backup of the web root
//! alone has rows without their files. But whoever writes configuration.php, or rows of the database, then chooses what is read with
//! our rights: a WHMCS that was broken into must not have another client's files, or the machine's, carried into its own
//! repository. So a folder is taken only where it is plainly there and its name is from somebody who may have it; everything else
//! is told, and the administrator may name it himself.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::installed::Installed;
use super::storage::{Storage, StorageKind};
use crate::site::Setting;

/// What is known of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The asset's own folder, which is backed up whole.
    pub root: &'a Path,
    /// What the administrator named besides.
    pub also: &'a [PathBuf],
    /// What nobody else's folder may lie in or hold, and what it is.
    pub off_limits: &'a [(PathBuf, String)],
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Folders to be taken along, none within another.
    pub folders: Vec<PathBuf>,
    /// What is not in the backup, and why.
    pub refused: Vec<String>,
    /// What is to be known, and is no loss.
    pub notes: Vec<String>,
}

/// A folder that somebody names.
struct Candidate {
    /// Who names it.
    by: String,
    path: PathBuf,
    /// Whether WHMCS misses something without it.
    is_needed: bool,
    /// Whether what is in it comes again by itself.
    is_cache: bool,
}

/// Where a folder is.
enum Lies {
    Inside,
    Outside(PathBuf),
    Nowhere,
}

/// Looks through everything that configuration.php and the storage tables name; `places` is `None` where there are no such tables, or they
/// could not be read.
pub fn outside(installed: &Installed, places: Option<&[Storage]>, ground: Ground<'_>) -> Outside {
    let mut found = Outside::default();
    let candidates = candidates(installed, places, &mut found);
    let mut taken: Vec<PathBuf> = Vec::new();
    for candidate in candidates {
        match lies(&candidate, installed, ground) {
            Ok(Lies::Inside) => {}
            Ok(Lies::Outside(path)) => taken.push(path),
            Ok(Lies::Nowhere) if !candidate.is_needed => {}
            Ok(Lies::Nowhere) => found.refused.push(told(&candidate, "it is not there")),
            Err(why) if candidate.is_cache => {
                found.notes.push(format!("{}; it is a cache, and nothing is lost", told(&candidate, &why)));
            }
            Err(why) => found.refused.push(told(&candidate, &why)),
        }
    }
    taken.sort_unstable();
    // Sorted, a folder comes before what is in it.
    for path in taken {
        if !found.folders.iter().any(|folder| path.starts_with(folder)) {
            found.folders.push(path);
        }
    }
    found
}

fn told(candidate: &Candidate, why: &str) -> String {
    format!("{} names the folder {:?}, which is not in this point: {why}", candidate.by, candidate.path)
}

fn candidates(installed: &Installed, places: Option<&[Storage]>, found: &mut Outside) -> Vec<Candidate> {
    let settings = &installed.settings;
    let mut candidates = Vec::new();
    for (name, setting, usual, is_of_tables, is_cache) in [
        ("$attachments_dir", &settings.attachments, "attachments", true, false),
        ("$downloads_dir", &settings.downloads, "downloads", true, false),
        ("$crons_dir", &settings.crons, "crons", false, false),
        ("$templates_compiledir", &settings.compiled_templates, "templates_c", false, true),
    ] {
        let (path, is_set) = match setting {
            None => (usual.to_owned(), false),
            Some(Setting::Known(path)) if path.is_empty() => (usual.to_owned(), false),
            Some(Setting::Known(path)) => (path.clone(), true),
            // That it cannot be told is told already.
            Some(Setting::Unresolved(_)) => continue,
        };
        // Once the tables say where files are, nobody reads these settings.
        let is_needed = is_set && !is_cache && !(is_of_tables && places.is_some());
        candidates.push(Candidate {
            by: format!("configuration.php ({name})"),
            path: path.into(),
            is_needed,
            is_cache,
        });
    }
    for place in places.into_iter().flatten() {
        let (name, assets) = (&place.name, place.assets.join(", "));
        let is_used = !place.assets.is_empty();
        match &place.kind {
            StorageKind::Local(path) => candidates.push(Candidate {
                by: format!("its storage {name:?}"),
                path: path.clone(),
                is_needed: is_used,
                is_cache: false,
            }),
            StorageKind::Remote(handler) if is_used => found.refused.push(format!(
                "its storage {name:?} keeps files elsewhere ({handler}), and none of them is in this point: {assets}; back them up \
                 where they are, or move them to a folder in WHMCS' storage settings"
            )),
            StorageKind::Unknown if is_used => found.refused.push(format!(
                "in which folder its storage {name:?} keeps {assets} cannot be read from its settings; see WHMCS' storage settings"
            )),
            StorageKind::Remote(_) | StorageKind::Unknown => {}
        }
    }
    candidates
}

/// Where a folder is, or why it is not taken.
fn lies(candidate: &Candidate, installed: &Installed, ground: Ground<'_>) -> Result<Lies, String> {
    let hint = "if it should be backed up, name it in estate.toml: also = [\"...\"]";
    let path = &candidate.path;
    let climbs = path.components().any(|part| part == Component::ParentDir);
    if !path.is_absolute() && climbs {
        return Err(format!("it is not absolute, so where it lies depends on what runs; {hint}"));
    }
    let path = plain(&installed.folder.join(path));
    let real = match std::fs::canonicalize(&path) {
        Ok(real) => real,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Lies::Nowhere),
        Err(error) => return Err(format!("it cannot be looked at: {error}")),
    };
    let real_of = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut own = std::iter::once(ground.root).chain(ground.also.iter().map(PathBuf::as_path));
    if own.any(|own| real.starts_with(real_of(own))) {
        return Ok(Lies::Inside);
    }
    if path.starts_with(ground.root) {
        return Err(format!(
            "a symlink leads from there to {}, and symlinks are not followed; {hint}",
            real.display()
        ));
    }
    if real != path {
        return Err(format!(
            "a symlink leads from there to {}, and symlinks are not followed; {hint}",
            real.display()
        ));
    }
    let system = SYSTEM.iter().any(|system| path.starts_with(system));
    if system || TOP.iter().any(|top| path == Path::new(top)) {
        return Err(format!("it is the machine's own; {hint}"));
    }
    for (other, what) in ground.off_limits {
        let other = real_of(other);
        if path.starts_with(&other) || other.starts_with(&path) {
            return Err(format!("{what} is there"));
        }
    }
    if real_of(ground.root).starts_with(&path) {
        return Err(format!("it holds the web root itself; {hint}"));
    }
    let look = |path: &Path| {
        std::fs::symlink_metadata(path).map_err(|error| format!("it cannot be looked at: {error}"))
    };
    let folder = look(&path)?;
    if !folder.is_dir() {
        return Err("it is no folder".to_owned());
    }
    let author = look(&installed.folder.join("configuration.php"))?;
    if may_name(Owner::of(&author), folder.uid()) {
        Ok(Lies::Outside(path))
    } else {
        Err(format!(
            "it belongs to somebody else than configuration.php (user {} and not {}); {hint}",
            folder.uid(),
            author.uid()
        ))
    }
}

/// Who may have written a file.
#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    /// Whether others than the owner may write it.
    is_shared: bool,
}

impl Owner {
    fn of(metadata: &Metadata) -> Owner {
        Owner { uid: metadata.uid(), is_shared: metadata.mode() & 0o022 != 0 }
    }
}

/// What root alone can have written is the administrator's word. Everybody else names folders of his own: rows are written by the same
/// PHP that may write the file, so the file's owner stands for both.
fn may_name(author: Owner, folder_uid: u32) -> bool {
    match author {
        Owner { uid: 0, is_shared } => !is_shared,
        Owner { uid, .. } => uid == folder_uid,
    }
}

/// A path without `.` and `..`, as it is read where no symlink is on the way; whether one is is looked at later.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// Nothing below these is a client's.
const SYSTEM: [&str; 13] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys",
    "/usr",
];
/// These themselves hold what is everybody's.
const TOP: [&str; 11] =
    ["/", "/home", "/media", "/mnt", "/opt", "/srv", "/tmp", "/var", "/var/lib", "/var/tmp", "/var/www"];

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::whmcs::installed;

    struct Machine {
        folder: tempfile::TempDir,
    }

    impl Machine {
        fn new() -> Machine {
            let folder = tempfile::tempdir().unwrap();
            for name in
                ["www/templates_c", "data/attachments/projects", "data/downloads", "other/site", "state"]
            {
                std::fs::create_dir_all(folder.path().join(name)).unwrap();
            }
            Machine { folder }
        }

        fn at(&self, name: &str) -> PathBuf {
            // The folder for temporary files may itself be behind a symlink.
            self.folder.path().canonicalize().unwrap().join(name)
        }

        fn look(&self, configuration: &str, places: Option<&[Storage]>, also: &[PathBuf]) -> Outside {
            let text = format!("<?php $db_name = 'b'; $cc_encryption_hash = 'h'; {configuration}");
            let (root, file) = (self.at("www"), self.at("www/configuration.php"));
            std::fs::write(&file, text).unwrap();
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&file, permissions).unwrap();
            let installed = installed(&root).unwrap().unwrap();
            let off_limits = [
                (self.at("other"), "the asset other".to_owned()),
                (self.at("state"), "our own state".to_owned()),
            ];
            outside(&installed, places, Ground { root: &root, also, off_limits: &off_limits })
        }
    }

    fn place(path: PathBuf, assets: &[&str]) -> Storage {
        let assets = assets.iter().map(|asset| (*asset).to_owned()).collect();
        Storage { name: "Files".to_owned(), kind: StorageKind::Local(path), assets }
    }

    #[test]
    fn folders_outside_are_found_in_both_places_and_taken_once() {
        let machine = Machine::new();
        let nothing = machine.look("$templates_compiledir = 'templates_c/';", None, &[]);
        assert_eq!(nothing, Outside::default());
        let (data, attachments) = (machine.at("data"), machine.at("data/attachments"));
        let configured = format!(
            "$attachments_dir = __DIR__ . '/../data/attachments'; $downloads_dir = '{}/downloads/';",
            data.display()
        );
        let found = machine.look(&configured, None, &[]);
        assert_eq!(found.folders, [attachments.clone(), data.join("downloads")], "{found:?}");
        assert!(found.refused.is_empty(), "{found:?}");
        let places = [
            place(attachments.join("projects"), &["pm_files"]),
            place(attachments.clone(), &["ticket_attachments"]),
        ];
        let found = machine.look("", Some(&places), &[]);
        assert_eq!((found.folders, found.refused.len()), (vec![attachments], 0));
        // The administrator named it already.
        assert_eq!(machine.look(&configured, Some(&places), &[data]), Outside::default());
    }

    #[test]
    fn what_is_not_there_is_told_where_it_is_used() {
        let machine = Machine::new();
        let gone = machine.at("gone");
        let set = format!("$attachments_dir = '{}';", gone.display());
        assert!(machine.look(&set, None, &[]).refused[0].contains("it is not there"));
        // A setting that nobody reads any more is no loss, nor is a cache, nor a storage that nothing is in.
        let unused = [place(gone.clone(), &[])];
        assert_eq!(machine.look(&set, Some(&unused), &[]), Outside::default());
        let cache = format!("$templates_compiledir = '{}';", gone.display());
        assert_eq!(machine.look(&cache, None, &[]), Outside::default());
        let used = [place(gone, &["client_files"])];
        assert!(machine.look("", Some(&used), &[]).refused[0].contains("its storage \"Files\""));
    }

    #[test]
    fn what_lies_elsewhere_or_cannot_be_told_is_refused_loudly() {
        let machine = Machine::new();
        let of =
            |kind| Storage { name: "Bucket".to_owned(), kind, assets: vec!["ticket_attachments".to_owned()] };
        let remote = [of(StorageKind::Remote("S3".to_owned()))];
        let told = machine.look("", Some(&remote), &[]).refused;
        assert!(told[0].contains("(S3)") && told[0].contains("ticket_attachments"), "{told:?}");
        let unknown = [of(StorageKind::Unknown)];
        assert!(machine.look("", Some(&unknown), &[]).refused[0].contains("cannot be read"));
        let unused = [Storage { assets: Vec::new(), ..remote[0].clone() }];
        assert_eq!(machine.look("", Some(&unused), &[]), Outside::default());
    }

    #[test]
    fn no_trick_leads_to_what_is_somebody_else_s() {
        let machine = Machine::new();
        symlink(machine.at("data"), machine.at("link")).unwrap();
        symlink(machine.at("data/attachments"), machine.at("www/attachments")).unwrap();
        let other = machine.at("other/site");
        for (path, why) in [
            (machine.at("link/downloads"), "a symlink leads from there"),
            (machine.at("link"), "a symlink leads from there"),
            (PathBuf::from("../data/downloads"), "not absolute"),
            (PathBuf::from("/"), "the machine's own"),
            (PathBuf::from("/etc"), "the machine's own"),
            (PathBuf::from("/etc/ssl"), "the machine's own"),
            (machine.at("www/../.."), "which is not in this point"),
            (machine.at(""), "is there"),
            (other.join("../site"), "the asset other is there"),
            (machine.at("state"), "our own state is there"),
        ] {
            let told = machine.look("", Some(&[place(path.clone(), &["client_files"])]), &[]);
            assert!(told.folders.is_empty(), "{path:?}: {told:?}");
            // The link in the web root is told each time, too.
            assert!(told.refused.iter().any(|told| told.contains(why)), "{path:?}: {told:?}");
        }
        let inside = machine.look("", None, &[]);
        assert!(inside.refused[0].contains("$attachments_dir"), "{inside:?}");
        assert_eq!(
            machine.look("", None, &[machine.at("data")]),
            Outside::default(),
            "the administrator named it"
        );
        let file = machine.at("data/file");
        std::fs::write(&file, "").unwrap();
        let also = [machine.at("data/attachments")];
        let told = machine.look("", Some(&[place(file, &["client_files"])]), &also);
        assert!(told.refused[0].contains("no folder"), "{told:?}");
    }

    #[test]
    fn only_root_names_folders_of_others() {
        let owner = |uid, is_shared| Owner { uid, is_shared };
        assert!(may_name(owner(0, false), 33) && may_name(owner(0, false), 0));
        assert!(!may_name(owner(0, true), 33) && !may_name(owner(0, true), 0));
        assert!(may_name(owner(33, false), 33) && may_name(owner(33, true), 33));
        assert!(!may_name(owner(33, false), 0) && !may_name(owner(33, false), 34));
    }
}
