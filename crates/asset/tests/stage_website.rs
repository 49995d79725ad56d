//! Restored websites brought to life: what a visitor would see, and what must not pass for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with the place in the message")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

mod dumping;
mod staging;

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dumping::{Dumped, dump, name, server};
use holdfast_asset::database::Place;
use holdfast_asset::database::load::DumpFiles;
use holdfast_asset::stage::Account;
use holdfast_asset::stage::website::{Dump, Proven, Website, prove};
use holdfast_asset::{Outcome, Proof};
use holdfast_testkit::apps::wordpress::{Wordpress, WordpressOptions};
use holdfast_testkit::servers::PASSWORD;
use holdfast_world::SecretString;
use staging::{SITE, folder, page, serving, write_site};

struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn of(files: &[Dumped]) -> Files {
        Files(files.iter().map(|dumped| (name(dumped), dumped.bytes.clone())).collect())
    }
}

impl DumpFiles for Files {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.iter().map(|(name, _)| name.clone()).collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        let found = self.0.iter().find(|(other, _)| other == name);
        Ok(Box::new(found.ok_or(io::ErrorKind::NotFound)?.1.as_slice()))
    }
}

fn outcomes(proven: &Proven) -> Vec<(&str, Outcome)> {
    proven.proofs.iter().map(|proof| (proof.what.as_str(), proof.outcome)).collect()
}

fn proof<'a>(proven: &'a Proven, what: &str) -> &'a Proof {
    proven.proofs.iter().find(|proof| proof.what == what).unwrap()
}

#[test]
fn a_wordpress_answers_from_a_staging_with_its_files_as_they_were() {
    let server = server(&[]);
    let disk = tempfile::tempdir().unwrap();
    let docroot = disk.path().join("shop.example");
    let options =
        WordpressOptions { title: "Joe's Corner & Bakery".to_owned(), ..WordpressOptions::default() };
    let site = Wordpress::install(&server, &docroot, &options);
    let dumped = Files::of(&dump(&server, &options.database).unwrap());
    drop(site);
    drop(server);

    let folder = folder();
    let mut stage = folder.open("the weekly test of shop.example");
    let restored = stage.files().join("restored");
    let copied = Command::new("cp").arg("-a").arg(&docroot).arg(&restored).status().unwrap();
    assert!(copied.success());
    // The place from which it came is gone: only the staging has it there.
    fs::remove_dir_all(&docroot).unwrap();
    let website = Website {
        probe: Some(
            ["php", "-r", "require 'wp-load.php'; echo get_option('blogname');"].map(str::to_owned).to_vec(),
        ),
        ..Website::new(&restored, &docroot)
    };
    let dumps = [Dump { database: options.database.clone(), files: &dumped }];
    let proven = prove(&mut stage, &website, &dumps, None).unwrap();
    println!("{:#?}", proven.proofs);
    assert!(proven.proofs.iter().all(Proof::is_good), "{:#?}\n{}", proven.proofs, stage.complaints());
    let questions = ["loads", "rows", "answers", "marker", "probe", "quiet", "picture"];
    assert_eq!(outcomes(&proven), questions.map(|what| (what, Outcome::Held)));
    assert!(proof(&proven, "marker").seen.contains("Bakery"), "{:?}", proof(&proven, "marker"));
    assert!(proof(&proven, "probe").seen.contains("Bakery"), "{:?}", proof(&proven, "probe"));
    assert!(proven.picture.unwrap().starts_with(b"\x89PNG"));
    let configuration = fs::read_to_string(restored.join("wp-config.php")).unwrap();
    assert!(configuration.contains("localhost:"), "its configuration is as it was");
    let destroyed = stage.destroy().unwrap();
    assert!(destroyed.files > 1000, "{destroyed:?}");
    assert_eq!(folder.entries(), Vec::<String>::new());
}

