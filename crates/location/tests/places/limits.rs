//! Full disks, quotas and missing rights, on real file systems and servers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use holdfast_location::{Area, ErrorKind, Location};
use holdfast_testkit::servers::{RestOptions, RestServer, Sshd};

use rustix::fs::{Gid, Uid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use super::suite::{content, established, key, names, put};

/// A file system of 8 MiB, unmounted when dropped.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> SmallDisk {
        let folder = tempfile::tempdir().unwrap();
        mount(folder.path(), &["-t", "tmpfs", "-o", "size=8m", "holdfast-test"]);
        SmallDisk { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

fn mount(path: &Path, arguments: &[&str]) {
    let output = Command::new("mount").args(arguments).arg(path).output().unwrap();
    assert!(
        output.status.success(),
        "this test needs to mount a small file system: run it as root, in a container with CAP_SYS_ADMIN ({})",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Fills a place of 8 MiB: what fitted stays whole, what did not leaves nothing, and room made is usable.
fn fills_up_cleanly(location: &dyn Location) {
    let mut stored = Vec::new();
    let error = loop {
        let content = content(stored.len() as u64, 1 << 20);
        let key = key("C-1", Area::Data, &content);
        match location.put(&key, content.clone()) {
            Ok(_) => stored.push((key, content)),
            Err(error) => break error,
        }
        assert!(stored.len() < 20, "the disk of 8 MiB took 20");
    };
    assert_eq!(error.kind, ErrorKind::Full, "{error}");
    assert!(stored.len() >= 5, "only {} fitted", stored.len());
    assert_eq!(names(location, "C-1", Area::Data).len(), stored.len());
    for (key, content) in &stored {
        assert!(location.get(key, None).unwrap() == *content);
    }
    location.delete(&stored[0].0).unwrap();
    location.put(&stored[0].0, stored[0].1.clone()).unwrap();
}

#[test]
fn a_full_disk_is_full() {
    let disk = SmallDisk::mount();
    fills_up_cleanly(&*established(&disk.path().join("place").display().to_string(), ""));
}

#[test]
fn a_full_disk_behind_sftp_is_full() {
    let server = Sshd::start();
    mount(&server.root, &["-t", "tmpfs", "-o", "size=8m", "holdfast-test"]);
    let location = established(&server.url("place"), &server.credentials_toml());
    fills_up_cleanly(&*location);
    let status = Command::new("umount").arg("--lazy").arg(&server.root).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_used_up_quota_of_rest_server_is_full() {
    let server = RestServer::start(&RestOptions { size_bytes_max: Some(8 << 20), ..RestOptions::default() });
    fills_up_cleanly(&*established(&server.url("place"), &server.credentials_toml()));
}

#[test]
fn a_full_disk_behind_rest_server_is_full() {
    let server = RestServer::start(&RestOptions::default());
    mount(&server.root, &["-t", "tmpfs", "-o", "size=8m", "holdfast-test"]);
    let location = established(&server.url("place"), &server.credentials_toml());
    fills_up_cleanly(&*location);
    let status = Command::new("umount").arg("--lazy").arg(&server.root).status().unwrap();
    assert!(status.success());
}

#[test]
fn an_unmounted_disk_is_unreachable_and_stays_empty() {
    let disk = SmallDisk::mount();
    let place = disk.path().display().to_string();
    let location = established(&place, "");
    let content = content(1, 100);
    let key = put(&*location, "C-1", Area::Data, &content);
    // Under the mount the folder is empty, which is what the system shows when the disk is not there.
    let status = Command::new("umount").arg("--lazy").arg(disk.path()).status().unwrap();
    assert!(status.success());
    for error in [
        location.put(&key, content.clone()).unwrap_err(),
        location.get(&key, None).unwrap_err(),
        location.list("C-1", Area::Data).unwrap_err(),
        location.repositories().unwrap_err(),
        location.delete(&key).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    }
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0, "something was written under the mount point");
}

#[test]
fn a_read_only_disk_refuses() {
    let disk = SmallDisk::mount();
    let location = established(&disk.path().join("place").display().to_string(), "");
    let stored = content(1, 100);
    let key = put(&*location, "C-1", Area::Data, &stored);
    mount(disk.path(), &["-o", "remount,ro"]);
    let new = content(2, 100);
    let error = location.put(&super::suite::key("C-1", Area::Data, &new), new).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
    assert_eq!(location.delete(&key).unwrap_err().kind, ErrorKind::Refused);
    assert!(location.get(&key, None).unwrap() == stored);
}

/// Root passes every permission bit, so one thread becomes a user without rights, and the server is told to forbid.
#[test]
fn a_folder_without_rights_refuses() {
    let server = Sshd::start_with("internal-sftp -P write,mkdir,remove,rename");
    let location = super::suite::opened(&server.url("place"), &server.credentials_toml());
    let error = location.establish().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");

    let folder = tempfile::tempdir().unwrap();
    let location = established(&folder.path().join("place").display().to_string(), "");
    let stored = content(1, 100);
    let key = put(&*location, "C-1", Area::Data, &stored);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let nobody = 65_534;
            let (user, group) = (Uid::from_raw(nobody), Gid::from_raw(nobody));
            set_thread_res_gid(group, group, group).unwrap();
            set_thread_res_uid(user, user, user).unwrap();
            for error in [
                location.establish().unwrap_err(),
                location.prepare("C-2").unwrap_err(),
                location.put(&key, stored.clone()).unwrap_err(),
                location.get(&key, None).unwrap_err(),
                location.size(&key).unwrap_err(),
                location.list("C-1", Area::Data).unwrap_err(),
                location.delete(&key).unwrap_err(),
                location.repositories().unwrap_err(),
            ] {
                assert_eq!(error.kind, ErrorKind::Refused, "{error}");
            }
        });
    });
    assert!(location.get(&key, None).unwrap() == stored);
}
