//! The binary log of a WHMCS database between its dumps: any second of it comes back, and what cannot be had is said.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use holdfast_testkit::apps::whmcs::{Whmcs, WhmcsOptions};
use holdfast_testkit::servers::{Mariadb, PASSWORD};
use serde_json::Value;
use support::daemon::Daemon;
use support::{ASSET, Customer};

const RIGHTS: &str = "SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS, BINLOG MONITOR, \
                      REPLICATION SLAVE, SHOW DATABASES";

/// A customer's WHMCS on a server of its own.
struct Billing {
    server: Mariadb,
    customer: Customer,
    whmcs: Whmcs,
}

impl Billing {
    fn with(options: &[&str]) -> Billing {
        let server = Mariadb::start(options);
        let customer = Customer::new();
        let whmcs = Whmcs::install(&server, &customer.path("whmcs"), &WhmcsOptions::default());
        server.sql(&format!(
            "CREATE USER reader@localhost IDENTIFIED BY '{PASSWORD}'; GRANT {RIGHTS} ON *.* TO reader@localhost"
        ));
        customer.secret("reader.toml", &format!("user = \"reader\"\npassword = \"{PASSWORD}\"\n"));
        // Beside the key ring: what lies in it and the estate does not name is taken for a repository's key.
        let account = customer.path("root.toml");
        fs::write(&account, "user = \"root\"\n").unwrap();
        fs::set_permissions(account, fs::Permissions::from_mode(0o600)).unwrap();
        customer.declare(&format!(
            "[assets.billing]\nclass = \"whmcs\"\nhost = \"web1\"\npath = \"{}\"\n[assets.billing.database]\nname = \"whmcs\"\n\
             socket = \"{}\"\ncredentials = {{ file = \"keys/reader.toml\" }}\n",
            whmcs.places.docroot.display(),
            server.socket.display()
        ));
        Billing { server, customer, whmcs }
    }

    fn followed() -> Billing {
        Billing::with(&["--log-bin=mbin", "--binlog-format=ROW", "--binlog-checksum=CRC32", "--server-id=7"])
    }

    fn dump(&self) -> String {
        let reports = self.customer.json(0, &["backup", "billing", "--dataset", "database"]);
        reports[0]["point"].as_str().unwrap().to_owned()
    }

    /// Follows the log once.
    #[track_caller]
    fn follow(&self, expected: i32) -> Value {
        self.customer.json(expected, &["backup", "billing", "--dataset", "log"])[0].clone()
    }

    /// The second that goes on, once it is over, and the state at its end.
    fn second(&self) -> (String, BTreeMap<String, String>) {
        let now = || {
            let now = self.server.sql("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')");
            now.trim().to_owned()
        };
        let (second, start) = (now(), Instant::now());
        while now() == second {
            assert!(start.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(5));
        }
        (second, self.whmcs.checksums())
    }

    fn restore<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        [&["restore", "billing", "--database", "whmcs"], more].concat()
    }

    /// Restores the state of an instant into a new database; gives its checksums and what was reported.
    #[track_caller]
    fn as_of(&self, second: &str, into: &str) -> (BTreeMap<String, String>, Value) {
        let account = self.customer.path("root.toml");
        let account = account.to_str().unwrap();
        let wish = self.restore(&["--into", into, "--at", second, "--account", account, "--yes"]);
        let report = self.customer.json(0, &wish);
        let options = WhmcsOptions { database: into.to_owned(), ..WhmcsOptions::default() };
        let sums = Whmcs::at(&self.server, &self.whmcs.places, &options).checksums();
        self.server.sql(&format!("DROP DATABASE `{into}`"));
        (sums, report)
    }

    fn snapshots_of_log(&self) -> usize {
        let listed = self.customer.holdfast(&["restic", "billing.binlog", "--", "snapshots", "--json"]);
        serde_json::from_slice::<Value>(&listed.stdout).unwrap().as_array().unwrap().len()
    }
}

