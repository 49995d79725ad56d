//! Files of a point back into the asset's own folder: what is asked for and nothing else, never through a symlink, never half.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use holdfast_testkit::corpus::noise;
use support::{ASSET, Customer, assert_same, code, text, walk};

/// A site with a point; returns a copy of it as it was.
fn with_a_site() -> Customer {
    let customer = Customer::new();
    let site = customer.path("site");
    fs::create_dir_all(site.join("wp-content/uploads")).unwrap();
    for (name, mode) in [("index.php", 0o644), ("secret.php", 0o600), ("run.sh", 0o755)] {
        fs::write(site.join(name), format!("the {name} of the site")).unwrap();
        fs::set_permissions(site.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::write(site.join("wp-content/uploads/a.jpg"), noise(1, 50_000)).unwrap();
    fs::write(site.join("wp-content/uploads/b.jpg"), noise(2, 50_000)).unwrap();
    std::os::unix::fs::lchown(site.join("secret.php"), Some(12_345), Some(54_321)).unwrap_or_default();
    fs::set_permissions(site.join("secret.php"), fs::Permissions::from_mode(0o640)).unwrap();
    customer.run(0, &["backup", ASSET]);
    let copied = Command::new("cp").arg("-a").arg(&site).arg(customer.path("as-it-was")).status().unwrap();
    assert!(copied.success());
    customer
}

fn count(customer: &Customer) -> usize {
    customer.json(0, &["points", ASSET]).as_array().unwrap().len()
}

#[test]
fn what_was_lost_comes_back_as_it_was_after_a_plan_and_a_point_of_what_is_there() {
    let customer = with_a_site();
    let site = customer.path("site");
    fs::remove_file(site.join("secret.php")).unwrap();
    fs::write(site.join("index.php"), "defaced").unwrap();
    fs::write(site.join("new.php"), "made since").unwrap();
    fs::remove_dir_all(site.join("wp-content/uploads")).unwrap();

    let before = walk(&site);
    let plan = customer.json(0, &["restore", ASSET, "--in-place"]);
    assert_eq!(plan["changes"]["new_count"], 3, "{plan:#}");
    assert_eq!(plan["changes"]["replaced"][0], "index.php", "{plan:#}");
    assert_eq!(plan["changes"]["unchanged"], 1, "{plan:#}");
    assert_eq!(plan["makes_safety_point"], true);
    let said = customer.run(0, &["restore", ASSET, "--in-place"]);
    assert!(said.contains("replaced: index.php") && said.contains("Nothing was changed"), "{said}");
    assert!(walk(&site) == before && count(&customer) == 1, "a plan changes nothing");

    // One file alone.
    let said = customer.run(0, &["restore", ASSET, "--in-place", "--include", "secret.php", "--yes"]);
    assert!(said.contains("what was there before is in point"), "{said}");
    assert_eq!(count(&customer), 2);
    let secret = fs::metadata(site.join("secret.php")).unwrap();
    let was = fs::metadata(customer.path("as-it-was/secret.php")).unwrap();
    assert_eq!(
        (secret.uid(), secret.gid(), secret.mode(), secret.mtime()),
        (was.uid(), was.gid(), was.mode(), was.mtime())
    );
    assert_eq!(fs::read_to_string(site.join("index.php")).unwrap(), "defaced");
    assert!(!site.join("wp-content/uploads").exists());

    // All of it, out of the point that was meant: the safety point is never the newest.
    customer.run(0, &["restore", ASSET, "--in-place", "--yes"]);
    assert_eq!(fs::read_to_string(site.join("new.php")).unwrap(), "made since");
    fs::remove_file(site.join("new.php")).unwrap();
    fs::File::open(&site)
        .unwrap()
        .set_modified(fs::metadata(customer.path("as-it-was")).unwrap().modified().unwrap())
        .unwrap();
    assert_same(&site, &customer.path("as-it-was"));
    // And what was there before is there still.
    let points = customer.json(0, &["points", ASSET]);
    let last = points.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let to = customer.path("defaced");
    customer.run(0, &["restore", ASSET, "--point", &last, "--to", to.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(to.join("index.php")).unwrap(), "defaced");
    // The log has who did it.
    let log = customer.json(0, &["audit", "log"]).to_string();
    assert!(log.contains("(in place)"), "{log}");
}

#[test]
fn nothing_is_restored_through_a_symlink() {
    let customer = with_a_site();
    let (site, victim) = (customer.path("site"), customer.path("victim"));
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("a.jpg"), "of somebody else").unwrap();
    fs::write(victim.join("config"), "of somebody else").unwrap();
    // Of a folder of the point its owner made a link, and of a file, too.
    fs::remove_dir_all(site.join("wp-content/uploads")).unwrap();
    symlink(&victim, site.join("wp-content/uploads")).unwrap();
    fs::remove_file(site.join("index.php")).unwrap();
    symlink(victim.join("config"), site.join("index.php")).unwrap();
    let plan = customer.json(0, &["restore", ASSET, "--in-place"]);
    assert_eq!(plan["changes"]["blocked"][0], "wp-content/uploads", "{plan:#}");
    let said = customer.run(1, &["restore", ASSET, "--in-place", "--no-safety-point", "--yes"]);
    assert!(said.contains("nothing is restored through it"), "{said}");
    for name in ["a.jpg", "config"] {
        assert_eq!(fs::read_to_string(victim.join(name)).unwrap(), "of somebody else", "{name}");
    }
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 2);
    assert!(site.join("wp-content/uploads").is_symlink(), "it may be what its owner wants");
    assert!(!site.join("index.php").is_symlink());
    assert_eq!(fs::read_to_string(site.join("index.php")).unwrap(), "the index.php of the site");

    // Nor where the folder itself is one by now.
    fs::rename(&site, customer.path("moved")).unwrap();
    symlink(&victim, &site).unwrap();
    let said = customer.run(3, &["restore", ASSET, "--in-place", "--no-safety-point", "--yes"]);
    assert!(said.contains("open the target"), "{said}");
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 2);
}

