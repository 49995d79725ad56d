//! A customer in a temporary folder: an estate of one or more websites and two local locations.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "test support")]
#![allow(clippy::disallowed_methods, reason = "tests run programs")]

pub mod daemon;
pub mod lost;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use holdfast_model::Dataset;
use holdfast_ops::backup::{How, backup};
use holdfast_ops::ending::Ending;
use holdfast_ops::setup::{Places, Setup};
use holdfast_ops::{Progress, Tell, validate};
pub use holdfast_testkit::corpus::noise;
use holdfast_testkit::servers::Seaweed;
use holdfast_world::World;
use holdfast_world::fake::FakeClock;
use jiff::Timestamp;
use tempfile::TempDir;

pub const REPOSITORY: &str = "C-1042";
pub const ASSET: &str = "shop.example";

pub struct Customer {
    pub folder: TempDir,
    declared: BTreeMap<String, String>,
}

impl Customer {
    /// Files written by `init`, an estate of one website, two locations.
    pub fn new() -> Customer {
        let customer = Customer { folder: tempfile::tempdir().unwrap(), declared: BTreeMap::new() };
        let output = customer.holdfast(&["init", "--example", customer.path("etc").to_str().unwrap()]);
        assert_eq!(code(&output), 0, "{}", text(&output));
        fs::create_dir(customer.path("site")).unwrap();
        fs::write(customer.path("etc/estate.toml"), customer.estate()).unwrap();
        customer
    }

    /// The same, with one small site and a point of it.
    #[track_caller]
    pub fn with_a_point() -> Customer {
        let customer = Customer::new();
        fs::write(customer.path("site/index.php"), "<?php").unwrap();
        customer.run(0, &["backup", ASSET]);
        customer
    }

    /// One small site, and `there` in a bucket that keeps versions, with these credentials.
    pub fn with_versions(server: &Seaweed, credentials: &str) -> Customer {
        server.keep_versions("backups");
        let mut customer = Customer::new();
        customer.move_place("there", &server.url("backups", "copies"), credentials, None);
        fs::write(customer.path("site/index.php"), "<?php").unwrap();
        customer
    }

    /// Moves a location elsewhere; what it takes to get in goes into files of `keys/` that only we can read.
    pub fn move_place(&mut self, location: &str, url: &str, credentials: &str, deleting: Option<&str>) {
        let mut lines = format!("url = \"{url}\"\n");
        let files = [("credentials", Some(credentials)), ("delete_credentials", deleting)];
        for (setting, text) in files.into_iter().filter_map(|(setting, text)| Some((setting, text?))) {
            let file = self.path(&format!("etc/keys/{location}-{setting}.toml"));
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            lines += &format!("{setting} = {{ file = \"keys/{location}-{setting}.toml\" }}\n");
        }
        self.declared.insert(location.to_owned(), lines);
        fs::write(self.path("etc/estate.toml"), self.estate()).unwrap();
    }

    fn estate(&self) -> String {
        let place = |name: &str| {
            let local = || format!("url = \"{}\"\n", self.path(name).display());
            self.declared.get(name).cloned().unwrap_or_else(local)
        };
        format!(
            r#"
[sites.london]
country = "GB"
latitude = 51.51
longitude = -0.13
[sites.manchester]
country = "GB"
latitude = 53.48
longitude = -2.24
[hosts.web1]
site = "london"
connect = "local"
[locations.here]
site = "london"
host = "nas1"
{here}
[locations.there]
site = "manchester"
host = "nas2"
{there}
[assets."{ASSET}"]
class = "website"
host = "web1"
client = "{REPOSITORY}"
path = "{site}"
"#,
            here = place("here"),
            there = place("there"),
            site = self.path("site").display(),
        )
    }

    /// Adds to estate.toml.
    pub fn declare(&self, text: &str) {
        let path = self.path("etc/estate.toml");
        let estate = fs::read_to_string(&path).unwrap();
        fs::write(path, estate + text).unwrap();
    }

    /// Somebody approves the policy as it stands in the file; returns its text.
    pub fn approve(&self) -> String {
        let path = self.path("etc/policy.toml");
        let policy = fs::read_to_string(&path).unwrap();
        let waits = "# approved_by = \"<who approved this version>\"";
        assert!(policy.contains(waits));
        let approved = policy.replacen(waits, "approved_by = \"D. Okafor\"", 1);
        fs::write(path, &approved).unwrap();
        approved
    }

    /// What every command starts from, in this process and on a clock of the test's own.
    pub fn on_clock(&self, clock: &Arc<FakeClock>) -> Setup {
        let world = World { clock: clock.clone(), ..World::system() };
        let places = Places { config: self.path("etc"), state: self.path("state") };
        let tell: Tell = Arc::new(|_: &str| {});
        validate::load(&places, &world, &Arc::default(), &tell).unwrap().setup.unwrap()
    }

