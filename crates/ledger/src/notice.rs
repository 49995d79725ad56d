//! Notices: what people are to be told, and what became of it, for each way by which they are told.
//!
//! A notice is written down before anybody tries to send it, and what came of each attempt after it. So a process that is
//! killed in between sends once more, by the same name, and loses nothing; and whoever says that nobody told him can be shown
//! when a server took which bytes.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::{deliveries, notices};
use crate::words::words;

words! {
    /// What became of a notice on one channel.
    DeliveryState {
        /// Nobody tried yet.
        Waiting = "waiting",
        /// The channel could not be reached the last time.
        Failed = "failed",
        /// The channel was reached, and took everything but this.
        Refused = "refused",
        /// It was taken.
        Delivered = "delivered",
        /// There is no such channel any more.
        Withdrawn = "withdrawn",
        /// The channel did not take it for so long that nobody tries any more.
        GivenUp = "given-up",
    }
}

/// What needs nothing more.
const SETTLED: [DeliveryState; 3] =
    [DeliveryState::Delivered, DeliveryState::Withdrawn, DeliveryState::GivenUp];

/// A notice to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewNotice {
    /// What it is about.
    pub topic: String,
    /// Who looks after that; absent for what everybody gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// One line.
    pub subject: String,
    /// All of it.
    pub text: String,
    /// What it says of which target, for those who decide what is to be said next.
    pub items: serde_json::Value,
    /// The channels that it goes to.
    pub channels: Vec<String>,
}

/// A notice, under its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NoticeSaid {
    id: String,
    #[serde(flatten)]
    notice: NewNotice,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The notice.
    pub notice: String,
    /// The channel.
    pub channel: String,
    /// What it came to; never `Waiting`.
    pub state: DeliveryState,
    /// What the server said, or what went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The hash of what was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_sha256: Option<String>,
}

/// A notice that was said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// Its name.
    pub id: String,
    /// What it is about.
    pub topic: String,
    /// Who looks after that.
    pub team: Option<String>,
    /// One line.
    pub subject: String,
    /// All of it.
    pub text: String,
    /// What it says of which target.
    pub items: serde_json::Value,
    /// When it was said.
    pub said_at: Timestamp,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

/// A notice on its way by one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The notice.
    pub notice: String,
    /// The channel.
    pub channel: String,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u64,
    /// What the server said last, or what went wrong.
    pub detail: Option<String>,
    /// The hash of what was sent last.
    pub payload_sha256: Option<String>,
    /// When it was tried last.
    pub tried_at: Option<Timestamp>,
    /// When that was recorded, or that it waits.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = notices)]
pub(crate) struct Row {
    id: String,
    topic: String,
    team: Option<String>,
    subject: String,
    text: String,
    items: String,
    said_at: i64,
    recorded_at: i64,
    leaf: i64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = deliveries)]
pub(crate) struct DeliveryRow {
    notice: String,
    channel: String,
    state: String,
    attempts: i64,
    detail: Option<String>,
    payload_sha256: Option<String>,
    tried_at: Option<i64>,
    recorded_at: i64,
    leaf: i64,
}

impl DeliveryState {
    /// Whether nothing more is to be done.
    pub fn is_settled(self) -> bool {
        SETTLED.contains(&self)
    }
}

impl Transaction<'_> {
    /// Writes down what people are to be told; returns the notice's name.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn say(&mut self, notice: NewNotice, said_at: Timestamp) -> Result<String> {
        let id = self.new_id();
        self.record(said_at, &Fact::NoticeSaid(NoticeSaid { id: id.clone(), notice }))?;
        Ok(id)
    }

    /// Writes down what an attempt came to.
    ///
    /// # Errors
    /// `Contradiction` for a notice that does not wait on that channel.
    pub fn attempted(&mut self, attempt: Attempt, tried_at: Timestamp) -> Result<()> {
        self.record(tried_at, &Fact::NoticeTried(attempt)).map(|_| ())
    }
}

