//! A WHMCS that was restored: what proves that it is whole. Each proof is shown to be able to fail.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

mod dumping;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use dumping::{Dumped, create_reader, name, read_all, stream, tool};
use holdfast_asset::database::load::{DumpFiles, Options, Target, Watch, carry_out, plan};
use holdfast_asset::database::{Access, DumpSource, Manifest};
use holdfast_asset::whmcs::{MISSING_FILES, Restored, installed, missing_files, prove, questions, storage};
use holdfast_asset::{Outcome, Proof};
use holdfast_testkit::apps::whmcs::{Whmcs, WhmcsOptions};
use holdfast_testkit::servers::Mariadb;
use holdfast_world::SystemClock;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

struct Files(Vec<Dumped>);

impl DumpFiles for Files {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.iter().map(name).collect())
    }

    fn open(&self, wanted: &str) -> io::Result<Box<dyn Read + '_>> {
        let found = self.0.iter().find(|dumped| name(dumped) == wanted);
        Ok(Box::new(found.ok_or(io::ErrorKind::NotFound)?.bytes.as_slice()))
    }
}

/// An original, its dump, and a copy on a server of its own.
struct Stand {
    original: Mariadb,
    whmcs: Whmcs,
    scratch: Mariadb,
    folder: tempfile::TempDir,
    manifest: Manifest,
    instant: Timestamp,
}

impl Stand {
    fn new(options: WhmcsOptions, before_the_dump: impl FnOnce(&Whmcs)) -> Stand {
        let folder = tempfile::tempdir().unwrap();
        let (original, scratch) = (Mariadb::start(&[]), Mariadb::start(&[]));
        let whmcs = Whmcs::install(&original, &folder.path().join("original"), &options);
        before_the_dump(&whmcs);
        let rights =
            format!("{} GRANT ALL ON *.* TO '{}'@'localhost';", dumping::all_rights(), dumping::READER);
        create_reader(&original, &rights);
        create_reader(&scratch, &rights);
        let access = dumping::access(&original, &options.database);
        let found = installed(&whmcs.places.docroot).unwrap().unwrap();
        let missing = missing_files(&access, &found, storage(&access).unwrap().as_deref()).unwrap();
        let source = DumpSource::new(access, tool(), std::sync::Arc::new(SystemClock::new()))
            .asking(questions())
            .knowing(MISSING_FILES, missing);
        let files = Files(read_all(&mut *stream(&source)).unwrap());
        let manifest: Manifest = serde_json::from_slice(&files.0.last().unwrap().bytes).unwrap();
        let access = dumping::access(&scratch, &options.database);
        let target = Target::New { database: options.database.clone() };
        let planned = plan(&access, &files, &target, &Options::default()).unwrap();
        carry_out(&access, &files, &planned, &mut Watch { interrupted: None, tell: &mut |_| {} }).unwrap();
        // Files as a restore of the whole point leaves them: each at its own path below a root.
        let root = folder.path().join("restored");
        let at = root.join(folder.path().strip_prefix("/").unwrap());
        std::fs::create_dir_all(&at).unwrap();
        let copied =
            Command::new("cp").arg("-a").arg(folder.path().join("original")).arg(&at).status().unwrap();
        assert!(copied.success());
        let instant = Timestamp::from_second(options.until_s as i64).unwrap();
        Stand { original, whmcs, scratch, folder, manifest, instant }
    }

    fn access(&self) -> Access {
        dumping::access(&self.scratch, &self.whmcs.options.database)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("restored")
    }

    /// Where a path of the original was restored to.
    fn restored(&self, path: &Path) -> PathBuf {
        self.root().join(path.strip_prefix("/").unwrap())
    }

    fn sql(&self, statements: &str) {
        self.scratch.sql(&format!("SET sql_mode = ''; USE `{}`; {statements}", self.whmcs.options.database));
    }

    fn prove(&self) -> Vec<Proof> {
        self.prove_with(|_| {})
    }

