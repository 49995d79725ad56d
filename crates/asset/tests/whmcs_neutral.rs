//! A copy of a WHMCS that is brought to life: it charges nobody, mails nobody, and what is left on is found.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]

mod dumping;

use dumping::create_reader;
use holdfast_asset::whmcs::{WhmcsErrorKind, is_neutralised, neutralise};
use holdfast_asset::{Outcome, Proof};
use holdfast_testkit::apps::whmcs::{Whmcs, WhmcsOptions};
use holdfast_testkit::servers::{Hook, Mariadb, Smtp, SmtpSecurity};
use holdfast_world::SystemClock;

#[track_caller]
fn of<'p>(proofs: &'p [Proof], what: &str) -> &'p Proof {
    proofs.iter().find(|proof| proof.what == what).unwrap_or_else(|| panic!("no proof {what}: {proofs:#?}"))
}

#[test]
fn a_copy_is_kept_from_acting_and_what_is_left_on_is_found() {
    let server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let whmcs = Whmcs::install(&server, folder.path(), &WhmcsOptions::default());
    whmcs.move_to_s3("ticket_attachments");
    whmcs.sql(
        "UPDATE tblticketdepartments SET host = 'pop.hosting.example', login = 'l', password = 'p', mail_auth_config = 'x' WHERE id = 1; \
         INSERT INTO tbladdonmodules (module, setting, value) VALUES ('projects', 'access', '1'); \
         INSERT INTO tblconfiguration (setting, value) VALUES ('ActiveAddonModules', 'projects'), ('MailConfig', 'eyJ9');",
    );
    create_reader(&server, &format!("GRANT ALL ON *.* TO '{}'@'localhost';", dumping::READER));
    let access = dumping::access(&server, "whmcs");
    let clock = SystemClock::new();
    let look = || is_neutralised(&access, &clock);
    let tables_without = ["notifications", "fraud"].map(|what| format!("neutral.{what}"));
    // An original fails every question that it can be asked.
    for proof in look() {
        let expected =
            if tables_without.contains(&proof.what) { Outcome::NotApplicable } else { Outcome::Failed };
        assert_eq!(proof.outcome, expected, "{proof:?}");
    }
    let done = neutralise(&access).unwrap();
    let proofs = look();
    assert!(done.len() + tables_without.len() == proofs.len(), "{done:#?} {proofs:#?}");
    assert!(done.iter().all(|done| done.rows > 0), "{done:#?}");
    assert!(proofs.iter().all(Proof::is_good), "{proofs:#?}");
    // What stays is the business: nothing of it is lost.
    assert!(whmcs.count("tblinvoices") > 0 && whmcs.count("tblhosting") > 0);

    // Whatever is turned on again is found, and nothing else is said to be on.
    for (on, what) in [
        (
            "INSERT INTO tblpaymentgateways (gateway, setting, value) VALUES ('stripe', 'name', 'Stripe')",
            "gateways",
        ),
        ("UPDATE tblclients SET disableautocc = 0 WHERE id = 1", "capture"),
        (
            "INSERT INTO tblregistrars (registrar, setting, value) VALUES ('enom', 'Username', 'x')",
            "registrars",
        ),
        ("UPDATE tbldomains SET registrar = 'enom' LIMIT 1", "domains"),
        ("UPDATE tblservers SET hostname = 'plesk1.hosting.example' WHERE id = 1", "servers"),
        ("UPDATE tblservers SET disabled = 0 WHERE id = 1", "servers"),
        ("UPDATE tblproducts SET servertype = 'plesk' WHERE id = 1", "products"),
        ("INSERT INTO tbladdonmodules (module, setting, value) VALUES ('projects', 'access', '1')", "addons"),
        (
            "UPDATE tblconfiguration SET value = 'projects' WHERE setting = 'ActiveAddonModules'",
            "active-addons",
        ),
        ("UPDATE tblconfiguration SET value = 'mail.hosting.example' WHERE setting = 'SMTPHost'", "mail"),
        ("UPDATE tblconfiguration SET value = 'smtp' WHERE setting = 'MailType'", "mail"),
        ("UPDATE tblemails SET pending = 1 LIMIT 1", "mail-waiting"),
        ("UPDATE tblticketdepartments SET host = 'pop.hosting.example' WHERE id = 2", "mailboxes"),
        ("UPDATE tblticketdepartments SET mail_auth_config = 'x' WHERE id = 2", "mailboxes-oauth"),
        ("UPDATE tbltask SET is_enabled = 1 WHERE id = 3", "tasks"),
        ("UPDATE tbltask_status SET next_due = '2026-11-01 00:00:00' WHERE task_id = 2", "tasks-due"),
        ("UPDATE tblstorageconfigurations SET is_local = 0, handler = 'S3' WHERE id = 1", "storage"),
    ] {
        whmcs.sql(&format!("SET sql_mode = ''; {on};"));
        let proofs = look();
        let bad: Vec<&str> =
            proofs.iter().filter(|proof| !proof.is_good()).map(|proof| proof.what.as_str()).collect();
        assert_eq!(bad, [format!("neutral.{what}")], "{on}: {proofs:#?}");
        assert_eq!(of(&proofs, bad[0]).outcome, Outcome::Failed);
        neutralise(&access).unwrap();
        assert!(look().iter().all(Proof::is_good), "{on}");
    }

    // Something that is no WHMCS is not said to be harmless.
    server.sql("CREATE DATABASE other; CREATE TABLE other.t (id INT)");
    let other = dumping::access(&server, "other");
    let error = neutralise(&other).unwrap_err();
    assert!(
        error.kind == WhmcsErrorKind::NotWhmcs && error.to_string().contains("tblpaymentgateways"),
        "{error}"
    );
    assert!(is_neutralised(&other, &clock).iter().any(|proof| proof.outcome == Outcome::Unproven));
    whmcs.sql("ALTER TABLE tblservers DROP COLUMN accesshash;");
    assert_eq!(neutralise(&access).unwrap_err().kind, WhmcsErrorKind::NotWhmcs);
    assert_eq!(of(&look(), "neutral.servers").outcome, Outcome::Unproven);
}

