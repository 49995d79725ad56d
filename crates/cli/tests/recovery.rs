//! The controller is lost with its keys: it comes back from any one location and the kit, with the same verdicts; and without
//! holdfast, the lines that the kit prints bring the data back.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use holdfast_testkit::servers::{self, RestOptions, RestServer, Seaweed, Sshd};
use serde_json::Value;
use support::daemon::Daemon;
use support::{ASSET, Customer, REPOSITORY, assert_same, code, flip, noise, objects, text, walk};

const LEDGER: &str = "holdfast-ledger";
const SECRET: &str = "AGE-SECRET-KEY-1";

/// Makes a kit; returns its folder.
#[track_caller]
fn make_kit(customer: &Customer, name: &str, more: &[&str]) -> PathBuf {
    let out = customer.path(name);
    let said = customer.run(0, &[&["key", "kit", "--out", out.to_str().unwrap()], more].concat());
    assert!(!said.contains(SECRET), "{said}");
    out
}

/// The machine is gone, with configuration, keys and state.
fn lose(customer: &Customer) {
    fs::create_dir(customer.path("lost")).unwrap();
    for folder in ["etc", "state"] {
        fs::rename(customer.path(folder), customer.path("lost").join(folder)).unwrap();
    }
}

/// A command of the controller in `folder`.
fn of(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.arg("--config").arg(folder).arg("--state").arg(folder.join("state")).args(arguments);
    command.output().unwrap()
}

#[track_caller]
fn run_of(folder: &Path, expected: i32, arguments: &[&str]) -> String {
    let output = of(folder, arguments);
    assert_eq!(code(&output), expected, "holdfast {}: {}", arguments.join(" "), text(&output));
    text(&output)
}

fn recovering(url: &str, kit: &[&Path], into: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    command.args(["key", "recover", "--location", url, "--into"]).arg(into);
    for file in kit {
        command.arg("--kit").arg(file);
    }
    command
}

#[track_caller]
fn recover(expected: i32, url: &str, kit: &[&Path], into: &Path) -> String {
    let output = recovering(url, kit, into).output().unwrap();
    assert_eq!(code(&output), expected, "{}", text(&output));
    text(&output)
}

fn status_at(customer: &Customer, instant: &str) -> Vec<u8> {
    customer.holdfast(&["status", "--at", instant, "--json"]).stdout
}

/// Judges, and returns the instant.
fn judged(customer: &Customer) -> String {
    let output = customer.command(&["status", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["assessed_at"].as_str().unwrap().to_owned()
}

fn verdict_of(report: &Value, control: &str) -> String {
    let controls = report["controls"].as_array().unwrap();
    controls.iter().find(|c| c["control"] == control).unwrap()["verdict"].as_str().unwrap().to_owned()
}

fn status(customer: &Customer) -> Value {
    let output = customer.command(&["status", "--all", "--json"]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output)))
}

fn local(customer: &Customer, location: &str) -> String {
    customer.path(location).display().to_string()
}

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
    // It is an entry of the log, with its result.
    let log = customer.json(0, &["audit", "log", "--since", "all", "--kind", "key-drill"]);
    let begun = log.as_array().unwrap().iter().filter(|entry| entry["kind"] == "action-begun").count();
    assert_eq!((begun, log.as_array().unwrap().len()), (2, 4), "{log}");
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

/// What a sheet has run: the lines before the locations, and those of one location.
fn lines_for(sheet: &str, location: &str) -> Vec<String> {
    let all: Vec<&str> = sheet.lines().collect();
    let (mut lines, mut is_wanted, mut document) = (Vec::new(), true, false);
    for (at, line) in all.iter().enumerate() {
        let is_title =
            all.get(at + 1).is_some_and(|next| !next.is_empty() && next.bytes().all(|b| b == b'='));
        if document {
            document = *line != "END";
            let last: &mut String = lines.last_mut().unwrap();
            last.push('\n');
            last.push_str(line);
        } else if is_title {
            is_wanted = !line.starts_with("4. ") || line.starts_with(&format!("4. Location {location}:"));
        } else if let Some(run) = line.strip_prefix("    ").filter(|_| is_wanted) {
            document = run.contains("<<'END'");
            lines.push(run.to_owned());
        }
    }
    lines
}

/// Runs lines as they are printed, in an empty folder, as whoever has nothing but the sheet; returns the folder.
#[track_caller]
fn by_hand(customer: &Customer, name: &str, lines: &[String]) -> (PathBuf, String) {
    let folder = customer.path(name);
    fs::create_dir(&folder).unwrap();
    // Two at once would find the package manager locked.
    let lock = fs::File::create(std::env::temp_dir().join("holdfast-tests-apt.lock")).unwrap();
    lock.lock().unwrap();
    let output = Command::new("bash")
        .args(["-e", "-u", "-c", &lines.join("\n")])
        .current_dir(&folder)
        // Nothing of ours: the machine is another.
        .env_clear()
        .env("HOME", &folder)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}\n{}", lines.join("\n"), text(&output));
    (folder.join("recovery"), text(&output))
}

