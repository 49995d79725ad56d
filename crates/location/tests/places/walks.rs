//! A walk shows what a listing does not: foreign files, older versions, unfinished uploads.

use std::fs;

use holdfast_location::{Area, ErrorKind, Lying, What};
use holdfast_testkit::servers::{RestOptions, RestServer, Seaweed, Sshd};

use super::suite::{content, established, opened, put};

fn of(lying: &[Lying], what: What) -> Vec<&Lying> {
    lying.iter().filter(|one| one.what == what).collect()
}

#[test]
fn a_bucket_with_versions_hides_what_was_deleted_until_it_is_erased() {
    let server = Seaweed::start("backups");
    server.keep_versions("backups");
    let url = server.url("backups", "copies");
    let place = established(&url, &server.credentials_toml());
    let (kept, gone) = (content(1, 1000), content(2, 2000));
    let kept = put(&*place, "C-1", Area::Data, &kept);
    let gone = put(&*place, "C-1", Area::Data, &gone);
    let _other = put(&*place, "C-2", Area::Data, &content(3, 3000));
    place.delete(&gone).unwrap();
    server.begin_upload("backups", &format!("copies/{}", gone.path()));
    server.begin_upload("backups", "elsewhere/x");
    assert_eq!(place.list("C-1", Area::Data).unwrap().len(), 1);
    let walk = place.walk(Some("C-1")).unwrap();
    assert!(walk.cannot_tell.is_empty() && walk.refused.is_empty(), "{walk:?}");
    let found =
        |what| of(&walk.lying, what).iter().map(|one| (one.path.clone(), one.bytes)).collect::<Vec<_>>();
    assert_eq!(found(What::Current), [(kept.path(), 1000)]);
    assert_eq!(found(What::Version), [(gone.path(), 2000)]);
    assert_eq!(found(What::DeleteMarker), [(gone.path(), 0)]);
    assert_eq!(found(What::Upload), [(gone.path(), 0)]);
    assert!(walk.lying.iter().all(|one| one.modified.is_some()), "{walk:?}");
    // Who may not delete erases nothing; what is erased is gone for a client that is not ours, too.
    let reader = opened(&url, &server.reader_credentials_toml());
    for one in walk.lying.iter().filter(|one| one.what != What::Current) {
        assert_eq!(reader.erase(one).unwrap_err().kind, ErrorKind::Refused, "{one:?}");
        place.erase(one).unwrap();
        place.erase(one).unwrap();
    }
    let walk = place.walk(Some("C-1")).unwrap();
    assert_eq!((walk.lying.len(), walk.lying[0].what), (1, What::Current), "{walk:?}");
    let versions = server.versions("backups");
    assert!(versions.iter().all(|path| !path.contains(&gone.name)), "{versions:?}");
    let uploads = server.uploads("backups");
    assert!(!uploads.contains(&gone.name) && uploads.contains("elsewhere"), "{uploads}");
    assert_eq!(place.get(&kept, None).unwrap().len(), 1000);
}

#[test]
fn a_bucket_without_versions_has_none() {
    let server = Seaweed::start("backups");
    let place = established(&server.url("backups", ""), &server.credentials_toml());
    let stored = put(&*place, "C-1", Area::Data, &content(1, 1000));
    place.delete(&put(&*place, "C-1", Area::Data, &content(2, 1000))).unwrap();
    let walk = place.walk(None).unwrap();
    let other = walk.lying.iter().filter(|one| !one.path.starts_with("holdfast-location/"));
    let other: Vec<_> = other.map(|one| (one.path.as_str(), one.what)).collect();
    assert_eq!(other, [(stored.path().as_str(), What::Current)]);
}

#[test]
fn an_object_whose_name_ends_in_a_slash_is_seen_and_erased() {
    for has_versions in [false, true] {
        let server = Seaweed::start("backups");
        if has_versions {
            server.keep_versions("backups");
        }
        let place = established(&server.url("backups", "copies"), &server.credentials_toml());
        let stored = put(&*place, "C-1", Area::Data, &content(1, 1000));
        server.mark_folder("backups", "copies/C-1/client's folder");
        let odd = |path: &str| path == "C-1/client's folder/";
        let walk = place.walk(Some("C-1")).unwrap();
        let found: Vec<&Lying> = walk.lying.iter().filter(|one| odd(&one.path)).collect();
        assert!(!found.is_empty(), "versions {has_versions}: {walk:?}");
        found.into_iter().for_each(|one| place.erase(one).unwrap());
        let walk = place.walk(Some("C-1")).unwrap();
        assert!(!walk.lying.iter().any(|one| odd(&one.path)), "versions {has_versions}: {walk:?}");
        assert_eq!(place.get(&stored, None).unwrap().len(), 1000);
    }
}

#[test]
fn files_that_are_no_objects_are_seen_in_folders_and_over_ssh() {
    let server = Sshd::start();
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("copies");
    for (root, url, credentials) in [
        (local.clone(), local.display().to_string(), String::new()),
        (server.root.join("copies"), server.url("copies"), server.credentials_toml()),
    ] {
        let place = established(&url, &credentials);
        let stored = put(&*place, "C-1", Area::Data, &content(1, 1000));
        let strays =
            [".Trash-0/files/old", "C-1/data/.holdfast-tmp-aa", "C-1/snapshots/copy of it", "C-9.bak/x"];
        for stray in strays {
            fs::create_dir_all(root.join(stray).parent().unwrap()).unwrap();
            fs::write(root.join(stray), "1234567").unwrap();
        }
        let walk = place.walk(None).unwrap();
        for stray in strays {
            let found = walk.lying.iter().find(|one| one.path == stray).unwrap_or_else(|| panic!("{stray}"));
            assert!(found.bytes == 7 && found.modified.is_some(), "{found:?}");
            place.erase(found).unwrap();
            assert!(!root.join(stray).exists());
        }
        let one = |path: &str| walk.lying.iter().filter(|one| one.path == path).count();
        assert_eq!(one(&stored.path()), 1);
        assert!(walk.cannot_tell.is_empty());
        let outside = Lying {
            path: "../outside".to_owned(),
            what: What::Current,
            bytes: 0,
            modified: None,
            version: None,
        };
        fs::write(root.join("../outside"), "x").unwrap();
        assert_eq!(place.erase(&outside).unwrap_err().kind, ErrorKind::Unsupported);
        assert!(root.join("../outside").exists());
        // An absent place is no empty one.
        fs::rename(root.join("holdfast-location"), root.join("moved")).unwrap();
        assert_eq!(place.walk(None).unwrap_err().kind, ErrorKind::Unreachable);
    }
}

#[test]
fn a_rest_server_says_that_it_cannot_tell() {
    let server = RestServer::start(&RestOptions::default());
    let place = established(&server.url("copies"), &server.credentials_toml());
    place.prepare("C-1").unwrap();
    let stored = put(&*place, "C-1", Area::Data, &content(1, 1000));
    let walk = place.walk(None).unwrap();
    assert_eq!((walk.lying.len(), walk.lying[0].path.as_str()), (1, stored.path().as_str()));
    assert!(!walk.cannot_tell.is_empty());
    assert_eq!(place.erase(&walk.lying[0]).unwrap_err().kind, ErrorKind::Unsupported);
}
