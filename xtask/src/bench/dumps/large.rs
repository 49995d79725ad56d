//! One large table, first and again unchanged: whether memory stays bounded, and how near the tool's own pace both come.

use std::path::Path;

use anyhow::Result;
use holdfast_testkit::servers::Mariadb;

use super::stand::{Dump, Stand};
use crate::bench::peer::Peer;

const DATABASE: &str = "large";
/// What a row takes in a dump, about; what it took in all is counted.
const ROW_BYTES: u64 = 285;
/// So many rows in one transaction.
const STEP: u64 = 200_000;

/// Fills the table and dumps it twice.
pub(super) fn measure(
    bytes: u64,
    server: &Mariadb,
    ours: &Peer,
    restic: &Peer,
    scratch: &Path,
) -> Result<Vec<Dump>> {
    let rows = (bytes / ROW_BYTES).max(1);
    println!("bench: dumps: making a table of {rows} rows");
    fill(server, rows);
    let stand = Stand::prepare(server, DATABASE, ours, restic, scratch)?;
    let mut dumps = Vec::new();
    for is_restic_first in [false, true] {
        let dump = stand.dump(is_restic_first)?;
        println!("bench: dumps: large  {dump}");
        dumps.push(dump);
    }
    server.sql(&format!("DROP DATABASE {DATABASE}"));
    Ok(dumps)
}

/// Rows like those of a module's log: words that come again, and digits that do not.
fn fill(server: &Mariadb, rows: u64) {
    server.sql(&format!(
        "CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4; CREATE TABLE {DATABASE}.log \
         (id BIGINT PRIMARY KEY, at DATETIME NOT NULL, request TEXT NOT NULL, response TEXT NOT NULL)"
    ));
    let mut from = 1;
    while from <= rows {
        let to = (from + STEP - 1).min(rows);
        server.sql(&format!(
            "USE {DATABASE}; INSERT INTO log SELECT seq, FROM_UNIXTIME(1700000000 + seq), \
             CONCAT('<packet><site>', SHA1(seq), '</site><key>', SHA2(seq, 256), '</key></packet>'), \
             REPEAT('<status>ok</status>', 1 + seq % 9) FROM seq_{from}_to_{to}"
        ));
        from = to + 1;
    }
}
