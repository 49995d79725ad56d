//! A disk that fills up: a clear error, nothing that was acknowledged is lost, and room made is usable.

use std::path::Path;
use std::process::Command;

use holdfast_ledger::{ErrorKind, Reader};

use super::support::{Place, done, run};

/// A file system of 8 MiB, unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl SmallDisk<'_> {
    fn mount(path: &Path) -> SmallDisk<'_> {
        std::fs::create_dir_all(path).unwrap();
        let mut mount = Command::new("mount");
        let output =
            mount.args(["-t", "tmpfs", "-o", "size=8m", "holdfast-test"]).arg(path).output().unwrap();
        assert!(
            output.status.success(),
            "this test needs to mount a small file system: run it as root, in a container with CAP_SYS_ADMIN ({})",
            String::from_utf8_lossy(&output.stderr)
        );
        SmallDisk(path)
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_full_and_loses_nothing() {
    let place = Place::new();
    let disk = place.folder.path().join("disk");
    let mounted = SmallDisk::mount(&disk);
    let path = disk.join("ledger.db");
    let ledger = place.open_at(&path, "a test").unwrap();
    let filler = disk.join("filler");
    std::fs::write(&filler, vec![1; 4 << 20]).unwrap();
    let report = format!("\"{}\"", "x".repeat(50_000));
    let mut acknowledged = Vec::new();
    let record = || {
        ledger.write(|t| {
            let id = t.begin_run(run("a", &[]), t.recorded_at())?;
            t.end_run(&id, done(None, Some(&report)), t.recorded_at())?;
            Ok(id)
        })
    };
    let error = loop {
        match record() {
            Ok(id) => acknowledged.push(id),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 1000, "8 MiB took a thousand reports of 50 kB");
    };
    assert_eq!(error.kind, ErrorKind::Full, "{error}");
    assert!(acknowledged.len() > 10, "only {} fitted", acknowledged.len());
    // Full again, and again: the error stays clear, and reading goes on.
    for _ in 0..3 {
        assert_eq!(record().unwrap_err().kind, ErrorKind::Full);
    }
    let all_are_there = |reader: &Reader, ids: &[String]| {
        for id in ids {
            assert_eq!(reader.report(id).unwrap().as_deref(), Some(report.as_str()), "{id}");
        }
        let audit = reader.audit().unwrap();
        assert_eq!(audit.reports, ids.len() as u64);
    };
    all_are_there(ledger.read(), &acknowledged);
    std::fs::remove_file(&filler).unwrap();
    acknowledged.push(record().unwrap());
    all_are_there(ledger.read(), &acknowledged);
    drop(ledger);
    // And after opening it again.
    let ledger = place.open_at(&path, "a test").unwrap();
    all_are_there(ledger.read(), &acknowledged);
    drop(ledger);
    drop(mounted);
}

#[test]
fn opening_on_a_full_disk_says_so() {
    let place = Place::new();
    let disk = place.folder.path().join("disk");
    let mounted = SmallDisk::mount(&disk);
    let mut filler = std::fs::File::create(disk.join("filler")).unwrap();
    while std::io::Write::write_all(&mut filler, &[1; 4096]).is_ok() {}
    let error = place.open_at(&disk.join("ledger.db"), "a test").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Full, "{error}");
    drop(filler);
    std::fs::remove_file(disk.join("filler")).unwrap();
    // What the failed attempt left is no hindrance.
    place.open_at(&disk.join("ledger.db"), "a test").unwrap().close().unwrap();
    drop(mounted);
}
