//! A folder for stagings in memory, and small websites.

#![allow(dead_code, reason = "each test binary uses its part of this")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with the place in the message")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use holdfast_asset::stage::{Programs, Question, Root, Serving, Settings, Stage, StageError};
use holdfast_world::World;

/// A folder for stagings, which goes with this.
pub struct Folder {
    pub root: Root,
    folder: tempfile::TempDir,
}

pub fn folder() -> Folder {
    // The path must be short: sockets lie below it.
    let folder = tempfile::Builder::new().prefix("hf-").tempdir_in("/dev/shm").unwrap();
    let root = Root::at(&folder.path().join("s"), &World::system()).unwrap_or_else(|error| {
        panic!("{error}: the tests of stagings need root, because only root can keep something apart")
    });
    Folder { root, folder }
}

pub fn settings() -> Settings {
    Settings::new(Programs::find(&World::system().environment).unwrap())
}

impl Folder {
    pub fn open(&self, name: &str) -> Stage {
        let destroy_by = World::system().clock.now() + Duration::from_secs(3600);
        self.root.open(name, destroy_by, &settings()).unwrap()
    }

    /// What lies in the folder but its mark.
    pub fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.path()).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name != ".holdfast-staging").collect()
    }
}

/// Where the small websites lie inside.
pub const SITE: &str = "/var/www/vhosts/shop.example";

/// A stage with a website of these files, served.
pub fn served(folder: &Folder, files: &[(&str, &str)]) -> Stage {
    let mut stage = folder.open("a small website");
    let site = write_site(&stage, files);
    stage.show(&site, Path::new(SITE)).unwrap();
    stage.start_web(&serving()).unwrap();
    stage
}

pub fn serving() -> Serving {
    Serving { documents: SITE.into(), hosts: vec!["shop.example".to_owned()], ports: Vec::new() }
}

pub fn write_site(stage: &Stage, files: &[(&str, &str)]) -> PathBuf {
    let site = stage.files().join("site");
    for (name, text) in files {
        let path = site.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    site
}

/// What a page of the small website says.
pub fn page(stage: &Stage, path: &str) -> String {
    let answer = ask(stage, path, Duration::from_secs(60)).unwrap();
    assert_eq!(answer.status, 200, "{path}: {answer:?} {}", stage.complaints());
    answer.body
}

pub fn ask(
    stage: &Stage,
    path: &str,
    longest: Duration,
) -> Result<holdfast_asset::stage::Answer, StageError> {
    let host = "shop.example".to_owned();
    stage.ask(&Question { is_https: false, host, path: path.to_owned(), longest })
}

/// Waits for something that must come to be.
pub fn await_that(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "it never came to be that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process and all below it, with what tells them from later ones of the same number.
pub fn family(root: u32) -> Vec<(u32, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let after: Vec<&str> =
            stat.rsplit_once(')').map_or("", |(_, after)| after).split_whitespace().collect();
        if let (Some(parent), Some(start)) = (after.get(1), after.get(19)) {
            all.push((pid, parent.parse::<u32>().unwrap(), (*start).to_owned()));
        }
    }
    let mut family = vec![root];
    let mut next = 0;
    while next < family.len() {
        let parent = family[next];
        family.extend(all.iter().filter(|(_, of, _)| *of == parent).map(|(pid, ..)| *pid));
        next += 1;
    }
    all.into_iter().filter(|(pid, ..)| family.contains(pid)).map(|(pid, _, start)| (pid, start)).collect()
}
