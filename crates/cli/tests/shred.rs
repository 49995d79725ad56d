//! A client that left is shredded: its key is destroyed, nothing of it is left anywhere, and what somebody saved before
//! opens with no key that we have.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use holdfast_ops::Progress;
use holdfast_ops::ending::Ending;
use holdfast_ops::purge::purge;
use holdfast_ops::shred::{self, ShredRequest};
use holdfast_testkit::servers::Seaweed;
use holdfast_world::World;
use holdfast_world::fake::FakeClock;
use serde_json::Value;
use support::daemon::Daemon;
use support::{ASSET, Customer, REPOSITORY, noise, objects, text, walk};

const REASON: [&str; 2] = ["--reason", "the contract ended"];

/// A client of old whose last point is past every minimum, beside another client who stays. The old points are made
/// by stock restic, which lets itself be told the time.
fn customer() -> Customer {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.another_site("blog");
    customer.run(0, &["backup", "--all"]);
    customer
}

/// Leaves nothing but old points, which both locations hold.
fn grow_old(customer: &Customer, locations: &[PathBuf]) {
    let young = objects(&customer.repository("here"), "snapshots");
    fs::write(customer.path("site/secret.bin"), noise(77, 400_000)).unwrap();
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    let all = objects(&customer.repository("here"), "snapshots");
    let points = customer.json(0, &["points", ASSET]);
    let old = points.as_array().unwrap().iter().find(|p| p["time"].as_str().unwrap().starts_with("2024"));
    let old = old.unwrap()["id"].as_str().unwrap().to_owned();
    assert!(young.len() < all.len());
    for path in all.iter().filter(|path| path.file_name().unwrap() != old.as_str()) {
        for location in locations {
            fs::remove_file(location.join("snapshots").join(path.file_name().unwrap())).unwrap();
        }
    }
    customer.lose_known_points();
}

fn local(customer: &Customer) -> Vec<PathBuf> {
    ["here", "there"].map(|location| customer.repository(location)).to_vec()
}

/// Takes the asset out of the estate.
fn leave(customer: &Customer) {
    let path = customer.path("etc/estate.toml");
    let estate = fs::read_to_string(&path).unwrap();
    let begin = estate.find(&format!("[assets.\"{ASSET}\"]")).unwrap();
    let end = estate[begin + 1..].find("\n[").map_or(estate.len(), |end| begin + 1 + end);
    fs::write(path, format!("{}{}", &estate[..begin], &estate[end..])).unwrap();
}

fn shred<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["client", "shred", REPOSITORY][..], &REASON, more].concat()
}

fn restic_opens(repository: &Path, password: &str) -> bool {
    let output = Command::new("restic")
        .args(["--no-cache", "--no-lock", "--repo"])
        .arg(repository)
        .args(["cat", "config"])
        .env("RESTIC_PASSWORD", password)
        .output()
        .unwrap();
    output.status.success()
}

fn password(customer: &Customer, repository: &str) -> String {
    let ring = fs::read_to_string(customer.path(&format!("etc/keys/{repository}.toml"))).unwrap();
    ring.lines().find_map(|l| l.strip_prefix("password = ")).unwrap().trim_matches('"').to_owned()
}

#[test]
fn a_client_is_shredded_only_when_it_has_left_and_by_who_names_it_twice() {
    let customer = customer();
    let before = walk(&customer.path("here"));
    let refused = customer.run(5, &shred(&["--yes", REPOSITORY]));
    assert!(refused.contains("still in estate.toml"), "{refused}");
    leave(&customer);
    let refused = customer.run(5, &shred(&["--yes", "C-1024"]));
    assert!(refused.contains("was not confirmed"), "{refused}");
    let refused = customer.run(5, &shred(&[]));
    assert!(refused.contains("--yes"), "{refused}");
    // Its point is of today.
    let refused = customer.run(5, &shred(&["--yes", REPOSITORY]));
    assert!(refused.contains("signatures of two"), "{refused}");
    let unknown = ["client", "shred", "C-none", "--reason", "x", "--yes", "C-none"];
    customer.run(2, &unknown);
    assert_eq!(walk(&customer.path("here")), before, "a refused shredding changed something");
    assert!(customer.path("etc/keys").join(format!("{REPOSITORY}.toml")).exists());
}

