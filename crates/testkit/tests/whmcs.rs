//! The synthetic WHMCS of the test kit is what it says: in proportion, without orphans, with sums that hold and secrets that
//! open, the same for the same seed; and it shows what is broken.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops, with the place in the message")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use holdfast_testkit::apps::whmcs::{Whmcs, WhmcsOptions};
use holdfast_testkit::servers::{Hook, Mariadb, Smtp, SmtpSecurity};

const NOTHING: Vec<String> = Vec::new();

fn install(server: &Mariadb, folder: &Path, options: WhmcsOptions) -> Whmcs {
    Whmcs::install(server, &folder.join(&options.database), &options)
}

#[test]
fn an_install_is_in_proportion_and_whole_and_answers() {
    let server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let whmcs = install(&server, folder.path(), WhmcsOptions::default());
    assert_eq!(whmcs.faults(), NOTHING);
    for (table, rows) in [
        ("tblclients", 11),
        ("tblusers", 11),
        ("tblhosting", 9),
        ("tbldomains", 5),
        ("tblorders", 13),
        ("tblinvoices", 70),
        ("tblaccounts", 50),
        ("tbltickets", 4),
        ("tblticketreplies", 4),
        ("tblactivitylog", 2550),
        ("tblmodulelog", 6190),
        ("tblerrorlog", 1280),
        ("tbltransaction_history", 220),
    ] {
        assert_eq!(whmcs.count(table), rows, "{table}");
    }
    let items = whmcs.count("tblinvoiceitems");
    assert!((95..=120).contains(&items), "{items}");
    assert!(whmcs.checksums().len() >= 75, "{}", whmcs.checksums().len());
    assert!(whmcs.checksums().values().all(|sum| sum != "NULL"));
    let engines =
        whmcs.sql("SELECT DISTINCT engine FROM information_schema.tables WHERE table_schema=DATABASE();");
    assert_eq!(engines.trim(), "InnoDB");
    assert!(whmcs.files_named().len() > 4);

    let configuration = whmcs.places.docroot.join("configuration.php");
    assert_eq!(fs::metadata(&configuration).unwrap().permissions().mode() & 0o777, 0o400);
    let mut web = whmcs.serve();
    let home = web.get("/");
    assert_eq!(home.status, 200, "{}{}", home.body, web.log());
    assert!(
        home.body.contains("Ångström Hosting") && home.body.contains("Newest invoice: #70 "),
        "{}",
        home.body
    );
    let login = web.get(&whmcs.admin_page());
    assert!(
        login.status == 200 && login.body.contains("Version 8.10.1-release.1, 3 administrators"),
        "{}",
        login.body
    );
    whmcs.sql("RENAME TABLE tblinvoices TO elsewhere;");
    assert_eq!(web.get("/").status, 500);
    web.kill();
}

#[test]
fn what_is_broken_is_a_fault() {
    let server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let whmcs = install(&server, folder.path(), WhmcsOptions::default());
    whmcs.sql("DELETE FROM tblclients WHERE id=3;");
    assert!(whmcs.faults().iter().any(|fault| fault.ends_with("invoices of nobody")), "{:?}", whmcs.faults());
    whmcs.sql("UPDATE tblinvoiceitems SET amount=amount+0.01 WHERE id=1;");
    let wrong = "1 invoices that are not the sum of their items";
    assert!(whmcs.faults().iter().any(|fault| fault == wrong), "{:?}", whmcs.faults());
    whmcs.sql("DELETE FROM tblaccounts WHERE id=1;");
    let unpaid = "1 paid invoices that were not paid";
    assert!(whmcs.faults().iter().any(|fault| fault == unpaid), "{:?}", whmcs.faults());
    let lost = whmcs.files_named().remove(0);
    fs::remove_file(&lost).unwrap();
    assert!(whmcs.faults().contains(&format!("{} is missing", lost.display())), "{:?}", whmcs.faults());
    let configuration = whmcs.places.docroot.join("configuration.php");
    let text = fs::read_to_string(&configuration).unwrap();
    fs::remove_file(&configuration).unwrap();
    fs::write(&configuration, text.replace(&whmcs.options.hash(), &"x".repeat(64))).unwrap();
    assert!(whmcs.faults().iter().any(|fault| fault.ends_with("cards that configuration.php does not open")));
}

#[test]
fn the_same_seed_does_the_same_business_and_everything_still_holds() {
    let server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        let options = WhmcsOptions { database: name.to_owned(), ..WhmcsOptions::default() };
        install(&server, folder.path(), options)
    };
    let [first, second, other] = ["first", "second", "other"].map(copy);
    let before = first.checksums();
    first.work(5, 90);
    second.work(5, 90);
    other.work(6, 90);
    let sums = |whmcs: &Whmcs| {
        let mut sums = whmcs.checksums();
        // It names folders.
        sums.remove("tblstorageconfigurations").unwrap();
        sums
    };
    assert_eq!(sums(&first), sums(&second));
    assert_ne!(sums(&first), sums(&other));
    for table in [
        "tblorders",
        "tblinvoices",
        "tblaccounts",
        "tbltickets",
        "tblticketreplies",
        "tblmodulelog",
        "tblemails",
    ] {
        assert_ne!(first.checksums()[table], before[table], "{table} did not change");
    }
    let contents =
        |whmcs: &Whmcs| whmcs.files_named().iter().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>();
    assert!(contents(&first) == contents(&second), "files are the same too");
    assert_eq!(first.faults(), NOTHING);
    assert_eq!(other.faults(), NOTHING);

    let working = first.begin_work(7);
    let seen = first.count("tblmodulelog");
    while first.count("tblmodulelog") < seen + 200 {}
    let worked = working.stop();
    assert!(worked.failed.is_none() && worked.minutes >= 2, "{worked:?}");
    assert_eq!(first.faults(), NOTHING);
}

