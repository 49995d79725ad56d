//! What we write, as every stock reader sees it; and what they write, as we do.
//!
//! Commands that write (prune, rewrite, copy) run on scratch copies of the repository.
#![allow(clippy::disallowed_methods, reason = "tests run restic and rustic")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{Bench, PASSWORD, assert_same, lab, make_tree, must_succeed, restic};

fn run(program: &Path, repository: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    if program.ends_with("rustic") {
        command
            .args(["--no-progress", "--no-cache"])
            .env("RUSTIC_PASSWORD", PASSWORD)
            .env("RUSTIC_REPOSITORY", repository);
    } else {
        command.arg("--no-cache").env("RESTIC_PASSWORD", PASSWORD).env("RESTIC_REPOSITORY", repository);
    }
    command.args(arguments).output().unwrap_or_else(|e| panic!("run {}: {e}", program.display()))
}

fn scratch(bench: &Bench, name: &str) -> PathBuf {
    let target = bench.path(name);
    let status =
        Command::new("cp").arg("-a").arg(bench.repository_path("here")).arg(&target).status().unwrap();
    assert!(status.success());
    target
}

/// Three points of a site that changes in between.
fn three_points() -> (Bench, PathBuf) {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    let repository = bench.create();
    bench.archive(&repository, &site, false).0.unwrap();
    std::fs::write(site.join("index.php"), "second version").unwrap();
    std::fs::remove_file(site.join("uploads/file7.txt")).unwrap();
    bench.archive(&repository, &site, false).0.unwrap();
    std::fs::write(site.join("third & last.txt"), "third").unwrap();
    bench.archive(&repository, &site, true).0.unwrap();
    (bench, site)
}

fn readers_are_content(program: &Path) {
    let (bench, site) = three_points();
    let repository = bench.repository_path("here");
    let is_rustic = program.ends_with("rustic");
    must_succeed(&run(program, &repository, &["check", "--read-data"]));
    let target = bench.path("restored");
    let inner = target.join(site.strip_prefix("/").unwrap());
    if is_rustic {
        must_succeed(&run(program, &repository, &["restore", "latest", target.to_str().unwrap()]));
    } else {
        must_succeed(&run(
            program,
            &repository,
            &["restore", "latest", "--target", target.to_str().unwrap()],
        ));
    }
    assert_same(&site, &inner);
    let scratch = scratch(&bench, "scratch");
    if is_rustic {
        must_succeed(&run(program, &scratch, &["forget", "--keep-last", "1", "--prune", "--instant-delete"]));
    } else {
        must_succeed(&run(program, &scratch, &["forget", "--keep-last", "1", "--prune"]));
    }
    must_succeed(&run(program, &scratch, &["check", "--read-data"]));
}

#[test]
fn interop_restic_of_debian() {
    readers_are_content(&restic());
}

#[test]
fn interop_restic_newest() {
    readers_are_content(&lab("restic-newest"));
}

#[test]
fn interop_rustic() {
    readers_are_content(&lab("rustic"));
}

#[test]
fn interop_restic_newest_diffs_copies_rewrites_and_repairs_nothing() {
    let (bench, _) = three_points();
    let newest = lab("restic-newest");
    let repository = bench.repository_path("here");
    let listed = must_succeed(&run(&newest, &repository, &["snapshots", "--json"]));
    let listed: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|s| s["short_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    let diff = must_succeed(&run(&newest, &repository, &["diff", ids[0], ids[1]]));
    assert!(diff.contains("index.php") && diff.contains("uploads/file7.txt"), "{diff}");
    let dump = run(
        &newest,
        &repository,
        &["dump", "latest", &format!("{}/index.php", bench.path("site").display())],
    );
    assert_eq!(dump.stdout, b"second version");
    let copy = scratch(&bench, "rewritten");
    let rewritten = must_succeed(&run(&newest, &copy, &["rewrite", "--exclude", "*.bin", "--forget"]));
    assert!(rewritten.contains("modified 3 snapshots"), "{rewritten}");
    must_succeed(&run(&newest, &copy, &["prune"]));
    must_succeed(&run(&newest, &copy, &["check", "--read-data"]));
    let target = bench.path("copied");
    let mut init = Command::new(&newest);
    init.args(["--no-cache", "init", "--repo"]).arg(&target).env("RESTIC_PASSWORD", PASSWORD);
    must_succeed(&init.output().unwrap());
    let from = repository.to_str().unwrap();
    let mut copy = Command::new(&newest);
    copy.args(["--no-cache", "copy", "--from-repo", from, "--repo"]).arg(&target);
    copy.env("RESTIC_PASSWORD", PASSWORD).env("RESTIC_FROM_PASSWORD", PASSWORD);
    must_succeed(&copy.output().unwrap());
    must_succeed(&run(&newest, &target, &["check", "--read-data"]));
}

#[test]
fn interop_we_continue_on_top_of_restic_and_it_on_top_of_us() {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    let repository = bench.repository_path("here");
    must_succeed(&run(&restic(), &repository, &["init"]));
    must_succeed(&run(&restic(), &repository, &["backup", "--host", "testhost", site.to_str().unwrap()]));
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let ours = bench.reopen(bench.mirrors());
    let archived = bench.archive(&ours, &site, false).0.unwrap();
    // restic has read these files more than two seconds after they changed, or they are read again: never stored again.
    assert_eq!(
        archived.totals.files_unmodified + archived.snapshot.summary.as_ref().unwrap().files_changed,
        archived.totals.files
    );
    must_succeed(&run(&restic(), &repository, &["check", "--read-data"]));
    let report =
        must_succeed(&run(&restic(), &repository, &["backup", "--host", "testhost", site.to_str().unwrap()]));
    assert!(report.contains("0 new,     0 changed"), "restic re-read files that we stored: {report}");
    must_succeed(&run(&restic(), &repository, &["check", "--read-data"]));
}
