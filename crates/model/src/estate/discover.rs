//! Roots whose folders are assets by themselves.
//!
//! Where a panel makes a folder for each new site, a list that is kept by hand misses the one that was made last night, and
//! nobody notices before it is needed. So a root is named once, with the rule by which a folder in it becomes an asset.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{Glob, GlobBuilder, GlobMatcher};
use toml::de::{DeTable, DeValue};

use super::read::{named, read_class, read_folder_rules, reference};
use super::{Asset, Located, Settings, SiteDatabases, Span, WebsiteSettings};
use crate::address::plain_path;
use crate::diagnostic::Problems;
use crate::name::NameError;
use crate::reading::Fields;
use crate::{AssetName, Class, ClientId, DiscoveryName, HostName, parse_duration};

/// A root, and what its folders become.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// Its name.
    pub name: DiscoveryName,
    /// Where its name stands in the file.
    pub span: Span,
    /// The pattern as it was written.
    pub pattern: String,
    /// The folder whose entries are looked at.
    pub root: PathBuf,
    /// Which of them count.
    pub wanted: Glob,
    /// The folder within each that is the website; none where it is the entry itself.
    pub below: Option<String>,
    /// The machine that they live on.
    pub host: HostName,
    /// Whom they belong to.
    pub client: ClientRule,
    /// Which are left out.
    pub except: Vec<Glob>,
    /// How often the root is looked at while the daemon runs.
    pub look_every: Duration,
    /// What a website in it is like, but for its folder.
    pub website: WebsiteSettings,
}

/// Whom a discovered asset belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientRule {
    /// A client of the folder's name.
    Folder,
    /// All to this one.
    Fixed(ClientId),
    /// Nobody says.
    None,
}

/// Under this the roots stand in the file.
const KEY: &str = "discover";
/// How often a root is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

impl Discovery {
    /// The asset that a folder of this name becomes.
    ///
    /// # Errors
    /// When the name is none of an asset.
    pub fn asset(&self, folder: &str) -> Result<Asset, NameError> {
        let name = AssetName::parse(folder)?;
        let client = match &self.client {
            ClientRule::Folder => Some(ClientId::parse(folder)?),
            ClientRule::Fixed(client) => Some(client.clone()),
            ClientRule::None => None,
        };
        let mut website = self.website.clone();
        website.folder.path = self.folder(OsStr::new(folder));
        Ok(Asset {
            name,
            span: self.span.clone(),
            host: self.host.clone(),
            client,
            discovered: Some(self.name.clone()),
            settings: Settings::Website(website),
        })
    }

    /// The folder of the website that an entry of the root is, or holds.
    pub fn folder(&self, entry: &OsStr) -> PathBuf {
        let entry = self.root.join(entry);
        match &self.below {
            Some(below) => entry.join(below),
            None => entry,
        }
    }

    /// Whether entries of a name count, and whether they are left out by name.
    pub(super) fn matchers(&self) -> (GlobMatcher, Vec<GlobMatcher>) {
        (self.wanted.compile_matcher(), self.except.iter().map(Glob::compile_matcher).collect())
    }
}

/// Reads `[discover.NAME]`, or the one root that `discover = "..."` names.
pub(super) fn read_discoveries(
    problems: &mut Problems<'_>,
    root: &mut Fields<'_, '_>,
    hosts: &[String],
) -> BTreeMap<DiscoveryName, Discovery> {
    if let Some(value) = root.value(KEY)
        && matches!(value.get_ref(), DeValue::String(_))
    {
        let Some(text) = root.text(problems, KEY) else { return BTreeMap::new() };
        return read_short(problems, &text, hosts).into_iter().map(|one| (one.name.clone(), one)).collect();
    }
    let mut discoveries = BTreeMap::new();
    for (name, fields) in root.tables(problems, KEY) {
        if let Some(known) = named(problems, &name, DiscoveryName::parse)
            && let Some(discovery) = read_discovery(problems, &known, &name, fields, hosts)
        {
            discoveries.insert(known, discovery);
        }
    }
    discoveries
}

/// `discover = "/var/www/vhosts/*"`: websites of this machine, each of a client of its own.
fn read_short(problems: &mut Problems<'_>, text: &Located<String>, hosts: &[String]) -> Option<Discovery> {
    let [host] = hosts else {
        problems
            .error("missing-key", &text.span.range(), "on which of the hosts the root lies is not said")
            .hint(
                "write [discover.vhosts] path = \"...\", class = \"website\", host = \"...\", client = \"folder\"",
            );
        return None;
    };
    let (root, wanted, below) = read_pattern(problems, text)?;
    let nothing = DeTable::new();
    let mut nothing = Fields::new(&nothing, KEY, text.span.range());
    Some(Discovery {
        name: DiscoveryName::parse("websites").ok()?,
        span: text.span.clone(),
        pattern: text.value.clone(),
        root,
        wanted,
        below,
        host: HostName::parse(host).ok()?,
        client: ClientRule::Folder,
        except: Vec::new(),
        look_every: LOOK_EVERY,
        website: read_template(problems, &mut nothing, &text.span),
    })
}

