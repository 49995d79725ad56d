//! What we write, as every stock reader sees it: with every command that it has for reading, and with those that write, on
//! scratch copies.
#![allow(clippy::disallowed_methods, reason = "tests run restic and rustic")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::stock::{Stock, scratch, three_points};
use support::{Bench, PASSWORD, assert_same, make_tree, must_succeed};

fn readers_are_content(stock: Stock) {
    let (bench, site, points) = three_points();
    let repository = bench.repository_path("here");
    stock.check(&repository);
    let target = bench.path("restored");
    stock.restore(&repository, &points[2], &target);
    assert_same(&site, &target.join(site.strip_prefix("/").unwrap()));
    let scratch = scratch(&bench, "scratch");
    stock.forget_all_but_one(&scratch);
    stock.check(&scratch);
}

#[test]
fn interop_restic_of_debian() {
    readers_are_content(Stock::ResticOfDebian);
}

#[test]
fn interop_restic_newest() {
    readers_are_content(Stock::ResticNewest);
}

#[test]
fn interop_rustic() {
    readers_are_content(Stock::Rustic);
}

/// `diff`, `dump`, `find`, `ls`, `snapshots` and `stats`.
fn reading_commands(stock: Stock) {
    let (bench, site, points) = three_points();
    let repository = bench.repository_path("here");
    let run = |arguments: &[&str]| stock.run(&repository, arguments);
    let path = |name: &str| format!("{}/{name}", site.display());
    let in_point = |point: &str, name: &str| format!("{point}:{}", path(name));
    let (first, second, third) = (points[0].as_str(), points[1].as_str(), points[2].as_str());

    let diff = run(&["diff", first, second]);
    let has =
        |what: &str| diff.lines().any(|line| line.starts_with(what) && line.contains("uploads/file7.txt"));
    assert!(diff.lines().any(|line| line.starts_with('M') && line.contains("index.php")), "{diff}");
    assert!(has("-"), "{diff}");
    let diff = run(&["diff", second, third]);
    assert!(diff.lines().any(|line| line.starts_with('+') && line.contains("third & last.txt")), "{diff}");
    assert!(!diff.contains("index.php"), "{diff}");

    for (point, content) in [(first, "<?php echo 'hello & <world>';\n"), (third, "second version")] {
        let dump = if stock.is_rustic() {
            stock.output(&repository, &["dump", &in_point(point, "index.php")])
        } else {
            stock.output(&repository, &["dump", point, &path("index.php")])
        };
        assert_eq!(String::from_utf8_lossy(&dump.stdout), content);
    }
    let big = fs::read(site.join("uploads/2026/big.bin")).unwrap();
    let dump = if stock.is_rustic() {
        stock.output(&repository, &["dump", &in_point(third, "uploads/2026/big.bin")])
    } else {
        stock.output(&repository, &["dump", third, &path("uploads/2026/big.bin")])
    };
    assert!(dump.stdout == big, "a file of many chunks is dumped as something else");

    let found = if stock.is_rustic() {
        run(&["find", "--glob", "**/third*", "--show-misses"])
    } else {
        run(&["find", "third*"])
    };
    assert_eq!(found.matches("third & last.txt").count(), 1, "{found}");
    let listed = if stock.is_rustic() {
        run(&["ls", "--recursive", &in_point(third, "")])
    } else {
        run(&["ls", third])
    };
    for name in ["index.php", "uploads/2026/big.bin", "dangling", "third & last.txt"] {
        assert!(listed.contains(name), "{name}: {listed}");
    }
    assert!(!listed.contains("file7.txt"), "{listed}");
    let listed = run(&["snapshots"]);
    for point in &points {
        assert!(listed.contains(&point[..8]), "{point}: {listed}");
    }
    if stock.is_rustic() {
        let info = run(&["repoinfo", "--json"]);
        let info = &info[info.find('{').unwrap()..=info.rfind('}').unwrap()];
        let info: serde_json::Value = serde_json::from_str(info).unwrap();
        let of_type = |kind: &str| {
            let blobs = info["index"]["blobs"].as_array().unwrap();
            blobs.iter().find(|b| b["blob_type"] == kind).unwrap()["data_size"].as_u64().unwrap()
        };
        assert!(of_type("data") > big.len() as u64, "{info}");
    } else {
        let size = |mode: &str| {
            let stats = run(&["stats", "--json", "--mode", mode, third]);
            let line = stats.lines().find(|line| line.starts_with('{')).unwrap();
            let stats: serde_json::Value = serde_json::from_str(line).unwrap();
            stats["total_size"].as_u64().unwrap()
        };
        let files = walk_bytes(&site);
        assert_eq!(size("restore-size"), files);
        assert!(size("raw-data") > big.len() as u64 / 2);
    }
}

