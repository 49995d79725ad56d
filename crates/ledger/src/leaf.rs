//! Leaves: every fact once, in the order in which it was recorded, never changed.
//!
//! A leaf's hash is that of a leaf of a Merkle tree as RFC 6962 has it, so that a signed head of the tree, once one is
//! anchored elsewhere, vouches for every fact before it. The hash covers the payload's bytes as they are stored; nobody
//! has to write the same JSON again. Each payload holds a random nonce: without it, an erased fact of few possible
//! values could be found by trying them.

use diesel::prelude::*;
use holdfast_world::Random;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::schema::leaves;

/// One recorded fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leaf {
    /// Counts from 0, without a gap.
    pub sequence: u64,
    /// What kind of fact it is, e.g. `run-begun`.
    pub kind: String,
    /// When it happened.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The fact itself, as JSON.
    pub payload: String,
    /// SHA-256 of a zero byte and the payload.
    pub hash: [u8; 32],
}

#[derive(Queryable, Insertable, Debug)]
#[diesel(table_name = leaves)]
pub(crate) struct Row {
    sequence: i64,
    kind: String,
    happened_at: i64,
    recorded_at: i64,
    payload: String,
    hash: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Payload<F> {
    nonce: String,
    happened_at: Timestamp,
    recorded_at: Timestamp,
    fact: F,
}

/// SHA-256 of a leaf, as RFC 6962 has it.
pub(crate) fn hash_leaf(payload: &str) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(payload).finalize().into()
}

/// Appends a fact. Call it in the transaction that changes the tables.
pub(crate) fn append(
    connection: &mut Connection,
    random: &dyn Random,
    fact: &Fact,
    happened_at: Timestamp,
    recorded_at: Timestamp,
) -> Result<Stamp> {
    let mut nonce = [0; 16];
    random.fill(&mut nonce);
    let payload = Payload { nonce: hex(&nonce), happened_at, recorded_at, fact };
    let payload = serde_json::to_string(&payload)
        .map_err(|error| Error::caused(ErrorKind::System, "write a leaf", error))?;
    let sequence = i64::try_from(count(connection)?).unwrap_or(i64::MAX);
    let row = Row {
        sequence,
        kind: fact.kind().to_owned(),
        happened_at: to_nanoseconds(happened_at)?,
        recorded_at: to_nanoseconds(recorded_at)?,
        hash: hash_leaf(&payload).to_vec(),
        payload,
    };
    diesel::insert_into(leaves::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("append leaf {sequence}"))?;
    Ok(Stamp { leaf: sequence, happened_at: row.happened_at, recorded_at: row.recorded_at })
}

/// How many there are: they are numbered from nought on, without a gap.
pub(crate) fn count(connection: &mut Connection) -> Result<u64> {
    let last: Option<i64> = leaves::table
        .select(diesel::dsl::max(leaves::sequence))
        .first(connection)
        .doing(|| "count the leaves".to_owned())?;
    Ok(last.map_or(0, |last| u64::try_from(last).unwrap_or(0) + 1))
}

/// The first leaf that was recorded at an instant or later.
pub(crate) fn first_since(connection: &mut Connection, instant: Timestamp) -> Result<Option<u64>> {
    let first: Option<i64> = leaves::table
        .filter(leaves::recorded_at.ge(to_nanoseconds(instant)?))
        .select(diesel::dsl::min(leaves::sequence))
        .first(connection)
        .doing(|| format!("find the first leaf since {instant}"))?;
    Ok(first.and_then(|first| u64::try_from(first).ok()))
}

/// The earliest instant at which any of these was recorded, by its own account.
pub(crate) fn earliest_recorded(
    connection: &mut Connection,
    numbers: std::ops::Range<u64>,
) -> Result<Option<Timestamp>> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let earliest: Option<i64> = leaves::table
        .filter(leaves::sequence.ge(number(numbers.start)).and(leaves::sequence.lt(number(numbers.end))))
        .select(diesel::dsl::min(leaves::recorded_at))
        .first(connection)
        .doing(|| "find when leaves were recorded".to_owned())?;
    Ok(earliest.map(from_nanoseconds))
}

/// Up to `count` leaves from number `from` on.
pub(crate) fn load(connection: &mut Connection, from: u64, count: u32) -> Result<Vec<Leaf>> {
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let rows: Vec<Row> = leaves::table
        .filter(leaves::sequence.ge(from))
        .order(leaves::sequence)
        .limit(i64::from(count))
        .load(connection)
        .doing(|| format!("read leaves from {from}"))?;
    rows.into_iter().map(Leaf::of).collect()
}

impl Leaf {
    fn of(row: Row) -> Result<Leaf> {
        let broken = || Error::damaged(format!("leaf {} cannot be read", row.sequence));
        Ok(Leaf {
            sequence: u64::try_from(row.sequence).map_err(|_| broken())?,
            kind: row.kind.clone(),
            happened_at: from_nanoseconds(row.happened_at),
            recorded_at: from_nanoseconds(row.recorded_at),
            hash: row.hash.as_slice().try_into().map_err(|_| broken())?,
            payload: row.payload,
        })
    }

    /// The fact that it records, once hash and columns were found to agree with the payload.
    pub(crate) fn open(&self) -> Result<(Fact, Stamp)> {
        let damaged = |what: &str| Error::damaged(format!("leaf {}: {what}", self.sequence));
        if hash_leaf(&self.payload) != self.hash {
            return Err(damaged("its hash is not that of its payload"));
        }
        let payload: Payload<Fact> = serde_json::from_str(&self.payload).map_err(|error| {
            Error::caused(ErrorKind::Damaged, format!("leaf {} cannot be read", self.sequence), error)
        })?;
        if payload.happened_at != self.happened_at
            || payload.recorded_at != self.recorded_at
            || payload.fact.kind() != self.kind
        {
            return Err(damaged("its columns are not those of its payload"));
        }
        let stamp = Stamp {
            leaf: i64::try_from(self.sequence).map_err(|_| damaged("its number is too large"))?,
            happened_at: to_nanoseconds(self.happened_at)?,
            recorded_at: to_nanoseconds(self.recorded_at)?,
        };
        Ok((payload.fact, stamp))
    }
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a text, as hex.
pub(crate) fn sha256(text: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(text).into();
    hex(&hash)
}