    fn prove_with(&self, change: impl FnOnce(&mut Restored<'_>)) -> Vec<Proof> {
        self.prove_against(&self.manifest, change)
    }

    fn prove_against(&self, manifest: &Manifest, change: impl FnOnce(&mut Restored<'_>)) -> Vec<Proof> {
        let (access, clock, root) = (self.access(), SystemClock::new(), self.root());
        let environment = holdfast_world::World::system().environment;
        let mut restored = Restored {
            access: &access,
            manifest,
            root: &root,
            docroot: &self.whmcs.places.docroot,
            instant: self.instant,
            files_instant: self.instant,
            rpo: SignedDuration::from_hours(1),
            zone: Some(TimeZone::UTC),
            php: Path::new("php"),
            environment: &environment,
            clock: &clock,
        };
        change(&mut restored);
        prove(&restored)
    }
}

const ALL: [&str; 9] =
    ["identity", "rows", "fresh", "references", "money", "secrets", "attachments", "tables", "configuration"];

#[track_caller]
fn of<'p>(proofs: &'p [Proof], what: &str) -> &'p Proof {
    proofs.iter().find(|proof| proof.what == what).unwrap_or_else(|| panic!("no proof {what}: {proofs:#?}"))
}

#[track_caller]
fn all_hold(proofs: &[Proof]) {
    let names: Vec<&str> = proofs.iter().map(|proof| proof.what.as_str()).collect();
    assert_eq!(names, ALL);
    for proof in proofs {
        assert_eq!(proof.outcome, Outcome::Held, "{proof:#?}");
    }
}