/// The bytes of all files, hard links counted once, as restic's statistics do.
fn walk_bytes(folder: &Path) -> u64 {
    let mut find = Command::new("find");
    find.arg(folder).args(["-type", "f", "-printf", "%i %s\\n"]);
    let text = must_succeed(&find.output().unwrap());
    let inodes: std::collections::BTreeMap<&str, u64> =
        text.lines().filter_map(|line| line.split_once(' ')).map(|(i, s)| (i, s.parse().unwrap())).collect();
    inodes.values().sum()
}

#[test]
fn interop_restic_of_debian_reads_with_every_command() {
    reading_commands(Stock::ResticOfDebian);
}

#[test]
fn interop_restic_newest_reads_with_every_command() {
    reading_commands(Stock::ResticNewest);
}

#[test]
fn interop_rustic_reads_with_every_command() {
    reading_commands(Stock::Rustic);
}

/// A mount, ended by its end.
struct Mounted {
    point: PathBuf,
    child: Child,
}

impl Mounted {
    fn start(stock: Stock, repository: &Path, point: PathBuf) -> Mounted {
        // What cannot be tried was not tested, and must not look as if it was.
        assert!(
            Path::new("/dev/fuse").exists(),
            "/dev/fuse is missing, so that `mount` cannot be tested: load the module fuse, or give the container the device"
        );
        fs::create_dir(&point).unwrap();
        let mut command = stock.command(repository);
        command.arg("mount").arg(&point).stdout(Stdio::null()).stderr(Stdio::inherit());
        let mut mounted = Mounted { point, child: command.spawn().unwrap() };
        let start = Instant::now();
        while !mounted.point.join("snapshots/latest").exists() {
            assert!(mounted.child.try_wait().unwrap().is_none(), "restic mount ended: is fuse3 installed?");
            assert!(start.elapsed() < Duration::from_secs(30), "nothing is mounted");
            sleep(Duration::from_millis(50));
        }
        mounted
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = Command::new("fusermount").arg("-u").arg(&self.point).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            let _ = Command::new("umount").arg("-l").arg(&self.point).status();
        }
        let _ = self.child.wait();
    }
}

/// `mount`, which rustic does not have: its points as folders, compared byte by byte.
fn mounts(stock: Stock) {
    let (bench, site, points) = three_points();
    let mounted = Mounted::start(stock, &bench.repository_path("here"), bench.path("mounted"));
    let site_in = |point: &Path| point.join(site.strip_prefix("/").unwrap());
    let latest = site_in(&mounted.point.join("snapshots/latest"));
    // restic's file system has no hard links, and no attributes of folders; rsync compares the rest.
    let output = Command::new("rsync")
        .args(["-rlptgoDnci", "--delete"])
        .arg(format!("{}/", site.display()))
        .arg(format!("{}/", latest.display()))
        .output()
        .unwrap();
    assert_eq!(must_succeed(&output), "");
    let first = site_in(&mounted.point.join("ids").join(&points[0][..8]));
    assert_eq!(fs::read_to_string(first.join("index.php")).unwrap(), "<?php echo 'hello & <world>';\n");
    assert!(first.join("uploads/file7.txt").exists() && !latest.join("uploads/file7.txt").exists());
    assert!(!first.join("third & last.txt").exists());
}

#[test]
fn interop_restic_of_debian_mounts() {
    mounts(Stock::ResticOfDebian);
}

#[test]
fn interop_restic_newest_mounts() {
    mounts(Stock::ResticNewest);
}

