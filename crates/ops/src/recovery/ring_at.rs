//! The key ring at a location: one encrypted object, alone in a folder of its own.
//!
//! It is replaced, never added to: a ring that stays behind has the key of a client who was shredded since, or opens with a kit
//! that somebody lost. So the new one goes there first, and then every older one goes, with its versions; what cannot be
//! removed is told for as long as it lies there.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_format::Id;
use holdfast_location::{Area, Location, RING_REPOSITORY, What};
use holdfast_repo::Mirror;
use holdfast_world::ExposeSecret;

use super::ring::Contents;
use super::root::Root;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;

/// The ring's place at every location, for replacing it.
pub(super) fn places(setup: &Setup) -> Result<Vec<Arc<Mirror>>> {
    setup.mirrors_for_deleting(RING_REPOSITORY)
}

/// Stores a sealed ring, and removes all others; says why some are left, or may be. One that is not among the `known` is never
/// removed.
///
/// # Errors
/// With nothing stored, when another controller's ring lies there.
pub(super) fn replace(
    setup: &Setup,
    mirror: &Mirror,
    sealed: &[u8],
    known: Option<&BTreeSet<String>>,
) -> Result<Option<String>> {
    let id = Id::of(sealed);
    mirror.prepare()?;
    refuse_foreign(mirror, known)?;
    mirror.put(Area::Keys, &id, Bytes::copy_from_slice(sealed))?;
    // Read back before anything older goes: this is the one thing that nothing else replaces.
    mirror.get(Area::Keys, &id)?;
    Ok(remove_others(setup, mirror, &id))
}

/// A ring that no fact of this ledger names is another controller's: the one that goes on since this one was lost or rolled back.
pub(super) fn refuse_foreign(mirror: &Mirror, known: Option<&BTreeSet<String>>) -> Result<()> {
    let Some(known) = known else { return Ok(()) };
    let listed = mirror.list(Area::Keys)?;
    match listed.iter().map(|(id, _)| id.to_hex()).find(|id| !known.contains(id)) {
        None => Ok(()),
        Some(foreign) => Err(Error::new(
            Ending::Refused,
            format!(
                "another controller brought a ring there ({}), so nothing is brought; only one may go on. If this is the one, \
                 `holdfast key deliver --replace-foreign` takes its place",
                &foreign[..8]
            ),
        )),
    }
}

/// Removes every ring but one, older versions included; says why some are left, or may be.
pub(super) fn remove_others(setup: &Setup, mirror: &Mirror, keep: &Id) -> Option<String> {
    match try_remove_others(setup, mirror, keep) {
        Ok(None) => None,
        Ok(Some(why)) => Some(why),
        Err(error) => Some(error.to_string()),
    }
}

fn try_remove_others(setup: &Setup, mirror: &Mirror, keep: &Id) -> holdfast_repo::Result<Option<String>> {
    let now = setup.world.clock.now();
    for (id, _) in mirror.list(Area::Keys)? {
        if id != *keep {
            mirror.delete(Area::Keys, &id)?;
        }
    }
    let kept = format!("{RING_REPOSITORY}/{}/{keep}", Area::Keys.folder());
    let is_kept = |path: &str, what: What| path == kept && what == What::Current;
    let mut walk = mirror.walk()?;
    if let Some(cause) = walk.refused.first() {
        return Ok(Some(format!("not everything is shown there: {cause}")));
    }
    // A marker that goes before a version below it brings that back to sight.
    walk.lying.sort_by_key(|lying| lying.what == What::DeleteMarker);
    for lying in walk.lying.iter().filter(|lying| !is_kept(&lying.path, lying.what)) {
        if let Some(locked) = mirror.erase_unless_locked(lying, now)? {
            return Ok(Some(format!("one is locked until {}", locked.until)));
        }
    }
    let left = mirror.walk()?.lying.iter().filter(|lying| !is_kept(&lying.path, lying.what)).count();
    Ok((left > 0).then(|| format!("{left} are still there, although each was removed")))
}

/// Whether the location still lists a ring, and that alone.
pub(super) fn is_alone(mirror: &Mirror, object: &Id) -> holdfast_repo::Result<bool> {
    let listed = mirror.list(Area::Keys)?;
    Ok(listed.len() == 1 && listed.iter().any(|(id, _)| id == object))
}

/// Whether a ring lies there and is what its name says.
pub(super) fn lies_there(mirror: &Mirror, object: &Id) -> holdfast_repo::Result<bool> {
    let is_listed = mirror.list(Area::Keys)?.iter().any(|(id, _)| id == object);
    Ok(is_listed && mirror.get(Area::Keys, object).is_ok_and(|bytes| Id::of(&bytes) == *object))
}

/// The newest ring at a location that a root opens, and the name that it lies under.
pub(super) fn open_newest(location: &Arc<dyn Location>, root: &Root) -> Result<(Contents, Id)> {
    let mirror = Mirror::new(Arc::clone(location), None, RING_REPOSITORY);
    let listed = mirror.list(Area::Keys)?;
    let (mut newest, mut unread): (Option<(Contents, Id)>, Vec<String>) = (None, Vec::new());
    for (id, _) in &listed {
        let sealed = match mirror.get(Area::Keys, id) {
            Ok(sealed) => sealed,
            Err(error) => {
                unread.push(error.to_string());
                continue;
            }
        };
        let Some(opened) = root.open(&sealed) else { continue };
        let contents = match Contents::from_tar(opened.expose_secret()) {
            Ok(contents) => contents,
            Err(error) => {
                unread.push(error.message);
                continue;
            }
        };
        if newest.as_ref().is_none_or(|(newest, _)| newest.made() < contents.made()) {
            newest = Some((contents, *id));
        }
    }
    if let Some(newest) = newest {
        return Ok(newest);
    }
    let (name, kit) = (mirror.name(), root.recipient().kit());
    if let Some(first) = unread.first() {
        return Err(Error::new(Ending::Damage, format!("the key ring at {name} cannot be read: {first}"))
            .hint("use another location"));
    }
    if listed.is_empty() {
        return Err(Error::usage(format!("no key ring lies at {name}")).hint(
            "is it the right place? `holdfast key kit` and each change bring the ring to every location",
        ));
    }
    Err(Error::usage(format!("the kit {kit} does not open the key ring at {name}"))
        .hint("each kit is void once a newer one was made: look for the newest, or use a location that was away since"))
}
