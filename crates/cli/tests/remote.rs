//! A whole day through the command line, with one copy on this machine and the other behind a real server: backup,
//! change, backup, verify, damage on the server, verify, repair, restore, purge.
//!
//! The engine's tests speak to servers through the trait; what only shows here is whether estate, credentials and
//! commands reach them as well.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_testkit::corpus::Dice;
use holdfast_testkit::servers::{self, ByUser, RestOptions, RestServer, Seaweed, Sshd};
use support::{ASSET, Customer, REPOSITORY, assert_same, flip, objects, text, walk};

/// A server's side of the location `there`.
trait Remote {
    /// Names and sizes of everything that is stored, seen without holdfast.
    fn stored(&self) -> Vec<(String, u64)>;
    /// Flips a bit of the largest pack, without holdfast; returns the pack's name.
    fn damage(&self) -> String;
    /// Stock restic reads every byte, through the server.
    fn check(&self, customer: &Customer);
}

/// A server that keeps its objects as files on this machine.
struct Folder(PathBuf);

impl Folder {
    fn objects(&self, area: &str) -> Vec<PathBuf> {
        objects(&self.0.join(REPOSITORY), area)
    }
}

impl Remote for Folder {
    fn stored(&self) -> Vec<(String, u64)> {
        walk(&self.0).into_iter().map(|(path, (size, _))| (path.display().to_string(), size)).collect()
    }

    fn damage(&self) -> String {
        let packs = self.objects("data");
        let pack = packs.into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
        flip(&pack);
        pack.file_name().unwrap().to_str().unwrap().to_owned()
    }

    fn check(&self, customer: &Customer) {
        let output = customer.restic_at("restic", &self.0.join(REPOSITORY), &["check", "--read-data"]);
        assert!(output.status.success(), "{}", text(&output));
        exit_door(customer);
    }
}

impl Remote for Seaweed {
    fn stored(&self) -> Vec<(String, u64)> {
        self.objects("backups")
    }

    fn damage(&self) -> String {
        let is_pack = |path: &String| path.contains(&format!("{REPOSITORY}/data/"));
        let (path, size) = self
            .stored()
            .into_iter()
            .filter(|(path, _)| is_pack(path))
            .max_by_key(|(_, size)| *size)
            .unwrap();
        let mut bytes = self.object("backups", &path);
        assert_eq!(bytes.len() as u64, size);
        bytes[size as usize / 2] ^= 1;
        self.replace_object("backups", &path, &bytes);
        assert_eq!(self.object("backups", &path), bytes);
        path.rsplit('/').next().unwrap().to_owned()
    }

    fn check(&self, customer: &Customer) {
        exit_door(customer);
    }
}

/// Stock restic as holdfast starts it, through the server.
fn exit_door(customer: &Customer) {
    run(customer, 0, &["restic", REPOSITORY, "--location", "there", "--", "check", "--read-data"]);
}

fn fill(site: &Path) {
    let mut dice = Dice::new(11);
    fs::create_dir_all(site.join("uploads/2026")).unwrap();
    fs::write(site.join("index.php"), "<?php echo 'shop';\n").unwrap();
    for number in 0..30 {
        fs::write(site.join(format!("uploads/2026/image{number}.jpg")), dice.bytes(150_000)).unwrap();
        fs::write(site.join(format!("page{number}.php")), format!("<?php // {number}\n").repeat(200))
            .unwrap();
    }
    fs::hard_link(site.join("index.php"), site.join("uploads/linked.php")).unwrap();
    std::os::unix::fs::symlink("index.php", site.join("start.php")).unwrap();
}

/// Runs a command that must end with `expected`, and looks for secrets in what it printed.
#[track_caller]
fn run(customer: &Customer, expected: i32, arguments: &[&str]) -> String {
    let said = customer.run(expected, arguments);
    for secret in [servers::PASSWORD, servers::SECRET_KEY] {
        assert!(!said.contains(secret), "{arguments:?} shows a secret: {said}");
    }
    said
}

fn whole_day(customer: &Customer, remote: &dyn Remote) {
    let site = customer.path("site");
    fill(&site);
    run(customer, 0, &["backup", ASSET]);
    fs::write(site.join("index.php"), "<?php echo 'changed';\n").unwrap();
    fs::write(site.join("uploads/2026/new.jpg"), Dice::new(12).bytes(200_000)).unwrap();
    fs::remove_file(site.join("page7.php")).unwrap();
    let report = customer.json(0, &["backup", "--all"]);
    assert!(report[0]["totals"]["bytes_added"].as_u64().unwrap() < 400_000, "{report}");
    run(customer, 0, &["verify", "--read-data"]);
    let points = customer.json(0, &["points", ASSET]);
    assert_eq!(points.as_array().unwrap().len(), 2, "{points}");
    for point in points.as_array().unwrap() {
        assert_eq!(point["copies"], serde_json::json!(["here", "there"]));
        assert_eq!(point["verdict"], "PASS", "{points}");
    }

    let damaged = remote.damage();
    let found = run(customer, 4, &["verify", "--read-data"]);
    let names_it = found.lines().any(|line| line.contains("there") && line.contains(&damaged));
    assert!(names_it && found.contains("touches"), "{damaged}: {found}");
    assert_eq!(customer.json(1, &["points", ASSET])[1]["verdict"], "FAIL");
    let repaired = run(customer, 0, &["repair", REPOSITORY]);
    assert!(repaired.contains("at there: replace the damaged"), "{repaired}");
    run(customer, 0, &["verify", "--read-data"]);

    let target = customer.path("restored");
    run(customer, 0, &["restore", ASSET, "--to", target.to_str().unwrap(), "--location", "there"]);
    assert_same(&site, &target);
    remote.check(customer);

    let before = (remote.stored(), walk(&customer.path("here")));
    let told = run(customer, 0, &["purge", "--dry-run"]);
    assert!(told.contains("would forget 0 points"), "{told}");
    assert_eq!((remote.stored(), walk(&customer.path("here"))), before, "a dry run changed something");
}

