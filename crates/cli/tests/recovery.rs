//! The controller is lost with its keys: it comes back from any one location and the kit, with the same verdicts, whatever
//! happens on the way.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::daemon::Daemon;
use support::lost::{
    LEDGER, SECRET, judged, local, lose, make_kit, of, recover, recovering, run_of, status, status_at,
    verdict_of,
};
use support::{ASSET, Customer, REPOSITORY, code, flip, noise, objects, text, walk};

/// A controller that was lost after the last copy of its ledger: the instants at which it had judged, what it said then, and the
/// point that no copy knows.
struct Lost {
    instants: Vec<(String, Vec<u8>)>,
    unknown_point: String,
    /// After the last copy.
    silent_at: String,
    kit: PathBuf,
}

fn lost(customer: &Customer, kit: PathBuf) -> Lost {
    let mut instants = vec![judged(customer)];
    fs::write(customer.path("site/page.php"), noise(1, 50_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    instants.push(judged(customer));
    customer.run(0, &["key", "deliver"]);
    let copies = objects(&customer.path("here").join(LEDGER), "snapshots");
    // Made after the last copy: neither the point nor the verdicts on it are in any.
    fs::write(customer.path("site/page.php"), noise(2, 50_000)).unwrap();
    let report = customer.json(0, &["backup", ASSET]);
    assert_eq!(
        objects(&customer.path("here").join(LEDGER), "snapshots"),
        copies,
        "one copy for a storm of changes"
    );
    let unknown_point = report[0]["point"].as_str().unwrap_or_else(|| panic!("{report}")).to_owned();
    let silent_at = judged(customer);
    let instants = instants.into_iter().map(|at| (at.clone(), status_at(customer, &at))).collect();
    lose(customer);
    Lost { instants, unknown_point, silent_at, kit }
}

#[track_caller]
fn assert_recovered(lost: &Lost, new: &Path, location: &str) {
    for (instant, before) in &lost.instants {
        let after = of(new, &["status", "--at", instant, "--json"]);
        assert_eq!(
            String::from_utf8_lossy(&after.stdout),
            String::from_utf8_lossy(before),
            "as of {instant}"
        );
    }
    // What was judged after the copy is unknown, and not what the copy said last.
    let silent = of(new, &["status", "--at", &lost.silent_at, "--json"]);
    let silent: Value =
        serde_json::from_slice(&silent.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&silent)));
    for control in silent["controls"].as_array().unwrap() {
        assert!(
            ["NO_EVIDENCE", "NOT_APPLICABLE"].contains(&control["verdict"].as_str().unwrap()),
            "{control}"
        );
    }
    let report = of(new, &["status", "--json", "--all"]);
    let report: Value =
        serde_json::from_slice(&report.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&report)));
    assert!(report["controls"].as_array().unwrap().len() > 30, "{report}");
    let points = of(new, &["points", ASSET, "--json"]);
    let points: Value = serde_json::from_slice(&points.stdout).unwrap();
    let adopted = points.as_array().unwrap().iter().find(|point| point["id"] == lost.unknown_point.as_str());
    let adopted = adopted.unwrap_or_else(|| panic!("{points}"));
    assert_eq!(adopted["verdict"], "NO_EVIDENCE", "{adopted}");
    assert_eq!(adopted["kind"], "incremental", "{adopted}");
    let log = run_of(new, 0, &["audit", "verify", "--against", location]);
    assert!(log.contains("consistent"), "{log}");
}

