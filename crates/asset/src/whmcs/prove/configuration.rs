//! Whether configuration.php belongs to this database and is PHP that can be read.

use std::path::Path;
use std::time::Duration;

use holdfast_world::process::Invocation;

use super::{Findings, Seen};
use crate::site::Setting;
use crate::whmcs::Restored;
use crate::whmcs::installed::Installed;

const CHECK_MAX: Duration = Duration::from_secs(30);
/// Larger is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(super) fn configuration(restored: &Restored<'_>, installed: &Installed) -> Seen {
    let mut findings = Findings::default();
    let dumped = &restored.manifest.database;
    if installed.databases.is_empty() {
        findings.failed.push("configuration.php names no database".to_owned());
    }
    for name in &installed.databases {
        match name {
            Setting::Known(name) if name == dumped => {}
            Setting::Known(name) => {
                findings.failed.push(format!(
                    "configuration.php names the database {name:?}, and {dumped:?} was restored"
                ));
            }
            Setting::Unresolved(trouble) => findings.unproven.push(trouble.to_string()),
        }
    }
    check(restored, &installed.folder.join("configuration.php"), &mut findings);
    findings.seen(|| format!("configuration.php is valid PHP and names the database {dumped:?}"))
}

/// Has PHP compile the file, without its settings and without running it. It comes by standard input, so that no name of a file
/// reaches PHP; of what it says only the line is told, because the rest quotes what stands there.
fn check(restored: &Restored<'_>, file: &Path, findings: &mut Findings) {
    let size = std::fs::metadata(file).map(|metadata| metadata.len());
    let bytes = match size {
        Ok(size) if size > FILE_BYTES_MAX => {
            return findings
                .failed
                .push(format!("configuration.php has {size} bytes, which no configuration has"));
        }
        Ok(_) => std::fs::read(file),
        Err(error) => Err(error),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return findings.failed.push(format!("read configuration.php: {error}")),
    };
    let checked = Invocation::new(restored.php, CHECK_MAX)
        .arguments(["-n", "-l"])
        .environment(restored.environment.for_programs())
        .input(bytes)
        .run(None);
    match checked {
        Ok(finished) if finished.success() => {}
        Ok(finished) => {
            let said = finished.text() + &String::from_utf8_lossy(&finished.stderr);
            let line = said.rsplit_once(" on line ").and_then(|(_, rest)| {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                digits.parse::<u32>().ok()
            });
            findings.failed.push(match line {
                Some(line) => format!("configuration.php is not valid PHP: line {line}"),
                None => "configuration.php is not valid PHP".to_owned(),
            });
        }
        Err(error) => findings.unproven.push(format!("whether configuration.php is valid PHP: {error}")),
    }
}
