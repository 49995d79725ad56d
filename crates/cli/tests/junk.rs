//! An agent's credentials are stolen, and with the keys that it has, a thousand snapshots are added that claim to be of its
//! asset: of the past, of the future and of today. None of them makes one legitimate point go, none stops the purge, and
//! they go themselves in the end.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use holdfast_format::{Cipher, Id, KeyFile, Snapshot, decode_unpacked, encode_unpacked};
use holdfast_ops::Progress;
use holdfast_ops::ending::Ending;
use holdfast_ops::purge::purge;
use holdfast_world::World;
use holdfast_world::fake::FakeClock;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use support::{ASSET, Customer, REPOSITORY, assert_same, noise, objects};

const LOCATIONS: [&str; 2] = ["here", "there"];
const JUNK: i64 = 1000;

fn names(repository: &Path) -> BTreeSet<String> {
    let objects = objects(repository, "snapshots");
    objects.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// What whoever writes backups has: the key of the repository.
fn stolen_key(customer: &Customer) -> Cipher {
    let ring = fs::read_to_string(customer.path(&format!("etc/keys/{REPOSITORY}.toml"))).unwrap();
    let password = ring.lines().find_map(|line| line.strip_prefix("password = ")).unwrap().trim_matches('"');
    let key = fs::read(&objects(&customer.repository("here"), "keys")[0]).unwrap();
    KeyFile::parse(&key).unwrap().unlock(password.as_bytes()).unwrap().cipher()
}

/// Writes junk into both copies: the last point again, under other times and names of kinds.
fn forge(customer: &Customer, now: Timestamp) -> BTreeSet<String> {
    let cipher = stolen_key(customer);
    let last = fs::read(&objects(&customer.repository("here"), "snapshots")[0]).unwrap();
    let genuine = Snapshot::parse(&decode_unpacked(&cipher, &last).unwrap()).unwrap();
    let mut forged = BTreeSet::new();
    for number in 0..JUNK {
        let hours = match number % 4 {
            // Of years ago, of the last days, of this minute, of years to come.
            0 => -24 * (61 + 3 * number),
            1 => -number % 60,
            2 => 0,
            _ => 24 * (1 + 3 * number),
        };
        let mut snapshot = genuine.clone();
        snapshot.time = now + SignedDuration::from_hours(hours) + SignedDuration::from_millis(number);
        snapshot.tags.retain(|tag| !tag.starts_with("kind:"));
        snapshot.tags.push(if number % 3 == 0 { "kind:full" } else { "kind:incremental" }.to_owned());
        let mut iv = [7; 16];
        iv[..8].copy_from_slice(&number.to_le_bytes());
        let sealed = encode_unpacked(&cipher, iv, &snapshot.to_json());
        let id = Id::of(&sealed).to_hex();
        for location in LOCATIONS {
            fs::write(customer.repository(location).join("snapshots").join(&id), &sealed).unwrap();
        }
        forged.insert(id);
    }
    assert_eq!(forged.len(), JUNK as usize);
    forged
}

/// What is decided about the points that runs recorded.
fn of_ours(report: &Value) -> Vec<Value> {
    let decisions = report["decisions"].as_array().unwrap();
    decisions.iter().filter(|decision| decision["origin"] == "recorded").cloned().collect()
}

#[test]
fn a_thousand_forged_points_make_no_legitimate_one_go_and_stop_no_purge() {
    let customer = Customer::new();
    fs::write(customer.path("site/shared.bin"), noise(1, 300_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    let now = World::system().clock.now();
    let ago = |days: i64| (now - SignedDuration::from_hours(24 * days)).to_string();
    let expired = [200, 61].map(|days| customer.back_up_at(ASSET, &ago(days)));
    let kept = [59, 40, 31, 29, 1].map(|days| customer.back_up_at(ASSET, &ago(days)));
    customer.run(0, &["verify", "--read-data"]);
    let today = customer.json(0, &["points", ASSET]);
    let today = today.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let before = of_ours(&customer.json(0, &["purge", "--dry-run"]));
    let genuine = names(&customer.repository("here"));

    let forged = forge(&customer, now);
    let told = customer.json(1, &["purge", "--dry-run"]);
    assert_eq!(of_ours(&told), before, "the junk changed what is decided about ours");
    assert_eq!(told["decisions"].as_array().unwrap().len(), before.len() + JUNK as usize);
    // Read in full, like anything else that lies there, it is no better.
    customer.run(0, &["verify", "--read-data"]);
    assert_eq!(of_ours(&customer.json(1, &["purge", "--dry-run"])), before);

    let report = customer.json(1, &["purge"]);
    let told = report["troubles"].to_string();
    assert!(told.contains("1000 points") && told.contains("no run of ours recorded"), "{told}");
    assert!(told.contains("claiming to be of a time that is to come"), "{told}");
    assert_eq!(report["repositories"][0]["forgotten"], expired.len(), "{}", report["repositories"]);
    for location in LOCATIONS {
        let left = names(&customer.repository(location));
        assert!(kept.iter().chain([&today]).all(|id| left.contains(id)), "{location}");
        assert!(expired.iter().all(|id| !left.contains(id)), "{location}");
        assert_eq!(left.len(), genuine.len() - expired.len() + forged.len(), "{location}");
    }
    let points = customer.json(0, &["points", ASSET]);
    let foreign: Vec<&Value> = points
        .as_array()
        .unwrap()
        .iter()
        .filter(|point| forged.contains(point["id"].as_str().unwrap()))
        .collect();
    assert_eq!(foreign.len(), forged.len());
    for point in foreign {
        assert_eq!((&point["verdict"], &point["kind"]), (&"NO_EVIDENCE".into(), &"foreign".into()));
        assert!(point["reason"].as_str().unwrap().starts_with("foreign: no run of ours"), "{point}");
    }

    // The purge goes on day by day. All of it is gone two months after it was first seen, and nothing of ours before its time.
    let clock = Arc::new(FakeClock::new(now));
    let setup = customer.on_clock(&clock);
    let today_is = Cell::new(0);
    let purged_at = |days: i64| {
        // A pause of more than a week would be taken for a jump of the clock.
        while today_is.get() + 6 < days {
            today_is.set(today_is.get() + 6);
            clock.set(now + SignedDuration::from_hours(24 * today_is.get()));
            purge(&setup, false, &Progress::default()).unwrap();
        }
        today_is.set(days);
        clock.set(now + SignedDuration::from_hours(24 * days));
        let report = purge(&setup, false, &Progress::default()).unwrap();
        assert!(report.repositories.iter().all(|one| one.error.is_none()), "{:?}", report.repositories);
        (report.ending, LOCATIONS.map(|location| names(&customer.repository(location))))
    };
    for (days, ours) in [(10, 5), (30, 3), (59, 2)] {
        let (_, left) = purged_at(days);
        for left in left {
            let left: BTreeSet<_> = left.difference(&forged).collect();
            assert_eq!(left.len(), ours, "after {days} days: {left:?}");
            assert!(left.contains(&today));
        }
    }
    let (_, left) = purged_at(62);
    assert_eq!(left, [BTreeSet::from([today.clone()]), BTreeSet::from([today])]);
    assert_eq!(purged_at(63).0, Ending::Done, "nothing strange is left to be told");
    drop(setup);
    let target = customer.path("restored");
    customer.run(0, &["restore", ASSET, "--to", target.to_str().unwrap()]);
    assert_same(&customer.path("site"), &target);
}
