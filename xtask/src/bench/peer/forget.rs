//! Forgetting points, before a prune is measured.
//!
//! Forgetting is the removal of a few small files and costs no program anything; pruning is the work. Ours expires points
//! by their age alone, and refuses to take today's for old ones, so that a stock restic forgets them for it: removing
//! snapshot files is all that restic does, and ours must cope with it anyway.

use anyhow::{Context, Result};

use super::{Kind, PASSWORD, Peer};
use crate::bench::setting::Setting;
use crate::process;

impl Peer {
    /// Forgets all points but the newest `keep`. `false`: it cannot be done on this machine.
    pub(in crate::bench) fn forget(&self, keep: u32, setting: &Setting<'_>) -> Result<bool> {
        let keep_last = format!("--keep-last={keep}");
        let mut command = match (self.kind, &self.restic) {
            (Kind::Holdfast, None) | (Kind::Kopia, _) => return Ok(false),
            (Kind::Holdfast, Some(restic)) => {
                let mut command = process::command(restic, &["forget", "--no-cache", "--group-by="]);
                command.env("RESTIC_REPOSITORY", self.repository(setting));
                command.env("RESTIC_PASSWORD", self.password(setting)?);
                command
            }
            (Kind::Restic, _) => {
                let mut command = self.start(setting);
                command.args(["forget", "--group-by="]);
                command
            }
            (Kind::Rustic, _) => {
                let mut command = self.start(setting);
                command.args(["forget"]);
                command
            }
            (Kind::Borg, _) => {
                let mut command = self.start(setting);
                command.arg("prune").arg(self.repository(setting));
                command
            }
        };
        command.arg(keep_last);
        process::output(command).with_context(|| format!("{} cannot forget points", self.name))?;
        Ok(true)
    }

    /// The password of the repository: of ours, the one in the key ring.
    pub(in crate::bench) fn password(&self, setting: &Setting<'_>) -> Result<String> {
        if !self.is_ours() || setting.material.repository.is_some() {
            return Ok(PASSWORD.to_owned());
        }
        let path = setting.scratch.join("config/keys").join(super::CLIENT).with_extension("toml");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let key: toml::Table = text.parse().context("the key ring is not TOML")?;
        let password = key.get("password").and_then(toml::Value::as_str);
        password.map(str::to_owned).context("the key has no password")
    }
}