/// A point of long ago, with a file that no other has.
fn point_of_2020(customer: &Customer) {
    let old = customer.path("site/old.bin");
    fs::write(&old, Dice::new(20).bytes(3_000_000)).unwrap();
    customer.back_up_at(ASSET, "2020-01-01T00:00:00Z");
    fs::remove_file(old).unwrap();
}

#[test]
fn heavy_a_day_with_sftp() {
    let server = Sshd::start();
    let mut customer = Customer::new();
    customer.move_place("there", &server.url("copies"), &server.credentials_toml(), None);
    whole_day(&customer, &Folder(server.root.join("copies")));
    exit_door(&customer);
}

#[test]
fn heavy_a_day_with_s3() {
    let server = Seaweed::start("backups");
    let mut customer = Customer::new();
    customer.move_place("there", &server.url("backups", "copies"), &server.credentials_toml(), None);
    whole_day(&customer, &server);
}

#[test]
fn heavy_a_day_with_rest() {
    let server = RestServer::start(&RestOptions::default());
    let mut customer = Customer::new();
    customer.move_place("there", &server.url("copies"), &server.credentials_toml(), None);
    whole_day(&customer, &Folder(server.root.join("copies")));
}

/// One folder behind two rest-servers: whoever writes cannot delete, and only repair and purge hold what can.
#[test]
fn heavy_a_day_with_rest_that_only_the_deleter_may_delete_at() {
    let writing = RestServer::start(&RestOptions { append_only: true, ..RestOptions::default() });
    let deleting = RestServer::start(&RestOptions { root: Some(&writing.root), ..RestOptions::default() });
    let front = ByUser::start(&[(servers::USER, writing.port), (servers::DELETER, deleting.port)]);
    let deleter = writing.credentials_toml().replace(servers::USER, servers::DELETER);
    let mut customer = Customer::new();
    let remote = Folder(writing.root.join("copies"));
    customer.move_place("there", &front.url("copies"), &writing.credentials_toml(), Some(&deleter));
    whole_day(&customer, &remote);

    point_of_2020(&customer);
    run(&customer, 0, &["backup", ASSET]);
    let with_old: u64 = remote.stored().iter().map(|(_, size)| size).sum();
    // The writer alone may not, and its report says so; what it may not delete stays until somebody may.
    customer.move_place("there", &front.url("copies"), &writing.credentials_toml(), None);
    let (data, snapshots) = (remote.objects("data"), remote.objects("snapshots"));
    let output = customer.command(&["purge", "--json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let locations = report["repositories"][0]["prune"]["locations"].as_array().unwrap();
    let there = locations.iter().find(|location| location["location"] == "there").unwrap();
    assert!(there["failure"].as_str().unwrap().contains("append-only"), "{report}");
    assert!(there["deleted"] == 0 && there["waiting"].as_u64().unwrap() > 1, "{report}");
    assert_eq!((remote.objects("data"), remote.objects("snapshots")), (data, snapshots));

    customer.move_place("there", &front.url("copies"), &writing.credentials_toml(), Some(&deleter));
    run(&customer, 0, &["purge"]);
    let without_old: u64 = remote.stored().iter().map(|(_, size)| size).sum();
    assert!(without_old + 2_500_000 < with_old, "{with_old} bytes, then {without_old}");
    assert_eq!(remote.objects("snapshots").len(), 3);
    run(&customer, 0, &["verify", "--read-data"]);
    remote.check(&customer);
}

#[test]
fn credentials_that_others_can_read_are_refused_before_anything_is_sent() {
    let server = RestServer::start(&RestOptions::default());
    let mut customer = Customer::new();
    customer.move_place("there", &server.url("copies"), &server.credentials_toml(), None);
    let file = customer.path("etc/keys/there-credentials.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(run(&customer, 2, &["validate"]).contains("chmod 600"));
    let owed = run(&customer, 1, &["backup", ASSET]);
    assert!(owed.contains("chmod 600"), "{owed}");
    assert!(!server.root.join("copies").exists() && customer.repository("here").exists());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    // The first use is over, so a place that was not there yet has to be declared ready.
    assert!(run(&customer, 1, &["backup", ASSET]).contains("location establish there"));
    run(&customer, 0, &["location", "establish", "there"]);
    run(&customer, 0, &["backup", ASSET]);
    // While it runs, nobody reads a secret out of the process list.
    let mut child = customer.command(&["verify", "--read-data"]).spawn().unwrap();
    let command_line =
        Command::new("ps").args(["-o", "args=", "-p", &child.id().to_string()]).output().unwrap();
    assert!(!text(&command_line).contains(servers::PASSWORD), "{}", text(&command_line));
    assert!(child.wait().unwrap().success());
}
