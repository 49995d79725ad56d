//! The stock programs that read and write the same format: restic of Debian, the newest restic, and rustic.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{Bench, PASSWORD, lab, make_tree, must_succeed, restic};

/// One of the stock programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stock {
    /// 0.14, which has no `rewrite`.
    ResticOfDebian,
    ResticNewest,
    /// Which has no `mount` and calls `stats` `repoinfo`.
    Rustic,
}

impl Stock {
    pub fn program(self) -> PathBuf {
        match self {
            Stock::ResticOfDebian => restic(),
            Stock::ResticNewest => lab("restic-newest"),
            Stock::Rustic => lab("rustic"),
        }
    }

    pub fn is_rustic(self) -> bool {
        self == Stock::Rustic
    }

    /// The program on the repository in a folder, without anybody's configuration or cache.
    pub fn command(self, repository: &Path) -> Command {
        let mut command = Command::new(self.program());
        if self.is_rustic() {
            // Profiles are looked for in the current folder too.
            command.args(["--no-progress", "--no-cache"]).current_dir("/");
            command.env("RUSTIC_PASSWORD", PASSWORD).env("RUSTIC_REPOSITORY", repository);
        } else {
            command.arg("--no-cache");
            command.env("RESTIC_PASSWORD", PASSWORD).env("RESTIC_REPOSITORY", repository);
        }
        command
    }

    pub fn output(self, repository: &Path, arguments: &[&str]) -> Output {
        let mut command = self.command(repository);
        command.args(arguments).output().unwrap_or_else(|e| panic!("run {self:?}: {e}"))
    }

    /// Runs it, to success; returns everything that it printed.
    #[track_caller]
    pub fn run(self, repository: &Path, arguments: &[&str]) -> String {
        must_succeed(&self.output(repository, arguments))
    }

    /// Its own check of every byte, which must find nothing.
    #[track_caller]
    pub fn check(self, repository: &Path) {
        let said = self.run(repository, &["check", "--read-data"]);
        // rustic also tells some findings with success.
        assert!(!said.contains("[ERROR]") && !said.contains("[WARN]"), "{said}");
    }

    pub fn init(self, repository: &Path) {
        self.run(repository, &["init"]);
    }

    /// A point of a folder, as a host of this name.
    #[track_caller]
    pub fn backup(self, repository: &Path, folder: &Path) -> String {
        self.run(repository, &["backup", "--host", "testhost", folder.to_str().unwrap()])
    }

    /// Restores a point to a folder.
    #[track_caller]
    pub fn restore(self, repository: &Path, point: &str, target: &Path) {
        let target = target.to_str().unwrap();
        if self.is_rustic() {
            self.run(repository, &["restore", point, target]);
        } else {
            self.run(repository, &["restore", point, "--target", target]);
        }
    }

    /// Forgets all points but the newest, and prunes at once.
    #[track_caller]
    pub fn forget_all_but_one(self, repository: &Path) {
        let mut arguments = vec!["forget", "--keep-last", "1", "--prune"];
        if self.is_rustic() {
            // Otherwise packs are marked only, and go a day later.
            arguments.push("--instant-delete");
        }
        self.run(repository, &arguments);
    }
}

/// A copy of the repository at `here`, for what writes.
pub fn scratch(bench: &Bench, name: &str) -> PathBuf {
    let target = bench.path(name);
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(bench.repository_path("here")).arg(&target);
    must_succeed(&copy.output().unwrap());
    target
}

/// Three points, written by us, of a site that changes in between; their ids, oldest first.
pub fn three_points() -> (Bench, PathBuf, Vec<String>) {
    let bench = Bench::new(&["here"]);
    let site = bench.path("site");
    make_tree(&site);
    let repository = bench.create();
    let mut points = vec![bench.archive(&repository, &site, false).0.unwrap().id];
    std::fs::write(site.join("index.php"), "second version").unwrap();
    std::fs::remove_file(site.join("uploads/file7.txt")).unwrap();
    points.push(bench.archive(&repository, &site, false).0.unwrap().id);
    std::fs::write(site.join("third & last.txt"), "third").unwrap();
    points.push(bench.archive(&repository, &site, true).0.unwrap().id);
    (bench, site, points.iter().map(holdfast_format::Id::to_hex).collect())
}
