//! What ran is written down: when it begins, and when it ends or was cut off.
#![allow(clippy::disallowed_methods, reason = "tests run programs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use support::{ASSET, Customer, code, text};

#[test]
fn runs_are_listed_with_their_points() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    assert_eq!(customer.json(0, &["runs"]), serde_json::json!([]));
    customer.run(0, &["backup", ASSET]);
    customer.run(0, &["backup", ASSET, "--full"]);
    let (runs, points) = (customer.json(0, &["runs", ASSET]), customer.json(0, &["points", ASSET]));
    for (number, kind) in ["incremental", "full"].iter().enumerate() {
        assert_eq!(runs[number]["kind"], *kind, "{runs}");
        assert_eq!(runs[number]["outcome"], "done", "{runs}");
        assert_eq!(runs[number]["point"], points[number]["id"], "{runs}");
    }
    let listed = customer.run(0, &["runs"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(listed.contains("incremental") && listed.contains("whole at here, there"), "{listed}");
    // One that fails is listed as well.
    fs::rename(customer.path("site"), customer.path("moved")).unwrap();
    customer.run(3, &["backup", ASSET]);
    assert_eq!(customer.json(1, &["runs"])[2]["outcome"], "failed");
}

#[test]
fn without_its_ledger_nothing_is_begun_and_the_file_is_left_alone() {
    let customer = Customer::new();
    fs::write(customer.path("site/index.php"), "<?php").unwrap();
    customer.run(0, &["backup", ASSET]);
    let ledger = customer.path("state/ledger.db");
    assert_eq!(ledger.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(&ledger, "something else altogether").unwrap();
    let output = customer.holdfast(&["backup", ASSET]);
    assert_eq!(code(&output), 3, "{}", text(&output));
    assert!(text(&output).contains("ledger.db"), "{}", text(&output));
    assert_eq!(fs::read_to_string(&ledger).unwrap(), "something else altogether");
    // Who cannot read what was checked does not say that nothing was.
    for command in [&["points", ASSET][..], &["runs"], &["verify"], &["verify", "--rotate"]] {
        assert!(customer.run(3, command).contains("ledger.db"));
    }
    let target = customer.path("restored");
    let restore = ["restore", ASSET, "--to", target.to_str().unwrap()];
    assert!(customer.run(3, &restore).contains("--break-glass"));
    customer.run(1, &[&restore[..], &["--break-glass", "the ledger is gone"]].concat());
    assert_eq!(fs::read_to_string(target.join("index.php")).unwrap(), "<?php");
}