#[test]
fn a_copy_is_proven_whole_and_each_proof_can_fail() {
    let stand = Stand::new(WhmcsOptions { is_outside: true, ..WhmcsOptions::default() }, |_| {});
    assert!(stand.manifest.answers.len() > 20, "{:?}", stand.manifest.answers);
    let proofs = stand.prove();
    all_hold(&proofs);
    assert!(of(&proofs, "identity").seen.contains("8.10.1"), "{proofs:#?}");
    let hash = stand.whmcs.options.hash();
    assert!(!format!("{proofs:?}").contains(&hash));

    // What is broken, which proof tells, what it says, and how it is mended.
    for (breaks, what, says, mends) in [
        (
            "UPDATE tblconfiguration SET value = '' WHERE setting = 'CompanyName'",
            "identity",
            "CompanyName",
            "UPDATE tblconfiguration SET value = 'Ångström Hosting' WHERE setting = 'CompanyName'",
        ),
        (
            "RENAME TABLE tbltodolist TO away",
            "rows",
            "tbltodolist is missing",
            "RENAME TABLE away TO tbltodolist",
        ),
        (
            "INSERT INTO tblwhoislog (domain) VALUES ('one.more')",
            "rows",
            "were dumped",
            "DELETE FROM tblwhoislog WHERE domain = 'one.more'",
        ),
        (
            "UPDATE tblclients SET notes = 'x' WHERE id = 1",
            "rows",
            "checksum differs",
            "UPDATE tblclients SET notes = '' WHERE id = 1",
        ),
        (
            "UPDATE tblactivitylog SET id = id + 1000000 ORDER BY id DESC LIMIT 1",
            "rows",
            "checksum differs",
            "UPDATE tblactivitylog SET id = id - 1000000 WHERE id > 1000000",
        ),
        (
            "UPDATE tblinvoices SET userid = userid + 100000 WHERE id = 1",
            "references",
            "1 invoices of nobody",
            "UPDATE tblinvoices SET userid = userid - 100000 WHERE id = 1",
        ),
        (
            "UPDATE tblticketreplies SET tid = tid + 100000 WHERE id = 1",
            "references",
            "replies to no ticket",
            "UPDATE tblticketreplies SET tid = tid - 100000 WHERE id = 1",
        ),
        (
            "UPDATE tblinvoiceitems SET amount = amount + 1 WHERE id = 1",
            "money",
            "sum of their items",
            "UPDATE tblinvoiceitems SET amount = amount - 1 WHERE id = 1",
        ),
        (
            "UPDATE tblaccounts SET amountin = amountin + 1 WHERE id = 1",
            "money",
            "received",
            "UPDATE tblaccounts SET amountin = amountin - 1 WHERE id = 1",
        ),
        (
            "CREATE TABLE keep SELECT * FROM tblcreditcards; UPDATE tblcreditcards SET card_data = REVERSE(card_data)",
            "secrets",
            "is not the key",
            "UPDATE tblcreditcards JOIN keep ON keep.id = tblcreditcards.id SET tblcreditcards.card_data = keep.card_data; \
          DROP TABLE keep",
        ),
        (
            "INSERT INTO tblclientsfiles (userid, title, filename, dateadded) VALUES (1, 'x', '../../../../etc/passwd', '2020-01-01')",
            "attachments",
            "1 files of clients are missing",
            "DELETE FROM tblclientsfiles WHERE title = 'x'",
        ),
        (
            "UPDATE tblstorageconfigurations SET handler = 'S3', is_local = 0 WHERE id = 1",
            "attachments",
            "no backup of ours",
            "UPDATE tblstorageconfigurations SET handler = 'LocalStorage', is_local = 1 WHERE id = 1",
        ),
    ] {
        stand.sql(breaks);
        let proofs = stand.prove();
        let proof = of(&proofs, what);
        assert!(!proof.is_good() && proof.seen.contains(says), "{breaks}: {proofs:#?}");
        stand.sql(mends);
    }
    all_hold(&stand.prove());

    // Freshness: the same copy, held against a later instant, and against what the original had.
    let later = stand.prove_with(|restored| restored.instant += SignedDuration::from_hours(2));
    let proof = of(&later, "fresh");
    assert!(
        proof.outcome == Outcome::Failed && proof.seen.contains("is this the database that is used"),
        "{proof:?}"
    );
    let earlier = stand.prove_with(|restored| restored.instant -= SignedDuration::from_hours(48));
    assert_eq!(of(&earlier, "fresh").outcome, Outcome::Unproven, "{earlier:#?}");

    // Files.
    let configuration = stand.restored(&stand.whmcs.places.docroot.join("configuration.php"));
    let text = std::fs::read_to_string(&configuration).unwrap();
    let rewrite = |text: &str| {
        std::fs::remove_file(&configuration).unwrap();
        std::fs::write(&configuration, text).unwrap();
    };
    for (changed, what, says) in [
        (text.replace(&hash, &"0".repeat(64)), "secrets", "is not the key of this database"),
        (text.replace("$cc_encryption_hash", "$other"), "secrets", "does not plainly set"),
        (
            text.replace("$db_name = 'whmcs'", "$db_name = 'old'"),
            "configuration",
            "names the database \"old\"",
        ),
        (format!("{text}\n$smtp_debug = ;\n"), "configuration", "not valid PHP"),
        ("<?php echo 1;".to_owned(), "configuration", ""),
    ] {
        rewrite(&changed);
        let proofs = stand.prove();
        let proof = of(&proofs, what);
        assert!(!proof.is_good() && proof.seen.contains(says), "{proofs:#?}");
        assert!(!format!("{proofs:?}").contains(&hash));
    }
    // It is compiled, and never run.
    let ran = stand.folder.path().join("ran");
    rewrite(&format!("{text}\nfile_put_contents('{}', 'x');\n", ran.display()));
    let proofs = stand.prove();
    assert!(!ran.exists());
    assert!(!of(&proofs, "configuration").seen.contains("not valid PHP"), "{proofs:#?}");
    rewrite(&text);
    let without = stand.prove_with(|restored| restored.php = Path::new("no-such-php"));
    assert_eq!(of(&without, "configuration").outcome, Outcome::Unproven, "{without:#?}");

    let attached = stand.whmcs.files_named();
    let attachment = stand.restored(&attached[0]);
    let bytes = std::fs::read(&attachment).unwrap();
    std::fs::remove_file(&attachment).unwrap();
    let proofs = stand.prove();
    assert_eq!(of(&proofs, "attachments").outcome, Outcome::Failed, "{proofs:#?}");
    // A symlink to the original is not the file.
    std::os::unix::fs::symlink(&attached[0], &attachment).unwrap();
    assert_eq!(of(&stand.prove(), "attachments").outcome, Outcome::Failed);
    std::fs::remove_file(&attachment).unwrap();
    std::fs::write(&attachment, bytes).unwrap();
    all_hold(&stand.prove());

    // A server that is gone proves nothing.
    let mut stand = stand;
    stand.scratch.kill();
    let proofs = stand.prove();
    assert_eq!(proofs.len(), ALL.len());
    assert!(proofs[..8].iter().all(|proof| proof.outcome == Outcome::Unproven), "{proofs:#?}");
}

