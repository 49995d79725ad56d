//! Under which address a website is asked: an application that is asked under another than its own sends visitors away.

use std::fmt;

use mysql::prelude::Queryable;

use super::super::Stage;
use super::needs::Needs;
use super::{Dump, Website};
use crate::site::Kind;

/// An address of a website.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub is_https: bool,
    /// Without a port.
    pub host: String,
    /// Where it is not the usual one.
    pub port: Option<u16>,
}

impl Address {
    /// Reads `https://shop.example:8443/anything`.
    pub(super) fn parse(text: &str) -> Option<Address> {
        let (scheme, rest) = text.trim().split_once("://")?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let authority = authority.rsplit('@').next()?;
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an address of version 6 stand in brackets.
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (authority, None),
        };
        let is_name = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
        };
        if host.is_empty() || !host.bytes().all(is_name) {
            return None;
        }
        let usual = if is_https { 443 } else { 80 };
        let port = port.filter(|port| *port != usual && *port != 0);
        Some(Address { is_https, host: host.to_ascii_lowercase(), port })
    }

    /// As a browser sends it.
    pub(super) fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// The name with and without `www`: websites send visitors from one to the other.
    pub(super) fn hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.host.clone()];
        let is_name = self.host.contains('.')
            && self.host.parse::<std::net::IpAddr>().is_err()
            && !self.host.starts_with('[');
        match self.host.strip_prefix("www.") {
            Some(bare) => hosts.push(bare.to_owned()),
            None if is_name => hosts.push(format!("www.{}", self.host)),
            None => {}
        }
        hosts
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.is_https { "https" } else { "http" }, self.authority())
    }
}

/// The one that was set, else the one that the application has in its database, else none that means anything.
pub(super) fn of(stage: &Stage, website: &Website, needs: &Needs, dumps: &[Dump<'_>]) -> Address {
    let set = website.address.as_deref().and_then(Address::parse);
    let own = || option(stage, needs, dumps, "home").and_then(|home| Address::parse(&home));
    let nobodys = || Address { is_https: false, host: "localhost".to_owned(), port: None };
    set.or_else(own).unwrap_or_else(nobodys)
}

/// A setting of WordPress in the loaded database.
pub(super) fn option(stage: &Stage, needs: &Needs, dumps: &[Dump<'_>], name: &str) -> Option<String> {
    let (database, prefix) = needs.first_use(Kind::WordPress)?;
    dumps.iter().find(|dump| dump.database == database)?;
    let mut connection = stage.access(database).ok()?.ask().ok()?;
    let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
    let table = format!("{}.{}", quoted(database), quoted(&format!("{prefix}options")));
    let query = format!("SELECT option_value FROM {table} WHERE option_name = ? LIMIT 1");
    connection.exec_first(query, (name,)).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_browsers_read_them() {
        for (text, shown, hosts) in [
            ("https://Shop.example/", "https://shop.example", "shop.example www.shop.example"),
            ("http://www.shop.example:80/a?b", "http://www.shop.example", "www.shop.example shop.example"),
            ("http://127.0.0.1:8123", "http://127.0.0.1:8123", "127.0.0.1"),
            ("https://a:b@shop.example:8443#x", "https://shop.example:8443", "shop.example www.shop.example"),
            ("http://[::1]:81/", "http://[::1]:81", "[::1]"),
            ("http://localhost", "http://localhost", "localhost"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.to_string().as_str(), address.hosts().join(" ").as_str()), (shown, hosts));
        }
        for text in
            ["shop.example", "ftp://a", "http://", "http://a b/", "http://a:99999/", "http://a\r\nX: y/"]
        {
            assert_eq!(Address::parse(text), None, "{text:?}");
        }
    }
}