#[test]
fn a_broken_dump_and_a_website_without_its_database_do_not_pass() {
    let server = server(&[]);
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.goods (id INT PRIMARY KEY); INSERT INTO shop.goods VALUES (1), (2)");
    let mut dumped = Files::of(&dump(&server, "shop").unwrap());
    drop(server);
    let table = dumped.0.iter_mut().find(|(name, _)| name.contains("goods")).unwrap();
    table.1.truncate(table.1.len() / 2);

    let folder = folder();
    let mut stage = folder.open("a broken dump");
    let code = "<?php mysqli_report(MYSQLI_REPORT_ALL); new mysqli('localhost', 'shop', 'wrong', 'shop'); echo 'Goods';";
    let site = write_site(&stage, &[("httpdocs/index.php", code)]);
    let website =
        Website { marker: Some("Goods".to_owned()), is_pictured: false, ..Website::new(&site, SITE) };
    let dumps = [Dump { database: "shop".to_owned(), files: &dumped }];
    let proven = prove(&mut stage, &website, &dumps, None).unwrap();
    assert_eq!(
        outcomes(&proven),
        [
            ("loads", Outcome::Failed),
            ("rows", Outcome::Unproven),
            ("answers", Outcome::Failed),
            ("marker", Outcome::Unproven),
            ("quiet", Outcome::Held),
        ]
    );
    assert!(proof(&proven, "loads").seen.contains("shop"), "{:?}", proven.proofs);
    assert!(proof(&proven, "answers").seen.contains("500"), "{:?}", proven.proofs);
    stage.destroy().unwrap();
}

#[test]
fn an_empty_page_a_call_home_a_failing_probe_and_a_page_that_hangs_do_not_pass() {
    let folder = folder();
    let home = "<?php @fsockopen('198.51.100.7', 80); echo 'Welcome to nginx!';";
    let proven = |files: &[(&str, &str)], change: &dyn Fn(&mut Website)| {
        let mut stage = folder.open("a website that is none");
        let site = write_site(&stage, files);
        let mut website = Website {
            marker: Some("Our shop".to_owned()),
            address: Some("https://shop.example".to_owned()),
            is_pictured: false,
            ..Website::new(&site, SITE)
        };
        change(&mut website);
        let proven = prove(&mut stage, &website, &[], None).unwrap();
        stage.destroy().unwrap();
        proven
    };
    let none = [("loads", Outcome::NotApplicable), ("rows", Outcome::NotApplicable)];

    let alive = proven(&[("public/index.php", home)], &|website| {
        website.must_be_quiet = true;
        website.probe = Some(["sh", "-c", "echo stock is empty >&2; exit 3"].map(str::to_owned).to_vec());
    });
    assert_eq!(outcomes(&alive)[..2], none);
    assert_eq!(
        outcomes(&alive)[2..],
        [
            ("answers", Outcome::Held),
            ("marker", Outcome::Failed),
            ("probe", Outcome::Failed),
            ("quiet", Outcome::Failed),
        ]
    );
    assert!(proof(&alive, "quiet").seen.starts_with("1 connections to outside"), "{:?}", alive.proofs);
    assert!(proof(&alive, "probe").seen.contains("ended with 3: stock is empty"), "{:?}", alive.proofs);
    assert_eq!(alive.outbound.attempts, 1);

    // An ordinary website may want to; that nothing got out is what is told.
    let told = proven(&[("index.php", home)], &|website| website.marker = None);
    assert_eq!(
        outcomes(&told)[2..],
        [("answers", Outcome::Held), ("marker", Outcome::NotApplicable), ("quiet", Outcome::Held),]
    );

    let code = "<?php set_time_limit(0); while (true) usleep(1000);";
    let hangs = proven(&[("index.php", code)], &|website| website.answer_max = Duration::from_millis(300));
    assert!(hangs.is_timed_out && !alive.is_timed_out);
    assert_eq!(outcomes(&hangs)[2..4], [("answers", Outcome::Failed), ("marker", Outcome::Unproven)]);

    let code = "<?php if (empty($_SERVER['HTTPS'])) { header('Location: https://shop.example/'); exit; }
        if ($_SERVER['REQUEST_URI'] === '/') { header('Location: /en/?a=1', true, 302); exit; }
        echo 'Our shop at ', $_SERVER['HTTP_HOST'], $_SERVER['REQUEST_URI'], ' port ', $_SERVER['SERVER_PORT'];";
    let sent = proven(&[("index.php", code)], &|website| {
        website.address = Some("http://www.shop.example".to_owned());
        website.marker = Some("Our shop at shop.example/en/?a=1 port 443".to_owned());
    });
    assert!(sent.proofs.iter().all(Proof::is_good), "{:?}", sent.proofs);
}

