//! Values about people. A leaf can never be changed, and what the law lets people have erased must not be one for ever: so
//! a leaf holds a salted hash, and value and salt lie apart. Once both are erased, the leaf still proves which value it
//! was to whoever kept a copy, and tells it to nobody else; the tree over the leaves is the same as before.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use holdfast_world::Random;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::connection::{AT_ONCE, Connection};
use crate::error::{Doing, Error, Result};
use crate::fact::{Fact, Stamp};
use crate::leaf::hex;
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::{actions, erasures, private_values, restore_test_picks};

/// What stands where a value was erased.
pub const ERASED: &str = "[erased]";

/// A value with its salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Private {
    /// SHA-256 of the salt and the value, as hex: what the leaf holds.
    pub(crate) hash: String,
    salt: [u8; 32],
    value: String,
}

/// A value as it lies apart from its leaf; with it, whoever has the leaf can check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PrivateValue {
    /// What the leaf holds.
    pub hash: String,
    /// 32 bytes, as hex.
    pub salt: String,
    /// The value.
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Erased {
    by: String,
    reason: String,
    hashes: Vec<String>,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = private_values)]
pub(crate) struct Row {
    hash: String,
    leaf: i64,
    salt: Vec<u8>,
    value: String,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = erasures)]
pub(crate) struct ErasureRow {
    hash: String,
    leaf: i64,
}

impl Private {
    /// Gives a value a salt of its own.
    pub(crate) fn new(random: &dyn Random, value: &str) -> Private {
        let mut salt = [0; 32];
        random.fill(&mut salt);
        Private { hash: hash(&salt, value), salt, value: value.to_owned() }
    }

    /// Keeps it, beside the leaf that names its hash.
    pub(crate) fn keep(self, connection: &mut Connection, stamp: &Stamp) -> Result<()> {
        let row = Row { hash: self.hash, leaf: stamp.leaf, salt: self.salt.to_vec(), value: self.value };
        diesel::insert_into(private_values::table)
            .values(&row)
            .execute(connection)
            .doing(|| format!("keep a value of leaf {}", stamp.leaf))
            .map(|_| ())
    }
}

fn hash(salt: &[u8], value: &str) -> String {
    let hash: [u8; 32] = Sha256::new().chain_update(salt).chain_update(value).finalize().into();
    hex(&hash)
}

impl Transaction<'_> {
    /// Erases paths, targets, purposes and details of everything that was done with a repository, and what was seen in tests
    /// of it; who did it stays. What is erased is recorded first. Returns how many values went.
    ///
    /// # Errors
    /// When it could not be written; then nothing is erased.
    pub fn erase_private(
        &mut self,
        repository: &str,
        by: &str,
        reason: &str,
        happened_at: Timestamp,
    ) -> Result<usize> {
        type Hashes = (String, String, Option<String>, Option<String>);
        let rows: Vec<Hashes> = actions::table
            .filter(actions::repository.eq(repository))
            .select((actions::paths, actions::purpose, actions::target, actions::detail))
            .load(self.connection)
            .doing(|| format!("find what was done with {repository}"))?;
        let mut named = BTreeSet::new();
        for (paths, purpose, target, detail) in rows {
            named.extend(hashes_of(&paths)?);
            named.extend([Some(purpose), target, detail].into_iter().flatten());
        }
        let seen: Vec<Option<String>> = restore_test_picks::table
            .filter(restore_test_picks::repository.eq(repository))
            .select(restore_test_picks::details)
            .load(self.connection)
            .doing(|| format!("find what was seen in tests of {repository}"))?;
        named.extend(seen.into_iter().flatten());
        let named: Vec<String> = named.into_iter().collect();
        let hashes: Vec<String> = values(self.connection, &named)?.into_keys().collect();
        if hashes.is_empty() {
            return Ok(0);
        }
        let count = hashes.len();
        let erased = Erased { by: by.to_owned(), reason: reason.to_owned(), hashes: hashes.clone() };
        self.record(happened_at, &Fact::PrivateErased(erased))?;
        for some in hashes.chunks(AT_ONCE) {
            diesel::delete(private_values::table.filter(private_values::hash.eq_any(some)))
                .execute(self.connection)
                .doing(|| "erase values".to_owned())?;
        }
        Ok(count)
    }
}