#[test]
fn nothing_of_a_shredded_client_is_left_and_no_key_opens_what_was_saved() {
    let customer = customer();
    customer.run(0, &["ls", ASSET, "--purpose", "asked by Jane Doe"]);
    grow_old(&customer, &local(&customer));
    leave(&customer);
    let saved = customer.path("saved");
    let copied = Command::new("cp").arg("-r").arg(customer.repository("here")).arg(&saved).output().unwrap();
    assert!(copied.status.success(), "{}", text(&copied));
    let (own, other) = (password(&customer, REPOSITORY), password(&customer, "C-blog"));
    assert!(restic_opens(&saved, &own));
    // Somebody was careful.
    let ring = customer.path("etc/keys").join(format!("{REPOSITORY}.toml"));
    fs::copy(&ring, customer.path("etc/keys/backup of the ring.bak")).unwrap();
    fs::write(customer.path(&format!("there/{REPOSITORY}/notes.txt")), "foreign").unwrap();
    let report = customer.json(0, &shred(&["--yes", REPOSITORY, "--export-offered"]));
    assert_eq!(report["proof"]["is_unreadable"], true, "{report}");
    assert_eq!(report["proof"]["keys"], 1, "{report}");
    assert!(report["proof"]["objects"].as_u64().unwrap() > 1, "{report}");
    assert_eq!(report["keys_removed"].as_array().unwrap().len(), 2, "{report}");
    for location in ["here", "there"] {
        assert!(!customer.repository(location).exists(), "{location}");
        assert!(customer.path(location).join("C-blog").exists(), "{location}");
    }
    for folder in ["etc", "state"] {
        for file in walk(&customer.path(folder)).keys() {
            let content = fs::read(customer.path(folder).join(file)).unwrap();
            for gone in [own.as_str(), "Jane Doe"] {
                let found = content.windows(gone.len()).any(|window| window == gone.as_bytes());
                assert!(!found, "{folder}/{} still holds {gone}", file.display());
            }
        }
    }
    assert!(!customer.path("state/repositories").join(REPOSITORY).exists());
    // Its password is gone with its files; with the other client's key the saved copy does not open.
    assert!(!restic_opens(&saved, &other));
    // Who looked into its backups is known still, and not any more what for.
    let looked = customer.json(0, &["audit", "log", "--since", "all", "--kind", "ls"]);
    assert_eq!(looked[0]["fact"]["purpose"], "[erased]", "{looked}");
    assert!(looked[0]["actor"].as_str().unwrap().contains("uid"), "{looked}");
    customer.run(0, &["audit", "verify"]);
    let history = customer.json(0, &["purge", "--history"]);
    let shredded = history.as_array().unwrap().iter().find(|purge| purge["kind"] == "shred").unwrap();
    assert_eq!((&shredded["state"], &shredded["client"]), (&Value::from("done"), &Value::from(REPOSITORY)));
    assert_eq!(
        (&shredded["reason"], &shredded["export_offered"]),
        (&Value::from(REASON[1]), &Value::from(true))
    );
    assert_eq!(shredded["points"].as_array().unwrap().len(), 1, "{shredded}");
    for location in ["here", "there"] {
        let receipts = shredded["receipts"].as_array().unwrap();
        let groups =
            receipts.iter().filter(|r| r["location"] == location).map(|r| r["group"].as_str().unwrap());
        let groups: Vec<&str> = groups.collect();
        assert!(["keys", "snapshots", "index", "data"].iter().all(|g| groups.contains(g)), "{groups:?}");
    }
    customer.run(0, &["purge", "--audit"]);
    customer.run(0, &["verify"]);
    customer.run(2, &shred(&["--yes", REPOSITORY]));
}

#[test]
fn a_location_that_is_away_is_owed_its_shredding_and_completed_by_the_next() {
    let customer = customer();
    grow_old(&customer, &local(&customer));
    leave(&customer);
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    let told = customer.run(1, &shred(&["--yes", REPOSITORY]));
    assert!(told.contains("there") && !customer.repository("here").exists(), "{told}");
    let (removed, nothing) = (told.rfind("key removed: ").unwrap(), told.find("nothing is left").unwrap());
    assert!(removed < nothing, "{told}");
    customer.run(1, &["purge", "--history"]);
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    let report = customer.json(1, &["purge", "--audit"]);
    assert!(report.to_string().contains("no-key"), "{report}");
    let report = customer.json(0, &shred(&["--yes", REPOSITORY]));
    // With nothing saved there was nothing to try.
    assert_eq!((&report["proof"]["objects"], &report["proof"]["is_unreadable"]), (&0.into(), &Value::Null));
    assert!(!customer.repository("there").exists());
    customer.run(0, &["purge", "--history"]);
    customer.run(0, &["purge", "--audit"]);
}

/// Makes a repository at both locations with stock restic, and takes it up.
fn import(customer: &Customer, repository: &str, password: &str) {
    let here = customer.path("here").join(repository);
    let made = Command::new("restic")
        .args(["--no-cache", "init", "--repo"])
        .arg(&here)
        .env("RESTIC_PASSWORD", password)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made));
    fs::create_dir_all(customer.path("there")).unwrap();
    let copied = Command::new("cp").arg("-r").arg(here).arg(customer.path("there")).output().unwrap();
    assert!(copied.status.success(), "{}", text(&copied));
    customer.secret("import.password", password);
    let file = customer.path("etc/keys/import.password");
    customer.run(0, &["key", "import", repository, "--password-file", file.to_str().unwrap()]);
    fs::remove_file(file).unwrap();
}

