//! What it takes to get into a channel, read anew for each turn: a password that was changed holds from then on.

use std::path::Path;

use holdfast_model::estate::Credentials;
use holdfast_world::{ExposeSecret, SecretString, secrets};

use crate::setup::Setup;

/// The secrets of a channel.
#[derive(Default)]
pub(super) struct Secrets {
    /// Mail: the user.
    pub(super) user: Option<SecretString>,
    /// Mail: the password.
    pub(super) password: Option<SecretString>,
    /// Webhook: what signs.
    pub(super) secret: Option<SecretString>,
    /// Webhook and ping: the address, where that is a secret.
    pub(super) url: Option<SecretString>,
}

const KEYS: [&str; 4] = ["user", "password", "secret", "url"];

/// Reads them from where the estate says; what went wrong is told without any of them.
pub(super) fn read(setup: &Setup, source: Option<&Credentials>) -> Result<Secrets, String> {
    match source {
        None => Ok(Secrets::default()),
        Some(Credentials::File(path)) => {
            let path = setup.places.config.join(path);
            let text = secrets::read_text(&path).map_err(|error| error.to_string())?;
            parse(text.expose_secret()).map_err(|why| format!("{}: {why}", path.display()))
        }
        Some(Credentials::Environment(prefix)) => {
            let of = |key: &str| {
                let name = format!("{prefix}_{key}");
                let text = setup.world.environment.text(&name);
                text.map(|text| usable(&name, text)).transpose()
            };
            let secrets = Secrets {
                user: of("USER")?,
                password: of("PASSWORD")?,
                secret: of("SECRET")?,
                url: of("URL")?,
            };
            let is_empty = secrets.user.is_none() && secrets.secret.is_none() && secrets.url.is_none();
            if is_empty {
                Err(format!("the environment has none of {prefix}_USER, _SECRET, _URL"))
            } else {
                Ok(secrets)
            }
        }
    }
}

/// The authority's certificate, where the estate names one.
pub(super) fn authority(setup: &Setup, path: Option<&Path>) -> Result<Option<Vec<u8>>, String> {
    let Some(path) = path else { return Ok(None) };
    let path = setup.places.config.join(path);
    std::fs::read(&path).map(Some).map_err(|error| format!("read ca_file {}: {error}", path.display()))
}

/// A secret that is one: with an empty key anybody could sign.
fn usable(name: &str, text: &str) -> Result<SecretString, String> {
    match text.trim() {
        "" => Err(format!("{name} is empty")),
        "whsec_" => Err(format!("{name} has nothing after whsec_")),
        _ => Ok(SecretString::from(text.to_owned())),
    }
}

fn parse(text: &str) -> Result<Secrets, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        format!("line {line} is not valid TOML: write name = \"value\"")
    })?;
    let mut secrets = Secrets::default();
    for (key, value) in table {
        let Some(value) = value.as_str() else { return Err(format!("{key} must be a text in quotes")) };
        let value = Some(usable(&key, value)?);
        match key.as_str() {
            "user" => secrets.user = value,
            "password" => secrets.password = value,
            "secret" => secrets.secret = value,
            "url" => secrets.url = value,
            _ => return Err(format!("unknown key {key:?}: there are {}", KEYS.join(", "))),
        }
    }
    Ok(secrets)
}

impl Secrets {
    /// A text without any of them: servers quote what they were sent.
    pub(super) fn hide(&self, text: &str) -> String {
        let known = [&self.user, &self.password, &self.secret, &self.url];
        let known =
            known.into_iter().flatten().map(ExposeSecret::expose_secret).filter(|known| known.len() > 2);
        known.fold(text.to_owned(), |text, known| text.replace(known, "[hidden]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_no_secret() {
        for nothing in ["", " ", "whsec_", "whsec_ "] {
            assert!(usable("HOOK_SECRET", nothing).is_err(), "{nothing:?}");
            assert!(parse(&format!("secret = \"{nothing}\"")).is_err(), "{nothing:?}");
        }
        assert!(usable("HOOK_SECRET", "whsec_eA==").is_ok());
    }

    #[test]
    fn strict_and_silent_about_values() {
        let secrets = parse("user = \"holdfast\"\npassword = \"hunter2\"").unwrap();
        assert_eq!(secrets.hide("535 hunter2 is wrong for holdfast"), "535 [hidden] is wrong for [hidden]");
        for bad in ["pass = \"hunter2\"", "password = hunter2", "password = ['hunter2']", "password = \"\""] {
            let Err(error) = parse(bad) else { panic!("{bad}") };
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
