//! A WHMCS whose files are not all in its folder: what is taken along, and what is said where something cannot be. To be run as
//! root: owners need it.
#![allow(clippy::disallowed_methods, reason = "tests look at the machine directly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use holdfast_testkit::apps::whmcs::{Whmcs, WhmcsOptions};
use holdfast_testkit::servers::{Mariadb, PASSWORD};
use serde_json::Value;
use support::{Customer, code, text};

struct Billing {
    customer: Customer,
    server: Mariadb,
    whmcs: Whmcs,
}

impl Billing {
    fn new(is_outside: bool) -> Billing {
        let (server, customer) = (Mariadb::start(&[]), Customer::new());
        let options = WhmcsOptions { is_outside, scale: 0.002, ..WhmcsOptions::default() };
        let whmcs = Whmcs::install(&server, &customer.path("billing"), &options);
        server.sql(&format!(
            "CREATE USER reader@localhost IDENTIFIED BY '{PASSWORD}'; \
             GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS, BINLOG MONITOR ON *.* TO reader@localhost"
        ));
        customer.secret("reader.toml", &format!("user = \"reader\"\npassword = \"{PASSWORD}\"\n"));
        customer.declare(&format!(
            "[assets.billing]\nclass = \"whmcs\"\nhost = \"web1\"\npath = \"{}\"\n\
             database = {{ name = \"whmcs\", socket = \"{}\", credentials = {{ file = \"keys/reader.toml\" }} }}\n",
            whmcs.places.docroot.display(),
            server.socket.display()
        ));
        Billing { customer, server, whmcs }
    }

    /// Backs up the files; says what was said.
    #[track_caller]
    fn back_up(&self, ends: i32) -> String {
        let output = self.customer.holdfast(&["backup", "billing", "--dataset", "files"]);
        let said = text(&output);
        assert_eq!(code(&output), ends, "{said}");
        assert!(said.contains("billing: point"), "{said}");
        assert!(!said.contains(&self.whmcs.options.hash()), "{said}");
        said
    }

    fn configuration(&self) -> PathBuf {
        self.whmcs.places.docroot.join("configuration.php")
    }

    /// Changes configuration.php, which nobody but root may write.
    fn configure(&self, change: impl FnOnce(String) -> String) {
        let text = change(fs::read_to_string(self.configuration()).unwrap());
        fs::set_permissions(self.configuration(), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(self.configuration(), text).unwrap();
        fs::set_permissions(self.configuration(), fs::Permissions::from_mode(0o400)).unwrap();
    }

    /// Restores everything of the newest point of the files.
    fn restore_whole(&self, name: &str) -> PathBuf {
        let to = self.customer.path(name);
        let arguments = ["restore", "billing", "--dataset", "files", "--whole", "--to", to.to_str().unwrap()];
        self.customer.run(0, &arguments);
        to
    }
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap())
}

#[test]
fn folders_outside_of_the_web_root_come_back_with_it() {
    let billing = Billing::new(true);
    billing.back_up(0);
    let whole = billing.restore_whole("whole");
    let places = &billing.whmcs.places;
    for path in [&places.attachments, &places.downloads, &places.crons, &places.templates_c, &places.docroot]
    {
        assert!(below(&whole, path).is_dir(), "{}", path.display());
    }
    let named = billing.whmcs.files_named();
    assert!(named.len() > 3);
    for path in named {
        assert_eq!(fs::read(below(&whole, &path)).unwrap(), fs::read(&path).unwrap(), "{}", path.display());
    }
    // The folder of WHMCS is still what a plain restore brings.
    let to = billing.customer.path("plain");
    billing.customer.run(0, &["restore", "billing", "--dataset", "files", "--to", to.to_str().unwrap()]);
    assert!(to.join("configuration.php").exists());

    // Only the database knows where files went after that. Nobody told estate.toml.
    let moved = billing.customer.path("moved");
    fs::rename(&places.attachments, &moved).unwrap();
    billing.configure(|text| text.replace("$attachments_dir", "$old_dir"));
    billing.whmcs.sql(&format!(
        "UPDATE tblstorageconfigurations SET settings = '{{\"local_path\":\"{}\"}}' WHERE name = 'Attachments';",
        moved.display()
    ));
    billing.back_up(0);
    let whole = billing.restore_whole("again");
    assert!(below(&whole, &moved).join("contract_0001.pdf").exists());
    // Once it is gone, that is said.
    fs::rename(&moved, billing.customer.path("elsewhere")).unwrap();
    let said = billing.back_up(1);
    assert!(said.contains("Attachments") && said.contains("it is not there"), "{said}");
}