#[test]
fn a_password_that_others_share_or_that_is_a_common_word_erases_nothing_else() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.another_site("blog");
    // A word of estate.toml and policy.toml.
    import(&customer, REPOSITORY, "class");
    import(&customer, "C-blog", "class");
    for location in ["here", "there"] {
        customer.run(0, &["location", "establish", location]);
    }
    customer.run(0, &["backup", "--all"]);
    grow_old(&customer, &local(&customer));
    leave(&customer);
    let others = ["etc/estate.toml", "etc/policy.toml", "etc/keys/C-blog.toml"];
    let before = others.map(|file| fs::read(customer.path(file)).unwrap());
    let output = customer.command(&shred(&["--yes", REPOSITORY])).arg("--json").output().unwrap();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    assert_eq!(report["keys_removed"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["keys_left"], serde_json::json!([]));
    assert_eq!(report["same_password"], serde_json::json!(["C-blog"]));
    // What somebody saved of it opens with that password.
    assert_eq!(report["proof"]["is_unreadable"], false, "{report}");
    assert_eq!(others.map(|file| fs::read(customer.path(file)).unwrap()), before);
    assert!(!customer.path(&format!("etc/keys/{REPOSITORY}.toml")).exists());
    customer.run(0, &["verify"]);
}

#[test]
fn a_file_with_other_keys_is_named_and_left_and_the_shredding_waits_for_it() {
    let customer = customer();
    grow_old(&customer, &local(&customer));
    leave(&customer);
    let entry = |name: &str| fs::read_to_string(customer.path(&format!("etc/keys/{name}.toml"))).unwrap();
    let (both, more) = (customer.path("etc/ring.txt"), customer.path("state/mail.txt"));
    fs::write(&both, entry(REPOSITORY) + &entry("C-blog")).unwrap();
    fs::write(&more, format!("Hello,\n{}", entry(REPOSITORY))).unwrap();
    let told = customer.run(1, &shred(&["--yes", REPOSITORY]));
    assert!(told.contains("ring.txt: holds other keys as well; remove it by hand"), "{told}");
    assert!(told.contains("mail.txt: holds more than the key; remove it by hand"), "{told}");
    assert!(both.exists() && more.exists());
    // The key is gone, and with it what the file was known by.
    fs::remove_file(&more).unwrap();
    let report = customer.json(1, &shred(&["--yes", REPOSITORY]));
    assert_eq!(report["keys_left"].as_array().unwrap().len(), 1, "{report}");
    fs::remove_file(&both).unwrap();
    customer.run(0, &shred(&["--yes", REPOSITORY]));
    customer.run(0, &["purge", "--history"]);
}

#[test]
fn the_minimum_is_that_of_the_version_in_force_and_not_of_the_edited_file() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.another_site("blog");
    let two_days_ago = World::system().clock.now() - Duration::from_secs(50 * 3600);
    customer.back_up_at(ASSET, &two_days_ago.to_string());
    leave(&customer);
    let path = customer.path("etc/policy.toml");
    let approved = customer.approve();
    customer.holdfast(&["serve", "--once"]);
    assert_eq!(customer.json(0, &["policy", "history"])["versions"][0]["in_force"], true);
    let edited = approved.replace("min_days = 30", "min_days = 1").replace("retention = 30", "retention = 1");
    assert_ne!(edited, approved);
    fs::write(&path, edited).unwrap();
    let refused = customer.run(5, &shred(&["--yes", REPOSITORY]));
    assert!(refused.contains("2 days old, and the policy promises 30"), "{refused}");
    assert!(customer.repository("here").exists());
}

#[test]
fn a_point_that_a_stranger_dated_counts_from_when_it_was_first_seen() {
    let customer = customer();
    grow_old(&customer, &local(&customer));
    let site = customer.path("site");
    let foreign = ["backup", "--time", "2099-01-01 00:00:00", site.to_str().unwrap()];
    let made = customer.restic("restic", "here", &foreign);
    assert!(made.status.success(), "{}", text(&made));
    leave(&customer);
    let refused = customer.run(5, &shred(&["--yes", REPOSITORY]));
    assert!(refused.contains("0 days old"), "{refused}");
    let clock = Arc::new(FakeClock::new(World::system().clock.now()));
    let setup = customer.on_clock(&clock);
    // A pause of more than a week would be taken for a jump of the clock.
    for _ in 0..6 {
        clock.advance(Duration::from_secs(6 * 24 * 3600));
        purge(&setup, false, &Progress::default()).unwrap();
    }
    let [client, reason, confirmation] = [REPOSITORY, REASON[1], REPOSITORY].map(str::to_owned);
    let request = ShredRequest { client, reason, export_offered: true, confirmation };
    let report = shred::shred(&setup, &request).unwrap();
    assert_eq!(report.ending, Ending::Done, "{report:?}");
    assert_eq!(report.proof.is_unreadable, Some(true));
    assert!(!customer.repository("here").exists());
}

