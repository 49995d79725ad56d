//! Measured throughput, printed; asserted is only that everything arrives.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use holdfast_location::{Area, Location};
use holdfast_testkit::servers::{RcloneRest, RestOptions, RestServer, Seaweed, Sshd};

use super::suite::{content, established, key, put};

fn measure(which: &str, location: &Arc<dyn Location>, seed: u64) {
    const SIZE: usize = 16 << 20;
    for writers in [1, 4] {
        let contents: Vec<_> = (0..8u64).map(|n| content(seed + n + 100 * writers, SIZE)).collect();
        let total = (contents.len() * SIZE) as f64 / 1e6;
        let start = Instant::now();
        thread::scope(|scope| {
            for own in contents.chunks(contents.len() / writers as usize) {
                scope.spawn(|| {
                    own.iter().for_each(|content| drop(put(&**location, "C-speed", Area::Data, content)));
                });
            }
        });
        let up = total / start.elapsed().as_secs_f64();
        let start = Instant::now();
        thread::scope(|scope| {
            for own in contents.chunks(contents.len() / writers as usize) {
                scope.spawn(move || {
                    for content in own {
                        let read = location.get(&key("C-speed", Area::Data, content), None).unwrap();
                        assert!(read == *content);
                    }
                });
            }
        });
        let down = total / start.elapsed().as_secs_f64();
        println!("{which}, {writers} at once: up {up:.0} MB/s, down {down:.0} MB/s");
    }
}

#[test]
fn objects_of_16_mib_arrive_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let sshd = Sshd::start();
    let seaweed = Seaweed::start("backups");
    let rest = RestServer::start(&RestOptions::default());
    let rclone = RcloneRest::start(false);
    let places = [
        ("local folder", established(&folder.path().join("place").display().to_string(), "")),
        ("sftp, OpenSSH", established(&sshd.url("place"), &sshd.credentials_toml())),
        ("s3, SeaweedFS", established(&seaweed.url("backups", ""), &seaweed.credentials_toml())),
        ("rest, rest-server", established(&rest.url("place"), &rest.credentials_toml())),
        ("rest, rclone", established(&rclone.url("place"), &rclone.credentials_toml())),
    ];
    for (seed, (which, location)) in (0..).zip(places) {
        location.prepare("C-speed").unwrap();
        measure(which, &location, seed * 10_000);
    }
}