    /// As if the clock had been read all along, the last time at this instant: it never jumped.
    pub fn the_clock_ran_on_to(&self, time: Timestamp) {
        let folder = self.path("state/records/clock");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("reading.json"), format!("{{\"last\": \"{time}\"}}")).unwrap();
    }

    /// Makes a point of an asset as of an instant, at every location; returns its id.
    #[track_caller]
    pub fn back_up_at(&self, asset: &str, time: &str) -> String {
        let setup = self.on_clock(&Arc::new(FakeClock::new(time.parse().unwrap())));
        // As if the clock had not been read since: of one that went back nothing is believed.
        let (folder, now) = (self.path("state/records/clock"), self.path("state/records/clock/reading.json"));
        let before = fs::read(&now).ok();
        fs::create_dir_all(folder).unwrap();
        fs::write(&now, format!("{{\"last\": \"{time}\"}}")).unwrap();
        let report = backup(&setup, (asset, Dataset::Site), How::default(), &Progress::default()).unwrap();
        assert_eq!(report.ending, Ending::Done, "{:?} {:?}", report.error, report.troubles);
        if let Some(before) = before {
            fs::write(now, before).unwrap();
        }
        report.point.unwrap()
    }

    /// Makes points of the asset as old as the dates (2024-05-06) say, each with a file that no other has. Made before there
    /// is any of today, they look like a clock that jumped since.
    #[track_caller]
    pub fn old_points(&self, dates: &[&str]) {
        let own = self.path("site/of-that-day.bin");
        for date in dates {
            let seed = date.replace('-', "").parse().unwrap();
            fs::write(&own, noise(seed, 100_000)).unwrap();
            self.back_up_at(ASSET, &format!("{date}T12:00:00Z"));
            fs::remove_file(&own).unwrap();
        }
    }

    /// Forgets which points were made. What somebody else removes behind our back counts as lost otherwise.
    pub fn lose_known_points(&self) {
        fs::remove_file(self.path("state/records/points").join(format!("{REPOSITORY}.json"))).unwrap();
    }

    /// Every receipt of a location, oldest first.
    pub fn receipts(&self, location: &str) -> Vec<serde_json::Value> {
        let output = self.command(&["purge", "--history", "--json"]).output().unwrap();
        let history: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let receipts = history.as_array().unwrap().iter().flat_map(|p| p["receipts"].as_array().unwrap());
        receipts.filter(|receipt| receipt["location"] == location).cloned().collect()
    }

    /// Changes estate.toml.
    pub fn change_estate(&self, old: &str, new: &str) {
        let path = self.path("etc/estate.toml");
        let estate = fs::read_to_string(&path).unwrap();
        assert!(estate.contains(old), "{old}");
        fs::write(path, estate.replacen(old, new, 1)).unwrap();
    }

    /// Writes a file that only its owner can read into keys/.
    pub fn secret(&self, name: &str, text: &str) {
        let path = self.path("etc/keys").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Declares another website of another client, with one file.
    pub fn another_site(&self, name: &str) {
        let site = self.path(name);
        fs::create_dir(&site).unwrap();
        fs::write(site.join("index.php"), name).unwrap();
        self.declare(&format!(
            "[assets.\"{name}\"]\nclass = \"website\"\nhost = \"web1\"\nclient = \"C-{name}\"\npath = \"{}\"\n",
            site.display()
        ));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn repository(&self, location: &str) -> PathBuf {
        self.path(location).join(REPOSITORY)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
        command.arg("--config").arg(self.path("etc")).arg("--state").arg(self.path("state")).args(arguments);
        command.env_remove("HOLDFAST_CONFIG").env_remove("HOLDFAST_STATE");
        command
    }

    pub fn holdfast(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must end with `expected`; returns everything it printed.
    #[track_caller]
    pub fn run(&self, expected: i32, arguments: &[&str]) -> String {
        let output = self.holdfast(arguments);
        assert_eq!(code(&output), expected, "holdfast {}: {}", arguments.join(" "), text(&output));
        text(&output)
    }

    /// Runs a command with `--json`; returns the document.
    #[track_caller]
    pub fn json(&self, expected: i32, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(arguments).arg("--json").output().unwrap();
        assert_eq!(code(&output), expected, "holdfast {}: {}", arguments.join(" "), text(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output)))
    }

    /// Stock restic on one local copy, with the key ring's password.
    pub fn restic(&self, program: &str, location: &str, arguments: &[&str]) -> Output {
        self.restic_at(program, &self.repository(location), arguments)
    }

    /// Stock restic on the copy in a folder, with the key ring's password.
    pub fn restic_at(&self, program: &str, repository: &Path, arguments: &[&str]) -> Output {
        let ring = fs::read_to_string(self.path(&format!("etc/keys/{REPOSITORY}.toml"))).unwrap();
        let line = ring.lines().find_map(|l| l.strip_prefix("password = ")).unwrap();
        Command::new(program)
            .args(["--no-cache", "--repo"])
            .arg(repository)
            .args(arguments)
            .env("RESTIC_PASSWORD", line.trim_matches('"'))
            .output()
            .unwrap_or_else(|e| panic!("{program} is missing ({e}): run `cargo xtask test`"))
    }
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Compares content and metadata of two trees with rsync, which prints every difference.
#[track_caller]
pub fn assert_same(left: &Path, right: &Path) {
    let output = Command::new("rsync")
        .args(["-aHAXnci", "--delete"])
        .arg(format!("{}/", left.display()))
        .arg(format!("{}/", right.display()))
        .output()
        .expect("rsync is missing: run `cargo xtask test`");
    assert_eq!(text(&output), "");
}

/// Every object of an area of a local copy.
pub fn objects(repository: &Path, area: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository.join(area)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().len() == 64 {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// Every file below a folder, by its path there, with its size and the time it was changed. Whatever a command that
/// changes nothing touches shows here.
pub fn walk(folder: &Path) -> BTreeMap<PathBuf, (u64, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).unwrap_or_else(|e| panic!("list {}: {e}", current.display())) {
            let path = entry.unwrap().path();
            let facts = path.symlink_metadata().unwrap();
            if facts.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                found.insert(name, (facts.len(), facts.modified().unwrap()));
            }
        }
    }
    found
}

/// The bytes of all files below a folder.
pub fn bytes_below(folder: &Path) -> u64 {
    walk(folder).values().map(|(size, _)| size).sum()
}

/// Flips a bit in the middle of a stored object, as a bad disk does.
pub fn flip(object: &Path) {
    let mut bytes = fs::read(object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // Stored objects are read-only, and a bad disk does not ask.
    fs::set_permissions(object, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(object, bytes).unwrap();
}
