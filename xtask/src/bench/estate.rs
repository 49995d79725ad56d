//! The estate that ours is measured with: websites on this machine, and places for their copies.

use std::fmt::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use holdfast_testkit::servers::{PASSWORD, USER};

use super::setting::RestStore;
use crate::process;

/// A website to back up.
pub(super) struct Website<'a> {
    pub(super) name: &'a str,
    pub(super) client: &'a str,
    pub(super) path: &'a Path,
}

/// Makes a configuration in `config` with these websites and places.
pub(super) fn write(
    program: &Path,
    config: &Path,
    websites: &[Website<'_>],
    places: &[String],
) -> Result<()> {
    process::output(process::command(program, &[Path::new("init"), config]))?;
    // The shipped policy wants two copies, and a list of points would end with 1 for want of the second.
    let policy = config.join("policy.toml");
    let text = std::fs::read_to_string(&policy)?.replace("locations_min = 2", "locations_min = 1");
    std::fs::write(&policy, text)?;
    let mut text = "[sites.here]\ncountry = \"GB\"\nlatitude = 51.5\nlongitude = -0.1\n\n\
                    [hosts.web1]\nsite = \"here\"\nconnect = \"local\"\n\n"
        .to_owned();
    for (number, url) in places.iter().enumerate() {
        let _ = write!(
            text,
            "[locations.place{number}]\nsite = \"here\"\nhost = \"store{number}\"\nurl = \"{url}\"\n"
        );
        if url.starts_with("rest:") {
            text.push_str("credentials = { file = \"keys/rest.toml\" }\n");
        }
        text.push('\n');
    }
    // The corpus has code and pictures; the stubs of configurations in it name no database.
    for Website { name, client, path } in websites {
        let path = path.display();
        let _ = write!(
            text,
            "[assets.\"{name}\"]\nclass = \"website\"\nhost = \"web1\"\nclient = \"{client}\"\npath = \"{path}\"\n\
             databases = []\nignore_databases = [\"wordpress\"]\n\n"
        );
    }
    std::fs::write(config.join("estate.toml"), text)?;
    if !places.iter().any(|url| url.starts_with("rest:")) {
        // A file in the ring that no location is known to use might be a key, and then places are not made ready unasked.
        return Ok(());
    }
    // The ring's folder comes with the first key; the credentials need it earlier.
    let keys = config.join("keys");
    std::fs::create_dir_all(&keys)?;
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o700))?;
    let credentials = keys.join("rest.toml");
    std::fs::write(&credentials, format!("user = \"{USER}\"\npassword = \"{PASSWORD}\"\n"))?;
    std::fs::set_permissions(&credentials, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot close {} to others", credentials.display()))
}

/// A local place.
pub(super) fn folder_url(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

/// A place behind a REST server.
pub(super) fn rest_url(store: &RestStore) -> String {
    format!("rest:http://127.0.0.1:{}", store.port)
}

/// Our program with what every call of it needs.
pub(super) fn start(program: &Path, scratch: &Path) -> Command {
    let mut command = process::command::<&str>(program, &[]);
    command.arg("--config").arg(scratch.join("config")).arg("--state").arg(scratch.join("state"));
    // Production manners are no part of what is compared.
    command.env("HOLDFAST_FULL_SPEED", "1");
    command
}
