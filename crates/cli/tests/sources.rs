//! Sources that are suddenly small, and the estimate of how long a backup takes.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;

use support::{ASSET, Customer};

fn fill(customer: &Customer, files: usize) {
    let site = customer.path("site");
    fs::remove_dir_all(&site).unwrap();
    fs::create_dir(&site).unwrap();
    for n in 0..files {
        fs::write(site.join(format!("{n}.txt")), format!("file {n}")).unwrap();
    }
}

#[test]
fn an_empty_or_shrunken_source_is_suspect_until_somebody_says_that_it_is_right() {
    let customer = Customer::new();
    fill(&customer, 30);
    customer.run(0, &["backup", ASSET]);
    customer.old_points(&["2024-05-06"]);
    for files in [0, 0, 2] {
        fill(&customer, files);
        let said = customer.run(1, &["backup", ASSET]);
        assert!(said.contains("SUSPECT") && said.contains("had 31"), "{said}");
        assert!(said.contains("--accept-smaller"), "{said}");
    }
    let suspect = customer.json(1, &["backup", ASSET]);
    assert!(suspect[0]["suspect"].is_string() && suspect[0]["point"].is_string(), "{suspect}");
    // The old points may be all there is.
    let purged = customer.json(0, &["purge"]);
    assert_eq!(purged["repositories"][0]["expired"], 0, "{purged}");
    assert!(purged["decisions"].to_string().contains("the last backup is suspect"), "{purged}");
    customer.run(0, &["backup", ASSET, "--accept-smaller"]);
    customer.run(0, &["backup", ASSET]);
    assert_eq!(customer.json(0, &["purge"])["repositories"][0]["expired"], 1);

    fill(&customer, 3);
    customer.run(0, &["backup", ASSET]);
}