#[test]
fn what_is_kept_elsewhere_or_belongs_to_others_degrades_the_run() {
    let billing = Billing::new(false);
    billing.back_up(0);
    billing.whmcs.move_to_s3("ticket_attachments");
    let said = billing.back_up(1);
    assert!(said.contains("S3") && said.contains("ticket_attachments"), "{said}");
    let place = |path: &Path| {
        billing.whmcs.sql(&format!(
            "UPDATE tblstorageconfigurations SET handler = 'LocalStorage', is_local = 1, \
             settings = '{{\"local_path\":\"{}\"}}' WHERE name = 'Bucket';",
            path.display()
        ));
    };
    // The website of another client, our own state, the machine, and a symlink to them.
    fs::write(billing.customer.path("site/secret.php"), "of another client").unwrap();
    let link = billing.customer.path("link");
    symlink(billing.customer.path("site"), &link).unwrap();
    for (path, why) in [
        (billing.customer.path("site"), "the asset shop.example is there"),
        (billing.customer.path("state"), "holdfast's own state is there"),
        (billing.customer.path("here/billing"), "the location here is there"),
        (PathBuf::from("/etc"), "the machine's own"),
        (link, "a symlink leads from there"),
    ] {
        place(&path);
        let said = billing.back_up(1);
        assert!(said.contains(why), "{}: {said}", path.display());
    }
    let whole = billing.restore_whole("whole");
    assert!(!below(&whole, &billing.customer.path("site")).exists() && !whole.join("etc").exists());

    // PHP that may write its configuration names folders of its own user alone.
    let own = billing.customer.path("own");
    fs::create_dir(&own).unwrap();
    place(&own);
    chown(billing.configuration(), Some(4321), None).unwrap();
    let said = billing.back_up(1);
    assert!(said.contains("it belongs to somebody else"), "{said}");
    chown(&own, Some(4321), None).unwrap();
    billing.back_up(0);
    assert!(below(&billing.restore_whole("with-own"), &own).is_dir());

    // A folder that the administrator names is no finding.
    let link = billing.customer.path("link-to-own");
    symlink(&own, &link).unwrap();
    place(&link);
    assert!(billing.back_up(1).contains("a symlink leads from there"));
    let path = format!("path = \"{}\"\n", billing.whmcs.places.docroot.display());
    billing.customer.change_estate(&path, &format!("{path}also = [\"{}\"]\n", own.display()));
    billing.back_up(0);

    // A database that cannot be asked is no reason to believe that nothing lies elsewhere.
    billing.server.sql("ALTER USER reader@localhost ACCOUNT LOCK");
    let said = billing.back_up(1);
    assert!(said.contains("where this WHMCS keeps its files"), "{said}");
}

#[test]
fn a_key_that_is_missing_or_another_degrades_the_run() {
    let billing = Billing::new(false);
    billing.back_up(0);
    billing.back_up(0);
    let hash = billing.whmcs.options.hash();
    let other: String = hash.chars().rev().collect();
    billing.configure(|text| text.replace(&hash, &other));
    let said = billing.back_up(1);
    assert!(said.contains("$cc_encryption_hash is not the one of the last point"), "{said}");
    assert!(!said.contains(&other), "{said}");
    // That point has the new one: it is what the next is compared with.
    billing.back_up(0);
    billing.configure(|text| text.replace(&other, &hash));
    assert!(billing.back_up(1).contains("is not the one of the last point"));
    let records = billing.customer.path("state/records/whmcs-keys/billing.json");
    assert!(!fs::read_to_string(records).unwrap().contains(&hash));

    billing.configure(|text| text.replace("$cc_encryption_hash", "$another"));
    let said = billing.back_up(1);
    assert!(said.contains("$cc_encryption_hash: without it"), "{said}");
    // A missing key is not taken for a change when it is back.
    billing.configure(|text| text.replace("$another", "$cc_encryption_hash"));
    billing.back_up(0);
    billing.configure(|text| text.replace("$db_name = 'whmcs'", "$db_name = 'old'"));
    let said = billing.back_up(1);
    assert!(said.contains("it names the database \"old\""), "{said}");
    // How the database is reached is the administrator's word; which key is used is not.
    let get = |name: &str| format!("{name} = getenv('X');");
    billing.configure(|text| {
        let text = text.replace("$db_name = 'old'", "$db_name = 'whmcs'");
        text.replace("$db_host = 'localhost';", &get("$db_host")) + &get("$attachments_dir")
    });
    billing.back_up(0);
    billing.configure(|text| text + "if ($x) { $cc_encryption_hash = 'other'; }");
    let said = billing.back_up(1);
    assert!(said.contains("$cc_encryption_hash has several values"), "{said}");
    fs::remove_file(billing.configuration()).unwrap();
    let said = billing.back_up(1);
    assert!(said.contains("the configuration of WHMCS could not be read"), "{said}");
}

#[test]
fn a_dump_knows_what_was_amiss_already() {
    let billing = Billing::new(false);
    billing.whmcs.sql("UPDATE tblinvoices SET userid = 999999 WHERE id = 1;");
    let gone = billing.whmcs.files_named()[0].clone();
    fs::remove_file(&gone).unwrap();
    billing.customer.run(0, &["backup", "billing", "--dataset", "database"]);
    let to = billing.customer.path("dump");
    let arguments = ["restore", "billing", "--dataset", "database", "--to", to.to_str().unwrap()];
    billing.customer.run(0, &arguments);
    let manifest: Value = serde_json::from_slice(&fs::read(to.join("manifest.json")).unwrap()).unwrap();
    let answers = &manifest["answers"];
    assert_eq!(answers["whmcs.invoices-client"], "1", "{answers:#}");
    assert_eq!(answers["whmcs.items-invoice"], "0", "{answers:#}");
    let missing = answers["whmcs.missing-files"].as_str().unwrap();
    assert!(missing.contains(gone.file_name().unwrap().to_str().unwrap()), "{missing}");
    assert_eq!(missing.matches("ticket_attachments").count(), 1, "{missing}");
}
