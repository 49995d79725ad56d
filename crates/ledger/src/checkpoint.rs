//! Signed heads of the tree, and the locations that were given them.
//!
//! A head that lies only here proves nothing: whoever rewrites the leaves rewrites it, too. So what counts is the copy at a
//! location, and that it was given one is a fact; a location that then has none was robbed of it.

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
use crate::schema::{anchors, checkpoints};
use crate::tree::TreeHead;

/// A signed head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// SHA-256 of the note, as hex.
    pub sha256: String,
    /// The head that it is about.
    #[serde(flatten)]
    pub head: TreeHead,
    /// The signed note.
    pub note: String,
    /// Since when it is kept here.
    pub kept_at: Timestamp,
}

/// That a location was given a signed head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Anchor {
    /// The location.
    pub location: String,
    /// The signed head, by the SHA-256 of its note.
    pub checkpoint: String,
    /// The head that it is about.
    #[serde(flatten)]
    pub head: TreeHead,
    /// When.
    pub happened_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchored {
    location: String,
    checkpoint: String,
    size: u64,
    root: String,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = checkpoints)]
pub(crate) struct Row {
    sha256: String,
    size: i64,
    root: String,
    note: String,
    kept_at: i64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = anchors)]
pub(crate) struct AnchorRow {
    leaf: i64,
    location: String,
    checkpoint: String,
    size: i64,
    root: String,
    happened_at: i64,
    recorded_at: i64,
}

impl Transaction<'_> {
    /// Keeps a signed head; one that is kept already is left alone. Returns its SHA-256.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn keep_checkpoint(&mut self, head: &TreeHead, note: &str) -> Result<String> {
        let row = Row {
            sha256: sha256(note),
            size: from_size(head.leaves)?,
            root: head.root.clone(),
            note: note.to_owned(),
            kept_at: to_nanoseconds(self.recorded_at)?,
        };
        diesel::insert_into(checkpoints::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(self.connection)
            .doing(|| "keep a checkpoint".to_owned())?;
        Ok(row.sha256)
    }

    /// Records that a location was given a signed head.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn anchor(&mut self, location: &str, checkpoint: &Checkpoint, happened_at: Timestamp) -> Result<()> {
        let anchored = Anchored {
            location: location.to_owned(),
            checkpoint: checkpoint.sha256.clone(),
            size: checkpoint.head.leaves,
            root: checkpoint.head.root.clone(),
        };
        self.record(happened_at, &Fact::CheckpointAnchored(anchored)).map(|_| ())
    }
}

impl Reader {
    /// Every signed head that is kept here, the smallest tree first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        self.ask(|connection| {
            let rows: Vec<Row> = checkpoints::table
                .order((checkpoints::size, checkpoints::sha256))
                .load(connection)
                .doing(|| "read the checkpoints".to_owned())?;
            rows.into_iter().map(Checkpoint::of).collect()
        })
    }

    /// The signed heads that a location was given, or all locations, the smallest tree first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn anchors(&self, location: Option<&str>) -> Result<Vec<Anchor>> {
        self.ask(|connection| {
            let mut query = anchors::table.into_boxed();
            if let Some(location) = location {
                query = query.filter(anchors::location.eq(location));
            }
            let rows: Vec<AnchorRow> = query
                .order((anchors::size, anchors::leaf))
                .load(connection)
                .doing(|| "read the anchors".to_owned())?;
            rows.into_iter().map(Anchor::of).collect()
        })
    }
}

pub(crate) fn apply_anchored(connection: &mut Connection, anchored: &Anchored, stamp: &Stamp) -> Result<()> {
    let row = AnchorRow {
        leaf: stamp.leaf,
        location: anchored.location.clone(),
        checkpoint: anchored.checkpoint.clone(),
        size: from_size(anchored.size)?,
        root: anchored.root.clone(),
        happened_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
    };
    diesel::insert_into(anchors::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("record that {} was given a checkpoint", anchored.location))
        .map(|_| ())
}

fn from_size(size: u64) -> Result<i64> {
    i64::try_from(size).map_err(|_| Error::new(ErrorKind::Contradiction, "no tree is so large"))
}

fn to_size(size: i64, what: &str) -> Result<u64> {
    u64::try_from(size).map_err(|_| Error::damaged(format!("{what} cannot be read")))
}

impl Checkpoint {
    fn of(row: Row) -> Result<Checkpoint> {
        let leaves = to_size(row.size, "a checkpoint")?;
        Ok(Checkpoint {
            sha256: row.sha256,
            head: TreeHead { leaves, root: row.root },
            note: row.note,
            kept_at: from_nanoseconds(row.kept_at),
        })
    }
}

impl Anchor {
    fn of(row: AnchorRow) -> Result<Anchor> {
        let leaves = to_size(row.size, "an anchor")?;
        Ok(Anchor {
            location: row.location,
            checkpoint: row.checkpoint,
            head: TreeHead { leaves, root: row.root },
            happened_at: from_nanoseconds(row.happened_at),
            leaf: to_size(row.leaf, "an anchor")?,
        })
    }
}