fn read_discovery(
    problems: &mut Problems<'_>,
    known: &DiscoveryName,
    name: &Located<String>,
    mut fields: Fields<'_, '_>,
    hosts: &[String],
) -> Option<Discovery> {
    let path = fields.required_text(problems, "path");
    let pattern = path.as_ref().and_then(|path| read_pattern(problems, path));
    let class = fields.required_text(problems, "class");
    let class = class.and_then(|text| {
        let class = read_class(problems, &text)?;
        if class != Class::Website {
            let message = format!("assets of class {class} are not discovered");
            problems
                .error("bad-value", &text.span.range(), message)
                .hint("write class = \"website\"; declare others one by one: each needs settings of its own");
        }
        Some(class)
    });
    let host = reference(problems, &mut fields, "host", hosts, HostName::parse);
    let client = match fields.text(problems, "client") {
        None => Some(ClientRule::None),
        Some(text) if text.value == "folder" => Some(ClientRule::Folder),
        Some(text) => named(problems, &text, ClientId::parse).map(ClientRule::Fixed),
    };
    if let Some(rule) = fields.text(problems, "name")
        && rule.value != "folder"
    {
        problems
            .error("bad-value", &rule.span.range(), "an asset is called as its folder")
            .hint("write name = \"folder\", or leave it out");
    }
    let except = fields.texts(problems, "except");
    let except = except.iter().filter_map(|text| read_glob(problems, text)).collect();
    let look_every = fields.text(problems, "look_every").and_then(|text| {
        let span = parse_duration(&text.value);
        span.map_err(|error| problems.error("bad-value", &text.span.range(), error.to_string())).ok()
    });
    let website = read_template(problems, &mut fields, &name.span);
    fields.finish(problems);
    let (root, wanted, below) = pattern?;
    class.filter(|class| *class == Class::Website)?;
    Some(Discovery {
        name: known.clone(),
        span: name.span.clone(),
        pattern: path?.value,
        root,
        wanted,
        below,
        host: host?,
        client: client?,
        except,
        look_every: look_every.filter(|span| !span.is_zero()).unwrap_or(LOOK_EVERY),
        website,
    })
}

/// What every website of the root is like.
fn read_template(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>, span: &Span) -> WebsiteSettings {
    let mut folder = read_folder_rules(problems, fields);
    folder.path_span = span.clone();
    let ignore = fields.texts(problems, "ignore_databases");
    WebsiteSettings {
        folder,
        databases: SiteDatabases::Detected,
        ignore_databases: ignore.into_iter().map(|name| name.value).collect(),
    }
}

/// Takes a pattern apart: what comes before the folder that stands for many, that folder, and the one within it.
fn read_pattern(
    problems: &mut Problems<'_>,
    text: &Located<String>,
) -> Option<(PathBuf, Glob, Option<String>)> {
    let mut refuse = |message: String| {
        problems
            .error("bad-path", &text.span.range(), message)
            .hint("write \"/var/www/vhosts/*\", or \"/home/*/public_html\" for one folder within each");
    };
    let path = match plain_path(&text.value) {
        Ok(path) => path,
        Err(cause) => {
            refuse(cause);
            return None;
        }
    };
    let parts: Vec<&str> = path.components().filter_map(|part| part.as_os_str().to_str()).skip(1).collect();
    let is_pattern = |part: &&str| part.contains(['*', '?', '[', '{']);
    let many: Vec<usize> = (0..parts.len()).filter(|at| is_pattern(&parts[*at])).collect();
    // Whoever owns a folder chooses what lies two levels below it, and could have it lead into another's.
    let [at] = many[..] else {
        refuse(format!("exactly one folder of the pattern must stand for many, and {} do", many.len()));
        return None;
    };
    if at + 2 < parts.len() {
        refuse("at most one folder may come after the one that stands for many".to_owned());
        return None;
    }
    let root: PathBuf = Path::new("/").join(parts[..at].iter().collect::<PathBuf>());
    if root.parent().is_none() {
        refuse("the root of the file system is no root of websites".to_owned());
        return None;
    }
    let wanted = Located { value: parts[at].to_owned(), span: text.span.clone() };
    let below = parts.get(at + 1).map(|below| (*below).to_owned());
    Some((root, read_glob(problems, &wanted)?, below))
}

fn read_glob(problems: &mut Problems<'_>, text: &Located<String>) -> Option<Glob> {
    let mut refuse = |cause: String| {
        problems.error("bad-pattern", &text.span.range(), format!("the pattern {:?}: {cause}", text.value));
    };
    if text.value.contains('/') || text.value.is_empty() {
        refuse("it names folders of the root: it holds no '/'".to_owned());
        return None;
    }
    let glob = GlobBuilder::new(&text.value).literal_separator(true).build();
    glob.map_err(|error| refuse(error.kind().to_string())).ok()
}
