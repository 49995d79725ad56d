//! Restore tests as a company has them made: from off site, in a staging, with a result that stays.
#![allow(clippy::disallowed_methods, reason = "tests run programs and wait")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use holdfast_testkit::apps::whmcs::{Whmcs, WhmcsOptions};
use holdfast_testkit::servers::{Mariadb, PASSWORD};
use serde_json::Value;
use support::{ASSET, Customer, code, flip, objects, text};

const RIGHTS: &str = "SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS, BINLOG MONITOR";

/// A page that says what the marker asks for.
const PAGE: &str = "<?php echo 'Welcome to ' . 'the shop';";

/// A page that reads from its database, as its configuration says.
const DYNAMIC: &str = "<?php require 'wp-config.php'; $db = new mysqli(DB_HOST, DB_USER, DB_PASSWORD, DB_NAME); \
    echo 'Orders: ' . $db->query('SELECT COUNT(*) FROM orders')->fetch_row()[0];";

/// What tells a WordPress apart, and the account that its server knows.
const CONFIGURATION: &str = "<?php define('DB_NAME', 'shop'); define('DB_USER', 'shop'); \
    define('DB_PASSWORD', 'secret'); define('DB_HOST', 'localhost'); $table_prefix = 'wp_';";

/// A customer whose stagings are its own, so that tests beside each other see none of each other's; their folder goes with it.
struct Own(Customer);

impl std::ops::Deref for Own {
    type Target = Customer;

    fn deref(&self) -> &Customer {
        &self.0
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(staging(&self.0));
    }
}

fn customer() -> Own {
    let customer = Customer::new();
    let name = customer.folder.path().file_name().unwrap().to_string_lossy().into_owned();
    customer.declare(&format!("[staging]\nfolder = \"/dev/shm/holdfast-test-{name}\"\n"));
    Own(customer)
}

fn staging(customer: &Customer) -> std::path::PathBuf {
    let name = customer.folder.path().file_name().unwrap().to_string_lossy().into_owned();
    Path::new("/dev/shm").join(format!("holdfast-test-{name}"))
}

/// Declares how a website is asked.
fn ask(customer: &Customer, asset: &str, lines: &str) {
    // Chromium takes seconds for each.
    let picture = if lines.contains("picture") { "" } else { "picture = false\n" };
    customer.declare(&format!("[assets.\"{asset}\".restore_test]\n{picture}{lines}\n"));
}

/// One website of one page, backed up.
fn with_a_page() -> Own {
    let customer = customer();
    fs::write(customer.path("site/index.php"), PAGE).unwrap();
    ask(&customer, ASSET, "marker = \"Welcome to the shop\"");
    customer.run(0, &["backup", ASSET]);
    customer
}

/// How each question was answered.
fn answers(tested: &Value) -> Vec<(String, String)> {
    let proofs = tested["proofs"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    proofs.map(|proof| (text(&proof["what"]), text(&proof["outcome"]))).collect()
}

fn answer<'a>(answers: &'a [(String, String)], question: &str) -> &'a str {
    let found = answers.iter().find(|(what, _)| what == question);
    found.map_or("not asked", |(_, outcome)| outcome)
}

#[track_caller]
fn nothing_is_left(customer: &Customer) {
    let stagings = fs::read_dir(staging(customer)).into_iter().flatten().flatten();
    let folders: Vec<_> = stagings.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    assert!(folders.is_empty(), "{folders:?}");
}

#[test]
fn a_website_is_restored_from_off_site_answers_and_is_destroyed() {
    let customer = with_a_page();
    // What lies beside production must not be what is restored.
    fs::rename(customer.path("here"), customer.path("gone")).unwrap();
    let report = customer.json(0, &["test", "websites", ASSET]);
    let tested = &report["results"][0];
    assert_eq!(
        (tested["state"].as_str(), tested["location"].as_str()),
        (Some("successful"), Some("there")),
        "{report:#}"
    );
    let answers = answers(tested);
    for question in ["restored", "files", "answers", "marker"] {
        assert_eq!(answer(&answers, question), "held", "{answers:?}");
    }
    assert!(tested["destroyed"][0].as_u64().unwrap() > 0, "{report:#}");
    nothing_is_left(&customer);
    let listed = customer.json(0, &["test", "list"]);
    let line = &listed["lines"][0];
    assert_eq!((line["state"].as_str(), line["is_drawn"].as_bool()), (Some("successful"), Some(true)));
    assert!(line["destroyed"].is_array() && line["seen"]["proofs"].is_array(), "{listed:#}");
    // The log has an entry for whoever asks who read a client's data.
    let log = customer.run(0, &["audit", "log"]);
    assert!(log.contains("restore-test"), "{log}");
    customer.run(0, &["test", "redraw", report["test"].as_str().unwrap()]);
}