/// The newest point and the ledger come back by the lines of a sheet.
#[track_caller]
fn assert_by_hand(customer: &Customer, location: &str, sheet: &str) {
    let lines = lines_for(sheet, location);
    assert!(lines[0].starts_with("apt-get install --yes age "), "{lines:?}");
    let (folder, said) = by_hand(customer, &format!("by-hand-{location}"), &lines);
    let site = customer.path("site");
    let restored =
        folder.join(format!("restored-{location}-{REPOSITORY}")).join(site.strip_prefix("/").unwrap());
    assert_same(&site, &restored);
    let kit = sheet.split_whitespace().nth(2).unwrap();
    assert!(said.lines().any(|line| line == kit), "the check of the secret prints {kit}: {said}");
    let ledger = walk(&folder.join(format!("restored-{location}-ledger")));
    assert!(ledger.keys().any(|file| file.ends_with("ledger.db")), "{ledger:?}");
    assert!(ledger.keys().any(|file| file.ends_with("estate.toml")), "{ledger:?}");
}

#[test]
fn heavy_by_hand_from_a_folder_and_a_bucket_with_the_printed_lines_alone() {
    let server = Seaweed::start("backups");
    let mut customer = Customer::new();
    customer.move_place("there", &server.url("backups", "copies"), &server.credentials_toml(), None);
    fs::write(customer.path("site/index.php"), noise(3, 200_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    let kit = make_kit(&customer, "kit", &[]);
    let sheet = fs::read_to_string(kit.join("kit.txt")).unwrap();
    let page = fs::read_to_string(kit.join("kit.html")).unwrap();
    for kept in [&sheet, &page] {
        assert!(!kept.contains(servers::SECRET_KEY), "credentials in the clear");
    }
    assert!(
        page.contains("<svg") && !page.contains("http://www.w3.org/1999"),
        "a page that needs nothing else"
    );
    for line in lines_for(&sheet, "there") {
        let escaped = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(page.contains(&escaped), "the page lacks {line}");
    }
    lose(&customer);
    for location in ["here", "there"] {
        assert_by_hand(&customer, location, &sheet);
    }
    // And holdfast itself, with what the sheet has of the bucket's credentials.
    recover(0, &server.url("backups", "copies"), &[&kit.join("kit.txt")], &customer.path("new"));
    run_of(&customer.path("new"), 0, &["verify"]);
    run_of(&customer.path("new"), 0, &["backup", ASSET]);
    // Or with credentials by hand.
    let secret =
        sheet.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(|word| word.starts_with(SECRET));
    fs::write(customer.path("secret"), secret.unwrap()).unwrap();
    let mut command =
        recovering(&server.url("backups", "copies"), &[&customer.path("secret")], &customer.path("by-env"));
    let output = command
        .args(["--credentials-env", "FAR"])
        .env("FAR_ACCESS_KEY", servers::ACCESS_KEY)
        .env("FAR_SECRET_KEY", servers::SECRET_KEY)
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output));
    let said =
        recover(2, &server.url("backups", "copies"), &[&customer.path("secret")], &customer.path("none"));
    assert!(said.contains("--credentials"), "{said}");
}

