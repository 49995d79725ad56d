//! Holds: somebody's word that the points of an asset, or of all assets of a client, stay whatever their age.
//!
//! A hold without an owner or a reason is one that nobody dares to release, and one without a review is for ever. So each
//! has all three; and one whose review is overdue holds on, and is told at every purge, because deleting evidence is worse
//! than keeping it too long.

pub use holdfast_ledger::Hold;
use holdfast_ledger::{NewHold, Reader};
use holdfast_model::{AssetName, ClientId};
use holdfast_repo::{Monitor, Trouble, TroubleKind};
use jiff::civil::Date;
use serde::Serialize;

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::journal;
use crate::requests::{self, Entry};
use crate::setup::Setup;

/// What is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The points of one asset.
    Asset(String),
    /// Those of every asset of a client.
    Client(String),
}

/// A hold that stands.
#[derive(Clone, Debug, Serialize)]
pub struct StandingHold {
    /// The hold. Its `asset` is `client:ID` for one of a whole client.
    #[serde(flatten)]
    pub hold: Hold,
    /// Whether the day of its review is past.
    pub is_overdue: bool,
}

/// The holds that stand.
#[derive(Clone, Debug, Serialize)]
pub struct HoldsReport {
    /// Oldest first.
    pub holds: Vec<StandingHold>,
    /// How it stands: 1 when a review is overdue.
    #[serde(skip)]
    pub ending: Ending,
}

/// No name of an asset begins so.
pub(crate) const CLIENT: &str = "client:";

/// Places a hold; returns it.
///
/// # Errors
/// A usage error when nothing is known under that name: a hold with a typing error would hold nothing.
pub fn place(setup: &Setup, subject: &Subject, owner: &str, reason: &str, review_on: Date) -> Result<Hold> {
    let asset = match subject {
        Subject::Asset(name) => known_asset(setup, name)?,
        Subject::Client(name) => format!("{CLIENT}{}", known_client(setup, name)?),
    };
    if owner.trim().is_empty() || reason.trim().is_empty() {
        return Err(Error::usage("a hold needs an owner and a reason"));
    }
    if review_on < today(setup) {
        return Err(Error::usage(format!("the review on {review_on} would be overdue at once")));
    }
    let hold = NewHold { asset, owner: owner.to_owned(), reason: reason.to_owned(), review_on };
    let now = setup.world.clock.now();
    let id = requests::enter(setup, Entry::Hold(hold.clone()))?;
    Ok(Hold { id, hold, placed_at: now, released_at: None, released_by: None })
}

/// Releases the hold with this id, or with this last part of it, in the name of `by`; returns it.
///
/// # Errors
/// A usage error when no such hold stands, or several do.
pub fn release(setup: &Setup, id: &str, by: &str) -> Result<Hold> {
    if by.trim().is_empty() {
        return Err(Error::usage("somebody has to answer for releasing a hold"));
    }
    let is_meant = |hold: &Hold| hold.id == id || hold.id.rsplit('-').next() == Some(id);
    let mut meant: Vec<Hold> = all(setup)?.into_iter().filter(is_meant).collect();
    let hint = "`holdfast hold list` shows the holds that stand";
    let Some(hold) = meant.pop().filter(|_| meant.is_empty()) else {
        return Err(Error::usage(format!("no hold {id} stands")).hint(hint));
    };
    let now = setup.world.clock.now();
    requests::enter(setup, Entry::Release { id: hold.id.clone(), by: by.to_owned() })?;
    Ok(Hold { released_at: Some(now), released_by: Some(by.to_owned()), ..hold })
}

/// The holds that stand.
pub fn list(setup: &Setup) -> Result<HoldsReport> {
    let today = today(setup);
    let standing = |hold: Hold| StandingHold { is_overdue: hold.hold.review_on < today, hold };
    let holds: Vec<StandingHold> = all(setup)?.into_iter().map(standing).collect();
    let is_red = holds.iter().any(|hold| hold.is_overdue);
    Ok(HoldsReport { holds, ending: if is_red { Ending::Attention } else { Ending::Done } })
}

