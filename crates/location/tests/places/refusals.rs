//! Wrong keys, wrong hosts, missing rights: refused, said so, and nothing changed.

use std::fs;
use std::process::Command;

use holdfast_location::{Area, ErrorKind, Surroundings};
use holdfast_testkit::lab;
use holdfast_testkit::servers::{RcloneRest, RcloneS3, RestOptions, RestServer, Seaweed, Sshd};

use super::suite::{content, established, key, opened, place, put, surroundings};

fn refused(url: &str, credentials: &str) -> String {
    let error = opened(url, credentials).list("C-1", Area::Data).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
    let error = opened(url, credentials).put(&key("C-1", Area::Data, b"x"), "x".into()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
    error.to_string()
}

#[test]
fn a_wrong_s3_secret() {
    let server = Seaweed::start("backups");
    let url = server.url("backups", "");
    established(&url, &server.credentials_toml());
    refused(&url, &server.credentials_toml().replace("0001\"\n", "0002\"\n"));
    refused(&url, &server.credentials_toml().replace("access_key = \"", "access_key = \"X"));
    let rclone = RcloneS3::start("backups");
    established(&rclone.url("backups", ""), &rclone.credentials_toml());
    refused(
        &rclone.url("backups", ""),
        &rclone.credentials_toml().replace("secret_key = \"", "secret_key = \"X"),
    );
}

#[test]
fn a_reader_may_read() {
    let server = Seaweed::start("backups");
    let url = server.url("backups", "");
    let writer = established(&url, &server.credentials_toml());
    let stored = content(1, 1000);
    let key = put(&*writer, "C-1", Area::Data, &stored);
    let reader = opened(&url, &server.reader_credentials_toml());
    assert!(reader.get(&key, None).unwrap() == stored);
    assert_eq!(reader.list("C-1", Area::Data).unwrap().len(), 1);
    let new = content(2, 1000);
    let error = reader.put(&super::suite::key("C-1", Area::Data, &new), new).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
    assert_eq!(reader.delete(&key).unwrap_err().kind, ErrorKind::Refused);
}

#[test]
fn a_wrong_rest_password() {
    let server = RestServer::start(&RestOptions::default());
    established(&server.url("place"), &server.credentials_toml());
    refused(&server.url("place"), "user = \"holdfast-user\"\npassword = \"wrong\"\n");
    refused(&server.url("place"), "");
    let rclone = RcloneRest::start(false);
    established(&rclone.url("place"), &rclone.credentials_toml());
    refused(&rclone.url("place"), "user = \"holdfast-user\"\npassword = \"wrong\"\n");
}

#[test]
fn append_only_servers_delete_locks_only() {
    let server = RestServer::start(&RestOptions { append_only: true, ..RestOptions::default() });
    let rclone = RcloneRest::start(true);
    for (url, credentials) in
        [(server.url("place"), server.credentials_toml()), (rclone.url("place"), rclone.credentials_toml())]
    {
        let location = established(&url, &credentials);
        location.prepare("C-1").unwrap();
        let (data, lock) = (content(1, 1000), content(2, 100));
        let key = put(&*location, "C-1", Area::Data, &data);
        assert_eq!(location.delete(&key).unwrap_err().kind, ErrorKind::Refused);
        assert!(location.get(&key, None).unwrap() == data);
        let lock = put(&*location, "C-1", Area::Locks, &lock);
        location.delete(&lock).unwrap();
        assert_eq!(location.list("C-1", Area::Locks).unwrap(), []);
    }
}

#[test]
fn a_changed_host_key() {
    let mut server = Sshd::start();
    let (url, credentials) = (server.url("place"), server.credentials_toml());
    established(&url, &credentials);
    let pinned = format!(
        "identity_file = \"{}\"\nhost_key = \"{}\"\n",
        server.identity_file.display(),
        server.fingerprint()
    );
    established(&url, &pinned);
    server.change_host_key();
    for credentials in [credentials, pinned] {
        let said = refused(&url, &credentials);
        assert!(said.contains("HOST KEY CHANGED") && said.contains(&server.fingerprint()), "{said}");
    }
}

#[test]
fn an_unknown_host_key() {
    let server = Sshd::start();
    let empty = tempfile::NamedTempFile::new().unwrap();
    for known_hosts in [empty.path().display().to_string(), "/no/such/file".to_owned()] {
        let credentials = format!(
            "identity_file = \"{}\"\nknown_hosts = \"{known_hosts}\"\n",
            server.identity_file.display()
        );
        let said = refused(&server.url("place"), &credentials);
        assert!(said.contains("unknown host key") && said.contains(&server.fingerprint()), "{said}");
    }
    assert_eq!(fs::read(empty.path()).unwrap(), b"", "a key was learned");
}

#[test]
fn the_users_known_hosts_and_agent_serve_too() {
    let server = Sshd::start();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let mut agent = Command::new(lab::program("ssh-agent")).arg("-D").arg("-a").arg(&socket).spawn().unwrap();
    while !socket.exists() {
        assert!(agent.try_wait().unwrap().is_none(), "ssh-agent ended");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let surroundings = Surroundings {
        known_hosts: Some(server.known_hosts.clone()),
        agent_socket: Some(socket.clone()),
        ..surroundings()
    };
    let place = place(&server.url("place"), "");
    let error = holdfast_location::open(&place, &surroundings).unwrap().establish().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "the agent is empty: {error}");
    let mut add = Command::new(lab::program("ssh-add"));
    add.env("SSH_AUTH_SOCK", &socket).arg("-q").arg(&server.identity_file);
    assert!(add.status().unwrap().success());
    let location = holdfast_location::establish(&place, &surroundings).unwrap();
    put(&*location, "C-1", Area::Data, &content(1, 1000));
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[test]
fn a_key_with_a_passphrase_and_a_key_that_is_not_accepted() {
    let server = Sshd::start();
    let path = server.protected_key("hunter2-passphrase");
    let base = format!(
        "identity_file = \"{}\"\nknown_hosts = \"{}\"\n",
        path.display(),
        server.known_hosts.display()
    );
    established(&server.url("place"), &format!("{base}identity_passphrase = \"hunter2-passphrase\"\n"));
    let said = refused(&server.url("place"), &format!("{base}identity_passphrase = \"hunter2-wrong\"\n"));
    assert!(!said.contains("hunter2"), "{said}");
    refused(&server.url("place"), &base);

    let stranger = Sshd::start();
    let credentials = format!(
        "identity_file = \"{}\"\nknown_hosts = \"{}\"\n",
        stranger.identity_file.display(),
        server.known_hosts.display()
    );
    let said = refused(&server.url("place"), &credentials);
    assert!(said.contains("does not accept"), "{said}");
}

#[test]
fn credentials_of_another_kind_of_place() {
    let surroundings = surroundings();
    for (url, credentials) in [
        ("/srv/x", "password = \"p\""),
        ("rest:https://h/", "access_key = \"p\""),
        ("rest:https://h/", "user = \"p\""),
        ("s3://b", "user = \"p\""),
        ("s3://b", "access_key = \"p\""),
        ("sftp://u@h/p", "secret_key = \"p\""),
        ("sftp://u@h/p", ""),
        ("sftp://u@h/p", "host_key = \"p\"\nidentity_file = \"/p\""),
    ] {
        let opened = holdfast_location::open(&place(url, credentials), &surroundings);
        let Err(error) = opened else { panic!("{url} was opened with {credentials}") };
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("credentials"), "{error}");
    }
}