#[test]
fn heavy_by_hand_from_an_sftp_server_with_shares() {
    let server = Sshd::start();
    let mut customer = Customer::new();
    // Known by its fingerprint alone: the lines must find the key by it.
    let credentials = format!(
        "identity_file = \"{}\"\nhost_key = \"{}\"\n",
        server.identity_file.display(),
        server.fingerprint()
    );
    customer.move_place("there", &server.url("copies"), &credentials, None);
    fs::write(customer.path("site/index.php"), noise(4, 200_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    let kit = make_kit(&customer, "kit", &["--shares", "2of3"]);
    let sheet = |number: u8| fs::read_to_string(kit.join(format!("share-{number}.txt"))).unwrap();
    lose(&customer);
    let (mut lines, other) = (lines_for(&sheet(3), "there"), lines_for(&sheet(1), "there"));
    let of_other = other.into_iter().find(|line| line.contains("xxd -r -p > root.001")).unwrap();
    let join = lines.iter().position(|line| line.starts_with("gfcombine")).unwrap();
    lines.insert(join, of_other);
    let (folder, _) = by_hand(&customer, "by-hand", &lines);
    let site = customer.path("site");
    assert_same(
        &site,
        &folder.join(format!("restored-there-{REPOSITORY}")).join(site.strip_prefix("/").unwrap()),
    );
    let new = customer.path("new");
    recover(0, &server.url("copies"), &[&kit.join("share-1.txt"), &kit.join("share-2.txt")], &new);
    // The key that the credentials name came along, whatever became of the old machine's.
    fs::remove_file(&server.identity_file).unwrap();
    run_of(&new, 0, &["verify"]);
    run_of(&new, 0, &["backup", ASSET]);
}

#[test]
fn heavy_by_hand_from_a_rest_server() {
    let server = RestServer::start(&RestOptions::default());
    let mut customer = Customer::new();
    customer.move_place("there", &server.url("copies"), &server.credentials_toml(), None);
    fs::write(customer.path("site/index.php"), noise(5, 200_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    let kit = make_kit(&customer, "kit", &[]);
    let sheet = fs::read_to_string(kit.join("kit.txt")).unwrap();
    lose(&customer);
    assert_by_hand(&customer, "there", &sheet);
    recover(0, &server.url("copies"), &[&kit.join("kit.txt")], &customer.path("new"));
}

/// Everything that stock age opens with the kit of what ever lay below the ring's place.
fn opened_with_age(customer: &Customer, kit: &Path, sealed: &[Vec<u8>]) -> Vec<String> {
    let sheet = fs::read_to_string(kit.join("kit.txt")).unwrap();
    let secret =
        sheet.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(|word| word.starts_with(SECRET));
    fs::write(customer.path("root.key"), secret.unwrap()).unwrap();
    let mut opened = Vec::new();
    for (number, sealed) in sealed.iter().enumerate() {
        let file = customer.path(&format!("sealed-{number}"));
        fs::write(&file, sealed).unwrap();
        let output = Command::new("age")
            .arg("-d")
            .arg("-i")
            .arg(customer.path("root.key"))
            .arg(&file)
            .output()
            .unwrap();
        if output.status.success() {
            opened.push(String::from_utf8_lossy(&output.stdout).into_owned());
        }
    }
    opened
}

fn password(customer: &Customer, repository: &str) -> String {
    let ring = fs::read_to_string(customer.path(&format!("etc/keys/{repository}.toml"))).unwrap();
    ring.lines().find_map(|l| l.strip_prefix("password = ")).unwrap().trim_matches('"').to_owned()
}

#[test]
fn heavy_the_key_of_a_shredded_client_is_in_no_ring_anywhere_older_versions_included() {
    let server = Seaweed::start("backups");
    let customer = Customer::with_versions(&server, &server.credentials_toml());
    customer.another_site("blog");
    customer.run(0, &["backup", "blog"]);
    customer.old_points(&["2024-05-06"]);
    let kit = make_kit(&customer, "kit", &[]);
    let (gone, stays) = (password(&customer, REPOSITORY), password(&customer, "C-blog"));
    let rings = |customer: &Customer| -> Vec<Vec<u8>> {
        let here = objects(&customer.path("here/holdfast-keys"), "keys");
        let mut rings: Vec<Vec<u8>> = here.iter().map(|ring| fs::read(ring).unwrap()).collect();
        let paths =
            server.versions("backups").into_iter().filter(|path| path.contains("holdfast-keys/keys/"));
        rings.extend(paths.map(|path| server.object("backups", &path)));
        rings
    };
    let before = opened_with_age(&customer, &kit, &rings(&customer));
    assert_eq!(before.len(), 2);
    assert!(before.iter().all(|ring| ring.contains(&gone) && ring.contains(&stays)));
    let path = customer.path("etc/estate.toml");
    let estate = fs::read_to_string(&path).unwrap();
    let begin = estate.find(&format!("[assets.\"{ASSET}\"]")).unwrap();
    let end = begin + 1 + estate[begin + 1..].find("\n[").unwrap();
    fs::write(path, format!("{}{}", &estate[..begin], &estate[end..])).unwrap();
    let shred =
        ["client", "shred", REPOSITORY, "--reason", "it left", "--yes", REPOSITORY, "--export-offered"];
    let report = customer.json(0, &shred);
    assert_eq!(report["rings"].as_array().unwrap().len(), 2, "{report}");
    let versions: Vec<String> =
        server.versions("backups").into_iter().filter(|path| path.contains("holdfast-keys/keys/")).collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
    let after = opened_with_age(&customer, &kit, &rings(&customer));
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|ring| !ring.contains(&gone) && ring.contains(&stays)));
    // Copies of the ledger that had what was erased are gone: the newest alone is left.
    assert_eq!(objects(&customer.path("here").join(LEDGER), "snapshots").len(), 1);
    customer.run(0, &["purge", "--audit"]);
    lose(&customer);
    recover(0, &local(&customer, "here"), &[&kit.join("kit.txt")], &customer.path("new"));
    assert!(!customer.path("new/keys").join(format!("{REPOSITORY}.toml")).exists());
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
    let report =
        customer.command(&["key", "drill", "--kit", kit.to_str().unwrap(), "--json"]).output().unwrap();
    assert_eq!(code(&report), 0, "{}", text(&report));
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
