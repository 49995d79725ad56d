//! A purged client's bytes are found nowhere, by a search of this test's own: not at a location, not in an older version,
//! not in a cache, not in the spool.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use holdfast_testkit::servers::Seaweed;
use serde_json::Value;
use support::{ASSET, Customer, REPOSITORY, noise, objects, text, walk};

/// Where blobs lie, as stock restic reads the index files: offset and length, by pack and blob.
type Places = BTreeMap<(String, String), (usize, usize)>;

fn blobs_and_packs(customer: &Customer) -> (BTreeSet<String>, Places) {
    let (mut blobs, mut packs) = (BTreeSet::new(), Places::new());
    for index in objects(&customer.repository("here"), "index") {
        let name = index.file_name().unwrap().to_str().unwrap().to_owned();
        let output = customer.restic("restic", "here", &["cat", "index", &name]);
        assert!(output.status.success(), "{}", text(&output));
        let index: Value = serde_json::from_slice(&output.stdout).unwrap();
        for pack in index["packs"].as_array().unwrap() {
            for blob in pack["blobs"].as_array().unwrap() {
                let id = blob["id"].as_str().unwrap().to_owned();
                let number = |name: &str| blob[name].as_u64().unwrap() as usize;
                let place = (number("offset"), number("length"));
                packs.insert((pack["id"].as_str().unwrap().to_owned(), id.clone()), place);
                blobs.insert(id);
            }
        }
    }
    (blobs, packs)
}

/// Pieces of sealed bytes, long enough that no other file has them by chance.
fn pieces(bytes: &[u8]) -> Vec<Vec<u8>> {
    (0..8).map(|n| bytes[n * (bytes.len() - 32) / 8..][..32].to_vec()).collect()
}

fn holds(path: &Path, pieces: &[Vec<u8>]) -> bool {
    let content = fs::read(path).unwrap();
    content.windows(32).any(|window| pieces.iter().any(|piece| piece == window))
}

