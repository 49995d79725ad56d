//! The programs that are measured, each driven as its own manual says for the same work: encrypted, compressed
//! with zstd, one local repository, the whole corpus as one source, caches of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Work;
use crate::process;

const PASSWORD: &str = "only-for-measuring";

/// One installed program.
pub(super) struct Peer {
    /// What tables call it.
    pub(super) name: &'static str,
    kind: Kind,
    program: PathBuf,
    version: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Holdfast,
    Restic,
    Rustic,
    Borg,
    Kopia,
}

/// Ours first, then every peer found. `only` names the wanted ones; empty means all.
pub(super) fn installed(ours: &Path, lab: &Path, only: &[String]) -> Vec<Peer> {
    let bin = lab.join("bin");
    let candidates = [
        ("restic (newest)", Kind::Restic, Some(bin.join("restic-newest")).filter(|file| file.is_file())),
        ("restic (system)", Kind::Restic, process::find("restic", &[])),
        ("rustic", Kind::Rustic, process::find("rustic", &[&bin])),
        ("borg", Kind::Borg, process::find("borg", &[&bin])),
        ("kopia", Kind::Kopia, process::find("kopia", &[&bin])),
    ];
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| name.contains(word.as_str()));
    let found = candidates.into_iter().filter_map(|(name, kind, program)| Some((name, kind, program?)));
    let found = found.filter(|(name, _, _)| wanted(name));
    std::iter::once(("holdfast", Kind::Holdfast, ours.to_owned()))
        .chain(found)
        .map(|(name, kind, program)| Peer { name, kind, version: version(&program), program })
        .collect()
}

impl Peer {
    /// Name and version.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Where it stores.
    #[expect(clippy::unused_self, reason = "a peer that stores elsewhere would say so here")]
    pub(super) fn repository(&self, scratch: &Path) -> PathBuf {
        scratch.join("repository")
    }

    /// Makes a new, empty repository; not measured.
    pub(super) fn prepare(&self, scratch: &Path, source: &Path) -> Result<()> {
        std::fs::create_dir_all(scratch.join("cache"))?;
        let repository = self.repository(scratch);
        let mut steps = Vec::new();
        match self.kind {
            Kind::Holdfast => {
                std::fs::create_dir_all(&repository)?;
                let config = scratch.join("config");
                process::output(process::command(&self.program, &[Path::new("init"), &config]))?;
                std::fs::write(config.join("estate.toml"), estate(source, &repository))?;
            }
            Kind::Restic | Kind::Rustic => steps.push(vec!["init".to_owned()]),
            Kind::Borg => {
                steps.push(vec!["init".into(), "--encryption=repokey-blake2".into(), shown(&repository)]);
            }
            Kind::Kopia => {
                let path = format!("--path={}", repository.display());
                steps.push(vec!["repository".into(), "create".into(), "filesystem".into(), path]);
                steps.push(vec![
                    "policy".into(),
                    "set".into(),
                    "--global".into(),
                    "--compression=zstd".into(),
                ]);
            }
        }
        for step in steps {
            let mut command = self.start(scratch);
            command.args(step);
            process::output(command).with_context(|| format!("{} cannot make a repository", self.name))?;
        }
        Ok(())
    }