/// The holds that keep the points of an asset: its own, and those of its client. Whoever deletes asks this first.
///
/// # Errors
/// When the ledger cannot be read; then nothing may be deleted.
pub fn standing(setup: &Setup, asset: &str) -> Result<Vec<Hold>> {
    let Some(reader) = journal::reader(&setup.places.state)? else { return Ok(Vec::new()) };
    let mut holds = reader.holds_standing(Some(asset))?;
    let client = setup.estate.assets.get(asset).and_then(|asset| asset.client.as_ref());
    if let Some(client) = client {
        holds.extend(of_client(&reader, client.as_str())?);
    }
    Ok(holds)
}

/// The holds that keep the points that an asset has in a repository: the asset's, and those of the client whose repository
/// it is. Those stay that client's when the asset leaves the estate or goes over to another client.
///
/// # Errors
/// When the ledger cannot be read; then nothing may be deleted.
pub(crate) fn standing_in(setup: &Setup, asset: &str, repository: &str) -> Result<Vec<Hold>> {
    let mut holds = standing(setup, asset)?;
    for hold in standing_on_all_of(setup, repository)? {
        if holds.iter().all(|other| other.id != hold.id) {
            holds.push(hold);
        }
    }
    Ok(holds)
}

/// The holds that keep every point of a repository, of whatever asset: those of the client whose it is.
///
/// # Errors
/// When the ledger cannot be read; then nothing may be deleted.
pub(crate) fn standing_on_all_of(setup: &Setup, repository: &str) -> Result<Vec<Hold>> {
    match journal::reader(&setup.places.state)? {
        Some(reader) => of_client(&reader, repository),
        None => Ok(Vec::new()),
    }
}

/// The holds that keep anything of a client: of the client as a whole, and of any of its assets.
///
/// # Errors
/// When the ledger cannot be read; then nothing may be deleted.
pub fn standing_for_client(setup: &Setup, client: &str) -> Result<Vec<Hold>> {
    let Some(reader) = journal::reader(&setup.places.state)? else { return Ok(Vec::new()) };
    let mut holds = of_client(&reader, client)?;
    for (name, asset) in &setup.estate.assets {
        if asset.client.as_ref().is_some_and(|other| other.as_str() == client) {
            holds.extend(reader.holds_standing(Some(name.as_ref()))?);
        }
    }
    Ok(holds)
}

/// Tells of every hold whose review is overdue.
pub(crate) fn tell_overdue(setup: &Setup, monitor: &dyn Monitor) -> Result<()> {
    for StandingHold { hold: Hold { id, hold, .. }, .. } in
        list(setup)?.holds.into_iter().filter(|hold| hold.is_overdue)
    {
        let NewHold { asset, owner, reason, review_on } = hold;
        let message = format!(
            "held by {owner} ({reason}), and the review on {review_on} is overdue: `holdfast hold release {id}`, or \
             place a new one before"
        );
        monitor.trouble(Trouble::new(TroubleKind::Warning, asset, message));
    }
    Ok(())
}

fn all(setup: &Setup) -> Result<Vec<Hold>> {
    match journal::reader(&setup.places.state)? {
        Some(reader) => Ok(reader.holds_standing(None)?),
        None => Ok(Vec::new()),
    }
}

fn of_client(reader: &Reader, client: &str) -> Result<Vec<Hold>> {
    Ok(reader.holds_standing(Some(&format!("{CLIENT}{client}")))?)
}

/// One of the estate, or one that left it and of which points were recorded.
fn known_asset(setup: &Setup, name: &str) -> Result<String> {
    let is_recorded = AssetName::parse(name).is_ok() && !journal::points_of(setup, name)?.is_empty();
    if !is_recorded {
        setup.asset(name)?;
    }
    Ok(name.to_owned())
}

/// One that an asset of the estate belongs to, or that has a key.
fn known_client(setup: &Setup, name: &str) -> Result<String> {
    let clients = || setup.estate.assets.values().filter_map(|asset| asset.client.as_ref());
    let has_key = || setup.ring.repositories().map(|names| names.iter().any(|other| other == name));
    let is_known = clients().any(|client| client.as_str() == name) || has_key()?;
    if ClientId::parse(name).is_err() || !is_known {
        return Err(Error::usage(format!("there is no client {name:?} in estate.toml, nor a key of one")));
    }
    Ok(name.to_owned())
}

fn today(setup: &Setup) -> Date {
    setup.world.clock.now().to_zoned(setup.policy.zone.clone()).date()
}