#[test]
fn the_bytes_of_a_purged_point_are_found_nowhere() {
    let server = Seaweed::start("backups");
    let customer = Customer::with_versions(&server, &server.credentials_toml());
    fs::write(customer.path("site/kept.bin"), noise(5, 300_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    let (before, _) = blobs_and_packs(&customer);

    let marker = noise(99, 700_000);
    fs::write(customer.path("site/marker.bin"), &marker).unwrap();
    // With a file that stays in the same pack: what goes must go from between what stays.
    fs::write(customer.path("site/later.bin"), noise(6, 300_000)).unwrap();
    customer.old_points(&["2024-05-06"]);
    fs::remove_file(customer.path("site/marker.bin")).unwrap();
    customer.run(0, &["backup", ASSET]);
    let (with, packs) = blobs_and_packs(&customer);
    let new: BTreeSet<&String> = with.difference(&before).collect();
    let holding: BTreeSet<&String> =
        packs.keys().filter(|(_, blob)| new.contains(blob)).map(|(pack, _)| pack).collect();
    let path = |pack: &str| customer.repository("here").join("data").join(&pack[..2]).join(pack);
    let largest =
        holding.iter().map(|pack| path(pack)).max_by_key(|p| fs::metadata(p).unwrap().len()).unwrap();
    let sealed = fs::read(&largest).unwrap();
    // The search finds what is there.
    let here = || walk(&customer.path("here")).into_keys().map(|file| customer.path("here").join(file));
    assert!(here().any(|file| holds(&file, &pieces(&sealed))), "the search is blind");
    // As if a location had been away: a copy waits in the spool.
    let spool = customer.path("state/repositories").join(REPOSITORY).join("spool");
    fs::create_dir_all(&spool).unwrap();
    fs::copy(&largest, spool.join(largest.file_name().unwrap())).unwrap();

    customer.run(0, &["purge"]);

    let (after, packs_after) = blobs_and_packs(&customer);
    let of_marker: BTreeSet<&String> = new.iter().filter(|blob| !after.contains(**blob)).copied().collect();
    assert!(!of_marker.is_empty());
    let gone: BTreeSet<&String> = packs
        .keys()
        .filter(|(pack, blob)| of_marker.contains(blob) && !packs_after.keys().any(|(left, _)| left == pack))
        .map(|(pack, _)| pack)
        .collect();
    let of_marker_packs: BTreeSet<&String> =
        packs.keys().filter(|(_, blob)| of_marker.contains(blob)).map(|(pack, _)| pack).collect();
    assert_eq!(gone, of_marker_packs, "a pack with a purged blob is still named by an index");
    assert!(gone.iter().any(|pack| path(pack) == largest), "the marker lay elsewhere");
    let in_it = packs.iter().filter(|((pack, blob), _)| of_marker.contains(blob) && path(pack) == largest);
    let planted: Vec<Vec<u8>> =
        in_it.flat_map(|(_, (offset, length))| pieces(&sealed[*offset..offset + length])).collect();
    assert!(planted.len() >= 8);
    for folder in ["here", "state"] {
        for file in walk(&customer.path(folder)).into_keys() {
            let whole: PathBuf = customer.path(folder).join(&file);
            let name = file.display().to_string();
            assert!(!gone.iter().any(|pack| name.contains(pack.as_str())), "{folder}/{name}");
            assert!(!holds(&whole, &planted), "{folder}/{name} holds sealed bytes of the marker");
            let plain = &marker[1000..1032];
            let content = fs::read(&whole).unwrap();
            assert!(!content.windows(32).any(|window| window == plain), "{folder}/{name} holds the marker");
        }
    }
    for version in server.versions("backups") {
        assert!(!gone.iter().any(|pack| version.contains(pack.as_str())), "{version} is left in the bucket");
    }
    for (object, _) in server.objects("backups") {
        let content = server.object("backups", &object);
        assert!(!content.windows(32).any(|window| planted.iter().any(|piece| piece == window)), "{object}");
    }
    customer.run(0, &["purge", "--audit"]);
    customer.run(0, &["verify", "--read-data"]);
    let target = customer.path("restored");
    customer.run(0, &["restore", ASSET, "--to", target.to_str().unwrap()]);
    assert_eq!(fs::read(target.join("later.bin")).unwrap(), noise(6, 300_000));
}

#[test]
fn what_somebody_hid_at_one_location_stays_there_until_it_is_brought_back() {
    let server = Seaweed::start("backups");
    let customer = Customer::with_versions(&server, &server.credentials_toml());
    fs::write(customer.path("site/kept.bin"), noise(5, 300_000)).unwrap();
    customer.run(0, &["backup", ASSET]);
    let hide = |area: &str| {
        let folder = format!("{REPOSITORY}/{area}/");
        let mut objects = server.objects("backups").into_iter();
        let (path, _) = objects.find(|(path, _)| path.contains(&folder)).unwrap();
        server.delete_object("backups", &path);
        path
    };
    // Others have the index file, so it is brought back before anything is erased.
    hide("index");
    customer.run(0, &["purge"]);
    customer.run(0, &["verify", "--read-data"]);
    // What the place hides of a pack may be the last good copy: nothing is erased before somebody repaired.
    let pack = hide("data");
    let hidden = server.version_ids("backups", &pack);
    let told = text(&customer.holdfast(&["purge"]));
    assert!(told.contains("older versions that places keep of what was deleted were not erased"), "{told}");
    assert_eq!(server.version_ids("backups", &pack), hidden);
    customer.run(0, &["repair"]);
    customer.run(0, &["purge"]);
    customer.run(0, &["verify", "--read-data"]);
    assert_eq!(server.version_ids("backups", &pack).len(), 1, "whole again, it needs no older version");
    customer.run(0, &["purge", "--audit"]);
}