impl Reader {
    /// What was said from an instant on, in the order in which it was written down: a clock may have been set meanwhile.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn notices_since(&self, from: Timestamp) -> Result<Vec<Notice>> {
        let from = to_nanoseconds(from)?;
        self.ask(|connection| {
            let rows: Vec<Row> = notices::table
                .filter(notices::said_at.ge(from))
                .order(notices::leaf)
                .load(connection)
                .doing(|| "read the notices".to_owned())?;
            rows.into_iter().map(Notice::of).collect()
        })
    }

    /// A notice by its name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn notice(&self, id: &str) -> Result<Option<Notice>> {
        self.ask(|connection| {
            let row: Option<Row> = notices::table
                .find(id)
                .first(connection)
                .optional()
                .doing(|| format!("read the notice {id}"))?;
            row.map(Notice::of).transpose()
        })
    }

    /// When anything was said first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn first_said(&self) -> Result<Option<Timestamp>> {
        self.ask(|connection| {
            let first: Option<i64> = notices::table
                .order(notices::leaf)
                .select(notices::said_at)
                .first(connection)
                .optional()
                .doing(|| "read the notices".to_owned())?;
            Ok(first.map(from_nanoseconds))
        })
    }

    /// Deliveries of notices that were said from an instant on, and all that wait, in the order in which they were said.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn deliveries_since(&self, from: Timestamp) -> Result<Vec<Delivery>> {
        let from = to_nanoseconds(from)?;
        self.ask(|connection| {
            let rows: Vec<DeliveryRow> = deliveries::table
                .inner_join(notices::table)
                .filter(
                    notices::said_at
                        .ge(from)
                        .or(deliveries::state.ne_all(SETTLED.map(DeliveryState::as_str))),
                )
                .order((notices::leaf, deliveries::channel))
                .select(deliveries::all_columns)
                .load(connection)
                .doing(|| "read the deliveries".to_owned())?;
            rows.into_iter().map(Delivery::of).collect()
        })
    }

    /// Deliveries that wait, each with when its notice was said, in that order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn deliveries_waiting(&self) -> Result<Vec<(Delivery, Timestamp)>> {
        self.ask(|connection| {
            let rows: Vec<(DeliveryRow, i64)> = deliveries::table
                .inner_join(notices::table)
                .filter(deliveries::state.ne_all(SETTLED.map(DeliveryState::as_str)))
                .order((notices::leaf, deliveries::channel))
                .select((deliveries::all_columns, notices::said_at))
                .load(connection)
                .doing(|| "read what waits to be delivered".to_owned())?;
            let waiting = rows.into_iter();
            waiting.map(|(row, said_at)| Ok((Delivery::of(row)?, from_nanoseconds(said_at)))).collect()
        })
    }

    /// What was delivered or given up last on each channel, with when its notice was said.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_settled(&self) -> Result<Vec<(Delivery, Timestamp)>> {
        let doing = || "read what was delivered last".to_owned();
        let ended = [DeliveryState::Delivered, DeliveryState::GivenUp].map(DeliveryState::as_str);
        self.ask(|connection| {
            let last: Vec<Option<i64>> = deliveries::table
                .filter(deliveries::state.eq_any(ended))
                .group_by(deliveries::channel)
                .select(diesel::dsl::max(deliveries::leaf))
                .load(connection)
                .doing(doing)?;
            let rows: Vec<(DeliveryRow, i64)> = deliveries::table
                .inner_join(notices::table)
                .filter(deliveries::leaf.eq_any(last.into_iter().flatten()))
                .filter(deliveries::state.eq_any(ended))
                .select((deliveries::all_columns, notices::said_at))
                .load(connection)
                .doing(doing)?;
            let rows = rows.into_iter();
            rows.map(|(row, said_at)| Ok((Delivery::of(row)?, from_nanoseconds(said_at)))).collect()
        })
    }

    /// What became of a notice, on each channel.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn deliveries_of(&self, notice: &str) -> Result<Vec<Delivery>> {
        self.ask(|connection| {
            let rows: Vec<DeliveryRow> = deliveries::table
                .filter(deliveries::notice.eq(notice))
                .order(deliveries::channel)
                .load(connection)
                .doing(|| format!("read what became of the notice {notice}"))?;
            rows.into_iter().map(Delivery::of).collect()
        })
    }
}