#[test]
fn what_was_amiss_at_the_original_is_no_fault_of_a_copy() {
    let mut gone = PathBuf::new();
    let stand = Stand::new(WhmcsOptions::default(), |whmcs| {
        whmcs.sql("UPDATE tblinvoices SET userid = 999999 WHERE id <= 2; UPDATE tblinvoices SET subtotal = subtotal + 1 WHERE id = 3;");
        gone = whmcs.files_named()[0].clone();
        std::fs::remove_file(&gone).unwrap();
    });
    let proofs = stand.prove();
    all_hold(&proofs);
    assert!(
        of(&proofs, "references").seen.contains("as at the original: 2 invoices of nobody"),
        "{proofs:#?}"
    );
    assert!(of(&proofs, "money").seen.contains("1 invoices that are not the sum"), "{proofs:#?}");
    assert!(
        of(&proofs, "attachments").seen.contains("1 were missing at the original already"),
        "{proofs:#?}"
    );

    // One more is.
    stand.sql("UPDATE tblinvoices SET userid = 999999 WHERE id = 4");
    assert_eq!(of(&stand.prove(), "references").outcome, Outcome::Failed);
    // So is one less: it is not the database that was dumped.
    stand.sql("UPDATE tblinvoices SET userid = 1 WHERE id IN (1, 4)");
    assert_eq!(of(&stand.prove(), "references").outcome, Outcome::Failed);
    stand.sql("UPDATE tblinvoices SET userid = 999999 WHERE id = 1");

    // A dump of before there were answers: its rows are of one instant, so the original had as much.
    let mut old = stand.manifest.clone();
    old.answers.clear();
    let proofs = stand.prove_against(&old, |_| {});
    assert_eq!(of(&proofs, "references").outcome, Outcome::Held, "{proofs:#?}");
    assert!(of(&proofs, "references").seen.contains("the original was not asked"), "{proofs:#?}");
    assert_eq!(of(&proofs, "attachments").outcome, Outcome::Failed, "{proofs:#?}");
    // Where they are not of one instant, nobody knows.
    let invoices = old.tables.iter_mut().find(|table| table.name == "tblinvoices").unwrap();
    invoices.instant = "2020-01-01T00:00:00Z".to_owned();
    let proofs = stand.prove_against(&old, |_| {});
    assert_eq!(of(&proofs, "references").outcome, Outcome::Unproven, "{proofs:#?}");

    // Files of tickets that are younger than the files' point are told, and held against neither.
    let youngest = stand
        .whmcs
        .sql("SELECT attachment, date FROM tbltickets WHERE attachment <> '' ORDER BY id DESC LIMIT 1;");
    let (names, date) = youngest.trim().split_once('\t').unwrap();
    let file = stand.restored(&stand.whmcs.places.attachments.join(names.split('|').next().unwrap()));
    std::fs::remove_file(file).unwrap();
    assert_eq!(of(&stand.prove(), "attachments").outcome, Outcome::Failed);
    let written: jiff::civil::DateTime = date.parse().unwrap();
    let before = written.to_zoned(TimeZone::UTC).unwrap().timestamp() - SignedDuration::from_mins(1);
    let proofs = stand.prove_with(|restored| restored.files_instant = before);
    let proof = of(&proofs, "attachments");
    assert!(proof.outcome == Outcome::Held && proof.seen.contains("1 are younger"), "{proof:?}");
    drop(stand.original);
}

#[test]
fn an_old_install_of_myisam_is_asked_under_its_lock() {
    let stand = Stand::new(WhmcsOptions { is_legacy: true, ..WhmcsOptions::default() }, |whmcs| {
        whmcs.sql("UPDATE tblinvoices SET userid = 999999 WHERE id = 1;");
    });
    assert_eq!(stand.manifest.answers.get("whmcs.invoices-client").map(String::as_str), Some("1"));
    let proofs = stand.prove();
    all_hold(&proofs);
    assert!(
        of(&proofs, "references").seen.contains("as at the original: 1 invoices of nobody"),
        "{proofs:#?}"
    );
}