#[test]
fn a_bucket_that_keeps_versions_keeps_none_of_a_shredded_client() {
    let server = Seaweed::start("backups");
    let customer = Customer::with_versions(&server, &server.credentials_toml());
    customer.run(0, &["backup", ASSET]);
    customer.old_points(&["2024-05-06"]);
    customer.run(0, &["backup", ASSET]);
    let young = customer.json(0, &["points", ASSET]);
    let young = young.as_array().unwrap().iter().filter(|p| !p["time"].as_str().unwrap().starts_with("2024"));
    for point in young {
        let id = point["id"].as_str().unwrap();
        fs::remove_file(customer.repository("here").join("snapshots").join(id)).unwrap();
        server.delete_object("backups", &format!("copies/{REPOSITORY}/snapshots/{id}"));
    }
    customer.lose_known_points();
    server.begin_upload("backups", &format!("copies/{REPOSITORY}/data/00/x"));
    leave(&customer);
    customer.declare("[assets.\"blog\"]\nclass = \"website\"\nhost = \"web1\"\nclient = \"C-blog\"\npath = \"/srv/blog\"\n");
    customer.run(0, &shred(&["--yes", REPOSITORY]));
    let versions = server.versions("backups");
    assert!(versions.iter().all(|path| !path.contains(REPOSITORY)), "{versions:?}");
    assert!(!server.uploads("backups").contains(REPOSITORY));
}

#[test]
fn the_daemon_shreds_a_client_and_writes_down_a_review() {
    let customer = customer();
    grow_old(&customer, &local(&customer));
    leave(&customer);
    support::daemon::fast_policy(&customer, "24h", 1);
    let daemon = Daemon::start(&customer);
    let review = customer.json(0, &["policy", "review", "--by", "A. Nwosu", "--note", "as it is"]);
    assert_eq!(review["policy_version"], 1, "{review}");
    let reviews = &customer.json(0, &["policy", "history"])["reviews"];
    assert_eq!((&reviews[0]["leaf"], &reviews[0]["note"]), (&review["leaf"], &"as it is".into()));
    customer.run(2, &["policy", "review", "--by", " "]);

    // Refused by who asks, and by the daemon again.
    assert!(customer.run(5, &shred(&["--yes", "C-1024"])).contains("was not confirmed"));
    let forged = serde_json::json!({"shred": {"by": "nobody", "request": {
        "client": REPOSITORY, "reason": "x", "export_offered": false, "confirmation": "C-1024"
    }}});
    // The name says when it was asked.
    let name = format!("{}-0.json", World::system().clock.now().as_nanosecond());
    fs::write(customer.path("state/records/requests").join(&name), forged.to_string()).unwrap();
    let answer = customer.path("state/records/answers").join(name);
    daemon.wait_until_said(&format!(
        "{REPOSITORY} was not shredded: nothing was shredded: {REPOSITORY} was not confirmed"
    ));
    assert!(fs::read_to_string(&answer).unwrap().contains("was not confirmed"));
    fs::remove_file(answer).unwrap();
    assert!(customer.repository("here").exists());

    let report = customer.json(0, &shred(&["--yes", REPOSITORY, "--export-offered"]));
    assert_eq!(
        (&report["ending"], &report["proof"]["is_unreadable"]),
        (&"done".into(), &true.into()),
        "{report}"
    );
    for location in ["here", "there"] {
        assert!(!customer.repository(location).exists(), "{location}");
        assert!(customer.path(location).join("C-blog").exists(), "{location}");
    }
    assert!(customer.run(2, &shred(&["--yes", REPOSITORY])).contains("no key"));
    for folder in ["requests", "answers"] {
        let left = fs::read_dir(customer.path("state/records").join(folder)).unwrap().count();
        assert_eq!(left, 0, "{folder} are left");
    }
    let process = format!("process {} ", daemon.id());
    let said = daemon.end(0, 1);
    assert!(said.contains(&format!("{REPOSITORY} was shredded")), "{said}");
    // It wrote down who asked, not itself.
    let history = customer.json(0, &["purge", "--history"]);
    let shredded = history.as_array().unwrap().iter().find(|purge| purge["kind"] == "shred").unwrap();
    assert!(shredded["by"].as_str().unwrap().starts_with("client shred, process "), "{shredded}");
    assert!(!shredded["by"].as_str().unwrap().contains(&process), "{shredded}");
    customer.run(0, &["purge", "--audit"]);
}
