//! The programs that are measured, each driven as its own manual says for the same work: encrypted, compressed
//! with zstd, the whole corpus as one source, caches of its own.

mod commands;
mod forget;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use holdfast_testkit::servers;

use super::PASSWORD;
use super::estate::{self, Website};
use super::material::Kind as Corpus;
use super::setting::{Setting, Store};
use super::work::Work;
use crate::process;

/// The client of the websites: its repository is called like it.
const CLIENT: &str = "bench";

/// One installed program.
pub(super) struct Peer {
    /// What tables call it.
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    kind: Kind,
    version: String,
    /// A stock restic, which forgets points for ours.
    restic: Option<PathBuf>,
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
    let newest = Some(bin.join("restic-newest")).filter(|file| file.is_file());
    let system = process::find("restic", &[]);
    let restic = newest.clone().or_else(|| system.clone());
    let candidates = [
        ("restic (newest)", Kind::Restic, newest),
        ("restic (system)", Kind::Restic, system),
        ("rustic", Kind::Rustic, process::find("rustic", &[&bin])),
        ("borg", Kind::Borg, process::find("borg", &[&bin])),
        ("kopia", Kind::Kopia, process::find("kopia", &[&bin])),
    ];
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| name.contains(word.as_str()));
    let found = candidates.into_iter().filter_map(|(name, kind, program)| Some((name, kind, program?)));
    let found = found.filter(|(name, _, _)| wanted(name));
    std::iter::once(("holdfast", Kind::Holdfast, ours.to_owned()))
        .chain(found)
        .map(|(name, kind, program)| {
            let version = version(&program);
            Peer { name, program, kind, version, restic: restic.clone() }
        })
        .collect()
}

impl Peer {
    /// Name and version.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// Whether it is the program that this repository builds.
    pub(super) fn is_ours(&self) -> bool {
        self.kind == Kind::Holdfast
    }

    /// Whether it can be measured at this work at all.
    pub(super) fn can(&self, work: Work, corpus: Corpus) -> bool {
        let speaks_restic = matches!(self.kind, Kind::Holdfast | Kind::Restic | Kind::Rustic);
        match work {
            Work::TwoLocations | Work::Clients | Work::ClientsRest => self.is_ours(),
            Work::FarFirst | Work::FarUnchanged | Work::FarRestore => speaks_restic,
            Work::RestoreOne | Work::List | Work::Prune | Work::Structure if self.kind == Kind::Kopia => {
                false
            }
            _ => speaks_restic || corpus != Corpus::Blobs,
        }
    }

    /// Where it stores, in a setting with folders of this machine or a server of this machine.
    pub(super) fn repository(&self, setting: &Setting<'_>) -> PathBuf {
        match (&setting.store, self.kind) {
            (Store::Rest(store), _) => store.root.join(CLIENT),
            (_, Kind::Holdfast) => Setting::place(setting.scratch, 0).join(CLIENT),
            _ => Setting::place(setting.scratch, 0),
        }
    }

    /// Makes a new repository, empty unless the corpus brings one; not measured.
    pub(super) fn prepare(&self, setting: &Setting<'_>) -> Result<()> {
        std::fs::create_dir_all(setting.scratch.join("cache"))?;
        if self.is_ours() {
            self.configure(setting)?;
        }
        if let Some(given) = &setting.material.repository {
            return self.take_up(given, setting);
        }
        let steps: Vec<Vec<String>> = match self.kind {
            Kind::Holdfast => Vec::new(),
            Kind::Restic | Kind::Rustic => vec![vec!["init".to_owned()]],
            Kind::Borg => {
                let repository = self.repository(setting).display().to_string();
                vec![vec!["init".into(), "--encryption=repokey-blake2".into(), repository]]
            }
            Kind::Kopia => {
                let path = format!("--path={}", self.repository(setting).display());
                let compress = ["policy", "set", "--global", "--compression=zstd"];
                vec![
                    vec!["repository".into(), "create".into(), "filesystem".into(), path],
                    compress.map(str::to_owned).to_vec(),
                ]
            }
        };
        for step in steps {
            let mut command = self.start(setting);
            command.args(step);
            process::output(command).with_context(|| format!("{} cannot make a repository", self.name))?;
        }
        Ok(())
    }