pub(crate) fn apply_said(connection: &mut Connection, said: &NoticeSaid, stamp: &Stamp) -> Result<()> {
    let NoticeSaid { id, notice } = said;
    let row = Row {
        id: id.clone(),
        topic: notice.topic.clone(),
        team: notice.team.clone(),
        subject: notice.subject.clone(),
        text: notice.text.clone(),
        items: notice.items.to_string(),
        said_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
    };
    let doing = || format!("say {}", notice.subject);
    diesel::insert_into(notices::table).values(&row).execute(connection).doing(doing)?;
    for channel in &notice.channels {
        let row = DeliveryRow {
            notice: id.clone(),
            channel: channel.clone(),
            state: DeliveryState::Waiting.as_str().to_owned(),
            attempts: 0,
            detail: None,
            payload_sha256: None,
            tried_at: None,
            recorded_at: stamp.recorded_at,
            leaf: stamp.leaf,
        };
        diesel::insert_into(deliveries::table).values(&row).execute(connection).doing(doing)?;
    }
    Ok(())
}

pub(crate) fn apply_tried(connection: &mut Connection, attempt: &Attempt, stamp: &Stamp) -> Result<()> {
    let waits = deliveries::table
        .filter(deliveries::notice.eq(&attempt.notice))
        .filter(deliveries::channel.eq(&attempt.channel))
        .filter(deliveries::state.ne_all(SETTLED.map(DeliveryState::as_str)));
    let changed = diesel::update(waits)
        .set((
            deliveries::state.eq(attempt.state.as_str()),
            deliveries::attempts.eq(deliveries::attempts + 1),
            deliveries::detail.eq(&attempt.detail),
            deliveries::payload_sha256.eq(&attempt.payload_sha256),
            deliveries::tried_at.eq(stamp.happened_at),
            deliveries::recorded_at.eq(stamp.recorded_at),
            deliveries::leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("record an attempt on {}", attempt.channel))?;
    if changed == 1 {
        return Ok(());
    }
    let why = format!("the notice {} does not wait for {}", attempt.notice, attempt.channel);
    Err(Error::new(ErrorKind::Contradiction, why))
}

impl Notice {
    fn of(row: Row) -> Result<Notice> {
        let damaged = || Error::damaged(format!("the notice {} cannot be read", row.id));
        Ok(Notice {
            items: serde_json::from_str(&row.items).map_err(|_| damaged())?,
            leaf: u64::try_from(row.leaf).map_err(|_| damaged())?,
            said_at: from_nanoseconds(row.said_at),
            recorded_at: from_nanoseconds(row.recorded_at),
            id: row.id,
            topic: row.topic,
            team: row.team,
            subject: row.subject,
            text: row.text,
        })
    }
}

impl Delivery {
    fn of(row: DeliveryRow) -> Result<Delivery> {
        let damaged = || Error::damaged(format!("the delivery of {} cannot be read", row.notice));
        Ok(Delivery {
            state: DeliveryState::read(&row.state)?,
            attempts: u64::try_from(row.attempts).map_err(|_| damaged())?,
            leaf: u64::try_from(row.leaf).map_err(|_| damaged())?,
            tried_at: row.tried_at.map(from_nanoseconds),
            recorded_at: from_nanoseconds(row.recorded_at),
            notice: row.notice,
            channel: row.channel,
            detail: row.detail,
            payload_sha256: row.payload_sha256,
        })
    }
}
