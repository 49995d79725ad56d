//! Who is told what happens, and by which ways.
//!
//! A mistyped address is found out on the night on which nobody is told. So whatever can be known to be wrong without asking a
//! server is refused here: a team that nobody hears, a message that would go in the clear, a second way that is the first.

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Time;
use url::{Host, Url};

use super::{Credentials, Span};
use crate::ChannelName;

pub(super) use self::read::{read_alerts, read_metrics};

/// What estate.toml says of telling people.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// The ways by which people are told.
    pub channels: BTreeMap<ChannelName, Channel>,
    /// When the daily digest goes out, in the policy's zone.
    pub digest_at: Time,
    /// What still lasts is said again after so long.
    pub remind_after: Duration,
    /// What could not be delivered for so long is said by every other way.
    pub escalate_after: Duration,
    /// Who notices when we fall silent.
    pub ping: Option<Ping>,
    /// Where measurements can be read.
    pub metrics_listen: Option<SocketAddr>,
}

/// A way by which people are told.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Where its name stands in the file.
    pub span: Span,
    /// Whom it reaches.
    pub teams: Vec<Team>,
    /// How.
    pub way: Way,
    /// What it takes to get in, or to sign.
    pub credentials: Option<Credentials>,
    /// The authority that signed the server's certificate, where it is a private one.
    pub ca_file: Option<PathBuf>,
}

/// How a message travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By mail, always encrypted.
    Mail {
        /// Whom the mail is handed to.
        server: MailServer,
        /// Whom it is from.
        from: String,
        /// Whom it is to.
        to: Vec<String>,
    },
    /// By HTTP; the address may stand in the credentials instead, where it is a secret.
    Webhook {
        /// The address.
        url: Option<String>,
    },
}

impl Way {
    /// As it is written in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Way::Mail { .. } => "email",
            Way::Webhook { .. } => "webhook",
        }
    }
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    /// Its name, which its certificate must carry.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Encrypted from the first byte; else STARTTLS is demanded before anything is said.
    pub is_implicit_tls: bool,
}

/// Somebody elsewhere who is told regularly that all is well here, and raises the alarm when that stays away.
#[derive(Clone, Debug)]
pub struct Ping {
    /// The address; it may stand in the credentials instead, where it is a secret.
    pub url: Option<String>,
    /// Where the secret address stands.
    pub credentials: Option<Credentials>,
    /// How often.
    pub every: Duration,
    /// The authority that signed the server's certificate, where it is a private one.
    pub ca_file: Option<PathBuf>,
}

/// Who looks after what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Team {
    /// Jobs, machines, locations.
    Infrastructure,
    /// Encryption, access, retention, the log, reviews.
    Compliance,
    /// Requests of clients.
    Support,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);

impl Default for Alerts {
    fn default() -> Alerts {
        Alerts {
            channels: BTreeMap::new(),
            digest_at: Time::constant(7, 0, 0, 0),
            remind_after: DAY,
            escalate_after: 15 * MINUTE,
            ping: None,
            metrics_listen: None,
        }
    }
}

impl Alerts {
    /// The channels that reach a team; every one where none does, because somebody else is better than nobody.
    pub fn of_team(&self, team: Team) -> Vec<ChannelName> {
        let own = self.channels.iter().filter(|(_, channel)| channel.teams.contains(&team));
        let own: Vec<ChannelName> = own.map(|(name, _)| name.clone()).collect();
        if own.is_empty() { self.channels.keys().cloned().collect() } else { own }
    }
}

impl Team {
    /// All of them.
    pub const ALL: [Team; 3] = [Team::Infrastructure, Team::Compliance, Team::Support];

    /// The word of the estate.
    pub fn as_str(self) -> &'static str {
        match self {
            Team::Infrastructure => "infrastructure",
            Team::Compliance => "compliance",
            Team::Support => "support",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Team> {
        Team::ALL.into_iter().find(|team| team.as_str() == word)
    }
}

/// Whether messages may go to an address: by HTTPS, or no further than this machine.
///
/// # Errors
/// Why they may not.
pub fn check_address(url: &str) -> Result<(), String> {
    let url = Url::parse(url).map_err(|error| format!("this is no address: {error}"))?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("this address names no host".to_owned()),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_here => Ok(()),
        "http" => Err("this would go through the network in the clear".to_owned()),
        other => Err(format!("messages do not go by {other}://")),
    }
}
