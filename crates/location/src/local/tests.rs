use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use holdfast_world::{SystemClock, SystemRandom};

use super::Local;
use crate::{Area, ErrorKind, Key, Location, Put, Surroundings};

fn place() -> (tempfile::TempDir, Local) {
    let folder = tempfile::tempdir().unwrap();
    let surroundings = Surroundings::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let local = Local::new("disk", folder.path().join("root"), &surroundings);
    (folder, local)
}

fn key(area: Area, digit: char) -> Key {
    Key::new(&Arc::from("C-1"), area, digit.to_string().repeat(64))
}

#[test]
fn nothing_is_made_before_the_place_is_established() {
    let (folder, local) = place();
    for root_exists in [false, true] {
        if root_exists {
            fs::create_dir(folder.path().join("root")).unwrap();
        }
        let data = key(Area::Data, 'a');
        let failures = [
            local.put(&data, Bytes::from_static(b"x")).unwrap_err(),
            local.get(&data, None).unwrap_err(),
            local.size(&data).unwrap_err(),
            local.list("C-1", Area::Data).unwrap_err(),
            local.list("C-1", Area::Config).unwrap_err(),
            local.delete(&data).unwrap_err(),
            local.prepare("C-1").unwrap_err(),
            local.repositories().unwrap_err(),
            local.identity().unwrap_err(),
        ];
        for failure in failures {
            assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure}");
            assert!(failure.to_string().contains("mount"), "{failure}");
        }
        assert!(!folder.path().join("root/C-1").exists());
    }
    local.establish().unwrap();
    local.establish().unwrap();
    assert_eq!(local.list("C-1", Area::Data).unwrap(), []);
    assert_eq!(local.get(&key(Area::Data, 'a'), None).unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn establishing_needs_the_parent() {
    let surroundings = Surroundings::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let folder = tempfile::tempdir().unwrap();
    let local = Local::new("disk", folder.path().join("not/there"), &surroundings);
    assert_eq!(local.establish().unwrap_err().kind, ErrorKind::Unreachable);
    assert!(!folder.path().join("not").exists());
}

#[test]
fn files_are_private_and_folders_too() {
    let (folder, local) = place();
    local.establish().unwrap();
    local.put(&key(Area::Data, 'a'), Bytes::from_static(b"x")).unwrap();
    let mode = |path: &str| {
        fs::metadata(folder.path().join("root").join(path)).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!(mode(&key(Area::Data, 'a').path()), 0o600);
    for path in ["", "C-1", "C-1/data", "C-1/data/aa", "holdfast-location"] {
        assert_eq!(mode(path), 0o700, "{path}");
    }
}

#[test]
fn leftovers_are_invisible_and_go_when_they_are_old() {
    let (folder, local) = place();
    local.establish().unwrap();
    local.put(&key(Area::Data, 'a'), Bytes::from_static(b"x")).unwrap();
    let data = folder.path().join("root/C-1/data/aa");
    let (young, old) = (data.join(".holdfast-tmp-1"), data.join(".holdfast-tmp-2"));
    fs::write(&young, b"half").unwrap();
    fs::write(&old, b"half").unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(48 * 3600);
    fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(local.list("C-1", Area::Data).unwrap().len(), 1);
    assert!(young.exists());
    assert!(!old.exists());
}

#[test]
fn a_taken_name_is_left_alone() {
    let (_folder, local) = place();
    local.establish().unwrap();
    let data = key(Area::Data, 'a');
    assert_eq!(local.put(&data, Bytes::from_static(b"one")).unwrap(), Put::Stored);
    assert_eq!(local.put(&data, Bytes::from_static(b"two")).unwrap(), Put::AlreadyThere);
    let conflict = local.put(&data, Bytes::from_static(b"three")).unwrap_err();
    assert_eq!(conflict.kind, ErrorKind::Conflict);
    assert_eq!(local.get(&data, None).unwrap(), "one");
}

#[test]
fn a_file_whose_name_is_no_text_is_shown_and_can_be_erased() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let (folder, local) = place();
    local.establish().unwrap();
    local.prepare("C-1").unwrap();
    let below = folder.path().join("root/C-1").join(OsStr::from_bytes(b"odd\xff"));
    fs::create_dir(&below).unwrap();
    // Shown by the same name, and one that is text.
    for name in [&b"a\xfe"[..], b"a\xfd", "a\u{fffd}".as_bytes()] {
        fs::write(below.join(OsStr::from_bytes(name)), "x").unwrap();
    }
    let walk = local.walk(Some("C-1")).unwrap();
    let odd: Vec<_> = walk.lying.iter().filter(|lying| lying.path == "C-1/odd\u{fffd}/a\u{fffd}").collect();
    assert_eq!(odd.len(), 3, "{walk:?}");
    odd.iter().for_each(|lying| local.erase(lying).unwrap());
    assert_eq!(local.walk(Some("C-1")).unwrap().lying.len(), walk.lying.len() - 3);
}