#[test]
fn the_cron_of_a_copy_reaches_nobody() {
    let server = Mariadb::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let (gateway, mail) = (Hook::start(), Smtp::start(SmtpSecurity::None));
    let options = WhmcsOptions {
        gateway_url: gateway.url("charge"),
        mail_port: mail.port(),
        ..WhmcsOptions::default()
    };
    let now = options.until_s + 3600;
    let whmcs = Whmcs::install(&server, folder.path(), &options);
    create_reader(&server, &format!("GRANT ALL ON *.* TO '{}'@'localhost';", dumping::READER));
    neutralise(&dumping::access(&server, "whmcs")).unwrap();
    // The stand-in asks for its gateway whether there is one or not: give it one where nobody listens, and mail to send.
    whmcs.sql(
        "INSERT INTO tblpaymentgateways (gateway, setting, value, `order`) \
           VALUES ('localgateway', 'gatewayurl', 'http://127.0.0.1:9/', 0); \
         UPDATE tblemails SET pending = 1 ORDER BY id LIMIT 2;",
    );
    assert_eq!(whmcs.cron(now).trim(), "charged 0, sent 0");
    assert_eq!((gateway.posts().len(), mail.mails().len()), (0, 0));
    // It would have, had it been left as it was.
    whmcs.sql(&format!(
        "UPDATE tblpaymentgateways SET value = '{}'; \
         UPDATE tblconfiguration SET value = '127.0.0.1' WHERE setting = 'SMTPHost'; \
         UPDATE tblconfiguration SET value = '{}' WHERE setting = 'SMTPPort';",
        gateway.url("charge"),
        mail.port()
    ));
    assert_eq!(whmcs.cron(now).trim(), "charged 3, sent 2");
    assert_eq!((gateway.posts().len(), mail.mails().len()), (3, 2));
}
