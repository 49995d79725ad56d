//! What the demo protects, and where its copies lie. Declared as it is: one machine in one place plays every part,
//! and the product must say so.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::comparison;
use super::sftp_server::SftpServer;

/// Each website with its client.
pub(super) const SITES: &[(&str, &str)] = &[
    ("shop.example", "C-1001"),
    ("blog.example", "C-1001"),
    ("wiki.example", "C-1002"),
    ("news.example", "C-1003"),
];

/// The folders of the demo.
pub(super) struct Places {
    pub(super) config: PathBuf,
    pub(super) state: PathBuf,
    pub(super) sites: PathBuf,
    /// The first location.
    pub(super) disk: PathBuf,
    /// Keys and log of the SFTP server.
    pub(super) server: PathBuf,
    /// The second location, as the server's folder.
    pub(super) server_data: PathBuf,
}

impl Places {
    pub(super) fn below(folder: &Path) -> Places {
        Places {
            config: folder.join("config"),
            state: folder.join("state"),
            sites: folder.join("sites"),
            disk: folder.join("disk"),
            server: folder.join("server"),
            server_data: folder.join("server/data"),
        }
    }

    /// Bytes stored at each place, which must be the same.
    pub(super) fn stored(&self) -> Result<u64> {
        let disk: u64 = comparison::objects(&self.disk)?.values().sum();
        let server: u64 = comparison::objects(&self.server_data)?.values().sum();
        ensure!(disk == server, "the two places hold different amounts: {disk} and {server} bytes");
        Ok(disk)
    }
}

/// Every client once.
pub(super) fn clients() -> Vec<&'static str> {
    let mut clients: Vec<_> = SITES.iter().map(|(_, client)| *client).collect();
    clients.dedup();
    clients
}

/// Writes estate.toml and the credentials of the SFTP server.
pub(super) fn write(places: &Places, server: &SftpServer, sites: &[PathBuf]) -> Result<()> {
    fs::create_dir_all(&places.disk)?;
    fs::create_dir_all(&places.server_data)?;
    let mut text = String::from(
        "[sites.here]\ncountry = \"GB\"\nlatitude = 51.51\nlongitude = -0.13\n\n\
         [hosts.web1]\nsite = \"here\"\nconnect = \"local\"\n\n",
    );
    writeln!(
        text,
        "[locations.disk]\nsite = \"here\"\nhost = \"web1\"\nurl = \"file://{}\"\n\n\
         [locations.nas]\nsite = \"here\"\nhost = \"web1\"\nurl = \"{}\"\n\
         credentials = {{ file = \"keys/nas.toml\" }}\n",
        places.disk.display(),
        server.url(&places.server_data),
    )?;
    // Among them is WordPress as Debian packages it, which nobody installed: its stub of a configuration names no database.
    for ((name, client), path) in SITES.iter().zip(sites) {
        let path = path.display();
        writeln!(
            text,
            "[assets.\"{name}\"]\nclass = \"website\"\nhost = \"web1\"\nclient = \"{client}\"\npath = \"{path}\"\n\
             databases = []\nignore_databases = [\"wordpress\"]\n"
        )?;
    }
    fs::write(places.config.join("estate.toml"), text)?;
    let keys = places.config.join("keys");
    fs::create_dir_all(&keys)?;
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(keys.join("nas.toml"))?;
    std::io::Write::write_all(&mut file, server.credentials().as_bytes())?;
    Ok(())
}

/// What breaks backups that were only ever tried on ordinary files.
pub(super) fn add_odd_things(site: &Path) -> Result<()> {
    let odd = site.join("odd");
    fs::create_dir_all(odd.join("empty"))?;
    let sparse = File::create(odd.join("sparse.img"))?;
    sparse.set_len(64 << 20)?;
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"data in the middle", 32 << 20)?;
    fs::write(odd.join("first"), "two names, one file")?;
    fs::hard_link(odd.join("first"), site.join("second"))?;
    symlink("/nowhere/at/all", odd.join("dangling"))?;
    fs::write(odd.join(OsStr::from_bytes(b"line\nbreak and \xff\xfe")), "a name of any bytes")?;
    fs::write(odd.join("program"), "#!/bin/sh\n")?;
    fs::set_permissions(odd.join("program"), fs::Permissions::from_mode(0o4711))?;
    fs::set_permissions(odd.join("empty"), fs::Permissions::from_mode(0o1750))?;
    Ok(())
}
