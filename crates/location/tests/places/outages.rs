//! Servers that die, freeze, come back, or were never there.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdfast_location::layers::retry::{Retry, RetryPolicy};
use holdfast_location::{Area, ErrorKind, Location, Place, Surroundings};
use holdfast_testkit::servers::{RestOptions, RestServer, Seaweed, Sshd};

use super::suite::{content, established, key, names, place, put, surroundings};

/// Surroundings that give up within seconds.
fn impatient() -> Surroundings {
    let mut surroundings = surroundings();
    surroundings.timeouts.connect = Duration::from_secs(2);
    surroundings.timeouts.stall = Duration::from_secs(2);
    surroundings.timeouts.slowest_bytes_per_second = 100 << 20;
    surroundings
}

fn retrying(location: Arc<dyn Location>) -> Retry {
    let surroundings = surroundings();
    let policy = RetryPolicy { delay_ms_first: 200, delay_ms_max: 1_000, budget_ms: 120_000 };
    Retry::new(location, policy, surroundings.clock, surroundings.random, Arc::default())
}

/// Kills a server at a random-ish moment while objects are stored, restarts it, and looks at what is there: the
/// objects reported as stored are whole, and no half one can be seen.
fn survives_being_killed<S: Send>(
    location: &Arc<dyn Location>,
    mut server: S,
    rounds: u64,
    kill: impl Fn(&mut S) + Send,
    restart: impl Fn(&mut S) + Send,
) {
    location.prepare("C-kill").unwrap();
    for round in 0..rounds {
        let contents: Vec<Bytes> = (0..8).map(|seed| content(round * 100 + seed, 4 << 20)).collect();
        let outcomes = thread::scope(|scope| {
            let putting = scope.spawn(|| {
                contents
                    .iter()
                    .map(|content| location.put(&key("C-kill", Area::Data, content), content.clone()))
                    .collect::<Vec<_>>()
            });
            thread::sleep(Duration::from_millis(5 + 23 * round));
            kill(&mut server);
            putting.join().unwrap()
        });
        for outcome in &outcomes {
            if let Err(error) = outcome {
                assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
            }
        }
        restart(&mut server);
        // The first call after the restart finds a dead connection; the retry layer is what a run has around it.
        let location = retrying(Arc::clone(location));
        for (content, outcome) in contents.iter().zip(&outcomes) {
            let key = key("C-kill", Area::Data, content);
            match location.get(&key, None) {
                Ok(bytes) => assert!(bytes == *content, "half an object can be seen at {key}"),
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
                    assert!(outcome.is_err(), "{key} was reported as stored and is gone");
                }
            }
            location.put(&key, content.clone()).unwrap();
        }
        for listed in location.list("C-kill", Area::Data).unwrap() {
            assert_eq!(listed.size, 4 << 20);
        }
    }
}

#[test]
fn sshd_killed_while_storing() {
    let server = Sshd::start();
    let location = established(&server.url("place"), &server.credentials_toml());
    survives_being_killed(&location, server, 4, Sshd::kill, Sshd::restart);
}

#[test]
fn rest_server_killed_while_storing() {
    let server = RestServer::start(&RestOptions::default());
    let location = established(&server.url("place"), &server.credentials_toml());
    survives_being_killed(&location, server, 4, RestServer::kill, RestServer::restart);
}

#[test]
fn seaweedfs_killed_while_storing() {
    let server = Seaweed::start("backups");
    let location = established(&server.url("backups", ""), &server.credentials_toml());
    survives_being_killed(&location, server, 2, Seaweed::kill, Seaweed::restart);
}

#[test]
fn a_dropped_connection_is_made_again_without_help() {
    let mut server = Sshd::start();
    let location = established(&server.url("place"), &server.credentials_toml());
    let content = content(1, 1000);
    let key = put(&*location, "C-1", Area::Data, &content);
    server.restart();
    assert!(location.get(&key, None).unwrap() == content);
    server.restart();
    assert_eq!(names(&*location, "C-1", Area::Data).len(), 1);
}

/// Every call fails as `Unreachable` within the bound that [`holdfast_location::Timeouts`] states.
fn gives_up_in_time(place: &Place) {
    let location = holdfast_location::open(place, &impatient()).unwrap();
    let stored = content(1, 4 << 20);
    let key = key("C-1", Area::Data, &stored);
    let calls: [(&str, &dyn Fn() -> Result<(), holdfast_location::Error>); 5] = [
        ("put", &|| location.put(&key, stored.clone()).map(drop)),
        ("get", &|| location.get(&key, None).map(drop)),
        ("list", &|| location.list("C-1", Area::Data).map(drop)),
        // Another key: a server that was frozen carries out late what it was asked for.
        ("delete", &|| location.delete(&super::suite::key("C-1", Area::Locks, b"x"))),
        ("prepare", &|| location.prepare("C-1")),
    ];
    for (which, call) in calls {
        let start = Instant::now();
        let error = call().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{which}: {error}");
        // connect + stall + transfer, twice where a used connection is replaced, and the machine's own slowness.
        assert!(start.elapsed() < Duration::from_secs(40), "{which} took {:?}", start.elapsed());
    }
}

