//! Who may write, by number. The lock on the file keeps a second process out; the token is for the first one, should it
//! wake up after somebody took over: its writes are refused, and whoever acts on its behalf can compare numbers.

use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::{LEASE, Transaction};
use crate::reader::Reader;
use crate::schema::leases;

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// The fencing token, higher than any before.
    pub token: u64,
    /// Who has it, for people.
    pub instance: String,
    /// Since when.
    pub taken_at: Timestamp,
    /// Until when it is known to be alive.
    pub expires: Timestamp,
    /// When it was given back; absent for one that is held, or whose process died.
    pub released_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    token: u64,
    instance: String,
    expires: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Returned {
    token: u64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = leases)]
pub(crate) struct Row {
    token: i64,
    instance: String,
    taken_at: i64,
    expires: i64,
    released_at: Option<i64>,
    recorded_at: i64,
    leaf: i64,
}

impl Transaction<'_> {
    pub(crate) fn take_lease(&mut self, instance: &str, now: Timestamp, expires: Timestamp) -> Result<u64> {
        let token = highest_token(self.connection)? + 1;
        self.record(now, &Fact::LeaseTaken(Taken { token, instance: instance.to_owned(), expires }))?;
        Ok(token)
    }

    pub(crate) fn return_lease(&mut self, now: Timestamp) -> Result<()> {
        let returned = Returned { token: self.token };
        self.record(now, &Fact::LeaseReturned(returned)).map(|_| ())
    }
}

impl Reader {
    /// The latest lease.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn lease(&self) -> Result<Option<Lease>> {
        self.ask(|connection| {
            let row: Option<Row> = leases::table
                .order(leases::token.desc())
                .first(connection)
                .optional()
                .doing(|| "read the lease".to_owned())?;
            row.map(Lease::of).transpose()
        })
    }
}

impl Reader {
    /// The newest instant at which an instance before `token` is known to have been alive.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_seen_before(&self, token: u64) -> Result<Option<Timestamp>> {
        let token = from_token(token)?;
        self.ask(|connection| {
            let row: Option<Row> = leases::table
                .filter(leases::token.lt(token))
                .order(leases::token.desc())
                .first(connection)
                .optional()
                .doing(|| "read the lease".to_owned())?;
            let Some(lease) = row.map(Lease::of).transpose()? else { return Ok(None) };
            // One that was never given back was last renewed a lease before it would have run out.
            let renewed = lease.expires.checked_sub(SignedDuration::try_from(LEASE).unwrap_or_default());
            Ok(Some(
                lease.released_at.unwrap_or_else(|| renewed.unwrap_or(lease.taken_at)).max(lease.taken_at),
            ))
        })
    }
}

/// The highest token that was ever given; 0 before the first.
pub(crate) fn highest_token(connection: &mut Connection) -> Result<u64> {
    let highest: Option<i64> = leases::table
        .select(diesel::dsl::max(leases::token))
        .first(connection)
        .doing(|| "read the lease".to_owned())?;
    to_token(highest.unwrap_or(0))
}

/// Not a leaf: a heartbeat proves nothing later, and there are thousands a day.
pub(crate) fn renew(connection: &mut Connection, token: u64, expires: Timestamp) -> Result<()> {
    diesel::update(leases::table.find(from_token(token)?))
        .set(leases::expires.eq(to_nanoseconds(expires)?))
        .execute(connection)
        .doing(|| format!("renew lease {token}"))
        .map(|_| ())
}

pub(crate) fn apply_taken(connection: &mut Connection, taken: &Taken, stamp: &Stamp) -> Result<()> {
    let row = Row {
        token: from_token(taken.token)?,
        instance: taken.instance.clone(),
        taken_at: stamp.happened_at,
        expires: to_nanoseconds(taken.expires)?,
        released_at: None,
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
    };
    diesel::insert_into(leases::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("take lease {}", taken.token))
        .map(|_| ())
}

pub(crate) fn apply_returned(connection: &mut Connection, returned: &Returned, stamp: &Stamp) -> Result<()> {
    diesel::update(leases::table.find(from_token(returned.token)?))
        .set((
            leases::released_at.eq(stamp.happened_at),
            leases::recorded_at.eq(stamp.recorded_at),
            leases::leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("return lease {}", returned.token))
        .map(|_| ())
}

impl Lease {
    fn of(row: Row) -> Result<Lease> {
        Ok(Lease {
            token: to_token(row.token)?,
            instance: row.instance,
            taken_at: from_nanoseconds(row.taken_at),
            expires: from_nanoseconds(row.expires),
            released_at: row.released_at.map(from_nanoseconds),
        })
    }
}

/// A token as the database has it.
pub(crate) fn from_token(token: u64) -> Result<i64> {
    i64::try_from(token).map_err(|_| Error::new(ErrorKind::Contradiction, format!("no token is {token}")))
}

/// A token from the database.
pub(crate) fn to_token(token: i64) -> Result<u64> {
    u64::try_from(token).map_err(|_| Error::damaged(format!("no token is {token}")))
}
