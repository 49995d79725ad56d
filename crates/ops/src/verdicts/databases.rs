//! Databases that belong to nothing.
//!
//! A website says which databases it has, and nobody says which databases have no website: one that an old application left
//! behind, or that a cron job uses, is in no copy and is missed by nobody until it is needed. So servers whose accounts see
//! everything are asked what they have. What belongs to a website is asked only where something is left over, because that
//! takes reading the configuration of every one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use holdfast_asset::database::{Access, Place, databases};
use holdfast_format::Id;
use holdfast_model::estate::{Settings, SiteDatabases};
use holdfast_model::verdict::DatabasesSeen;
use holdfast_world::ExposeSecret;
use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::source::{dump, site};
use crate::validate::resolved;

/// What belongs to websites is asked again after so long, though nothing seems to have changed.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A server, and who may be asked there.
#[derive(Default)]
struct Server {
    accounts: Vec<Result<Access>>,
    /// Databases that estate.toml names, or says to leave out.
    named: BTreeSet<String>,
}

/// What was found of each server; those that `known` has as they are left out.
pub(crate) fn look(setup: &Setup, known: &BTreeMap<&str, (&DatabasesSeen, Timestamp)>) -> Vec<DatabasesSeen> {
    let servers = servers(setup);
    let now = setup.world.clock.now();
    let mut websites = Websites { setup, named: None };
    let mut seen = Vec::new();
    for (server, asked) in &servers {
        let found = ask(setup, server, asked, known.get(server.as_str()).copied(), now, &mut websites);
        let is_known = known
            .get(server.as_str())
            .is_some_and(|(last, at)| **last == found && now.duration_since(*at) < AGAIN_AFTER && *at <= now);
        if !is_known {
            seen.push(found);
        }
    }
    let gone = known.iter().filter(|(server, (last, _))| !last.is_over && !servers.contains_key(**server));
    seen.extend(gone.map(|(server, _)| DatabasesSeen {
        server: (*server).to_owned(),
        is_over: true,
        ..DatabasesSeen::default()
    }));
    seen
}

fn servers(setup: &Setup) -> BTreeMap<String, Server> {
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    // First those that were given for this.
    for list in &setup.estate.database_lists {
        let place = dump::place(&list.server);
        let server = servers.entry(key(&place)).or_default();
        server.named.extend(list.ignore.iter().cloned());
        let whose = format!("the server {place} in database_servers");
        server.accounts.push(setup.credentials(&whose, &list.credentials).and_then(|credentials| {
            let user = credentials.user.ok_or_else(|| Error::usage(format!("{whose} needs a user")))?;
            Ok(Access {
                place,
                user: user.expose_secret().to_owned(),
                password: credentials.password.unwrap_or_default(),
                database: String::new(),
            })
        }));
    }
    for asset in setup.estate.assets.values() {
        for database in asset.databases() {
            let server = servers.entry(key(&dump::place(&database.server))).or_default();
            server.named.insert(database.name.clone());
            server.accounts.push(dump::access(setup, asset, database));
        }
    }
    for asset in setup.estate.assets.values() {
        let Settings::Website(website) = &asset.settings else { continue };
        // On which server they are it does not say.
        for server in servers.values_mut() {
            server.named.extend(website.ignore_databases.iter().cloned());
        }
    }
    servers
}

/// One name for one server, whatever leads to its socket.
fn key(place: &Place) -> String {
    match place {
        Place::Socket(path) => resolved(path).components().collect::<PathBuf>().display().to_string(),
        other => other.to_string(),
    }
}

fn ask(
    setup: &Setup,
    server: &str,
    asked: &Server,
    known: Option<(&DatabasesSeen, Timestamp)>,
    now: Timestamp,
    websites: &mut Websites<'_>,
) -> DatabasesSeen {
    let mut seen = DatabasesSeen { server: server.to_owned(), ..DatabasesSeen::default() };
    let mut failure = None;
    let mut tried = BTreeSet::new();
    let mut all = None;
    for account in &asked.accounts {
        match account {
            Ok(access) if !tried.insert(access.user.clone()) => {}
            Ok(access) => match databases(access) {
                Ok(found) if found.is_complete => {
                    all = Some(found.names);
                    break;
                }
                Ok(_) => {
                    failure.get_or_insert_with(|| {
                        format!("the account {} is told only of databases that it has rights on", access.user)
                    });
                }
                Err(error) => {
                    failure.get_or_insert(error.message);
                }
            },
            Err(error) => {
                failure.get_or_insert_with(|| error.message.clone());
            }
        }
    }
    let Some(all) = all else {
        seen.failure = failure.or_else(|| Some("no account is known".to_owned()));
        return seen;
    };
    seen.count = all.len() as u64;
    let left: BTreeSet<String> = all.into_iter().filter(|name| !asked.named.contains(name)).collect();
    let assets: Vec<&str> = setup.estate.assets.keys().map(AsRef::as_ref).collect();
    seen.basis = Id::of(format!("{left:?} {assets:?}").as_bytes()).to_hex()[..16].to_owned();
    if let Some((last, at)) = known
        && last.basis == seen.basis
        && now.duration_since(at) < AGAIN_AFTER
    {
        seen.unpaired.clone_from(&last.unpaired);
        return seen;
    }
    let used = websites.of(server, &left);
    seen.unpaired = left.into_iter().filter(|name| !used.contains(name)).collect();
    seen
}

/// What websites name by themselves, read once and only when somebody must know.
struct Websites<'s> {
    setup: &'s Setup,
    named: Option<BTreeSet<(String, String)>>,
}

impl Websites<'_> {
    fn of(&mut self, server: &str, left: &BTreeSet<String>) -> BTreeSet<String> {
        if left.is_empty() {
            return BTreeSet::new();
        }
        let setup = self.setup;
        let named = self.named.get_or_insert_with(|| {
            let websites = setup.estate.assets.values().filter_map(|asset| match &asset.settings {
                Settings::Website(website) if website.databases == SiteDatabases::Detected => Some(website),
                _ => None,
            });
            // One whose folder cannot be looked at is told by its backup.
            let named = websites.filter_map(|website| site::named_by(setup, website).ok()).flatten();
            named.map(|(place, name)| (key(&place), name)).collect()
        });
        named.iter().filter(|(at, _)| at == server).map(|(_, name)| name.clone()).collect()
    }
}
