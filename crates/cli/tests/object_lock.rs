//! Object locks through the command line: a lock counts once it was proven, what is locked cannot be deleted by whoever
//! may delete, and what a purge or a shredding leaves of it is called exempt and goes when its time has come.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait for a server")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use holdfast_ops::ending::Ending;
use holdfast_ops::shred::{self, ShredRequest};
use holdfast_testkit::servers::Seaweed;
use holdfast_world::World;
use holdfast_world::fake::FakeClock;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use support::{ASSET, Customer, REPOSITORY, noise};

/// One site, and `there` in a bucket that can lock.
fn customer(server: &Seaweed, credentials: &str) -> Customer {
    server.make_locked_bucket("locked");
    let mut customer = Customer::new();
    customer.move_place("there", &server.url("locked", "copies"), credentials, None);
    fs::write(customer.path("site/index.php"), "<?php echo 'shop';\n").unwrap();
    fs::write(customer.path("site/shared.bin"), noise(1, 400_000)).unwrap();
    customer
}

/// Says in the estate how `there` locks.
fn lock(customer: &Customer, mode: &str) {
    let declared = "[locations.there]\n";
    customer.change_estate(declared, &format!("{declared}object_lock = \"{mode}\"\n"));
}

/// Objects of the repository in the bucket, by area, with the ends of their locks.
fn locks(server: &Seaweed, area: &str) -> Vec<(String, Option<Timestamp>)> {
    let folder = format!("copies/{REPOSITORY}/{area}");
    let objects = server.objects("locked").into_iter().map(|(path, _)| path);
    let until = |path: String| {
        let until = server.locked_until("locked", &path);
        (path, until.map(|until| until.parse().unwrap()))
    };
    objects.filter(|path| path.starts_with(&folder)).map(until).collect()
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn of_place<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["places"].as_array().unwrap().iter().find(|place| place["place"] == name).unwrap()
}

#[test]
fn a_lock_counts_once_it_was_proven_and_then_nobody_deletes() {
    let server = Seaweed::start("plain");
    let customer = customer(&server, &server.credentials_toml());
    lock(&customer, "compliance");
    let told = customer.run(1, &["validate"]);
    assert!(told.contains("estate.object-lock-unproven") && told.contains("it was never tried"), "{told}");
    let unproven = customer.json(1, &["backup", ASSET]);
    let copy = |report: &Value| {
        let copies = report[0]["copies"].as_array().unwrap();
        copies.iter().find(|copy| copy["location"] == "there").unwrap()["object_lock"].clone()
    };
    assert!(copy(&unproven)["proven"].is_null(), "{unproven}");
    assert!(copy(&unproven)["reason"].as_str().unwrap().contains("not proven"), "{unproven}");
    assert!(!customer.run(1, &["backup", ASSET]).contains("locked until"));

    let proven = customer.run(0, &["location", "test", "there"]);
    assert!(proven.contains("Object lock: proven on"), "{proven}");
    let report = customer.json(0, &["backup", ASSET]);
    let (made, until) = (instant(&report[0]["time"]), instant(&copy(&report)["until"]));
    assert!(!copy(&report)["proven"].is_null() && copy(&report)["reason"].is_null(), "{report}");
    // The example's websites are kept 30 days at least: to the next midnight, and no longer.
    let day = SignedDuration::from_hours(24);
    assert!(
        until >= made + day * 30 && until < made + day * 31 && until.as_second() % 86_400 == 0,
        "{until}"
    );
    assert!(customer.run(0, &["backup", ASSET]).contains("there: locked until"));
    for area in ["data", "index", "snapshots"] {
        let locks = locks(&server, area);
        assert!(!locks.is_empty());
        for (path, lock) in locks {
            assert!(lock.is_some_and(|lock| lock >= until - day && lock <= until + day), "{path}: {lock:?}");
            let versions = server.version_ids("locked", &path);
            assert_eq!(server.delete_version("locked", &path, &versions[0]), 403, "{path}");
        }
    }
    for area in ["keys", "config", "locks"] {
        assert!(locks(&server, area).iter().all(|(_, lock)| lock.is_none()), "{area}");
    }
    customer.run(0, &["restic", REPOSITORY, "--location", "there", "--", "check", "--read-data"]);
    // A pack that somebody wrote over: what is put in its place is locked as well.
    let (pack, _) = locks(&server, "data").remove(0);
    server.replace_object("locked", &pack, b"rubbish");
    assert_eq!(server.locked_until("locked", &pack), None);
    customer.run(4, &["verify", "--read-data"]);
    customer.run(0, &["repair", REPOSITORY]);
    customer.run(0, &["verify", "--read-data"]);
    assert!(locks(&server, "data").iter().all(|(_, lock)| lock.is_some()));
    // Another mode is another lock.
    customer.change_estate("object_lock = \"compliance\"", "object_lock = \"governance\"");
    let told = customer.run(1, &["backup", ASSET]);
    assert!(told.contains("another address or mode"), "{told}");
    // This administrator bypasses governance, and the trial takes back what was proven.
    let told = customer.run(1, &["location", "test", "there"]);
    assert!(told.contains("OBJECT LOCK NOT PROVEN"), "{told}");
}

