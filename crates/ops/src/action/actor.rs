//! Who runs this, as far as the machine says. `root` alone would name nobody where everybody becomes root: so whom the
//! kernel says has logged in, whom sudo says it serves, and where the terminal is connected from stand beside it. All but
//! the first two come from the environment, which whoever runs this can set: they are hints and no proof.

use std::fmt;

use holdfast_world::Environment;
use serde::{Deserialize, Serialize};

/// Who.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The name of the effective user.
    pub user: String,
    /// Its number.
    pub uid: u32,
    /// Who logged in, by the kernel; it stays the same behind sudo and su.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Whom sudo says it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo: Option<String>,
    /// The terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// Where an SSH connection says it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// On which machine.
    pub host: String,
    /// In which process.
    pub process: u32,
}

impl Actor {
    /// Who runs this.
    pub fn of(environment: &Environment) -> Actor {
        let from = environment.text("SSH_CONNECTION").or_else(|| environment.text("SSH_CLIENT"));
        Actor {
            user: environment.user_name().to_owned(),
            uid: environment.uid(),
            login: environment.login_name().map(str::to_owned),
            sudo: environment.text("SUDO_USER").map(str::to_owned),
            terminal: environment.terminal().map(str::to_owned),
            from: from.and_then(|from| from.split_whitespace().next()).map(str::to_owned),
            host: environment.hostname().to_owned(),
            process: environment.pid(),
        }
    }

    /// As it stands in the log.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| self.to_string())
    }

    /// From the log, for eyes; a text of another kind is shown as it is.
    pub fn shown(text: &str) -> String {
        serde_json::from_str::<Actor>(text).map_or_else(|_| text.to_owned(), |actor| actor.to_string())
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let person = self.login.as_ref().or(self.sudo.as_ref()).filter(|person| **person != self.user);
        match person {
            Some(person) => write!(f, "{person} as {}", self.user)?,
            None => f.write_str(&self.user)?,
        }
        if let Some(from) = &self.from {
            write!(f, " from {from}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_behind_root_is_named_and_read_back() {
        let environment = Environment::fake()
            .with_variable("SUDO_USER", "alice")
            .with_variable("SSH_CONNECTION", "198.51.100.7 50000 203.0.113.1 22");
        let actor = Actor::of(&environment);
        assert_eq!(actor.to_string(), "alice as root from 198.51.100.7");
        assert_eq!(Actor::shown(&actor.to_text()), actor.to_string());
        assert_eq!(Actor::shown("[erased]"), "[erased]");
    }
}
