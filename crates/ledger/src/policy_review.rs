//! Reviews of the policy. A date in the file that somebody edits is no review; that a person looked, and at which words, is
//! a fact of its own, and one without a name is none.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::from_nanoseconds;
use crate::leaf::sha256;
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::{policy_reviews, policy_versions};

/// A review to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPolicyReview {
    /// Who reviewed.
    pub reviewer: String,
    /// The text that was reviewed.
    pub text: String,
    /// What came of it.
    pub note: Option<String>,
}

/// A recorded review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyReview {
    /// Who reviewed.
    pub reviewer: String,
    /// The SHA-256 of the text that was reviewed, as hex.
    pub policy_sha256: String,
    /// The version with that text; absent where it was not adopted then.
    pub policy_version: Option<u64>,
    /// What came of it.
    pub note: Option<String>,
    /// When.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reviewed {
    reviewer: String,
    policy_sha256: String,
    policy_version: Option<i64>,
    note: Option<String>,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = policy_reviews)]
pub(crate) struct Row {
    leaf: i64,
    reviewer: String,
    policy_sha256: String,
    policy_version: Option<i64>,
    note: Option<String>,
    happened_at: i64,
    recorded_at: i64,
}

impl Transaction<'_> {
    /// Records that a text was reviewed, and returns the leaf that proves it.
    ///
    /// # Errors
    /// `Contradiction` for one without a name.
    pub fn review_policy(&mut self, review: &NewPolicyReview, happened_at: Timestamp) -> Result<u64> {
        if review.reviewer.trim().is_empty() {
            return Err(Error::new(ErrorKind::Contradiction, "a review needs the name of who reviewed"));
        }
        let policy_sha256 = sha256(&review.text);
        let policy_version: Option<i64> = policy_versions::table
            .filter(policy_versions::sha256.eq(&policy_sha256))
            .select(policy_versions::number)
            .order(policy_versions::number.desc())
            .first(self.connection)
            .optional()
            .doing(|| "read the policies".to_owned())?;
        let reviewed = Reviewed {
            reviewer: review.reviewer.clone(),
            policy_sha256,
            policy_version,
            note: review.note.clone(),
        };
        let stamp = self.record(happened_at, &Fact::PolicyReviewed(reviewed))?;
        u64::try_from(stamp.leaf).map_err(|_| Error::damaged("leaves are counted from nought".to_owned()))
    }
}

impl Reader {
    /// Every review, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn policy_reviews(&self) -> Result<Vec<PolicyReview>> {
        self.ask(|connection| {
            let rows: Vec<Row> = policy_reviews::table
                .order((policy_reviews::happened_at, policy_reviews::leaf))
                .load(connection)
                .doing(|| "read the reviews".to_owned())?;
            rows.into_iter().map(PolicyReview::of).collect()
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, reviewed: &Reviewed, stamp: &Stamp) -> Result<()> {
    let row = Row {
        leaf: stamp.leaf,
        reviewer: reviewed.reviewer.clone(),
        policy_sha256: reviewed.policy_sha256.clone(),
        policy_version: reviewed.policy_version,
        note: reviewed.note.clone(),
        happened_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
    };
    diesel::insert_into(policy_reviews::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("record the review by {}", reviewed.reviewer))
        .map(|_| ())
}

impl PolicyReview {
    fn of(row: Row) -> Result<PolicyReview> {
        let number = |number: i64| {
            u64::try_from(number)
                .map_err(|_| Error::damaged(format!("the review of leaf {} cannot be read", row.leaf)))
        };
        Ok(PolicyReview {
            policy_version: row.policy_version.map(number).transpose()?,
            leaf: number(row.leaf)?,
            reviewer: row.reviewer,
            policy_sha256: row.policy_sha256,
            note: row.note,
            happened_at: from_nanoseconds(row.happened_at),
            recorded_at: from_nanoseconds(row.recorded_at),
        })
    }
}
