//! Measures what a backup, a restore and a check cannot do without, on one core and on the same bytes as they:
//! `floor FOLDER SCRATCH TARGET` prints seconds as JSON. FOLDER is read, SCRATCH takes a file of sealed bytes, and TARGET,
//! which must not exist, takes what is restored from it; both are removed again.
//!
//! Each primitive is called as the engine calls it, with its settings, on whole blobs, with nothing in between. What is not
//! counted: looking up what is known, encoding trees and indexes, testing whether a blob compresses, threads. So no
//! program can be quicker on one core, and the sum divided by the cores is a floor for several.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a measurement reads a clock and prints")]

mod give_back;
mod laps;
mod take_in;
mod walk;

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, scratch, target] = &arguments[..] else {
        return Err(io::Error::other("usage: floor FOLDER SCRATCH TARGET"));
    };
    let (folder, scratch, target) = (Path::new(folder), Path::new(scratch), Path::new(target));
    let sealed = scratch.join("sealed");
    let walked = walk::walk(folder)?;
    let (taken, first) = take_in::take_in(&walked.files, &sealed)?;
    let back = give_back::give_back(&taken, &sealed, folder, target)?;
    std::fs::remove_file(&sealed)?;
    std::fs::remove_dir_all(target)?;
    let document = serde_json::json!({
        "entries": walked.entries,
        "files": walked.files.len(),
        "bytes": taken.bytes,
        "cut_bytes": taken.cut_bytes,
        "unique_bytes": taken.blobs.iter().map(|blob| u64::from(blob.raw)).sum::<u64>(),
        "sealed_bytes": taken.blobs.iter().map(|blob| u64::from(blob.length)).sum::<u64>(),
        "walk_s": walked.seconds,
        "take_in": first.seconds(),
        "give_back": back.seconds(),
    });
    println!("{document}");
    Ok(())
}