#[test]
fn nothing_goes_into_the_folder_of_another_client() {
    let customer = with_a_site();
    let inner = customer.path("site/wp-content/uploads");
    // By now that folder is another client's.
    customer.declare(&format!(
        "[assets.inner]\nclass = \"website\"\nhost = \"web1\"\nclient = \"C-2\"\npath = \"{}\"\n",
        inner.display()
    ));
    fs::write(inner.join("a.jpg"), "of the other client").unwrap();
    fs::remove_file(customer.path("site/index.php")).unwrap();
    for include in [&["--include", "a.jpg"][..], &["--include", "wp-content"], &[]] {
        let arguments = [&["restore", ASSET, "--in-place", "--yes"][..], include].concat();
        let said = customer.run(2, &arguments);
        assert!(said.contains("the folder of inner"), "{include:?}: {said}");
    }
    assert_eq!(fs::read_to_string(inner.join("a.jpg")).unwrap(), "of the other client");
    customer.run(0, &["restore", ASSET, "--in-place", "--include", "index.php", "--yes"]);
    assert!(customer.path("site/index.php").exists());
    // Not by its points either.
    let id = customer.json(0, &["points", ASSET])[0]["id"].as_str().unwrap().to_owned();
    let said = customer.run(2, &["restore", "inner", "--in-place", "--point", &id, "--yes"]);
    assert!(said.contains("hint:") || said.contains("no point"), "{said}");
}

#[test]
fn who_is_killed_leaves_old_files_or_new_ones_and_no_half() {
    let customer = with_a_site();
    let site = customer.path("site");
    let large = noise(7, 24_000_000);
    fs::write(site.join("replaced.bin"), &large).unwrap();
    fs::write(site.join("gone.bin"), &large[..20_000_000]).unwrap();
    customer.run(0, &["backup", ASSET]);
    fs::write(site.join("replaced.bin"), "in use").unwrap();
    fs::remove_file(site.join("gone.bin")).unwrap();
    // Whoever writes more than this into a file is killed on the spot.
    let command = customer.command(&["restore", ASSET, "--in-place", "--no-safety-point", "--yes"]);
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -f 12000; ulimit -c 0; exec \"$@\"", "limited"]).arg(command.get_program());
    let output = limited.args(command.get_args()).output().unwrap();
    assert_ne!(code(&output), 0, "{}", text(&output));
    assert_eq!(fs::read_to_string(site.join("replaced.bin")).unwrap(), "in use");
    assert!(!site.join("gone.bin").exists(), "half of a file looks like one");
    customer.run(0, &["restore", ASSET, "--in-place", "--no-safety-point", "--yes"]);
    assert!(fs::read(site.join("replaced.bin")).unwrap() == large);
    assert!(fs::read(site.join("gone.bin")).unwrap() == large[..20_000_000]);
    let left = walk(&site).into_keys().filter(|path| path.to_string_lossy().contains(".part")).count();
    assert_eq!(left, 0);
}

#[test]
fn a_folder_that_is_gone_comes_back_and_what_cannot_go_together_is_said() {
    let customer = with_a_site();
    let site = customer.path("site");
    fs::remove_dir_all(&site).unwrap();
    let plan = customer.json(0, &["restore", ASSET, "--in-place"]);
    assert_eq!(plan["makes_safety_point"], false, "{plan:#}");
    customer.run(0, &["restore", ASSET, "--in-place", "--yes"]);
    assert_same(&site, &customer.path("as-it-was"));
    for wrong in [
        &["restore", ASSET, "--in-place", "--to", "/tmp/x"][..],
        &["restore", "--all", "--in-place"],
        &["restore", ASSET, "--to", "/tmp/x", "--yes"],
        &["restore", ASSET, "--in-place", "--database", "shop"],
    ] {
        customer.run(2, wrong);
    }
}
