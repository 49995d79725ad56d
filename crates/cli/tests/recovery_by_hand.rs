//! Nothing is left but the kit and a location: the lines that the kit prints, run as they are printed by a shell with stock
//! programs, bring the data back, and a client's key that was shredded is in no ring that stock age opens.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_testkit::servers::{self, RestOptions, RestServer, Seaweed, Sshd};
use support::lost::{LEDGER, SECRET, local, lose, make_kit, recover, recovering, run_of};
use support::{ASSET, Customer, REPOSITORY, assert_same, code, noise, objects, text, walk};

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