#[test]
fn a_lost_controller_comes_back_from_either_location_and_says_the_same() {
    let customer = Customer::with_a_point();
    let red = status(&customer);
    assert_eq!(
        (verdict_of(&red, "DR-05"), verdict_of(&red, "ENC-03")),
        ("NO_EVIDENCE".into(), "NO_EVIDENCE".into())
    );
    let kit = make_kit(&customer, "kit", &[]);
    for file in walk(&kit).keys() {
        let mode = kit.join(file).metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
    // The secret half is in the kit, and nowhere else.
    for folder in ["etc", "state", "here", "there"] {
        for file in walk(&customer.path(folder)).keys() {
            let content = fs::read(customer.path(folder).join(file)).unwrap();
            let found = content.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{folder}/{}", file.display());
        }
    }
    let lost = lost(&customer, kit);
    for location in ["here", "there"] {
        let new = customer.path(&format!("new-{location}"));
        // The other location is gone, too.
        let other = if location == "here" { "there" } else { "here" };
        fs::rename(customer.path(other), customer.path("away")).unwrap();
        let said = recover(0, &local(&customer, location), &[&lost.kit.join("kit.txt")], &new);
        assert!(said.contains("1 point made later"), "{said}");
        fs::rename(customer.path("away"), customer.path(other)).unwrap();
        assert_recovered(&lost, &new, location);
        let again = recover(2, &local(&customer, location), &[&lost.kit.join("kit.txt")], &new);
        assert!(again.contains("nothing is overwritten"), "{again}");
        assert_eq!(new.metadata().unwrap().permissions().mode() & 0o7777, 0o700);
    }
    // And it goes on: the adopted point is read, backups continue, and the kit opens what is brought from here.
    let new = customer.path("new-there");
    run_of(&new, 0, &["verify", "--read-data"]);
    run_of(&new, 0, &["backup", ASSET]);
    run_of(&new, 0, &["key", "drill", "--kit", lost.kit.join("kit.txt").to_str().unwrap()]);
    run_of(&new, 0, &["audit", "checkpoint"]);
    // The other one, which was rebuilt as well, must not go on: the heads tell.
    let fork = run_of(&customer.path("new-here"), 4, &["audit", "checkpoint"]);
    assert!(fork.contains("here: FORK") && fork.contains("there: FORK"), "{fork}");
}

#[test]
fn any_two_of_three_shares_bring_it_back_and_one_does_not() {
    let customer = Customer::with_a_point();
    let kit = make_kit(&customer, "kit", &["--shares", "2of3"]);
    assert!(!kit.join("kit.txt").exists());
    let share = |number: u8| kit.join(format!("share-{number}.txt"));
    let here = local(&customer, "here");
    lose(&customer);
    for (one, other) in [(1, 2), (3, 1), (2, 3)] {
        let new = customer.path(&format!("new-{one}-{other}"));
        recover(0, &here, &[&share(one), &share(other)], &new);
        assert!(new.join("keys").join(format!("{REPOSITORY}.toml")).exists());
    }
    let new = customer.path("new");
    let alone = recover(2, &here, &[&share(2)], &new);
    assert!(alone.contains("2 different shares"), "{alone}");
    let typed = fs::read_to_string(share(2)).unwrap();
    let token = typed.split_whitespace().find(|word| word.starts_with("holdfast-share-")).unwrap();
    let last = token.chars().nth(60).unwrap();
    let other = if last == '0' { '1' } else { '0' };
    let mistyped = format!("{}{other}{}", &token[..60], &token[61..]);
    fs::write(customer.path("typed"), mistyped).unwrap();
    let said = recover(2, &here, &[&share(1), &customer.path("typed")], &new);
    assert!(said.contains("mistyped"), "{said}");
    // Typed, and not as a file.
    let mut command = recovering(&here, &[Path::new("-")], &new);
    fs::write(customer.path("both"), format!("{token}\n{}", fs::read_to_string(share(3)).unwrap())).unwrap();
    let output = command.stdin(fs::File::open(customer.path("both")).unwrap()).output().unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output));
}

#[test]
fn a_kit_of_others_or_one_that_is_void_opens_nothing_and_says_so() {
    let (customer, other) = (Customer::with_a_point(), Customer::with_a_point());
    let void = make_kit(&customer, "void", &[]);
    let before = objects(&customer.path("here/holdfast-keys"), "keys");
    let kit = make_kit(&customer, "kit", &[]);
    let after = objects(&customer.path("here/holdfast-keys"), "keys");
    assert!(before.len() == 1 && after.len() == 1 && before != after, "the ring is replaced, not added");
    let foreign = make_kit(&other, "kit", &[]);
    let new = customer.path("new");
    for wrong in [&void, &foreign] {
        let said = recover(2, &local(&customer, "here"), &[&wrong.join("kit.txt")], &new);
        assert!(said.contains("does not open the key ring"), "{said}");
        let said = customer.run(2, &["key", "drill", "--kit", wrong.join("kit.txt").to_str().unwrap()]);
        assert!(said.contains("is in force"), "{said}");
    }
    let nothing = recover(3, customer.path("site").to_str().unwrap(), &[&kit.join("kit.txt")], &new);
    assert!(!new.exists() && !nothing.is_empty());
    recover(0, &local(&customer, "there"), &[&kit.join("kit.txt")], &new);
    // A kit is not written where the ring lies, nor over anything.
    let etc = customer.path("etc/kit");
    customer.run(2, &["key", "kit", "--out", etc.to_str().unwrap()]);
    customer.run(2, &["key", "kit", "--out", kit.to_str().unwrap()]);
}

