//! A customer in a temporary folder: an estate of one or more websites and two local locations.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "test support")]
#![allow(clippy::disallowed_methods, reason = "tests run programs")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub const REPOSITORY: &str = "C-1042";
pub const ASSET: &str = "shop.example";

pub struct Customer {
    pub folder: TempDir,
}

impl Customer {
    /// Files written by `init`, an estate of one website, two locations.
    pub fn new() -> Customer {
        let customer = Customer { folder: tempfile::tempdir().unwrap() };
        let output = customer.holdfast(&["init", "--example", customer.path("etc").to_str().unwrap()]);
        assert_eq!(code(&output), 0, "{}", text(&output));
        fs::create_dir(customer.path("site")).unwrap();
        fs::write(customer.path("etc/estate.toml"), customer.estate()).unwrap();
        customer
    }

    fn estate(&self) -> String {
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
url = "{here}"
[locations.there]
site = "manchester"
host = "nas2"
url = "{there}"
[assets."{ASSET}"]
class = "website"
host = "web1"
client = "{REPOSITORY}"
path = "{site}"
"#,
            here = self.path("here").display(),
            there = self.path("there").display(),
            site = self.path("site").display(),
        )
    }

    /// Adds to estate.toml.
    pub fn declare(&self, text: &str) {
        let path = self.path("etc/estate.toml");
        let estate = fs::read_to_string(&path).unwrap();
        fs::write(path, estate + text).unwrap();
    }

    /// Makes a point of the asset with stock restic at `here`, as old as `date` (2024-05-06) says, and has it delivered.
    #[track_caller]
    pub fn old_points(&self, dates: &[&str]) {
        let site = self.path("site").display().to_string();
        for date in dates {
            let asset = format!("asset:{ASSET}");
            let time = format!("{date} 12:00:00");
            let tags = ["--tag", &asset, "--tag", "class:website", "--tag", "kind:incremental"];
            let output =
                self.restic("restic", "here", &[&["backup", "--time", &time], &tags[..], &[&site]].concat());
            assert!(output.status.success(), "{}", text(&output));
        }
    }

    /// Forgets which points were made. What somebody else removes behind our back counts as lost otherwise.
    pub fn lose_known_points(&self) {
        fs::remove_file(self.path("state/records/points").join(format!("{REPOSITORY}.json"))).unwrap();
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

    /// Stock restic on one copy, with the key ring's password.
    pub fn restic(&self, program: &str, location: &str, arguments: &[&str]) -> Output {
        let ring = fs::read_to_string(self.path(&format!("etc/keys/{REPOSITORY}.toml"))).unwrap();
        let line = ring.lines().find_map(|l| l.strip_prefix("password = ")).unwrap();
        Command::new(program)
            .args(["--no-cache", "--repo"])
            .arg(self.repository(location))
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
