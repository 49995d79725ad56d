//! What a setup hands out: to writers nothing that deletes, to deleters what the estate names for it.

use holdfast_model::Dataset;
use std::fs;
use std::path::Path;

use holdfast_format::Id;
use holdfast_location::Area;
use holdfast_repo::ErrorKind;

use super::*;

fn setup(folder: &Path) -> Setup {
    let text = format!(
        "[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n\
         [locations.here]\nsite = \"london\"\nhost = \"nas\"\nurl = \"{}\"\n\
         [assets.shop]\nclass = \"website\"\nhost = \"web1\"\nclient = \"C-1\"\npath = \"{}\"\n",
        folder.join("here").display(),
        folder.join("site").display()
    );
    fs::create_dir(folder.join("site")).unwrap();
    fs::write(folder.join("site/index.php"), "<?php echo 1;").unwrap();
    fs::write(folder.join("policy.toml"), holdfast_model::template::policy_example()).unwrap();
    fs::write(folder.join("estate.toml"), text).unwrap();
    let places = Places { config: folder.to_owned(), state: folder.join("state") };
    let tell: Tell = Arc::new(|_: &str| {});
    let loaded = crate::validate::load(&places, &World::system(), &Arc::default(), &tell).unwrap();
    let found: Vec<String> =
        loaded.findings.iter().flat_map(|f| &f.findings).map(ToString::to_string).collect();
    loaded.setup.unwrap_or_else(|| panic!("{found:?}"))
}

/// A clock that stands still and remembers how long everybody would have waited.
#[derive(Default)]
struct Still(std::sync::Mutex<Vec<std::time::Duration>>);

impl holdfast_world::Clock for Still {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn sleep(&self, duration: std::time::Duration) {
        self.0.lock().unwrap().push(duration);
    }
}

#[test]
fn setups_beside_each_other_share_the_line_to_a_location() {
    let folder = tempfile::tempdir().unwrap();
    drop(setup(folder.path()));
    let path = folder.path().join("estate.toml");
    let text = fs::read_to_string(&path).unwrap();
    let limited = text.replacen("host = \"nas\"", "host = \"nas\"\nbandwidth = \"1MB/s\"", 1);
    fs::write(path, limited).unwrap();
    let clock = Arc::new(Still::default());
    let world = World { clock: clock.clone(), ..World::system() };
    let places = Places { config: folder.path().to_owned(), state: folder.path().join("state") };
    let tell: Tell = Arc::new(|_: &str| {});
    let load = || crate::validate::load(&places, &world, &Arc::default(), &tell).unwrap().setup.unwrap();
    let first = load();
    first.open_for_writing("C-1").unwrap();
    first.ledger().unwrap();
    let (turns, ledger) = (Arc::default(), Arc::clone(first.ledger.get().unwrap()));
    let beside = [load().beside(&ledger, &turns), load().beside(&ledger, &turns)];
    clock.0.lock().unwrap().clear();
    for (number, setup) in beside.iter().enumerate() {
        let bytes = vec![number as u8; 1_000_000];
        let mirror = setup.mirrors("C-1", None).unwrap().remove(0);
        mirror.put(Area::Data, &Id::of(&bytes), bytes.into()).unwrap();
    }
    // The second waits until what the first moved is paid for as well.
    let waited: Vec<u64> = clock.0.lock().unwrap().iter().map(std::time::Duration::as_secs).collect();
    assert_eq!(waited, [1, 2]);
}

#[test]
fn whoever_writes_is_given_no_way_to_delete() {
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(folder.path());
    setup.open_for_writing("C-1").unwrap();
    let object = Id([7; 32]);
    let writers = [
        setup.mirrors("C-1", None).unwrap().remove(0),
        setup.open("C-1", None).unwrap().ready().remove(0),
        setup.open_for_writing("C-1").unwrap().ready().remove(0),
    ];
    for mirror in writers {
        for area in [Area::Data, Area::Snapshots, Area::Index, Area::Keys] {
            assert_eq!(mirror.delete(area, &object).unwrap_err().kind, ErrorKind::Refused, "{area:?}");
        }
        assert_eq!(mirror.delete_config().unwrap_err().kind, ErrorKind::Refused);
        mirror.delete_lock(&object).unwrap();
    }
    let deleter = setup.open_for_deleting("C-1").unwrap().ready().remove(0);
    deleter.delete(Area::Data, &object).unwrap();
}

#[test]
fn a_backup_expects_as_many_bytes_as_the_last_point_had() {
    use crate::backup::{How, backup};
    let folder = tempfile::tempdir().unwrap();
    let setup = setup(folder.path());
    let run = || {
        let progress = holdfast_repo::Progress::default();
        let report = backup(&setup, ("shop", Dataset::Site), How::default(), &progress).unwrap();
        assert!(report.point.is_some(), "{:?}", report.error);
        progress.bytes_total.get()
    };
    assert_eq!(run(), 0, "nothing is known before the first point");
    assert_eq!(run(), 13);
}