impl Reader {
    /// The values of these hashes that were not erased.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn private_values(&self, hashes: &[String]) -> Result<Vec<PrivateValue>> {
        self.ask(|connection| {
            let values = values(connection, hashes)?.into_values();
            Ok(values
                .map(|row| PrivateValue { hash: row.hash, salt: hex(&row.salt), value: row.value })
                .collect())
        })
    }

    /// Every value that the first so many leaves name and that was not erased, in their order, to `see`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn private_values_of(&self, leaves: u64, see: &mut dyn FnMut(PrivateValue)) -> Result<()> {
        let leaves = i64::try_from(leaves).unwrap_or(i64::MAX);
        self.ask(|connection| {
            let rows: Vec<Row> = private_values::table
                .filter(private_values::leaf.lt(leaves))
                .order((private_values::leaf, private_values::hash))
                .load(connection)
                .doing(|| "read the private values".to_owned())?;
            for row in rows {
                see(PrivateValue { hash: row.hash, salt: hex(&row.salt), value: row.value });
            }
            Ok(())
        })
    }
}

pub(crate) fn apply_erased(connection: &mut Connection, erased: &Erased, stamp: &Stamp) -> Result<()> {
    for hash in &erased.hashes {
        diesel::insert_into(erasures::table)
            .values(&ErasureRow { hash: hash.clone(), leaf: stamp.leaf })
            .execute(connection)
            .doing(|| "record what is erased".to_owned())?;
    }
    Ok(())
}

/// What is kept of these hashes.
pub(crate) fn values(connection: &mut Connection, hashes: &[String]) -> Result<BTreeMap<String, Row>> {
    let mut found = BTreeMap::new();
    for some in hashes.chunks(AT_ONCE) {
        let rows: Vec<Row> = private_values::table
            .filter(private_values::hash.eq_any(some))
            .load(connection)
            .doing(|| "read private values".to_owned())?;
        found.extend(rows.into_iter().map(|row| (row.hash.clone(), row)));
    }
    Ok(found)
}

impl Row {
    pub(crate) fn value(&self) -> &str {
        &self.value
    }
}

/// The hashes in a column that holds a list of them.
pub(crate) fn hashes_of(column: &str) -> Result<Vec<String>> {
    serde_json::from_str(column)
        .map_err(|_| Error::damaged("a list of hashes in the table actions cannot be read"))
}

/// Checks that each value is what its leaf says, that none is gone unless that was recorded, and that what was erased is
/// gone. Returns how many there are, and how many were erased.
pub(crate) fn check(connection: &mut Connection) -> Result<(u64, u64)> {
    type Hashes = (i64, String, String, String, Option<String>, Option<String>);
    let rows: Vec<Hashes> = actions::table
        .order(actions::leaf)
        .select((
            actions::leaf,
            actions::actor,
            actions::paths,
            actions::purpose,
            actions::target,
            actions::detail,
        ))
        .load(connection)
        .doing(|| "read the table actions".to_owned())?;
    let erased: Vec<String> =
        erasures::table.select(erasures::hash).load(connection).doing(|| "read the erasures".to_owned())?;
    let erased: BTreeSet<String> = erased.into_iter().collect();
    let mut named: Vec<(i64, Vec<String>)> = Vec::new();
    for (leaf, actor, paths, purpose, target, detail) in rows {
        let mut of_leaf = hashes_of(&paths)?;
        of_leaf.extend([Some(actor), Some(purpose), target, detail].into_iter().flatten());
        named.push((leaf, of_leaf));
    }
    let seen: Vec<(i64, Option<String>)> = restore_test_picks::table
        .order(restore_test_picks::leaf)
        .select((restore_test_picks::leaf, restore_test_picks::details))
        .load(connection)
        .doing(|| "read the table restore_test_picks".to_owned())?;
    named.extend(seen.into_iter().filter_map(|(leaf, details)| Some((leaf, vec![details?]))));
    let (mut kept, mut gone) = (0, 0);
    for (leaf, named) in named {
        let values = values(connection, &named)?;
        for name in &named {
            match (values.get(name), erased.contains(name)) {
                (Some(row), false) if hash(&row.salt, &row.value) == *name => kept += 1,
                (Some(_), false) => {
                    return Err(Error::damaged(format!(
                        "a private value of leaf {leaf} is not the one recorded"
                    )));
                }
                (Some(_), true) => {
                    return Err(Error::damaged(format!(
                        "a private value of leaf {leaf} was erased and is there"
                    )));
                }
                (None, true) => gone += 1,
                (None, false) => {
                    return Err(Error::damaged(format!(
                        "a private value of leaf {leaf} is gone, and no leaf says that it was erased"
                    )));
                }
            }
        }
    }
    Ok((kept, gone))
}