#[test]
fn what_is_only_beside_production_is_not_restored_for_a_test() {
    let customer = with_a_page();
    fs::remove_dir_all(customer.path("there")).unwrap();
    let report = customer.json(1, &["test", "websites", ASSET]);
    let tested = &report["results"][0];
    assert_eq!(
        (tested["state"].as_str(), &tested["failed"]),
        (Some("failed"), &serde_json::json!(["found"]))
    );
    assert_eq!(tested["destroyed"], Value::Null, "nothing was restored");
}

#[test]
fn a_copy_that_is_damaged_off_site_fails_whatever_lies_beside_production() {
    let customer = customer();
    fs::write(customer.path("site/index.php"), PAGE).unwrap();
    fs::write(customer.path("site/media.bin"), support::noise(7, 3_000_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    ask(&customer, ASSET, "");
    objects(&customer.repository("there"), "data").iter().for_each(|pack| flip(pack));
    let report = customer.json(1, &["test", "websites", ASSET]);
    let tested = &report["results"][0];
    assert_eq!(tested["state"], "failed", "{report:#}");
    nothing_is_left(&customer);
    assert_eq!(row(&customer, "TEST-01", ASSET), "FAIL");
}

/// Five websites with real bytes, two with databases; one answers with an error, one lacks its marker, of one the dump is broken.
#[test]
fn each_of_five_websites_has_its_own_result() {
    let server = Mariadb::start(&[]);
    server.sql(&format!(
        "CREATE USER reader@localhost IDENTIFIED BY '{PASSWORD}'; GRANT {RIGHTS} ON *.* TO reader@localhost; \
         CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; CREATE TABLE orders (id INT PRIMARY KEY, note TEXT); \
         INSERT INTO orders SELECT seq, CONCAT('order ', seq) FROM seq_1_to_700;"
    ));
    let customer = customer();
    customer.secret("reader.toml", &format!("user = \"reader\"\npassword = \"{PASSWORD}\"\n"));
    let database = format!(
        "databases = [{{ name = \"shop\", socket = \"{}\", credentials = {{ file = \"keys/reader.toml\" }} }}]\n",
        server.socket.display()
    );
    fs::write(customer.path("site/index.php"), PAGE).unwrap();
    ask(&customer, ASSET, "marker = \"Welcome to the shop\"");
    let site = |name: &str, page: &str, settings: &str, asked: &str| {
        fs::create_dir(customer.path(name)).unwrap();
        fs::write(customer.path(name).join("index.php"), page).unwrap();
        customer.declare(&format!(
            "[assets.\"{name}\"]\nclass = \"website\"\nhost = \"web1\"\nclient = \"C-{name}\"\npath = \"{}\"\n{settings}",
            customer.path(name).display()
        ));
        ask(&customer, name, asked);
    };
    site("dynamic.example", DYNAMIC, &database, "address = \"http://localhost\"\nmarker = \"Orders: 700\"");
    fs::create_dir(customer.path("dynamic.example/wp-includes")).unwrap();
    fs::write(customer.path("dynamic.example/wp-includes/version.php"), "<?php $wp_version = '6.8';")
        .unwrap();
    fs::write(customer.path("dynamic.example/wp-config.php"), CONFIGURATION).unwrap();
    site("error.example", "<?php http_response_code(500); echo 'Welcome';", "", "marker = \"Welcome\"");
    site("other.example", "<?php echo 'Under construction';", "", "marker = \"Welcome\"");
    site("own.example", PAGE, "", "marker = \"Welcome\"\nprobe = [\"false\"]");
    for name in [ASSET, "dynamic.example", "error.example", "other.example", "own.example"] {
        customer.run(0, &["backup", name]);
    }
    let names = [ASSET, "dynamic.example", "error.example", "other.example", "own.example"];
    let report = customer.json(1, &[&["test", "websites"], &names[..]].concat());
    let of =
        |name: &str| report["results"].as_array().unwrap().iter().find(|one| one["asset"] == name).unwrap();
    for (name, failed) in [
        (ASSET, &[][..]),
        ("dynamic.example", &[]),
        // What stands on a page of an error is no proof.
        ("error.example", &["answers", "marker"]),
        ("other.example", &["marker"]),
        ("own.example", &["probe"]),
    ] {
        let tested = of(name);
        let found: Vec<&str> =
            tested["failed"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(found, failed, "{name}: {tested:#}");
        assert!(tested["destroyed"].is_array(), "{name}");
    }
    for question in ["loads", "rows", "answers", "marker"] {
        assert_eq!(answer(&answers(of("dynamic.example")), question), "held", "{:#}", of("dynamic.example"));
    }
    nothing_is_left(&customer);
    assert_eq!(row(&customer, "TEST-01", ASSET), "PASS");
    assert_eq!(row(&customer, "TEST-01", "error.example"), "FAIL");
}

#[test]
fn a_test_that_hangs_is_ended_and_says_so() {
    let customer = customer();
    fs::write(customer.path("site/index.php"), PAGE).unwrap();
    let policy = customer.path("etc/policy.toml");
    let words = fs::read_to_string(&policy).unwrap();
    let drill = "drill = { sentence = \"6.4\"";
    let staging = "staging = { sentence = \"9.2\", encrypted = true, logged = true, excluded_from_backups = true, ttl = \"10s\" }\n";
    fs::write(&policy, words.replacen(drill, &format!("{staging}{drill}"), 1)).unwrap();
    ask(&customer, ASSET, "probe = [\"sleep\", \"600\"]");
    customer.run(0, &["backup", ASSET]);
    let report = customer.json(1, &["test", "websites", ASSET]);
    let tested = &report["results"][0];
    assert_eq!(tested["state"], "timed-out", "{report:#}");
    nothing_is_left(&customer);
}

#[test]
fn one_that_is_killed_is_a_failure_and_what_it_left_is_destroyed() {
    let customer = customer();
    fs::write(customer.path("site/index.php"), PAGE).unwrap();
    fs::write(customer.path("site/canary.txt"), "a client's letter").unwrap();
    ask(&customer, ASSET, "probe = [\"sleep\", \"600\"]");
    customer.run(0, &["backup", ASSET]);
    let mut command = customer.command(&["test", "websites", ASSET]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Until what was restored lies there.
    let is_restored = || {
        let found = std::process::Command::new("grep")
            .args(["-rqs", "a client's letter"])
            .arg(staging(&customer))
            .status();
        found.unwrap().success()
    };
    while !is_restored() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before anything was restored");
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let listed = customer.json(0, &["test", "list"]);
    assert_eq!(listed["lines"][0]["state"], "validating", "{listed:#}");
    let listed = customer.json(1, &["test", "list", "--sweep"]);
    let line = &listed["lines"][0];
    assert_eq!((line["state"].as_str(), &line["failed"]), (Some("failed"), &serde_json::json!(["ended"])));
    assert!(line["destroyed"][1].as_u64().unwrap() > 0, "{listed:#}");
    nothing_is_left(&customer);
    assert!(!is_restored());
    assert_eq!(row(&customer, "TEST-01", ASSET), "FAIL");
}

#[test]
fn what_somebody_chose_is_told_and_clears_nothing() {
    let customer = with_a_page();
    let point = customer.json(0, &["points", ASSET])[0]["id"].as_str().unwrap().to_owned();
    customer.json(0, &["test", "websites", ASSET, "--point", &point[..8]]);
    let listed = customer.json(0, &["test", "list"]);
    assert_eq!(listed["lines"][0]["is_drawn"], false);
    assert_eq!(row(&customer, "TEST-01", "websites"), "NO_EVIDENCE");
    let said = customer.run(2, &["test", "websites", ASSET, "--point", "ffffffff"]);
    assert!(said.contains("no point ffffffff"), "{said}");
    let said = customer.run(2, &["test", "whmcs", ASSET]);
    assert!(said.contains("is of the class website"), "{said}");
}

#[test]
fn no_backup_takes_what_was_restored_for_a_test() {
    let customer = with_a_page();
    let inside = staging(&customer).join("site");
    fs::create_dir_all(&inside).unwrap();
    customer.declare(&format!(
        "[assets.\"wrong.example\"]\nclass = \"website\"\nhost = \"web1\"\npath = \"{}\"\n",
        inside.display()
    ));
    let output = customer.holdfast(&["backup", "wrong.example"]);
    assert_ne!(code(&output), 0);
    assert!(text(&output).contains("folder for stagings"), "{}", text(&output));
    fs::remove_dir_all(staging(&customer)).unwrap();
}

#[test]
fn who_is_drawn_in_a_week_is_drawn_once() {
    let customer = with_a_page();
    customer.another_site("other.example");
    customer.run(0, &["backup", "other.example"]);
    let first = customer.json(0, &["test", "websites"]);
    assert_eq!(first["results"].as_array().unwrap().len(), 2, "{first:#}");
    assert!(first["occasion"].as_str().unwrap().contains("-W"), "{first:#}");
    let again = customer.json(0, &["test", "websites"]);
    // Unless the week ended just now.
    if again["occasion"] == first["occasion"] {
        assert_eq!((&again["test"], again["results"].as_array().unwrap().len()), (&first["test"], 0));
    }
    customer.run(0, &["test", "redraw", first["test"].as_str().unwrap()]);
}

/// A customer with a synthetic WHMCS, backed up.
fn billing(server: &Mariadb, spoil: impl Fn(&Whmcs)) -> (Own, Whmcs) {
    let customer = customer();
    let until_s = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    let options = WhmcsOptions { until_s, ..WhmcsOptions::default() };
    let whmcs = Whmcs::install(server, &customer.path("whmcs"), &options);
    spoil(&whmcs);
    server.sql(&format!(
        "CREATE USER reader@localhost IDENTIFIED BY '{PASSWORD}'; GRANT {RIGHTS} ON *.* TO reader@localhost;"
    ));
    customer.secret("reader.toml", &format!("user = \"reader\"\npassword = \"{PASSWORD}\"\n"));
    customer.declare(&format!(
        "[assets.billing]\nclass = \"whmcs\"\nhost = \"web1\"\npath = \"{}\"\n\
         database = {{ name = \"whmcs\", socket = \"{}\", credentials = {{ file = \"keys/reader.toml\" }} }}\n",
        whmcs.places.docroot.display(),
        server.socket.display()
    ));
    ask(&customer, "billing", "");
    let output = customer.holdfast(&["backup", "billing"]);
    assert!(code(&output) <= 1, "{}", text(&output));
    (customer, whmcs)
}

fn row(customer: &Customer, control: &str, target: &str) -> String {
    let output = customer.command(&["status", "--json"]).output().unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let control =
        status["controls"].as_array().unwrap().iter().find(|one| one["control"] == control).unwrap();
    let rows = control["rows"].as_array().unwrap().iter();
    let mut rows = rows.filter(|row| row["target"] == target);
    rows.next().unwrap_or_else(|| panic!("no row {target}: {control:#}"))["verdict"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn whmcs_is_restored_whole_proven_and_kept_from_acting() {
    let server = Mariadb::start(&[]);
    let (customer, _whmcs) = billing(&server, |_| {});
    let report = customer.json(0, &["test", "whmcs", "billing"]);
    let tested = &report["results"][0];
    assert_eq!(tested["state"], "successful", "{report:#}");
    let answers = answers(tested);
    for question in
        ["restored", "files", "loads", "rows", "secrets", "fresh", "neutralised", "answers", "quiet"]
    {
        assert_eq!(answer(&answers, question), "held", "{question}: {tested:#}");
    }
    assert!(answers.iter().any(|(what, _)| what.starts_with("neutral.")), "{answers:?}");
    assert_eq!(tested["beside"].as_array().unwrap().len(), 1, "the point of the files goes with it");
    nothing_is_left(&customer);
    assert_eq!(row(&customer, "TEST-02", "billing"), "PASS");
}

#[test]
fn a_whmcs_that_reaches_out_or_whose_secret_is_another_fails() {
    let server = Mariadb::start(&[]);
    let (customer, _whmcs) = billing(&server, |whmcs| {
        let login = whmcs.places.docroot.join(whmcs.admin_page().trim_start_matches('/'));
        let page = fs::read_to_string(&login).unwrap();
        let calls = "<?php @file_get_contents('http://192.0.2.7/licence'); ?>";
        fs::write(&login, format!("{calls}{page}")).unwrap();
        let file = whmcs.places.docroot.join("configuration.php");
        let words = fs::read_to_string(&file).unwrap();
        let (before, after) = words.split_once("$cc_encryption_hash = '").unwrap();
        fs::remove_file(&file).unwrap();
        fs::write(&file, format!("{before}$cc_encryption_hash = 'another{after}")).unwrap();
    });
    let report = customer.json(1, &["test", "whmcs", "billing"]);
    let tested = &report["results"][0];
    let failed = tested["failed"].as_array().unwrap();
    for question in ["quiet", "secrets"] {
        assert!(failed.iter().any(|one| one == question), "{question}: {tested:#}");
    }
    nothing_is_left(&customer);
    assert_eq!(row(&customer, "TEST-02", "billing"), "FAIL");
}