#[test]
fn any_second_between_two_dumps_comes_back_and_superfluous_points_go() {
    let billing = Billing::followed();
    let first_dump = billing.dump();
    billing.whmcs.work(7, 20);
    let (early, then) = billing.second();
    billing.whmcs.work(8, 20);
    let report = billing.follow(0);
    assert_eq!(report["points"].as_array().unwrap().len(), 1, "{report:#}");
    let point = &report["points"][0];
    assert_eq!(
        (point["dataset"].as_str(), point["repository"].as_str()),
        (Some("log"), Some("billing.binlog"))
    );

    // The plan shows both, and the state is that of the second, not of the dump and not of now.
    let account = billing.customer.path("root.toml");
    let wish = billing.restore(&["--into", "copy", "--at", &early, "--account", account.to_str().unwrap()]);
    let said = billing.customer.run(0, &wish);
    let short = |id: &Value| id.as_str().unwrap()[..8].to_owned();
    assert!(said.contains(&first_dump[..8]) && said.contains(&short(&point["point"])), "{said}");
    assert!(said.contains("Then its log") && said.contains(&early), "{said}");
    let (sums, report) = billing.as_of(&early, "copy");
    assert_eq!(sums, then);
    assert_ne!(sums, billing.whmcs.checksums());
    assert!(report["loaded"]["replayed"]["transactions"].as_u64().unwrap() >= 20, "{report:#}");

    // A minute in which nothing happens is no point, and still a second that can be had. The restore itself is in the log.
    billing.follow(0);
    let (quiet, state) = billing.second();
    billing.second();
    let before = billing.snapshots_of_log();
    let report = billing.follow(0);
    assert!(report["points"].as_array().unwrap().is_empty(), "{report:#}");
    assert!(report["unchanged_until"].as_str().unwrap() >= quiet.as_str(), "{report:#}");
    assert_eq!(billing.snapshots_of_log(), before);
    assert_eq!(billing.as_of(&quiet, "copy").0, state);

    // One second that no log covers yet is not replaced by another without a word.
    billing.whmcs.work(9, 20);
    let (late, at_late) = billing.second();
    let wish = billing.restore(&["--into", "copy", "--at", &late, "--account", account.to_str().unwrap()]);
    let said = billing.customer.run(2, &wish);
    assert!(
        said.contains("cannot be had") && said.contains("is the last second") && said.contains("--point"),
        "{said}"
    );

    // A new dump: its log begins, and that of the one before is closed.
    billing.dump();
    let report = billing.follow(0);
    billing.whmcs.work(10, 20);
    let (last, at_last) = billing.second();
    let again = billing.follow(0);
    assert!(billing.snapshots_of_log() > 2, "{report:#} {again:#}");
    billing.customer.run(0, &["purge"]);
    assert_eq!(billing.snapshots_of_log(), 2, "one for each dump");
    for (second, expected) in [(&early, &then), (&quiet, &state), (&late, &at_late), (&last, &at_last)] {
        assert_eq!(&billing.as_of(second, "copy").0, expected, "{second}");
    }
    billing.customer.run(0, &["audit", "verify"]);
}

#[test]
fn a_gap_is_told_and_a_dump_is_made_at_once() {
    let billing = Billing::followed();
    billing.customer.approve();
    fs::write(billing.customer.path("site/index.php"), "<?php").unwrap();
    billing.customer.run(0, &["backup", ASSET, "billing"]);
    billing.whmcs.work(7, 5);
    billing.follow(0);
    billing.server.sql("RESET MASTER");
    let said = billing.customer.run(0, &["serve", "--once"]);
    assert!(
        said.contains("has a gap") && said.contains("ALARM") && said.contains("a dump was made at once"),
        "{said}"
    );
    billing.whmcs.work(8, 5);
    let (second, state) = billing.second();
    billing.follow(0);
    assert_eq!(billing.as_of(&second, "copy").0, state);
}

#[test]
fn the_daemon_follows_it_again_and_again_and_a_kill_costs_nothing() {
    let billing = Billing::followed();
    billing.customer.approve();
    billing.customer.change_estate("name = \"whmcs\"", "name = \"whmcs\"\nbinary_log = \"10s\"");
    fs::write(billing.customer.path("site/index.php"), "<?php").unwrap();
    billing.customer.run(0, &["backup", ASSET, "billing"]);
    let daemon = Daemon::start(&billing.customer);
    daemon.wait_until_said("its binary log is followed");
    billing.whmcs.work(7, 5);
    let (second, state) = billing.second();
    let start = Instant::now();
    // Only the next look at the server can tell of that second; until then it is refused, and no dump is taken for it.
    while !reaches(&billing.customer, &second) {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", daemon.said());
        std::thread::sleep(Duration::from_millis(500));
    }
    daemon.kill();
    assert_eq!(billing.as_of(&second, "copy").0, state);
}

/// Whether a second can be had, by what is listed.
fn reaches(customer: &Customer, second: &str) -> bool {
    let account = customer.path("root.toml");
    let wish = ["restore", "billing", "--database", "whmcs", "--into", "copy", "--at", second, "--account"];
    let output = customer.holdfast(&[&wish[..], &[account.to_str().unwrap()]].concat());
    output.status.success()
}

#[test]
fn why_no_log_is_followed_is_said_once_and_the_dumps_go_on() {
    let billing = Billing::with(&[]);
    billing.dump();
    let report = billing.follow(1);
    assert!(report["why_not"].as_str().unwrap().contains("log_bin"), "{report:#}");
    let notes = || {
        let status = billing.customer.json(1, &["status"]);
        let notes = status["notes"].as_array().unwrap().clone();
        notes.into_iter().filter(|note| note.as_str().unwrap().contains("binary log")).count()
    };
    assert_eq!(notes(), 1);
    billing.follow(1);
    assert_eq!(notes(), 1);
    billing.customer.change_estate("name = \"whmcs\"", "name = \"whmcs\"\nbinary_log = \"off\"");
    let report = billing.follow(1);
    assert!(report["why_not"].as_str().unwrap().contains("estate.toml"), "{report:#}");
    let account = billing.customer.path("root.toml");
    // The first may be the one in which the dump was made, and began before it.
    billing.second();
    let (now, _) = billing.second();
    let wish = billing.restore(&["--into", "copy", "--at", &now, "--account", account.to_str().unwrap()]);
    let said = billing.customer.run(0, &wish);
    assert!(said.contains("this is the state of") && said.contains("its log is not followed"), "{said}");
}