#[test]
fn the_trial_of_the_kit_turns_the_controls_green_and_a_failed_one_red() {
    let customer = Customer::with_a_point();
    let kit = make_kit(&customer, "kit", &[]).join("kit.txt");
    let kit = kit.to_str().unwrap();
    assert_eq!(verdict_of(&status(&customer), "DR-05"), "NO_EVIDENCE");
    let report = customer.json(0, &["key", "drill", "--kit", kit]);
    assert_eq!(
        (&report["restored"][0], &report["opened"][0]),
        (&REPOSITORY.into(), &REPOSITORY.into()),
        "{report}"
    );
    assert!(report["leaves"].as_u64().unwrap() > 10, "{report}");
    let green = status(&customer);
    assert_eq!(
        (verdict_of(&green, "DR-05"), verdict_of(&green, "ENC-03")),
        ("PASS".into(), "PASS".into()),
        "{green}"
    );
    // The ring at the other location opens with nothing any more.
    let ring = objects(&customer.path("there/holdfast-keys"), "keys").remove(0);
    flip(&ring);
    let failed = customer.json(4, &["key", "drill", "--kit", kit, "--location", "there"]);
    assert!(failed["failure"].as_str().unwrap().contains("cannot be read"), "{failed}");
    let red = status(&customer);
    assert_eq!((verdict_of(&red, "DR-05"), verdict_of(&red, "ENC-03")), ("FAIL".into(), "FAIL".into()));
    // One elsewhere says nothing of this location; one here does, once the ring was brought again.
    customer.run(0, &["key", "drill", "--kit", kit, "--location", "here"]);
    let red = status(&customer);
    assert_eq!((verdict_of(&red, "DR-05"), verdict_of(&red, "ENC-03")), ("FAIL".into(), "FAIL".into()));
    customer.run(0, &["key", "deliver"]);
    customer.run(0, &["key", "drill", "--kit", kit, "--location", "there"]);
    let green = status(&customer);
    assert_eq!((verdict_of(&green, "DR-05"), verdict_of(&green, "ENC-03")), ("PASS".into(), "PASS".into()));
    // It is an entry of the log, with its result.
    let log = customer.json(0, &["audit", "log", "--since", "all", "--kind", "key-drill"]);
    let begun = log.as_array().unwrap().iter().filter(|entry| entry["kind"] == "action-begun").count();
    assert_eq!((begun, log.as_array().unwrap().len()), (4, 8), "{log}");
}

