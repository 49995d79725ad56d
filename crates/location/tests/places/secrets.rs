//! Credentials stay where they belong: not in errors, not in debug output, not in process lists.

use std::fs;

use holdfast_location::{Area, Credentials};
use holdfast_testkit::servers::{
    ACCESS_KEY, PASSWORD, RcloneRest, RcloneS3, RestOptions, RestServer, SECRET_KEY, Seaweed,
};

use super::suite::{established, key, opened, put};

#[test]
fn no_error_holds_a_credential() {
    let seaweed = Seaweed::start("backups");
    let rclone = RcloneS3::start("backups");
    let rest = RestServer::start(&RestOptions { append_only: true, ..RestOptions::default() });
    let rclone_rest = RcloneRest::start(true);
    // The right credentials for the wrong deed, and the wrong ones for anything.
    let s3 = format!("access_key = \"{ACCESS_KEY}\"\nsecret_key = \"{SECRET_KEY}\"\n");
    let wrong_secret = format!("access_key = \"{ACCESS_KEY}\"\nsecret_key = \"X{SECRET_KEY}\"\n");
    let wrong_key = format!("access_key = \"X{ACCESS_KEY}\"\nsecret_key = \"{SECRET_KEY}\"\n");
    let login = rest.credentials_toml();
    let wrong_login = login.replace("hunter2", "Xhunter2");
    let gone = "rest:http://127.0.0.1:1/x";
    let mut said = String::new();
    for (url, credentials) in [
        (seaweed.url("backups", ""), &s3),
        (seaweed.url("missing", ""), &s3),
        (seaweed.url("backups", ""), &wrong_secret),
        (seaweed.url("backups", ""), &wrong_key),
        (rclone.url("backups", ""), &s3),
        (rclone.url("missing", ""), &s3),
        (rclone.url("backups", ""), &wrong_secret),
        (rclone.url("backups", ""), &wrong_key),
        ("s3://b/?endpoint=http://127.0.0.1:1".to_owned(), &s3),
        (rest.url("place"), &login),
        (rest.url("place"), &wrong_login),
        (rclone_rest.url("place"), &login),
        (rclone_rest.url("place"), &wrong_login),
        (gone.to_owned(), &login),
    ] {
        let location = opened(&url, credentials);
        let object = key("C-1", Area::Data, b"x");
        let errors = [
            location.put(&object, "x".into()).err(),
            location.get(&object, None).err(),
            location.get(&object, Some(5..10)).err(),
            location.size(&object).err(),
            location.list("C-1", Area::Data).err(),
            location.list("C-1", Area::Config).err(),
            location.delete(&object).err(),
            location.prepare("C-1").err(),
            location.repositories().err(),
            location.identity().err(),
            location.overwrite_raw(&object, "x".into()).err(),
        ];
        for error in errors.into_iter().flatten() {
            said += &format!("{error}\n{error:?}\n{error:#?}\n");
        }
    }
    assert!(said.lines().count() > 200, "too few errors to be a test:\n{said}");
    for secret in [ACCESS_KEY, SECRET_KEY, PASSWORD, "hunter2"] {
        assert!(!said.contains(secret), "{secret} is in:\n{said}");
    }
    // Nor in the form in which it travels.
    let encoded = ["aG9sZGZhc3Q", "aHVudGVy", "Authorization", "Signature="];
    assert!(!encoded.iter().any(|secret| said.contains(secret)), "{said}");
}

#[test]
fn credentials_do_not_print_themselves() {
    let credentials = Credentials::parse(&format!(
        "access_key = \"{ACCESS_KEY}\"\nsecret_key = \"{SECRET_KEY}\"\npassword = \"{PASSWORD}\"\n\
         user = \"{PASSWORD}\"\nsession_token = \"{PASSWORD}\"\nidentity_passphrase = \"{PASSWORD}\"\n"
    ))
    .unwrap();
    let shown = format!("{credentials:?} {credentials:#?}");
    for secret in [ACCESS_KEY, SECRET_KEY, PASSWORD] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn no_process_list_holds_a_credential() {
    let seaweed = Seaweed::start("backups");
    let rest = RestServer::start(&RestOptions::default());
    for (url, credentials) in [
        (seaweed.url("backups", ""), seaweed.credentials_toml()),
        (rest.url("place"), rest.credentials_toml()),
    ] {
        let location = established(&url, &credentials);
        put(&*location, "C-1", Area::Data, &"content".into());
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            for secret in [SECRET_KEY, PASSWORD] {
                assert!(!line.contains(secret), "{line}");
            }
        }
    }
}
