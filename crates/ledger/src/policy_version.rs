//! Versions of the policy, with the text itself: a verdict about last year needs the words of last year.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::leaf::sha256;
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::policy_versions;

/// A version of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyVersion {
    /// Counts from 1.
    pub number: u64,
    /// The file's text.
    pub text: String,
    /// Its SHA-256, as hex.
    pub sha256: String,
    /// From when it should hold.
    pub effective: Timestamp,
    /// Who approved it.
    pub approver: String,
    /// When it was adopted.
    pub recorded_at: Timestamp,
}

/// A version to adopt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPolicyVersion {
    /// The file's text.
    pub text: String,
    /// From when it should hold.
    pub effective: Timestamp,
    /// Who approved it.
    pub approver: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Adopted {
    number: i64,
    text: String,
    sha256: String,
    effective: Timestamp,
    approver: String,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = policy_versions)]
pub(crate) struct Row {
    number: i64,
    text: String,
    sha256: String,
    effective: i64,
    approver: String,
    recorded_at: i64,
    leaf: i64,
}

impl Transaction<'_> {
    /// Adopts a version, and returns its number. The same text as the latest, effective from the same instant, is that one.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn adopt_policy(&mut self, version: &NewPolicyVersion, happened_at: Timestamp) -> Result<u64> {
        let sha256 = sha256(&version.text);
        let latest: Option<Row> = policy_versions::table
            .order(policy_versions::number.desc())
            .first(self.connection)
            .optional()
            .doing(|| "read the latest policy".to_owned())?;
        let effective = to_nanoseconds(version.effective)?;
        let number = match latest {
            Some(latest) if latest.sha256 == sha256 && latest.effective == effective => {
                return to_number(latest.number);
            }
            Some(latest) => latest.number + 1,
            None => 1,
        };
        let adopted = Adopted {
            number,
            text: version.text.clone(),
            sha256,
            effective: version.effective,
            approver: version.approver.clone(),
        };
        self.record(happened_at, &Fact::PolicyAdopted(adopted))?;
        to_number(number)
    }
}

impl Reader {
    /// Every version, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn policy_versions(&self) -> Result<Vec<PolicyVersion>> {
        self.ask(|connection| {
            let rows: Vec<Row> = policy_versions::table
                .order(policy_versions::number)
                .load(connection)
                .doing(|| "read the policies".to_owned())?;
            rows.into_iter().map(PolicyVersion::of).collect()
        })
    }

    /// The version in force at an instant. One that was adopted with an effective date in the past holds from its adoption:
    /// otherwise an edit could change yesterday's verdicts.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn policy_in_force(&self, at: Timestamp) -> Result<Option<PolicyVersion>> {
        let at = to_nanoseconds(at)?;
        self.ask(|connection| {
            let row: Option<Row> = policy_versions::table
                .filter(policy_versions::effective.le(at))
                .filter(policy_versions::recorded_at.le(at))
                .order(policy_versions::number.desc())
                .first(connection)
                .optional()
                .doing(|| "read the policy in force".to_owned())?;
            row.map(PolicyVersion::of).transpose()
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, adopted: &Adopted, stamp: &Stamp) -> Result<()> {
    let row = Row {
        number: adopted.number,
        text: adopted.text.clone(),
        sha256: adopted.sha256.clone(),
        effective: to_nanoseconds(adopted.effective)?,
        approver: adopted.approver.clone(),
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
    };
    diesel::insert_into(policy_versions::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("adopt policy {}", adopted.number))
        .map(|_| ())
}

impl PolicyVersion {
    fn of(row: Row) -> Result<PolicyVersion> {
        Ok(PolicyVersion {
            number: to_number(row.number)?,
            text: row.text,
            sha256: row.sha256,
            effective: from_nanoseconds(row.effective),
            approver: row.approver,
            recorded_at: from_nanoseconds(row.recorded_at),
        })
    }
}

fn to_number(number: i64) -> Result<u64> {
    u64::try_from(number)
        .map_err(|_| Error::new(ErrorKind::Damaged, format!("no policy has number {number}")))
}