    /// The command line of one work.
    pub(super) fn command(&self, work: Work, scratch: &Path, source: &Path, target: &Path) -> Command {
        let mut command = self.start(scratch);
        let (source, target_text) = (shown(source), shown(target));
        let archive = format!(
            "{}::{}",
            self.repository(scratch).display(),
            if work == Work::Unchanged { "b" } else { "a" }
        );
        let words: Vec<&str> = match (self.kind, work) {
            (Kind::Holdfast, Work::First | Work::Unchanged) => vec!["backup", "sites", "--quiet"],
            (Kind::Holdfast, Work::Restore) => vec!["restore", "sites", "--to", &target_text, "--quiet"],
            (Kind::Holdfast, Work::Verify) => vec!["verify", "sites", "--read-data", "--quiet"],
            (Kind::Restic | Kind::Rustic, Work::First | Work::Unchanged) => vec!["backup", &source],
            (Kind::Restic, Work::Restore) => vec!["restore", "latest", "--target", &target_text],
            (Kind::Rustic, Work::Restore) => vec!["restore", "latest", &target_text],
            (Kind::Restic | Kind::Rustic, Work::Verify) => vec!["check", "--read-data"],
            (Kind::Borg, Work::First | Work::Unchanged) => {
                vec!["create", "--compression=zstd,3", &archive, &source]
            }
            (Kind::Borg, Work::Restore) => {
                command.current_dir(target);
                vec!["extract", &archive]
            }
            (Kind::Borg, Work::Verify) => vec!["check", "--verify-data"],
            (Kind::Kopia, Work::First | Work::Unchanged) => vec!["snapshot", "create", &source],
            (Kind::Kopia, Work::Restore) => vec!["restore", &source, &target_text, "--snapshot-time=latest"],
            (Kind::Kopia, Work::Verify) => vec!["snapshot", "verify", "--verify-files-percent=100"],
        };
        command.args(words);
        if self.kind == Kind::Borg && work == Work::Verify {
            command.arg(self.repository(scratch));
        }
        command
    }

    /// The program with what every call of it needs. Passwords travel in the environment.
    fn start(&self, scratch: &Path) -> Command {
        let mut command = process::command::<&str>(&self.program, &[]);
        let (cache, repository) = (scratch.join("cache"), self.repository(scratch));
        match self.kind {
            Kind::Holdfast => {
                command.arg("--config").arg(scratch.join("config")).arg("--state").arg(scratch.join("state"));
                // Production manners are no part of what is compared.
                command.env("HOLDFAST_FULL_SPEED", "1");
            }
            Kind::Restic => {
                command.env("RESTIC_PASSWORD", PASSWORD).env("RESTIC_REPOSITORY", &repository);
                command.env("RESTIC_CACHE_DIR", &cache).arg("--quiet");
            }
            Kind::Rustic => {
                command.env("RUSTIC_PASSWORD", PASSWORD).env("RUSTIC_REPOSITORY", &repository);
                command.env("RUSTIC_CACHE_DIR", &cache).args(["--no-progress", "--log-level=warn"]);
            }
            Kind::Borg => {
                command.env("BORG_PASSPHRASE", PASSWORD).env("BORG_BASE_DIR", &cache);
            }
            Kind::Kopia => {
                command.env("KOPIA_PASSWORD", PASSWORD).env("KOPIA_CONFIG_PATH", cache.join("kopia.config"));
                command.env("KOPIA_CACHE_DIRECTORY", &cache).env("KOPIA_CHECK_FOR_UPDATES", "false");
            }
        }
        command
    }
}

/// All sites as one asset, as the peers see them; one location, as the peers have one.
fn estate(source: &Path, repository: &Path) -> String {
    format!(
        "[sites.here]\ncountry = \"GB\"\nlatitude = 51.5\nlongitude = -0.1\n\n\
         [hosts.web1]\nsite = \"here\"\nconnect = \"local\"\n\n\
         [locations.disk]\nsite = \"here\"\nhost = \"disk\"\nurl = \"file://{}\"\n\n\
         [assets.sites]\nclass = \"website\"\nhost = \"web1\"\nclient = \"bench\"\npath = \"{}\"\n",
        repository.display(),
        source.display()
    )
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The first word that looks like a version, of what the program says of itself.
fn version(program: &Path) -> String {
    let ways = [["--version"], ["version"]];
    let said =
        ways.iter().find_map(|way| process::output(process::command(program, way)).ok()).unwrap_or_default();
    let is_version =
        |word: &&str| word.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
    said.split_whitespace().find(is_version).unwrap_or("of unknown version").to_owned()
}