/// `copy` into a repository of its own; what arrives there is whole.
fn copies(stock: Stock) {
    let (bench, site, _) = three_points();
    let repository = bench.repository_path("here");
    let target = bench.path("copied");
    if stock.is_rustic() {
        let profile = bench.path("target.toml");
        let text =
            format!("[repository]\nrepository = \"{}\"\npassword = \"{PASSWORD}\"\n", target.display());
        fs::write(&profile, text).unwrap();
        let mut copy = stock.command(&repository);
        copy.current_dir(bench.folder.path()).args(["copy", "--init", "--target", "target"]);
        must_succeed(&copy.output().unwrap());
    } else {
        stock.init(&target);
        let from = ["--from-repo", repository.to_str().unwrap()];
        let mut copy = stock.command(&target);
        copy.arg("copy").args(from).env("RESTIC_FROM_PASSWORD", PASSWORD);
        must_succeed(&copy.output().unwrap());
    }
    stock.check(&target);
    assert_eq!(fs::read_dir(target.join("snapshots")).unwrap().count(), 3);
    let restored = bench.path("restored");
    stock.restore(&target, "latest", &restored);
    assert_same(&site, &restored.join(site.strip_prefix("/").unwrap()));
}

#[test]
fn interop_restic_of_debian_copies() {
    copies(Stock::ResticOfDebian);
}

#[test]
fn interop_restic_newest_copies() {
    copies(Stock::ResticNewest);
}

#[test]
fn interop_rustic_copies() {
    copies(Stock::Rustic);
}

/// `rewrite`, which restic 0.14 does not have: leaves something out of every point, on a scratch copy. Before that, it
/// leaves out nothing: what it would have to change then, it reads otherwise than we wrote it.
fn rewrites(stock: Stock) {
    let (bench, site, _) = three_points();
    let scratch = scratch(&bench, "rewritten");
    let exclude = |pattern: &str| {
        if stock.is_rustic() {
            let glob = format!("!{pattern}");
            stock.run(&scratch, &["rewrite", "--glob", &glob, "--forget"])
        } else {
            stock.run(&scratch, &["rewrite", "--exclude", pattern, "--forget"])
        }
    };
    let trees = || {
        let listed = Stock::ResticNewest.run(&scratch, &["snapshots", "--json"]);
        let listed: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
        let trees = listed.as_array().unwrap().iter().map(|s| s["tree"].as_str().unwrap().to_owned());
        trees.collect::<Vec<_>>()
    };
    let before = trees();
    exclude("*.no-such-thing");
    assert_eq!(trees(), before, "a rewrite that leaves out nothing changed points");
    exclude("*.bin");
    assert!(trees().len() == 3 && trees().iter().all(|tree| !before.contains(tree)));
    if stock.is_rustic() {
        stock.run(&scratch, &["prune", "--instant-delete", "--max-unused", "0%"]);
    } else {
        stock.run(&scratch, &["prune"]);
    }
    stock.check(&scratch);
    let restored = bench.path("restored");
    stock.restore(&scratch, "latest", &restored);
    let restored = restored.join(site.strip_prefix("/").unwrap());
    assert!(!restored.join("uploads/2026/big.bin").exists());
    assert_eq!(fs::read_to_string(restored.join("index.php")).unwrap(), "second version");
}

#[test]
fn interop_restic_newest_rewrites() {
    rewrites(Stock::ResticNewest);
}

#[test]
fn interop_rustic_rewrites() {
    rewrites(Stock::Rustic);
}

#[test]
fn interop_restic_of_debian_has_no_rewrite_to_test() {
    let said = Stock::ResticOfDebian.output(Path::new("/nowhere"), &["rewrite"]);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("unknown command"), "it has one now, so test it: {said}");
}

#[test]
fn interop_we_continue_on_top_of_restic_and_it_on_top_of_us() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    let repository = bench.repository_path("here");
    let stock = Stock::ResticOfDebian;
    stock.init(&repository);
    stock.backup(&repository, &site);
    sleep(Duration::from_millis(2500));
    let ours = bench.reopen(bench.mirrors());
    let archived = bench.archive(&ours, &site, false).0.unwrap();
    // restic has read these files more than two seconds after they changed, or they are read again: never stored again.
    assert_eq!(
        archived.totals.files_unmodified + archived.snapshot.summary.as_ref().unwrap().files_changed,
        archived.totals.files
    );
    stock.check(&repository);
    let report = stock.backup(&repository, &site);
    assert!(report.contains("0 new,     0 changed"), "restic re-read files that we stored: {report}");
    stock.check(&repository);
}