    fn configure(&self, setting: &Setting<'_>) -> Result<()> {
        let scratch = setting.scratch;
        let places = match &setting.store {
            Store::Folders(count) => (0..*count).map(|number| Setting::place(scratch, number)).collect(),
            Store::Rest(_) => Vec::new(),
        };
        for place in &places {
            std::fs::create_dir_all(place)?;
        }
        let urls = match &setting.store {
            Store::Rest(store) => vec![estate::rest_url(store)],
            _ => places.iter().map(|place| estate::folder_url(place)).collect(),
        };
        // All sites as one asset, as the peers see them.
        let website = Website { name: "sites", client: CLIENT, path: &setting.material.folder };
        estate::write(&self.program, &scratch.join("config"), &[website], &urls)
    }

    /// Begins with a copy of a repository; its objects never change, so they are linked and not copied.
    fn take_up(&self, given: &Path, setting: &Setting<'_>) -> Result<()> {
        let repository = self.repository(setting);
        let mut copy = process::command("cp", &["-al"]);
        copy.arg(given).arg(&repository);
        process::output(copy)?;
        if !self.is_ours() {
            return Ok(());
        }
        let mut establish = self.start(setting);
        establish.args(["location", "establish", "place0"]);
        process::output(establish)?;
        let password = setting.scratch.join("password");
        std::fs::write(&password, PASSWORD)?;
        std::os::unix::fs::chown(&password, Some(nix::unistd::getuid().as_raw()), None)?;
        process::output(process::command("chmod", &[Path::new("600"), &password]))?;
        let mut import = self.start(setting);
        import.args(["key", "import", CLIENT, "--password-file"]).arg(&password);
        process::output(import).context("ours cannot take up the repository")?;
        Ok(())
    }

    /// Deletes what it remembers of the last run: ours the stat cache, which is what makes an unchanged run quick; of a
    /// peer everything that it keeps outside the repository and can make again.
    pub(super) fn forget_cache(&self, setting: &Setting<'_>) -> Result<()> {
        let cache = setting.scratch.join("cache");
        match self.kind {
            Kind::Holdfast => {
                let files = super::folder::list(&setting.scratch.join("state"), false)?;
                let stat_caches: Vec<_> = files
                    .iter()
                    .filter(|(path, _)| path.extension().is_some_and(|extension| extension == "stat"))
                    .collect();
                if stat_caches.is_empty() {
                    bail!("ours left no stat cache to delete; the work would measure nothing")
                }
                for (path, _) in stat_caches {
                    std::fs::remove_file(path)?;
                }
                Ok(())
            }
            Kind::Restic | Kind::Rustic => super::folder::remove(&cache),
            Kind::Borg => super::folder::remove(&cache.join(".cache")),
            Kind::Kopia => super::folder::remove(&cache.join("contents")),
        }
    }

    /// The program with what every call of it needs. Passwords travel in the environment.
    fn start(&self, setting: &Setting<'_>) -> Command {
        if self.is_ours() {
            return estate::start(&self.program, setting.scratch);
        }
        let mut command = process::command::<&str>(&self.program, &[]);
        let cache = setting.scratch.join("cache");
        let repository = match &setting.store {
            Store::Rest(store) => {
                let (user, password) = (servers::USER, servers::PASSWORD);
                format!("rest:http://{user}:{password}@127.0.0.1:{}/{CLIENT}/", store.port)
            }
            _ => self.repository(setting).display().to_string(),
        };
        match self.kind {
            Kind::Holdfast => {}
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

/// The first word that looks like a version, of what the program says of itself.
fn version(program: &Path) -> String {
    let ways = [["--version"], ["version"]];
    let said =
        ways.iter().find_map(|way| process::output(process::command(program, way)).ok()).unwrap_or_default();
    let is_version =
        |word: &&str| word.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
    said.split_whitespace().find(is_version).unwrap_or("of unknown version").to_owned()
}
