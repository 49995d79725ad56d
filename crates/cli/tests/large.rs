//! What breaks backups by its size or its names, there and back, compared by rsync: 100,000 files, one huge file, one
//! huge sparse file, hard links between folders, names with newlines and without any encoding.
//!
//! `cargo xtask test --long` takes the sizes that are promised; every run takes smaller ones of the same shape.
#![allow(clippy::disallowed_methods, reason = "tests run programs and read the environment")]
#![allow(clippy::print_stdout, reason = "the sizes are part of the result")]
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use holdfast_testkit::corpus::Dice;
use support::{ASSET, Customer, assert_same};

/// Sizes of one run.
struct Sizes {
    files: usize,
    big_bytes: u64,
    sparse_bytes: u64,
}

fn sizes() -> Sizes {
    if std::env::var_os("HOLDFAST_TEST_LONG").is_some() {
        Sizes { files: 100_000, big_bytes: 5_000_000_000, sparse_bytes: 20_000_000_000 }
    } else {
        Sizes { files: 20_000, big_bytes: 200_000_000, sparse_bytes: 2_000_000_000 }
    }
}

fn make_many(folder: &Path, count: usize) {
    for number in 0..count {
        let folder = folder.join(format!("{:02x}", number % 251));
        if number < 251 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("{number}.txt")), format!("file number {number}\n")).unwrap();
    }
}

fn make_big(path: &Path, bytes: u64) {
    let mut dice = Dice::new(5);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let mut written = 0;
    while written < bytes {
        // Half of it can be compressed, as in a mailbox or a database file.
        let noise = dice.bytes(1 << 19);
        file.write_all(&noise).unwrap();
        file.write_all(&vec![noise[0]; 1 << 19]).unwrap();
        written += 1 << 20;
    }
    file.flush().unwrap();
}

fn make_sparse(path: &Path, bytes: u64) {
    let file = File::create(path).unwrap();
    file.set_len(bytes).unwrap();
    let mut dice = Dice::new(6);
    for part in 0..20 {
        let noise = dice.bytes(100_000);
        file.write_all_at(&noise, bytes / 20 * part + 12_345).unwrap();
    }
}

fn make_odd(folder: &Path) {
    fs::create_dir_all(folder.join("a/b")).unwrap();
    let names: [&[u8]; 6] =
        [b"new\nline", b"not \xff\xfe utf-8", b"tab\tand \"quotes\" & <tags>", b"-rf", b" ", &[b'n'; 255]];
    for name in names {
        fs::write(folder.join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::write(folder.join("a/original"), "linked").unwrap();
    fs::hard_link(folder.join("a/original"), folder.join("a/b/link")).unwrap();
    fs::hard_link(folder.join("a/original"), folder.join("link")).unwrap();
    fs::write(folder.join("empty"), "").unwrap();
}

#[test]
fn large_and_odd_things_come_back_as_they_were() {
    let sizes = sizes();
    let customer = Customer::new();
    let site = customer.path("site");
    make_many(&site.join("many"), sizes.files);
    make_big(&site.join("big.bin"), sizes.big_bytes);
    make_sparse(&site.join("sparse.img"), sizes.sparse_bytes);
    make_odd(&site.join("odd"));
    let report = customer.json(0, &["backup", ASSET]);
    let totals = &report[0]["totals"];
    println!("{} files, {} bytes", totals["files"], totals["bytes"]);
    assert!(totals["files"].as_u64().unwrap() as usize >= sizes.files + 8, "{report}");
    assert!(totals["bytes"].as_u64().unwrap() >= sizes.big_bytes + sizes.sparse_bytes, "{report}");

    let target = customer.path("restored");
    customer.run(0, &["restore", ASSET, "--to", target.to_str().unwrap(), "--location", "there"]);
    assert_same(&site, &target);
    let (original, link) = (target.join("odd/a/original"), target.join("odd/link"));
    assert_eq!(fs::metadata(original).unwrap().ino(), fs::metadata(link).unwrap().ino());
    let blocks = |folder: &Path| fs::metadata(folder.join("sparse.img")).unwrap().blocks();
    assert!(blocks(&target) <= blocks(&site) + 20 * 2048, "{} for {}", blocks(&target), blocks(&site));

    fs::remove_dir_all(&target).unwrap();
    let unchanged = customer.json(0, &["backup", ASSET]);
    let added = unchanged[0]["totals"]["bytes_added"].as_u64().unwrap();
    assert!(added < 1_000_000, "nothing changed, and {added} bytes were stored: {unchanged}");
    customer.run(0, &["verify", "--read-data"]);
    let output = customer.restic("restic", "here", &["check", "--read-data"]);
    assert!(output.status.success(), "{}", support::text(&output));
}
