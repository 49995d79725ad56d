//! Websites whose owners would like to read, to hold up, or to mislead whoever backs them up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use holdfast_asset::site::{Found, Search, detect};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use tempfile::TempDir;

const STOLEN: &str = "<?php define('DB_NAME', 'stolen');";

/// A WordPress without its configuration.
fn wordpress() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("wp-includes")).unwrap();
    std::fs::write(folder.path().join("wp-includes/version.php"), "<?php $wp_version = '6.1';").unwrap();
    folder
}

fn look(root: &Path) -> Found {
    detect(root, &Search::usual("/run/s")).unwrap()
}

fn assert_refused(folder: &Path, reason: &str) {
    let found = look(folder);
    assert_eq!(found.applications.len(), 1);
    assert!(found.applications[0].databases.is_empty());
    let told: Vec<_> = found.troubles.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|told| told.starts_with("wp-config.php: ") && told.contains(reason)), "{told:?}");
}

#[test]
fn a_configuration_that_is_no_plain_file_is_told_and_not_read() {
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("wp-config.php"), STOLEN).unwrap();

    let folder = wordpress();
    symlink(other.path().join("wp-config.php"), folder.path().join("wp-config.php")).unwrap();
    assert_refused(folder.path(), "it is a symlink");

    let folder = wordpress();
    mknodat(CWD, folder.path().join("wp-config.php"), FileType::Fifo, Mode::from(0o644), 0).unwrap();
    assert_refused(folder.path(), "it is no regular file");

    // /dev/zero: without a look at what it is it would be read without an end.
    let folder = wordpress();
    let device = folder.path().join("wp-config.php");
    mknodat(CWD, device, FileType::CharacterDevice, Mode::from(0o644), makedev(1, 5)).unwrap();
    assert_refused(folder.path(), "it is no regular file");

    let folder = wordpress();
    std::fs::create_dir(folder.path().join("wp-config.php")).unwrap();
    assert_refused(folder.path(), "it is no regular file");

    let folder = wordpress();
    File::create(folder.path().join("wp-config.php")).unwrap().set_len(5 << 30).unwrap();
    assert_refused(folder.path(), "5368709120 bytes");

    let folder = wordpress();
    std::fs::write(folder.path().join("wp-config.php"), "<?php\n".to_owned() + &" ".repeat(300 << 10))
        .unwrap();
    assert_refused(folder.path(), "larger than 256 KiB");
}

#[test]
fn a_folder_that_is_a_symlink_leads_nowhere() {
    let other = wordpress();
    std::fs::write(other.path().join("wp-config.php"), STOLEN).unwrap();
    let folder = tempfile::tempdir().unwrap();
    symlink(other.path(), folder.path().join("httpdocs")).unwrap();
    assert!(look(folder.path()).applications.is_empty());
    // Nor the root itself.
    let error = detect(&folder.path().join("httpdocs"), &Search::usual("/run/s")).unwrap_err();
    assert!(error.to_string().contains("symlink"), "{error}");

    // A Laravel whose folder of configurations is another's.
    std::fs::write(other.path().join("database.php"), "<?php return [];").unwrap();
    for file in ["artisan", "bootstrap/app.php"] {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    symlink(other.path(), folder.path().join("config")).unwrap();
    let found = look(folder.path());
    assert!(found.applications[0].databases.is_empty());
    assert!(!found.troubles.is_empty());
}

#[test]
fn what_was_not_looked_at_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..20 {
        std::fs::create_dir(folder.path().join(format!("folder{number}"))).unwrap();
    }
    let few = Search { folders_max: 5, ..Search::usual("/run/s") };
    let found = detect(folder.path(), &few).unwrap();
    assert!(found.limits[0].to_string().contains("more than 5 folders"), "{:?}", found.limits);
    assert!(found.troubles.is_empty(), "a large website is no fault of its own");
    let few = Search { entries_max: 5, ..Search::usual("/run/s") };
    let found = detect(folder.path(), &few).unwrap();
    assert!(found.limits[0].to_string().contains("more than 5 entries"), "{:?}", found.limits);
    let all = look(folder.path());
    assert!(all.troubles.is_empty() && all.limits.is_empty());
}

#[test]
fn names_that_are_no_text_are_shown_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join(OsStr::from_bytes(b"\xff\x1b[31m"));
    std::fs::create_dir_all(inner.join("wp-includes")).unwrap();
    std::fs::write(inner.join("wp-includes/version.php"), "<?php $wp_version = \"\\e[31m\";").unwrap();
    std::fs::write(inner.join("wp-config.php"), "<?php define('DB_NAME', getenv('X'));").unwrap();
    let found = look(folder.path());
    assert_eq!(found.applications[0].version, None);
    assert!(serde_json::to_string(&found).is_ok());
    assert!(!found.troubles[0].to_string().contains('\u{1b}'));
}
