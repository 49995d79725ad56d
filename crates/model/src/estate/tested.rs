//! How an asset is asked when it was restored for a test, and where that is done.

use std::path::PathBuf;

use super::read::source_path;
use crate::diagnostic::Problems;
use crate::reading::Fields;

/// How an asset is asked when it was restored for a test. What is not said is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestSettings {
    /// The address that it knows itself by: `https://shop.example`.
    pub address: Option<String>,
    /// What is asked for; `/` where it is not said.
    pub asked: Option<String>,
    /// Words that must stand in the answer.
    pub marker: Option<String>,
    /// The folder of its documents, below its own.
    pub documents: Option<PathBuf>,
    /// Its own check, program and arguments, which must end with 0.
    pub probe: Vec<String>,
    /// Whether an attempt to reach something outside fails the test. None gets out either way.
    pub must_be_quiet: bool,
    /// Whether no picture of it is taken where one could be.
    pub is_unpictured: bool,
}

/// Reads `restore_test` of an asset.
pub(super) fn read_test(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> TestSettings {
    let address = fields.text(problems, "address").filter(|address| {
        let is_one = address.value.starts_with("https://") || address.value.starts_with("http://");
        if !is_one {
            problems
                .error("bad-value", &address.span.range(), "this is no address of a website")
                .hint("write address = \"https://shop.example\"");
        }
        is_one
    });
    let asked = fields.text(problems, "path").filter(|path| {
        let is_one = path.value.starts_with('/') && !path.value.contains(char::is_whitespace);
        if !is_one {
            problems
                .error("bad-value", &path.span.range(), "this is no path of a page")
                .hint("write path = \"/\", or path = \"/login.php?page=1\"");
        }
        is_one
    });
    let marker = fields.text(problems, "marker").filter(|marker| {
        let is_one = !marker.value.trim().is_empty();
        if !is_one {
            problems.error("bad-value", &marker.span.range(), "every page holds an empty marker");
        }
        is_one
    });
    let documents = fields.text(problems, "documents").filter(|folder| {
        let is_below = !folder.value.starts_with('/') && !folder.value.split('/').any(|part| part == "..");
        if !is_below {
            problems
                .error("bad-path", &folder.span.range(), "documents is a folder below the asset's own path")
                .hint("write documents = \"httpdocs\"");
        }
        is_below
    });
    let probe = fields.texts(problems, "probe").into_iter().map(|word| word.value).collect();
    let must_be_quiet = fields.flag(problems, "must_be_quiet").is_some_and(|flag| flag.value);
    let is_unpictured = fields.flag(problems, "picture").is_some_and(|flag| !flag.value);
    fields.finish(problems);
    TestSettings {
        address: address.map(|address| address.value),
        asked: asked.map(|path| path.value),
        marker: marker.map(|marker| marker.value),
        documents: documents.map(|folder| PathBuf::from(folder.value)),
        probe,
        must_be_quiet,
        is_unpictured,
    }
}

/// Reads `[staging]`: the folder.
pub(super) fn read_staging(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Option<PathBuf> {
    let folder = fields.required_text(problems, "folder");
    fields.finish(problems);
    source_path(problems, &folder?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::{AssetName, Checked, Estate, read_estate};

    fn estate(lines: &str) -> Checked<Estate> {
        let text = format!(
            "[sites.london]\n[hosts.web1]\nsite = \"london\"\nconnect = \"local\"\n\
             [staging]\nfolder = \"/srv/staging\"\n\
             [assets.\"x.example\"]\nclass = \"website\"\nhost = \"web1\"\npath = \"/x\"\n\
             [assets.\"x.example\".restore_test]\n{lines}\n"
        );
        read_estate("estate.toml", &text)
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (line, code) in [
            ("address = \"shop.example\"", "bad-value"),
            ("path = \"login.php\"", "bad-value"),
            ("marker = \" \"", "bad-value"),
            ("documents = \"../other\"", "bad-path"),
            ("documents = \"/var/www\"", "bad-path"),
            ("surprise = 1", "unknown-key"),
        ] {
            let read = estate(line);
            let found: Vec<&str> = read.diagnostics.iter().map(|one| one.code.as_str()).collect();
            assert!(found.iter().any(|found| found.ends_with(code)), "{line}: {found:?}");
        }
    }

    #[test]
    fn what_is_said_is_read() {
        let read = estate(
            "address = \"https://x.example\"\npath = \"/shop\"\nmarker = \"Welcome\"\n\
             documents = \"httpdocs\"\nprobe = [\"php\", \"check.php\"]\nmust_be_quiet = true\npicture = false",
        );
        let estate = read.value.unwrap();
        assert_eq!(estate.staging, Some(PathBuf::from("/srv/staging")));
        let asset = &estate.assets[&AssetName::parse("x.example").unwrap()];
        let expected = TestSettings {
            address: Some("https://x.example".to_owned()),
            asked: Some("/shop".to_owned()),
            marker: Some("Welcome".to_owned()),
            documents: Some(PathBuf::from("httpdocs")),
            probe: vec!["php".to_owned(), "check.php".to_owned()],
            must_be_quiet: true,
            is_unpictured: true,
        };
        assert_eq!(asset.restore_test, expected);
    }
}
