//! A client gets what it had: of assets that are there, and of those that left.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use super::*;
use crate::weeks::{REPOSITORY, Weeks};

#[test]
#[allow(clippy::disallowed_methods, reason = "a test that runs a program")]
fn a_client_gets_the_newest_good_point_of_everything_and_a_list_that_others_can_check() {
    let mut weeks = Weeks::new();
    let site = weeks.folder.path().join("site");
    let odd = OsStr::from_bytes(b"new\nline \\ and \xff");
    fs::create_dir(site.join("sub")).unwrap();
    fs::write(site.join("sub").join(odd), "odd").unwrap();
    std::os::unix::fs::symlink("0", site.join("link")).unwrap();
    weeks.back_up(0);
    weeks.pass(1);
    weeks.back_up(1);
    weeks.setup.estate.assets.clear();
    let to = weeks.folder.path().join("export");
    let report = export(&weeks.setup, REPOSITORY, &to, false, &Progress::default()).unwrap();
    assert_eq!(report.ending, Ending::Done, "{report:?}");
    let asset = &report.assets[0];
    let point = asset.point.as_ref().unwrap();
    assert_eq!((asset.asset.as_str(), asset.has_left, point.is_good), ("shop", true, true), "{report:?}");
    // The first one was read back whole, and of the second not every byte was.
    assert!(to.join("shop/0").exists() && !to.join("shop/1").exists());
    assert_eq!(fs::read(to.join("shop/sub").join(odd)).unwrap(), b"odd");
    let checked = Command::new("sha256sum").args(["-c", "manifest.txt"]).current_dir(&to).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(String::from_utf8_lossy(&checked.stdout).matches(": OK").count(), 2, "{checked:?}");
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(to.join("manifest.json")).unwrap()).unwrap();
    assert_eq!((&manifest["client"], &manifest["assets"][0]["asset"]), (&REPOSITORY.into(), &"shop".into()));
    assert_eq!(manifest["assets"][0]["point"]["point"], point.point);
    let files = manifest["assets"][0]["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    let sha256 = Id::of("0".repeat(1000).as_bytes()).to_hex();
    assert!(files.iter().any(|file| file["path"] == "0" && file["sha256"] == sha256.as_str()), "{manifest}");
    // What somebody changes is noticed.
    fs::write(to.join("shop/0"), "other").unwrap();
    let checked = Command::new("sha256sum").args(["-c", "manifest.txt"]).current_dir(&to).output().unwrap();
    assert!(!checked.status.success());

    let again = |to: &Path, overwrite| export(&weeks.setup, REPOSITORY, to, overwrite, &Progress::default());
    assert_eq!(again(&to, false).unwrap_err().ending, Ending::Usage);
    assert_eq!(again(&to, true).unwrap().ending, Ending::Done);
    assert_eq!(fs::read(to.join("shop/0")).unwrap(), "0".repeat(1000).as_bytes());
    // What the point does not have is no part of its list, and it is said.
    fs::write(to.join("shop/sub/stranger"), "of another point").unwrap();
    let mixed = again(&to, true).unwrap();
    assert_eq!(mixed.ending, Ending::Attention, "{mixed:?}");
    let error = mixed.assets[0].error.as_deref().unwrap();
    assert!(error.contains("1 file in its folder (sub/stranger)"), "{error}");
    let listed = fs::read(to.join("manifest.txt")).unwrap();
    let listed = String::from_utf8_lossy(&listed);
    assert!(listed.contains("NOT WHOLE: 1 file") && !listed.contains("  shop/sub/stranger"), "{listed}");
    fs::remove_file(to.join("shop/sub/stranger")).unwrap();
    // Nor is another client's export gone on with.
    let of_another = weeks.folder.path().join("other");
    fs::create_dir(&of_another).unwrap();
    fs::write(of_another.join("manifest.json"), "{\"client\": \"C-2\"}").unwrap();
    assert_eq!(again(&of_another, true).unwrap_err().ending, Ending::Usage);
    // Not among the copies, and nobody that is not known.
    assert_eq!(again(&weeks.folder.path().join("here/x"), false).unwrap_err().ending, Ending::Usage);
    let unknown = export(&weeks.setup, "C-none", &to.join("x"), false, &Progress::default());
    assert_eq!(unknown.unwrap_err().ending, Ending::Usage);
}

#[test]
fn an_asset_without_a_point_is_named() {
    let weeks = Weeks::new();
    weeks.back_up(0);
    let path = weeks.folder.path().join("estate.toml");
    let estate = fs::read_to_string(&path).unwrap();
    let other = weeks.folder.path().join("blog");
    fs::create_dir(&other).unwrap();
    let text = format!(
        "{estate}[assets.blog]\nclass = \"website\"\nhost = \"web1\"\nclient = \"{REPOSITORY}\"\npath = \"{}\"\n",
        other.display()
    );
    fs::write(path, text).unwrap();
    let world = holdfast_world::World { clock: weeks.clock.clone(), ..holdfast_world::World::system() };
    let setup = crate::weeks::load(&weeks.setup.places, &world);
    let to = weeks.folder.path().join("export");
    let report = export(&setup, REPOSITORY, &to, false, &Progress::default()).unwrap();
    assert_eq!(report.ending, Ending::Attention, "{report:?}");
    let blog = report.assets.iter().find(|asset| asset.asset == "blog").unwrap();
    assert_eq!(blog.error.as_deref(), Some("it has no point"));
    let text = fs::read_to_string(to.join("manifest.txt")).unwrap();
    assert!(text.contains("# blog\n#   NOT WHOLE: it has no point"), "{text}");
}

#[test]
fn what_could_not_be_restored_is_told_in_both_lists() {
    let whole = Restored::default();
    assert!(lacks_of(true, &whole).is_empty());
    let restored = Restored { failures: 2, ..whole };
    let lacks = lacks_of(false, &restored);
    assert_eq!(lacks.len(), 2, "{lacks:?}");
    let folder = tempfile::tempdir().unwrap();
    let asset = ExportedAsset {
        asset: "shop".to_owned(),
        has_left: false,
        point: None,
        error: Some(lacks.join("; ")),
    };
    let trouble = Trouble::new(holdfast_repo::TroubleKind::Damage, "a/b", "two\nlines");
    let report = ExportReport {
        client: REPOSITORY.to_owned(),
        time: Timestamp::UNIX_EPOCH,
        to: folder.path().to_owned(),
        assets: vec![asset],
        manifests: Vec::new(),
        troubles: vec![trouble],
        ending: Ending::Damage,
    };
    manifest::write(&report).unwrap();
    let text = fs::read_to_string(folder.path().join("manifest.txt")).unwrap();
    assert!(text.contains("NOT WHOLE: no point") && text.contains("; 2 of its entries"), "{text}");
    assert!(text.contains("#   a/b: two\\nlines\n"), "{text}");
    let json = fs::read(folder.path().join("manifest.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["troubles"][0]["subject"], "a/b", "{json}");
    assert!(json["assets"][0]["error"].as_str().unwrap().contains("could not be restored"), "{json}");
}
