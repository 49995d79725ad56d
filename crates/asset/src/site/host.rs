//! Where a database server listens, as applications write it.

use std::path::{Path, PathBuf};

use crate::database::Place;

const PORT: u16 = 3306;

/// Reads `localhost`, `host`, `host:port`, `host:/socket`, `[ipv6]:port`, `:/socket`, `/socket` and nothing at all.
///
/// The libraries of PHP take `localhost` for the default socket, whatever port stands beside it.
pub(super) fn place(
    host: &str,
    port: Option<&str>,
    socket: Option<&str>,
    default_socket: &Path,
) -> Result<Place, &'static str> {
    if let Some(socket) = socket.filter(|socket| !socket.is_empty()) {
        return path(socket);
    }
    // PHP's mark of a connection that is kept open.
    let host = host.trim();
    let host = host.strip_prefix("p:").unwrap_or(host);
    if let Some(at) = host.find(":/") {
        return path(&host[at + 1..]);
    }
    if host.starts_with('/') {
        return path(host);
    }
    let (host, own_port) = split(host)?;
    if host.is_empty() || host.eq_ignore_ascii_case("localhost") {
        return Ok(Place::Socket(default_socket.to_owned()));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%');
    if !host.bytes().all(is_name) {
        return Err("it is no name or address of a machine");
    }
    let port = match own_port.or(port.map(str::trim)).filter(|port| !port.is_empty()) {
        None => PORT,
        Some(port) => match port.parse() {
            Ok(port) if port != 0 => port,
            _ => return Err("its port is no number of a port"),
        },
    };
    Ok(Place::Host { host: host.to_owned(), port })
}

/// A host, and the port behind it.
fn split(host: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = host.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or("its bracket is not closed")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((address, Some(port))),
            None if after.is_empty() => Ok((address, None)),
            None => Err("something stands behind its bracket"),
        };
    }
    match host.matches(':').count() {
        0 => Ok((host, None)),
        1 => Ok(host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port)))),
        // An address of version 6 without brackets has no port.
        _ => Ok((host, None)),
    }
}

fn path(socket: &str) -> Result<Place, &'static str> {
    if socket.starts_with('/') && !socket.contains('\0') {
        Ok(Place::Socket(PathBuf::from(socket)))
    } else {
        Err("its socket is no absolute path")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_host_is_read_as_php_reads_it() {
        let socket = |path: &str| Ok(Place::Socket(path.into()));
        let host = |host: &str, port| Ok(Place::Host { host: host.to_owned(), port });
        for (written, port, own_socket, expected) in [
            ("localhost", None, None, socket("/run/default.sock")),
            ("LocalHost:3307", None, None, socket("/run/default.sock")),
            ("", None, None, socket("/run/default.sock")),
            ("p:localhost", None, None, socket("/run/default.sock")),
            ("localhost:/var/run/my.sock", None, None, socket("/var/run/my.sock")),
            (":/var/run/my.sock", None, None, socket("/var/run/my.sock")),
            ("/var/run/my.sock", None, None, socket("/var/run/my.sock")),
            ("localhost", Some("3306"), Some("/tmp/s"), socket("/tmp/s")),
            ("127.0.0.1", None, None, host("127.0.0.1", 3306)),
            ("db.example.com:3307", Some("1"), None, host("db.example.com", 3307)),
            ("db.example.com", Some("3308"), Some(""), host("db.example.com", 3308)),
            ("db.example.com", Some(""), None, host("db.example.com", 3306)),
            ("[::1]:3309", None, None, host("::1", 3309)),
            ("[2001:db8::1]", None, None, host("2001:db8::1", 3306)),
            ("::1", None, None, host("::1", 3306)),
            ("db:99999", None, None, Err("its port is no number of a port")),
            ("db:0", None, None, Err("its port is no number of a port")),
            ("[::1", None, None, Err("its bracket is not closed")),
            ("a b", None, None, Err("it is no name or address of a machine")),
            ("localhost", None, Some("relative"), Err("its socket is no absolute path")),
        ] {
            assert_eq!(
                place(written, port, own_socket, Path::new("/run/default.sock")),
                expected,
                "{written:?}"
            );
        }
    }
}