#[test]
fn a_bucket_that_cannot_lock_is_never_called_locked() {
    let server = Seaweed::start("plain");
    let mut customer = Customer::new();
    customer.move_place("there", &server.url("plain", "copies"), &server.credentials_toml(), None);
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    lock(&customer, "compliance");
    let told = customer.run(1, &["location", "test", "there"]);
    assert!(told.contains("OBJECT LOCK NOT PROVEN"), "{told}");
    let told = customer.run(1, &["backup", ASSET]);
    assert!(told.contains("not everything is locked there") && !told.contains("locked until"), "{told}");
    assert_eq!(customer.json(0, &["points", ASSET])[0]["copies"], serde_json::json!(["here", "there"]));
    customer.change_estate("[locations.here]\n", "[locations.here]\nobject_lock = \"compliance\"\n");
    assert!(customer.run(2, &["validate"]).contains("only a bucket"));
}

#[test]
fn what_a_lock_keeps_is_exempt_from_a_purge_until_its_time_has_come() {
    let server = Seaweed::start("plain");
    let customer = customer(&server, &server.keeper_credentials_toml());
    // A pack that the old point shares with those of today.
    let own = customer.path("site/own.bin");
    fs::write(&own, noise(2, 300_000)).unwrap();
    let old = customer.back_up_at(ASSET, "2024-05-06T12:00:00Z");
    fs::remove_file(&own).unwrap();
    customer.the_clock_ran_on_to(World::system().clock.now());
    lock(&customer, "governance");
    customer.run(0, &["location", "test", "there"]);
    customer.run(0, &["backup", ASSET]);
    // Only what was read is good enough to let the old one go.
    customer.run(0, &["verify", "--read-data"]);

    let report = customer.json(0, &["purge"]);
    assert_eq!(report["decisions"][0]["verdict"], "expire", "{report}");
    let of_repository = |report: &Value| report["repositories"][0].clone();
    let first = of_repository(&report);
    assert_eq!((first["forgotten"].as_u64(), first["exempt"].as_u64()), (Some(0), Some(1)), "{first}");
    assert_eq!(first["waiting"], 0, "{first}");
    let exempt = &first["exempt_at"]["there"];
    assert!(exempt["points"] == 1 && exempt["objects"].as_u64().unwrap() >= 1, "{first}");
    let until = instant(&exempt["until"]);
    // Nobody sees the point any more, its bytes are there, and no receipt says that they are gone.
    let snapshot = format!("copies/{REPOSITORY}/snapshots/{old}");
    assert!(server.objects("locked").iter().all(|(path, _)| *path != snapshot));
    let is_of_old = |receipt: &Value| {
        receipt["points"].as_array().is_some_and(|points| points.iter().any(|p| *p == *old))
    };
    let physical = |location: &str| {
        let receipts = customer.receipts(location);
        receipts.iter().any(|receipt| receipt["phase"] == "physical" && is_of_old(receipt))
    };
    assert!(physical("here") && !physical("there"));
    let told = customer.run(0, &["purge"]);
    assert!(told.contains("EXEMPT and not purged: lock until"), "{told}");
    assert!(told.contains("1 point EXEMPT, locked"), "{told}");
    let audit = customer.json(0, &["purge", "--audit"]);
    assert_eq!(instant(&of_place(&audit, "there")["locked"]["until"]), until, "{audit}");
    assert!(customer.run(0, &["purge", "--history"]).contains("EXEMPT, not purged: lock until"));

    // What the points of today need was locked again where it was rewritten.
    for area in ["data", "index", "snapshots"] {
        assert!(locks(&server, area).iter().all(|(_, lock)| lock.is_some()), "{area}");
    }
    // Somebody locks it for longer than anything may stay: nobody answers for that, so it is not exempt.
    let far = World::system().clock.now() + SignedDuration::from_hours(200 * 24);
    server.end_locks("locked", &format!("copies/{REPOSITORY}"), &|| far.to_string());
    let audit = customer.json(1, &["purge", "--audit"]);
    let findings = of_place(&audit, "there")["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["kind"] == "lock"), "{findings:?}");
    let soon = || {
        let soon = World::system().clock.now().as_second() + 5;
        Timestamp::from_second(soon).unwrap().to_string()
    };
    server.end_locks("locked", &format!("copies/{REPOSITORY}"), &soon);
    let last = loop {
        let last = of_repository(&customer.json(0, &["purge"]));
        if last["exempt"] == 0 {
            break last;
        }
        std::thread::sleep(Duration::from_millis(300));
    };
    assert_eq!((last["forgotten"].as_u64(), last["exempt"].as_u64()), (Some(1), Some(0)), "{last}");
    assert!(physical("there"));
    let audit = customer.json(0, &["purge", "--audit"]);
    assert!(of_place(&audit, "there")["locked"].is_null(), "{audit}");
    customer.run(0, &["verify", "--read-data"]);
}

#[test]
fn a_shredded_client_has_no_key_and_what_is_locked_is_told() {
    let server = Seaweed::start("plain");
    let customer = customer(&server, &server.credentials_toml());
    lock(&customer, "compliance");
    customer.run(0, &["location", "test", "there"]);
    customer.another_site("blog");
    customer.run(0, &["backup", "blog"]);
    let made = instant(&customer.json(0, &["backup", ASSET])[0]["time"]);
    let (pack, _) = locks(&server, "data").remove(0);
    let until = Timestamp::from_second(made.as_second() + 60 * 24 * 3600).unwrap();
    server.lock_object("locked", &pack, &until.to_string());
    let path = customer.path("etc/estate.toml");
    let estate = fs::read_to_string(&path).unwrap();
    let begin = estate.find(&format!("[assets.\"{ASSET}\"]")).unwrap();
    let end = estate[begin + 1..].find("\n[").map_or(estate.len(), |end| begin + 1 + end);
    fs::write(&path, format!("{}{}", &estate[..begin], &estate[end..])).unwrap();
    // Just past the minimum, when locks go on to the next midnight. The server's own clock is elsewhere, and they hold.
    let later = made + SignedDuration::from_hours(30 * 24) + SignedDuration::from_secs(1);
    customer.the_clock_ran_on_to(later);
    let setup = customer.on_clock(&Arc::new(FakeClock::new(later)));
    let request = ShredRequest {
        client: REPOSITORY.to_owned(),
        reason: "it left".to_owned(),
        export_offered: true,
        confirmation: REPOSITORY.to_owned(),
    };
    let report = shred::shred(&setup, &request).unwrap();
    assert_eq!(report.ending, Ending::Attention, "{report:?}");
    assert_eq!(report.proof.is_unreadable, Some(true), "{report:?}");
    let there = report.locations.iter().find(|at| at.location == "there").unwrap();
    let failure = there.failure.as_ref().unwrap();
    assert!(there.locked.is_some_and(|locked| locked.until == until), "{there:?}");
    assert!(failure.contains("EXEMPT") && failure.contains("key is destroyed"), "{failure}");
    let here = report.locations.iter().find(|at| at.location == "here").unwrap();
    assert!(here.failure.is_none() && here.locked.is_none(), "{here:?}");
    // Neither a key file nor a version of one is left.
    let versions = server.versions("locked");
    assert!(versions.iter().all(|path| !path.contains(&format!("{REPOSITORY}/keys/"))), "{versions:?}");
    assert!(versions.iter().any(|path| path.contains(pack.rsplit('/').next().unwrap())), "{versions:?}");
}
