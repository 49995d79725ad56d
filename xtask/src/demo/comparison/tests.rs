use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::*;

/// A tree and its copy by `cp -a`, which keeps everything.
fn twins() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("left");
    crate::demo::estate::add_odd_things(&left).unwrap();
    fs::write(left.join("plain"), "content").unwrap();
    let copied = Command::new("cp").arg("-a").arg(&left).arg(folder.path().join("right")).status().unwrap();
    assert!(copied.success());
    folder
}

/// What the comparison says after something was done to the copy.
fn after(change: impl FnOnce(&Path)) -> String {
    let folder = twins();
    let (left, right) = (folder.path().join("left"), folder.path().join("right"));
    assert_eq!(same_trees(&left, &right).unwrap().hard_links, 2);
    change(&right);
    same_trees(&left, &right).unwrap_err().to_string()
}

fn keeping_time(path: &Path, change: impl FnOnce(&Path)) {
    let time = path.metadata().unwrap().modified().unwrap();
    change(path);
    File::open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_byte_is_found() {
    let said = after(|right| keeping_time(&right.join("plain"), |path| fs::write(path, "Content").unwrap()));
    assert!(said.starts_with("the content of"), "{said}");
}

#[test]
fn a_time_and_a_mode_are_found() {
    let late = SystemTime::UNIX_EPOCH + Duration::new(5, 1);
    let said = after(|right| File::open(right.join("plain")).unwrap().set_modified(late).unwrap());
    assert!(said.contains("time 5.000000001"), "{said}");
    let said = after(|right| {
        fs::set_permissions(right.join("odd/program"), fs::Permissions::from_mode(0o711)).unwrap();
    });
    assert!(said.contains("mode 104711") && said.contains("mode 100711"), "{said}");
}

#[test]
fn a_missing_name_and_another_link_are_found() {
    let said = after(|right| keeping_time(right, |right| fs::remove_file(right.join("plain")).unwrap()));
    assert!(said.ends_with("hold different names"), "{said}");
}

#[test]
fn a_broken_hard_link_is_found() {
    let said = after(|right| {
        let second = right.join("second");
        keeping_time(right, |_| {
            fs::remove_file(&second).unwrap();
            let copied =
                Command::new("cp").arg("-a").arg(right.join("odd/first")).arg(&second).status().unwrap();
            assert!(copied.success());
        });
    });
    assert!(said.contains("1 names"), "{said}");
}

#[test]
fn places_are_compared_without_their_locks() {
    let folder = tempfile::tempdir().unwrap();
    for place in ["a", "b"] {
        let repository = folder.path().join(place).join("C-1");
        fs::create_dir_all(repository.join("data/00")).unwrap();
        fs::create_dir_all(repository.join("locks")).unwrap();
        fs::write(repository.join("config"), "x").unwrap();
        fs::write(repository.join("data/00/00aa"), "pack").unwrap();
        fs::write(repository.join("locks").join(place), "lock").unwrap();
    }
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    assert_eq!(same_objects(&a, &b).unwrap(), 2);
    fs::write(b.join("C-1/data/00/00aa"), "pacK").unwrap();
    assert!(same_objects(&a, &b).is_err());
    fs::remove_file(b.join("C-1/data/00/00aa")).unwrap();
    assert!(same_objects(&a, &b).is_err());
}