#[test]
fn a_frozen_server_is_unreachable() {
    let server = Sshd::start();
    let place = place(&server.url("place"), &server.credentials_toml());
    holdfast_location::establish(&place, &surroundings()).unwrap();
    let location = holdfast_location::open(&place, &impatient()).unwrap();
    put(&retrying(location.clone()), "C-1", Area::Data, &content(1, 4 << 20));
    server.freeze();
    assert_eq!(location.list("C-1", Area::Data).unwrap_err().kind, ErrorKind::Unreachable);
    gives_up_in_time(&place);
    server.thaw();
    let location = retrying(location);
    assert_eq!(names(&location, "C-1", Area::Data).len(), 1);
}

#[test]
fn a_frozen_rest_server_is_unreachable() {
    let server = RestServer::start(&RestOptions::default());
    let place = place(&server.url("place"), &server.credentials_toml());
    holdfast_location::establish(&place, &surroundings()).unwrap();
    let location = holdfast_location::open(&place, &impatient()).unwrap();
    put(&retrying(location.clone()), "C-1", Area::Data, &content(1, 4 << 20));
    server.freeze();
    assert_eq!(location.list("C-1", Area::Data).unwrap_err().kind, ErrorKind::Unreachable);
    gives_up_in_time(&place);
    server.thaw();
    let location = retrying(location);
    assert_eq!(names(&location, "C-1", Area::Data).len(), 1);
}

#[test]
fn a_frozen_s3_server_is_unreachable() {
    let server = Seaweed::start("backups");
    let place = place(&server.url("backups", ""), &server.credentials_toml());
    holdfast_location::establish(&place, &surroundings()).unwrap();
    let location = holdfast_location::open(&place, &impatient()).unwrap();
    put(&retrying(location.clone()), "C-1", Area::Data, &content(1, 4 << 20));
    server.freeze();
    assert_eq!(location.list("C-1", Area::Data).unwrap_err().kind, ErrorKind::Unreachable);
    gives_up_in_time(&place);
    server.thaw();
    let location = retrying(location);
    assert_eq!(names(&location, "C-1", Area::Data).len(), 1);
}

/// Somebody listens and never says a word; and nobody listens at all.
#[test]
fn silence_and_absence_are_unreachable() {
    let sshd = Sshd::start();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let absent = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let s3 = "access_key = \"AK\"\nsecret_key = \"SK\"";
    thread::scope(|scope| {
        for port in [silent.local_addr().unwrap().port(), absent] {
            for (url, credentials) in [
                (format!("sftp://u@127.0.0.1:{port}/srv"), sshd.credentials_toml()),
                (format!("rest:http://127.0.0.1:{port}/"), String::new()),
                (format!("rest:https://127.0.0.1:{port}/"), String::new()),
                (format!("s3://b/?endpoint=http://127.0.0.1:{port}"), s3.to_owned()),
            ] {
                scope.spawn(move || gives_up_in_time(&place(&url, &credentials)));
            }
        }
    });
}

#[test]
fn an_unknown_host_is_unreachable() {
    let sshd = Sshd::start();
    gives_up_in_time(&place("sftp://u@no-such-host.invalid/srv", &sshd.credentials_toml()));
    gives_up_in_time(&place("rest:https://no-such-host.invalid/", ""));
}

/// What rclone's REST server does that the contract forbids: an upload that broke off stays under the final name. It
/// is found (another size is a conflict, never "already there"), and can be deleted and stored anew.
#[test]
fn what_a_careless_server_leaves_behind_is_a_conflict() {
    let server = holdfast_testkit::servers::RcloneRest::start(false);
    let location = established(&server.url("place"), &server.credentials_toml());
    let content = content(1, 1 << 20);
    let key = key("C-1", Area::Data, &content);
    let half = server.root.join("place").join(key.path());
    std::fs::create_dir_all(half.parent().unwrap()).unwrap();
    std::fs::write(&half, &content[..1000]).unwrap();
    assert_eq!(location.put(&key, content.clone()).unwrap_err().kind, ErrorKind::Conflict);
    location.delete(&key).unwrap();
    location.put(&key, content.clone()).unwrap();
    assert!(location.get(&key, None).unwrap() == content);
}
