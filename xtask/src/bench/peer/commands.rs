//! The command line of each work.

use std::path::Path;
use std::process::Command;

use super::{Kind, Peer};
use crate::bench::setting::Setting;
use crate::bench::work::Deed;

impl Peer {
    /// The command line of one deed. A backup becomes the point after those made so far.
    pub(in crate::bench) fn command(&self, deed: Deed, setting: &Setting<'_>) -> Command {
        let mut command = self.start(setting);
        let (source, target) = (setting.source(), setting.target.display().to_string());
        let material = setting.material;
        let file = material.one_file.display().to_string();
        let file_path = setting.inside(&material.one_file);
        let folder_path = setting.inside(&material.large_folder);
        let (in_latest_file, in_latest_folder) =
            (format!("latest:{file_path}"), format!("latest:{folder_path}"));
        let name = material.one_file.file_name().unwrap_or_default();
        let restored_file = Path::new(&target).join(name).display().to_string();
        let repository = self.repository(setting).display().to_string();
        let next = format!("{repository}::p{}", setting.points + 1);
        let latest = format!("{repository}::p{}", setting.points);
        let folder = material.large_folder.display().to_string();
        let words: Vec<&str> = match (self.kind, deed) {
            (Kind::Holdfast, Deed::Backup) => vec!["backup", "sites", "--quiet"],
            (Kind::Holdfast, Deed::Restore) => vec!["restore", "sites", "--to", &target, "--quiet"],
            (Kind::Holdfast, Deed::RestoreOne) => {
                vec!["restore", "sites", "--to", &target, "--include", &file, "--quiet"]
            }
            (Kind::Holdfast, Deed::Structure) => vec!["verify", "sites", "--quiet"],
            (Kind::Holdfast, Deed::Verify) => vec!["verify", "sites", "--read-data", "--quiet"],
            (Kind::Holdfast, Deed::List) if folder.is_empty() => vec!["ls", "sites"],
            (Kind::Holdfast, Deed::List) => vec!["ls", "sites", &folder],
            (Kind::Holdfast, Deed::Prune) => vec!["purge", "--quiet"],
            (Kind::Restic | Kind::Rustic, Deed::Backup) => vec!["backup", &source],
            (Kind::Restic, Deed::Restore) => vec!["restore", "latest", "--target", &target],
            (Kind::Restic, Deed::RestoreOne) => {
                vec!["restore", "latest", "--target", &target, "--include", &file_path]
            }
            (Kind::Rustic, Deed::Restore) => vec!["restore", "latest", &target],
            (Kind::Rustic, Deed::RestoreOne) => vec!["restore", &in_latest_file, &restored_file],
            (Kind::Restic | Kind::Rustic, Deed::Structure) => vec!["check"],
            (Kind::Restic | Kind::Rustic, Deed::Verify) => vec!["check", "--read-data"],
            (Kind::Restic, Deed::List) => vec!["ls", "latest", &folder_path],
            (Kind::Rustic, Deed::List) => vec!["ls", &in_latest_folder],
            (Kind::Restic, Deed::Prune) => vec!["prune"],
            // Otherwise rustic only marks packs, and rewrites no more than a tenth.
            (Kind::Rustic, Deed::Prune) => vec!["prune", "--instant-delete", "--max-repack=unlimited"],
            (Kind::Borg, Deed::Backup) => vec!["create", "--compression=zstd,3", &next, &source],
            (Kind::Borg, Deed::Restore) => vec!["extract", &latest],
            (Kind::Borg, Deed::RestoreOne) => vec!["extract", &latest, without_root(&file_path)],
            (Kind::Borg, Deed::Structure) => vec!["check", &repository],
            (Kind::Borg, Deed::Verify) => vec!["check", "--verify-data", &repository],
            (Kind::Borg, Deed::List) => vec!["list", &latest, without_root(&folder_path)],
            (Kind::Borg, Deed::Prune) => vec!["compact", "--threshold=5", &repository],
            (Kind::Kopia, Deed::Backup) => vec!["snapshot", "create", &source],
            (Kind::Kopia, Deed::Verify) => vec!["snapshot", "verify", "--verify-files-percent=100"],
            // What `Peer::can` denies is never asked for.
            (Kind::Kopia, _) => vec!["restore", &source, &target, "--snapshot-time=latest"],
        };
        command.args(words);
        if self.kind == Kind::Borg && matches!(deed, Deed::Restore | Deed::RestoreOne) {
            command.current_dir(&setting.target);
        }
        command
    }
}

/// borg's archives hold paths without the first slash.
fn without_root(path: &str) -> &str {
    path.trim_start_matches('/')
}