#[test]
fn a_server_that_dies_ends_the_business_and_is_told() {
    let mut server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let whmcs = install(&server, folder.path(), WhmcsOptions::default());
    let working = whmcs.begin_work(1);
    let seen = whmcs.count("tblmodulelog");
    while whmcs.count("tblmodulelog") == seen {}
    server.kill();
    while !working.is_finished() {}
    assert!(working.stop().failed.is_some());
    server.restart();
    assert_eq!(whmcs.faults(), NOTHING, "each minute is there whole or not at all");
}

#[test]
fn an_old_install_has_myisam_and_latin1_and_may_lie_outside_of_the_web_root() {
    let server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let options = WhmcsOptions { is_legacy: true, is_outside: true, ..WhmcsOptions::default() };
    let whmcs = install(&server, folder.path(), options);
    let kinds = "SELECT DISTINCT engine, table_collation FROM information_schema.tables WHERE table_schema=DATABASE();";
    assert_eq!(whmcs.sql(kinds).trim(), "MyISAM\tlatin1_swedish_ci");
    assert_eq!(whmcs.faults(), NOTHING);
    assert_eq!(whmcs.sql("SELECT COUNT(*) FROM tblclients WHERE companyname LIKE '%?%';").trim(), "0");
    assert!(!whmcs.places.attachments.starts_with(&whmcs.places.docroot));
    let text = fs::read_to_string(whmcs.places.docroot.join("configuration.php")).unwrap();
    assert!(
        text.contains(&format!("$attachments_dir = \"{}\";", whmcs.places.attachments.display())),
        "{text}"
    );
    let home = whmcs.serve().get("/");
    assert!(home.status == 200 && home.body.contains("Ångström Hosting"), "{}", home.body);
    whmcs.work(1, 30);
    assert_eq!(whmcs.faults(), NOTHING);
    whmcs.move_to_s3("ticket_attachments");
    let remote = "SELECT asset_type FROM tblfileassetsettings a JOIN tblstorageconfigurations b ON b.id=a.storageconfiguration_id WHERE is_local=0;";
    assert_eq!(whmcs.sql(remote).trim(), "ticket_attachments");
}

#[test]
fn the_cron_charges_sends_and_writes_down_that_it_ran() {
    let server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let (gateway, mail) = (Hook::start(), Smtp::start(SmtpSecurity::None));
    let options = WhmcsOptions {
        gateway_url: gateway.url("charge"),
        mail_port: mail.port(),
        ..WhmcsOptions::default()
    };
    let now = options.until_s + 3600;
    let whmcs = install(&server, folder.path(), options);
    assert_eq!(whmcs.cron(now).trim(), "charged 3, sent 2");
    assert_eq!(gateway.posts().len(), 3);
    assert!(
        gateway.posts()[0].path == "/charge" && gateway.posts()[0].body.contains("\"total\""),
        "{:?}",
        gateway.posts()
    );
    assert_eq!(mail.mails().len(), 2);
    assert_eq!(mail.mails()[0].header("Subject"), "Payment reminder 1");
    assert_eq!(whmcs.faults(), NOTHING);
    let ran = "SELECT value FROM tblconfiguration WHERE setting='lastCronInvocationTime'; SELECT DISTINCT last_run FROM tbltask_status;
        SELECT description FROM tblactivitylog ORDER BY id DESC LIMIT 1;";
    let day = "2026-11-01 01:00:00";
    let said = whmcs.sql(&format!("SET time_zone='+00:00'; {ran}"));
    assert_eq!(said.trim(), format!("{day}\n{day}\nCron Job: Completed, 3 charged, 2 sent"));

    gateway.answer(500);
    whmcs.sql("UPDATE tblpaymentgateways SET value='http://127.0.0.1:9/' WHERE setting='gatewayurl';");
    assert_eq!(whmcs.cron(now).trim(), "charged 0, sent 0");
    assert_eq!(gateway.posts().len(), 3, "it goes where the database says, and nowhere else");
    assert_eq!(whmcs.faults(), NOTHING);
}

#[test]
fn heavy_an_install_of_middling_size_is_whole() {
    let server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let whmcs = install(&server, folder.path(), WhmcsOptions { scale: 1.0, ..WhmcsOptions::default() });
    assert_eq!(whmcs.count("tblmodulelog"), 619_000);
    assert_eq!(whmcs.count("tblinvoices"), 7_000);
    assert_eq!(whmcs.count("tblaccounts"), 5_000);
    assert_eq!(whmcs.faults(), NOTHING);
    assert!(whmcs.serve().get("/").body.contains("Newest invoice: #7000 "));
}