#[test]
fn a_damaged_copy_is_passed_over_for_an_older_one_and_told() {
    let customer = Customer::with_a_point();
    let kit = make_kit(&customer, "kit", &[]).join("kit.txt");
    let first = judged(&customer);
    customer.run(0, &["key", "deliver"]);
    let snapshots = objects(&customer.path("here").join(LEDGER), "snapshots");
    let packs = objects(&customer.path("here").join(LEDGER), "data");
    let before = status_at(&customer, &first);
    fs::write(customer.path("site/page.php"), noise(1, 50_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    customer.run(0, &["key", "deliver"]);
    let newer = |area: &str, older: &[PathBuf]| -> Vec<PathBuf> {
        let all = objects(&customer.path("here").join(LEDGER), area);
        all.into_iter().filter(|object| !older.contains(object)).collect()
    };
    let here = local(&customer, "here");
    let new_packs = newer("data", &packs);
    assert!(!new_packs.is_empty());
    new_packs.iter().for_each(|pack| flip(pack));
    let new = customer.path("new");
    let said = recover(1, &here, &[&kit], &new);
    assert!(said.contains("is not whole") && said.contains("an older one"), "{said}");
    assert_eq!(of(&new, &["status", "--at", &first, "--json"]).stdout, before);
    // Not even its snapshot.
    newer("snapshots", &snapshots).iter().for_each(|snapshot| flip(snapshot));
    let new = customer.path("new-2");
    let said = recover(1, &here, &[&kit], &new);
    assert!(said.contains("cannot be opened"), "{said}");
    // Nothing there is whole: nothing is left behind either.
    objects(&customer.path("here").join(LEDGER), "snapshots").iter().for_each(|snapshot| flip(snapshot));
    let new = customer.path("new-3");
    recover(4, &here, &[&kit], &new);
    assert!(!new.exists());
    let left: Vec<PathBuf> =
        fs::read_dir(customer.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.iter().all(|path| !path.to_string_lossy().contains(".half-")), "{left:?}");
    recover(0, &local(&customer, "there"), &[&kit], &new);
}

#[test]
fn a_full_disk_leaves_nothing_that_looks_like_a_controller() {
    let customer = Customer::with_a_point();
    let kit = make_kit(&customer, "kit", &[]).join("kit.txt");
    let small = customer.path("small");
    fs::create_dir(&small).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=300k", "none"]).arg(&small).output().unwrap();
    assert!(mounted.status.success(), "run as root: {}", text(&mounted));
    let output = recovering(&local(&customer, "here"), &[&kit], &small.join("new")).output().unwrap();
    let left: Vec<String> = fs::read_dir(&small)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
    assert_eq!(code(&output), 3, "{}", text(&output));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_daemon_brings_what_changed_and_the_kit_is_tried_beside_it() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    support::daemon::fast_policy(&customer, "62s", 1);
    let kit = make_kit(&customer, "kit", &[]).join("kit.txt");
    let copies = |customer: &Customer| objects(&customer.path("there").join(LEDGER), "snapshots").len();
    let rings = |customer: &Customer| objects(&customer.path("there/holdfast-keys"), "keys");
    let (first, ring) = (copies(&customer), rings(&customer));
    assert_eq!(first, 1);
    let daemon = Daemon::start(&customer);
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        for _ in 0..600 {
            if is_so() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{what}: {}", daemon.said());
    };
    // Its first backup makes a key, which the ring does not have yet.
    wait("a new ring", &|| rings(&customer) != ring && rings(&customer).len() == 1);
    wait("a new copy", &|| copies(&customer) > first);
    wait("the key of the client", &|| customer.path("etc/keys").join(format!("{REPOSITORY}.toml")).exists());
    // It may be looking at what changed just then.
    let drill = ["key", "drill", "--kit", kit.to_str().unwrap()];
    wait("a trial of the ring of now", &|| code(&customer.holdfast(&drill)) == 0);
    daemon.end(0, 1);
    assert_eq!(verdict_of(&status(&customer), "DR-05"), "PASS", "{}", status(&customer));
}

#[test]
fn kill_while_it_delivers_or_recovers_leaves_no_half_state() {
    let customer = Customer::with_a_point();
    let kit = make_kit(&customer, "kit", &[]).join("kit.txt");
    let rounds = if std::env::var_os("HOLDFAST_TEST_LONG").is_some() { 60 } else { 10 };
    for round in 0..rounds {
        let mut child = customer.command(&["key", "deliver", "--quiet"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(15 * (1 + round % 20)));
        let _ = child.kill();
        child.wait().unwrap();
        // Whatever it came to, at least one ring lies there, and it opens.
        assert!(!objects(&customer.path("here/holdfast-keys"), "keys").is_empty(), "round {round}");
    }
    customer.run(0, &["key", "deliver"]);
    assert_eq!(objects(&customer.path("here/holdfast-keys"), "keys").len(), 1);
    customer.run(0, &["key", "drill", "--kit", kit.to_str().unwrap()]);
    let new = customer.path("new");
    let mut survived = 0;
    for round in 0..rounds {
        let mut child = recovering(&local(&customer, "there"), &[&kit], &new).arg("--quiet").spawn().unwrap();
        std::thread::sleep(Duration::from_millis(10 * (1 + round % 20)));
        let _ = child.kill();
        child.wait().unwrap();
        if new.exists() {
            // Then it is all there.
            run_of(&new, 0, &["audit", "verify"]);
            run_of(&new, 0, &["key", "list"]);
            fs::remove_dir_all(&new).unwrap();
            survived += 1;
        }
    }
    assert!(survived < rounds, "no kill came early enough");
    recover(0, &local(&customer, "there"), &[&kit], &new);
    let left: Vec<PathBuf> =
        fs::read_dir(customer.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.iter().all(|path| !path.to_string_lossy().contains(".half-")), "{left:?}");
}

#[test]
fn two_that_recover_into_one_folder_leave_one_controller() {
    let customer = Customer::with_a_point();
    let kit = make_kit(&customer, "kit", &[]).join("kit.txt");
    let new = customer.path("new");
    let start = |location: &str| {
        recovering(&local(&customer, location), &[&kit], &new).arg("--quiet").spawn().unwrap()
    };
    let (mut one, mut other) = (start("here"), start("there"));
    let codes = [one.wait().unwrap().code().unwrap(), other.wait().unwrap().code().unwrap()];
    assert!(codes.contains(&0), "{codes:?}");
    assert!(codes.iter().all(|code| [0, 2, 3].contains(code)) && codes != [0, 0], "{codes:?}");
    run_of(&new, 0, &["audit", "verify"]);
}

#[test]
fn a_location_that_is_away_is_owed_and_gets_it_with_the_next() {
    let customer = Customer::with_a_point();
    fs::rename(customer.path("there"), customer.path("away")).unwrap();
    let out = customer.path("kit");
    let said = customer.run(1, &["key", "kit", "--out", out.to_str().unwrap()]);
    assert!(said.contains("there: DOES NOT HAVE THE KEY RING"), "{said}");
    fs::rename(customer.path("away"), customer.path("there")).unwrap();
    assert_eq!(verdict_of(&status(&customer), "DR-05"), "NO_EVIDENCE");
    customer.run(0, &["backup", ASSET]);
    let kit = out.join("kit.txt");
    customer.run(0, &["key", "drill", "--kit", kit.to_str().unwrap(), "--location", "there"]);
    assert_eq!(verdict_of(&status(&customer), "DR-05"), "PASS", "{}", status(&customer));
}

#[test]
fn what_opens_databases_and_channels_comes_back_with_the_rest() {
    let customer = Customer::with_a_point();
    customer.secret("billing.toml", "user = \"reader\"\npassword = \"of the database\"\n");
    customer.secret("pager.toml", "url = \"http://127.0.0.1:9/secret-path\"\nsecret = \"signs\"\n");
    customer.declare(
        "databases = [{ name = \"shop\", socket = \"/nowhere/socket\", credentials = { file = \"keys/billing.toml\" } }]\n\
         [alerts.channels.pager]\nkind = \"webhook\"\n\
         teams = [\"infrastructure\", \"compliance\", \"support\"]\ncredentials = { file = \"keys/pager.toml\" }\n",
    );
    let kit = make_kit(&customer, "kit", &[]).join("kit.txt");
    lose(&customer);
    let new = customer.path("new");
    recover(0, &local(&customer, "there"), &[&kit], &new);
    for (name, content) in [("billing.toml", "of the database"), ("pager.toml", "secret-path")] {
        let path = new.join("keys").join(name);
        let back = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(back.contains(content), "{name}: {back}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_ring_that_lacks_what_opens_a_database_goes_nowhere() {
    let customer = Customer::with_a_point();
    customer.declare(
        "databases = [{ name = \"shop\", socket = \"/nowhere/socket\", credentials = { file = \"keys/gone.toml\" } }]\n",
    );
    let out = customer.path("kit");
    let said = customer.run(3, &["key", "kit", "--out", out.to_str().unwrap()]);
    assert!(said.contains("brought to no location") && said.contains("gone.toml"), "{said}");
    let rings = fs::read_dir(customer.path("there/holdfast-keys/keys")).map_or(0, Iterator::count);
    assert_eq!(rings, 0, "{said}");
}
