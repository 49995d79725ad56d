//! A customer on a clock of its own, for tests: weeks pass in a moment, with real bytes at two locations.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use holdfast_ledger::NewPolicyVersion;
use holdfast_model::Dataset;
use holdfast_repo::Progress;
use holdfast_world::World;
use holdfast_world::fake::FakeClock;
use jiff::Timestamp;

use crate::Tell;
use crate::backup::{How, backup};
use crate::ending::Ending;
use crate::setup::{Places, Setup};

/// The customer's one repository.
pub(crate) const REPOSITORY: &str = "C-1";

/// A website `shop` with copies at `here` and `there`.
pub(crate) struct Weeks {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) setup: Setup,
}

impl Weeks {
    pub(crate) fn new() -> Weeks {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).display().to_string();
        let estate = format!(
            "[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n\
             [locations.here]\nsite = \"london\"\nhost = \"nas1\"\nurl = \"{}\"\n\
             [locations.there]\nsite = \"london\"\nhost = \"nas2\"\nurl = \"{}\"\n\
             [assets.shop]\nclass = \"website\"\nhost = \"web1\"\nclient = \"{REPOSITORY}\"\npath = \"{}\"\n",
            place("here"),
            place("there"),
            place("site")
        );
        fs::create_dir(folder.path().join("site")).unwrap();
        fs::write(folder.path().join("policy.toml"), holdfast_model::template::policy_example()).unwrap();
        fs::write(folder.path().join("estate.toml"), estate).unwrap();
        let clock = Arc::new(FakeClock::new("2026-03-01T02:00:00Z".parse().unwrap()));
        let world = World { clock: clock.clone(), ..World::system() };
        let places = Places { config: folder.path().to_owned(), state: folder.path().join("state") };
        Weeks { setup: load(&places, &world), clock, folder }
    }

    /// Makes a point with something new in it.
    pub(crate) fn back_up(&self, number: u32) {
        let content = format!("{number}").repeat(1000);
        fs::write(self.folder.path().join(format!("site/{number}")), content).unwrap();
        let report =
            backup(&self.setup, ("shop", Dataset::Site), How::default(), &Progress::default()).unwrap();
        assert_eq!(report.ending, Ending::Done, "{:?} {:?}", report.error, report.troubles);
    }

    pub(crate) fn pass(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(hours * 3600));
    }

    /// Time passes with somebody who reads the clock, as the daemon does.
    pub(crate) fn days_pass(&self, days: u32) {
        for _ in 0..days {
            self.pass(24);
            crate::clock_reading::note(&self.setup).unwrap();
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.setup.world.clock.now()
    }

    /// Puts the shipped policy in force with other days for websites, in the ledger alone.
    pub(crate) fn adopt(&self, version: u32, days: (u32, u32), effective: &str) {
        let version = NewPolicyVersion {
            text: policy(version, days, effective),
            effective: format!("{effective}T00:00:00Z").parse().unwrap(),
            approver: "D. Okafor".to_owned(),
        };
        self.setup.ledger().unwrap().write(|t| t.adopt_policy(&version, self.now())).unwrap();
    }

    pub(crate) fn packs(&self, location: &str) -> Vec<PathBuf> {
        fn below(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() { below(&entry, found) } else { found.push(entry) }
            }
        }
        let mut found = Vec::new();
        below(&self.folder.path().join(location).join(REPOSITORY).join("data"), &mut found);
        found
    }
}

/// The shipped policy with other days for websites.
pub(crate) fn policy(version: u32, (min, max): (u32, u32), effective: &str) -> String {
    let text = holdfast_model::template::policy_example()
        .replace("# approved_by = \"<who approved this version>\"", "approved_by = \"D. Okafor\"")
        .replace("version = 1", &format!("version = {version}"))
        .replace(
            "retention = { min_days = 30, max_days = 60 }",
            &format!("retention = {{ min_days = {min}, max_days = {max} }}"),
        );
    assert!(text.contains(&format!("min_days = {min}, max_days = {max}")), "{text}");
    let line = |line: &str| match line.starts_with("effective = ") {
        true => format!("effective = \"{effective}\"\n"),
        false => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Reads the configuration as a command does.
pub(crate) fn load(places: &Places, world: &World) -> Setup {
    let tell: Tell = Arc::new(|_: &str| {});
    let loaded = crate::validate::load(places, world, &Arc::default(), &tell).unwrap();
    let found: Vec<String> =
        loaded.findings.iter().flat_map(|f| &f.findings).map(ToString::to_string).collect();
    loaded.setup.unwrap_or_else(|| panic!("{found:?}"))
}