#[test]
fn the_scratch_server_is_found_under_every_name_that_a_website_has_for_it() {
    let folder = folder();
    let mut stage = folder.open("databases");
    let accounts = [("shop", "it's \\ a \"secret\""), ("o'neill", PASSWORD)];
    let code = r#"<?php mysqli_report(MYSQLI_REPORT_OFF);
        foreach (json_decode(file_get_contents(__DIR__ . '/ways.json')) as [$host, $user, $password, $port, $socket]) {
            $db = @new mysqli($host, $user, $password, null, $port, $socket);
            $said = $db->connect_error ?: implode(',', $db->query('SELECT @@port, @@event_scheduler')->fetch_row());
            echo $host, ' ', $port, ' ', $socket, ': ', $said, "\n";
        }
        echo @(new mysqli('localhost', 'root', ''))->connect_error;
        $files = new mysqli('localhost', 'shop', "it's \\ a \"secret\"");
        echo ' files: ', var_export($files->query("SELECT LOAD_FILE('/etc/passwd')")->fetch_row()[0], true);"#;
    let ways = serde_json::json!([
        ["localhost", accounts[0].0, accounts[0].1, null, null],
        ["localhost", accounts[1].0, accounts[1].1, null, "/tmp/deep/er/mysql.sock"],
        ["127.0.0.1", accounts[0].0, accounts[0].1, 3306, null],
        ["127.0.0.1", accounts[0].0, accounts[0].1, 3307, null],
        ["db.hosting.example", accounts[0].0, accounts[0].1, 3307, null],
        ["10.20.30.40", accounts[0].0, accounts[0].1, 3306, null],
        ["[fd00::7]", accounts[0].0, accounts[0].1, 3306, null],
    ]);
    let site = write_site(&stage, &[("index.php", code), ("ways.json", &ways.to_string())]);
    stage.show(&site, Path::new(SITE)).unwrap();
    let host = |host: &str, port| Place::Host { host: host.to_owned(), port };
    let account = |(name, password): (&str, &str)| Account {
        name: name.to_owned(),
        password: SecretString::from(password.to_owned()),
    };
    stage
        .start_database(
            &accounts.map(account),
            &[
                Place::Socket("/tmp/deep/er/mysql.sock".into()),
                host("127.0.0.1", 3306),
                host("db.hosting.example", 3307),
                host("10.20.30.40", 3306),
                host("fd00::7", 3306),
            ],
        )
        .unwrap();
    stage.start_web(&serving()).unwrap();
    let said = page(&stage, "/");
    let ways = said.lines().filter(|line| line.ends_with(": 3306,OFF")).count();
    assert_eq!(ways, 7, "{said}");
    assert!(said.contains("Access denied for user 'root'"), "{said}");
    assert!(said.ends_with("files: NULL"), "{said}");
    assert!(stage.outbound().unwrap().is_quiet(), "{:?}", stage.outbound());
    let error = stage.start_database(&[], &[]).unwrap_err();
    assert!(error.message.contains("runs already"), "{error}");
    stage.destroy().unwrap();

    let mut stage = folder.open("a socket where the machine's programs lie");
    let error = stage.start_database(&[], &[Place::Socket("/usr/lib/my.sock".into())]).unwrap_err();
    assert!(error.message.contains("/usr/lib/my.sock"), "{error}");
    stage.destroy().unwrap();
}
