//! The contract suite against every backend with its real server.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use holdfast_location::{Area, ErrorKind, Location};
use holdfast_testkit::servers::{RcloneRest, RcloneS3, RestOptions, RestServer, Seaweed, Sshd};

use super::suite::{
    content, contract_suite, contract_suite_one_writer, established, name, names, opened, put,
};

#[test]
fn local_folder() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("place").display().to_string();
    before_establishing(&url, "");
    contract_suite(&*established(&url, ""));
}

#[test]
fn sftp_with_openssh() {
    let server = Sshd::start();
    before_establishing(&server.url("place"), &server.credentials_toml());
    contract_suite(&*established(&server.url("place"), &server.credentials_toml()));
}

#[test]
fn s3_with_seaweedfs() {
    let server = Seaweed::start("backups");
    let missing = opened(&server.url("no-such-bucket", ""), &server.credentials_toml());
    assert_ne!(missing.list("C-1", Area::Data).unwrap_err().kind, ErrorKind::NotFound);
    before_establishing(&server.url("backups", "some/where"), &server.credentials_toml());
    contract_suite(&*established(&server.url("backups", "some/where"), &server.credentials_toml()));
    contract_suite(&*established(&server.url("backups", ""), &server.credentials_toml()));
}

/// rclone's S3 server ignores `If-None-Match: *`: a second upload of one name replaces the first. The canary finds
/// that out and each upload is preceded by a look-up, so the size rule holds all the same; only two writers of
/// *different* sizes in the same instant could still collide, which names that are content hashes exclude. Several
/// writers of one name get "internal error" from it, which is transient here.
#[test]
fn s3_with_rclone_which_overwrites() {
    let server = RcloneS3::start("backups");
    before_establishing(&server.url("backups", "place"), &server.credentials_toml());
    contract_suite_one_writer(&*established(&server.url("backups", "place"), &server.credentials_toml()));
}

#[test]
fn rest_with_rest_server() {
    let server = RestServer::start(&RestOptions::default());
    before_establishing(&server.url("place"), &server.credentials_toml());
    contract_suite(&*established(&server.url("place"), &server.credentials_toml()));
}

/// rclone's REST server writes straight to the final name: a growing object can be seen, and one that broke off stays
/// (`outages` shows what becomes of it). All other rules hold.
#[test]
fn rest_with_rclone() {
    let server = RcloneRest::start(false);
    before_establishing(&server.url("place"), &server.credentials_toml());
    contract_suite_one_writer(&*established(&server.url("place"), &server.credentials_toml()));
}

/// Objects enough for ten pages of S3, in many small folders and in one large one.
const MANY: u64 = 10_000;

#[test]
fn ten_thousand_objects_are_listed_locally() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("place");
    let location = established(&root.display().to_string(), "");
    many_are_listed(&*location, &fill_folder(&root));
}

#[test]
fn ten_thousand_objects_are_listed_over_sftp() {
    let server = Sshd::start();
    let location = established(&server.url("place"), &server.credentials_toml());
    many_are_listed(&*location, &fill_folder(&server.root.join("place")));
}

#[test]
fn ten_thousand_objects_are_listed_over_rest() {
    let server = RestServer::start(&RestOptions::default());
    let location = established(&server.url("place"), &server.credentials_toml());
    many_are_listed(&*location, &fill_folder(&server.root.join("place")));
    let server = RcloneRest::start(false);
    let location = established(&server.url("place"), &server.credentials_toml());
    many_are_listed(&*location, &fill_folder(&server.root.join("place")));
}

#[test]
fn ten_thousand_objects_are_listed_over_s3() {
    let server = RcloneS3::start("backups");
    // It remembers folders that it looked into; so it is filled before it looks.
    let stored = fill_folder(&server.root.join("backups"));
    let location = established(&server.url("backups", ""), &server.credentials_toml());
    many_are_listed(&*location, &stored);
    let server = Seaweed::start("backups");
    let location = established(&server.url("backups", ""), &server.credentials_toml());
    let stored = thread::scope(|scope| {
        let location = &*location;
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                scope.spawn(move || {
                    let own = (0..MANY).filter(|seed| seed % 8 == writer);
                    let store = |seed| put(location, "C-many", Area::Data, &content(seed, 40)).name;
                    own.map(store).collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<BTreeSet<_>>()
    });
    assert!(names(&*location, "C-many", Area::Data) == stored, "other names than stored");
    assert_eq!(stored.len() as u64, MANY);
}

fn many_are_listed(location: &dyn Location, stored: &BTreeSet<String>) {
    for area in [Area::Data, Area::Index] {
        let listed = names(location, "C-many", area);
        assert_eq!(listed.len() as u64, MANY);
        assert!(listed == *stored, "other names than stored");
    }
}

/// Puts objects where a server finds them, past the server.
fn fill_folder(root: &Path) -> BTreeSet<String> {
    let stored: BTreeSet<String> = (0..MANY).map(|seed| name(&content(seed, 40))).collect();
    for name in &stored {
        for folder in ["index".to_owned(), format!("data/{}", &name[..2])] {
            let folder = root.join("C-many").join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), b"object").unwrap();
        }
    }
    stored
}

/// A place that nobody established is `Unreachable` for everything, and nothing is made there.
fn before_establishing(url: &str, credentials: &str) {
    let location = opened(url, credentials);
    let key = super::suite::key("C-1", Area::Data, b"x");
    let failures = [
        location.prepare("C-1").unwrap_err(),
        location.put(&key, "x".into()).unwrap_err(),
        location.get(&key, None).unwrap_err(),
        location.size(&key).unwrap_err(),
        location.list("C-1", Area::Data).unwrap_err(),
        location.list("C-1", Area::Config).unwrap_err(),
        location.repositories().unwrap_err(),
        location.identity().unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure}");
        assert!(failure.to_string().contains("holdfast location establish"), "{failure}");
    }
}
