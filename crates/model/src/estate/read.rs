//! estate.toml into types, key by key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::alerts::{read_alerts, read_metrics};
use super::databases::{read_database, read_followed_database, read_servers};
use super::discover::read_discoveries;
use super::object_lock::read_object_lock;
use super::relations;
use super::tested::{read_staging, read_test};
use super::{Asset, Connect, Credentials, Estate, Host, Located, Location, Settings, Site, Span};
use super::{DatabaseSettings, FolderSettings, SiteDatabases, WebsiteSettings, WhmcsSettings};
use crate::address::plain_path;
use crate::diagnostic::{Checked, Problems};
use crate::name::NameError;
use crate::rate::parse_rate;
use crate::reading::{Fields, nearest, parse};
use crate::size::parse_size;
use crate::{Address, AssetName, Class, ClientId, ExcludePattern, HostName, LocationName, SiteName};

/// Reads and checks an estate. `file` is how findings call the file; `text` is its content.
pub fn read_estate(file: &str, text: &str) -> Checked<Estate> {
    let mut problems = Problems::new("estate", file, text);
    let document = parse(text, &mut problems);
    let estate = read(&document, &mut problems);
    // Relations between things that were misread would only repeat what is reported already.
    if !problems.has_errors() || !estate.assets.is_empty() || !estate.locations.is_empty() {
        relations::check(&estate, &mut problems);
    }
    problems.finish(Some(estate))
}

fn read(document: &DeTable<'_>, problems: &mut Problems<'_>) -> Estate {
    let mut root = Fields::new(document, "the estate", 0..0);
    let mut estate = Estate::default();
    (estate.database_servers, estate.database_lists) = read_servers(problems, &mut root);
    for (name, fields) in root.tables(problems, "sites") {
        if let (Some(name), Some(site)) =
            (named(problems, &name, SiteName::parse), read_site(problems, &name, fields))
        {
            estate.sites.insert(name, site);
        }
    }
    let sites: Vec<String> = root_names(&estate.sites);
    for (name, fields) in root.tables(problems, "hosts") {
        if let (Some(name), Some(host)) =
            (named(problems, &name, HostName::parse), read_host(problems, &name, fields, &sites))
        {
            estate.hosts.insert(name, host);
        }
    }
    for (name, fields) in root.tables(problems, "locations") {
        if let (Some(name), Some(location)) =
            (named(problems, &name, LocationName::parse), read_location(problems, &name, fields, &sites))
        {
            estate.locations.insert(name, location);
        }
    }
    // All that were written, also those that were misread: they are not unknown.
    let hosts: Vec<String> = root
        .tables(&mut Problems::new("estate", "", ""), "hosts")
        .into_iter()
        .map(|(name, _)| name.value)
        .collect();
    for (name, fields) in root.tables(problems, "assets") {
        if let Some(known) = named(problems, &name, AssetName::parse)
            && let Some(asset) = read_asset(problems, &known, &name, fields, &hosts)
        {
            estate.assets.insert(known, asset);
        }
    }
    estate.discoveries = read_discoveries(problems, &mut root, &hosts);
    if let Some(fields) = root.table(problems, "alerts") {
        estate.alerts = read_alerts(problems, fields);
    }
    estate.staging = root.table(problems, "staging").and_then(|fields| read_staging(problems, fields));
    estate.alerts.metrics_listen =
        root.table(problems, "metrics").and_then(|fields| read_metrics(problems, fields));
    root.finish(problems);
    estate
}

fn root_names<N: AsRef<str>, T>(map: &BTreeMap<N, T>) -> Vec<String> {
    map.keys().map(|name| name.as_ref().to_owned()).collect()
}

fn read_site(
    problems: &mut Problems<'_>,
    name: &Located<String>,
    mut fields: Fields<'_, '_>,
) -> Option<Site> {
    let country = fields.text(problems, "country");
    if let Some(country) = &country
        && !(country.value.len() == 2 && country.value.bytes().all(|byte| byte.is_ascii_uppercase()))
    {
        problems
            .error("bad-value", &country.span.range(), "country must be an ISO code of two capital letters")
            .hint("for example \"GB\"");
    }
    let mut degrees = |problems: &mut Problems<'_>, key, limit: f64| {
        let number = fields.number(problems, key)?;
        if !(-limit..=limit).contains(&number.value) {
            let message = format!("{key} must lie between -{limit} and {limit}");
            problems.error("bad-value", &number.span.range(), message).hint("degrees as a decimal number");
        }
        Some(number.value)
    };
    let (latitude, longitude) = (degrees(problems, "latitude", 90.0), degrees(problems, "longitude", 180.0));
    if latitude.is_some() != longitude.is_some() {
        problems.error(
            "missing-key",
            &name.span.range(),
            "latitude and longitude are given together or not at all",
        );
    }
    fields.finish(problems);
    Some(Site { span: name.span.clone(), country: country.map(|country| country.value), latitude, longitude })
}

fn read_host(
    problems: &mut Problems<'_>,
    name: &Located<String>,
    mut fields: Fields<'_, '_>,
    sites: &[String],
) -> Option<Host> {
    let site = reference(problems, &mut fields, "site", sites, SiteName::parse);
    let connect = fields.required_text(problems, "connect");
    let connect = connect.and_then(|connect| match connect.value.as_str() {
        "local" => Some(Connect::Local),
        remote if remote.starts_with("ssh://") => {
            problems
                .error(
                    "not-built-yet",
                    &connect.span.range(),
                    "hosts that are reached over SSH are not built yet",
                )
                .hint("run holdfast on the host itself, and write connect = \"local\"");
            None
        }
        _ => {
            problems
                .error("bad-value", &connect.span.range(), "connect says how the host is reached")
                .hint("write connect = \"local\"");
            None
        }
    });
    fields.finish(problems);
    Some(Host { span: name.span.clone(), site: site?, connect: connect? })
}

fn read_location(
    problems: &mut Problems<'_>,
    name: &Located<String>,
    mut fields: Fields<'_, '_>,
    sites: &[String],
) -> Option<Location> {
    let site = reference(problems, &mut fields, "site", sites, SiteName::parse);
    let host =
        fields.required_text(problems, "host").and_then(|host| named(problems, &host, HostName::parse));
    let url = fields.required_text(problems, "url");
    let address = url.as_ref().and_then(|url| {
        let address = Address::parse(&url.value);
        address.map_err(|cause| problems.error("bad-url", &url.span.range(), cause)).ok()
    });
    let is_folder = matches!(address, Some(Address::Local { .. }));
    let mut credentials = |problems: &mut Problems<'_>, key| {
        let span = fields.key_span(key)?;
        let table = fields.table(problems, key)?;
        if is_folder {
            problems
                .error("bad-value", &span, format!("{key}: a folder of this machine takes no credentials"))
                .hint("remove them");
        }
        read_credentials(problems, key, table)
    };
    let (write, delete) = (credentials(problems, "credentials"), credentials(problems, "delete_credentials"));
    if delete.is_some() && delete == write {
        let span = fields.key_span("delete_credentials").unwrap_or_default();
        problems
            .warning("same-credentials", &span, "writing and deleting use the same credentials")
            .hint("leave delete_credentials out, or give writing an account that cannot delete");
    }
    let object_lock = fields.text(problems, "object_lock").and_then(|text| {
        let is_bucket = matches!(address, None | Some(Address::S3 { .. }));
        read_object_lock(problems, text, is_bucket)
    });
    let bandwidth = fields.text(problems, "bandwidth").and_then(|text| {
        let rate = parse_rate(&text.value);
        rate.map_err(|error| problems.error("bad-value", &text.span.range(), error.to_string())).ok()
    });
    fields.finish(problems);
    Some(Location {
        span: name.span.clone(),
        site: site?,
        host: host?,
        url: url?,
        address: address?,
        credentials: write,
        delete_credentials: delete,
        object_lock,
        bandwidth_bytes_per_second: bandwidth,
    })
}

pub(in crate::estate) fn read_credentials(
    problems: &mut Problems<'_>,
    key: &str,
    mut fields: Fields<'_, '_>,
) -> Option<Credentials> {
    let span = fields.span().clone();
    let (file, env) = (fields.text(problems, "file"), fields.text(problems, "env"));
    fields.finish(problems);
    match (file, env) {
        (Some(file), None) => {
            let path = Path::new(&file.value);
            let dots = path.components().any(|part| part == std::path::Component::ParentDir);
            if file.value.is_empty() || dots {
                problems.error("bad-path", &file.span.range(), "this is no path of a credentials file").hint(
                    "write an absolute path, or one below the configuration folder such as keys/name.toml",
                );
                return None;
            }
            Some(Credentials::File(path.to_owned()))
        }
        (None, Some(env)) => {
            let starts_well = env.value.starts_with(|c: char| c.is_ascii_uppercase());
            let is_plain =
                env.value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            if !(starts_well && is_plain) {
                problems
                    .error("bad-value", &env.span.range(), "this is no prefix of environment variables")
                    .hint("A-Z, 0-9 and _ are allowed; PREFIX stands for PREFIX_PASSWORD and so on");
                return None;
            }
            Some(Credentials::Environment(env.value))
        }
        _ => {
            problems
                .error("missing-key", &span, format!("{key} needs either a file or an env, and not both"))
                .hint("write { file = \"keys/name.toml\" } or { env = \"PREFIX\" }");
            None
        }
    }
}

fn read_asset(
    problems: &mut Problems<'_>,
    known: &AssetName,
    name: &Located<String>,
    mut fields: Fields<'_, '_>,
    hosts: &[String],
) -> Option<Asset> {
    let class = fields.required_text(problems, "class").and_then(|class| read_class(problems, &class));
    let host = reference(problems, &mut fields, "host", hosts, HostName::parse);
    let client = fields.text(problems, "client");
    let has_client = client.is_some();
    let client = client.and_then(|client| named(problems, &client, ClientId::parse));
    let restore_test = fields.table(problems, "restore_test");
    let restore_test = restore_test.map(|table| read_test(problems, table)).unwrap_or_default();
    let settings = match class {
        Some(Class::Website) => read_website(problems, &mut fields).map(Settings::Website),
        Some(Class::Whmcs) => read_whmcs(problems, &mut fields).map(Settings::Whmcs),
        Some(class) => {
            problems
                .warning(
                    "class-not-built",
                    &name.span.range(),
                    format!("assets of class {class} cannot be backed up yet"),
                )
                .hint("it counts as unprotected until this class is built");
            if let Some(path) = fields.text(problems, "path") {
                source_path(problems, &path);
            }
            Some(Settings::NotBuilt(class))
        }
        None => {
            // Without a class nobody knows which keys belong here.
            let _ = read_website(&mut Problems::new("estate", "", ""), &mut fields);
            None
        }
    };
    fields.finish(problems);
    if has_client && client.is_none() {
        return None;
    }
    Some(Asset {
        name: known.clone(),
        span: name.span.clone(),
        host: host?,
        client,
        discovered: None,
        settings: settings?,
        restore_test,
    })
}

pub(super) fn read_class(problems: &mut Problems<'_>, class: &Located<String>) -> Option<Class> {
    let parsed = Class::parse(&class.value);
    if parsed.is_none() {
        let names = Class::ALL.map(Class::as_str);
        let finding =
            problems.error("bad-value", &class.span.range(), format!("there is no class {:?}", class.value));
        finding.hint(match nearest(&class.value, &names) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("there are: {}", names.join(", ")),
        });
    }
    parsed
}

fn read_website(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<WebsiteSettings> {
    let folder = read_folder(problems, fields);
    let databases = match fields.list(problems, "databases") {
        None => Some(SiteDatabases::Detected),
        Some(tables) => {
            let read: Vec<Option<DatabaseSettings>> =
                tables.into_iter().map(|table| read_database(problems, table)).collect();
            read.into_iter().collect::<Option<_>>().map(SiteDatabases::Named)
        }
    };
    let ignore_databases = fields.texts(problems, "ignore_databases");
    let ignore_databases = ignore_databases.into_iter().map(|name| name.value).collect();
    Some(WebsiteSettings { folder: folder?, databases: databases?, ignore_databases })
}

fn read_whmcs(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<WhmcsSettings> {
    let folder = read_folder(problems, fields);
    let Some(table) = fields.table(problems, "database") else {
        let span = fields.span().clone();
        problems.error("missing-key", &span, "database is missing: without it WHMCS is only half a copy").hint(
            "write database = { name = \"whmcs\", socket = \"/run/mysqld/mysqld.sock\", credentials = { file = \"keys/whmcs-db.toml\" } }",
        );
        return None;
    };
    let (database, log) = read_followed_database(problems, table)?;
    Some(WhmcsSettings { database, log, folder: folder? })
}

fn read_folder(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<FolderSettings> {
    let path = fields.required_text(problems, "path");
    let folder = read_folder_rules(problems, fields);
    let path = path?;
    Some(FolderSettings { path: source_path(problems, &path)?, path_span: path.span, ..folder })
}

/// What is read of a folder, without where it is.
pub(super) fn read_folder_rules(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> FolderSettings {
    let exclude = fields.texts(problems, "exclude");
    let exclude = exclude.into_iter().filter_map(|text| {
        let pattern = ExcludePattern::parse(&text.value);
        pattern.map_err(|error| problems.error("bad-pattern", &text.span.range(), error.to_string())).ok()
    });
    let exclude = exclude.collect();
    let exclude_caches = fields.flag(problems, "exclude_caches").is_none_or(|flag| flag.value);
    let one_file_system = fields.flag(problems, "one_file_system").is_none_or(|flag| flag.value);
    let file_size_bytes_max = fields.text(problems, "max_file_size").and_then(|text| {
        let size = parse_size(&text.value);
        size.map_err(|error| problems.error("bad-value", &text.span.range(), error.to_string())).ok()
    });
    let also = fields.texts(problems, "also");
    let also = also.into_iter().filter_map(|text| Some((source_path(problems, &text)?, text.span))).collect();
    FolderSettings {
        path: PathBuf::new(),
        also,
        path_span: Span::default(),
        exclude,
        exclude_caches,
        one_file_system,
        file_size_bytes_max,
    }
}

pub(super) fn source_path(problems: &mut Problems<'_>, path: &Located<String>) -> Option<PathBuf> {
    plain_path(&path.value).map_err(|cause| problems.error("bad-path", &path.span.range(), cause)).ok()
}

pub(in crate::estate) fn named<T>(
    problems: &mut Problems<'_>,
    text: &Located<String>,
    parse: impl FnOnce(&str) -> Result<T, NameError>,
) -> Option<T> {
    parse(&text.value).map_err(|error| problems.error("bad-name", &text.span.range(), error.to_string())).ok()
}

/// A key whose value must be the name of something that the file declares.
pub(super) fn reference<T>(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    declared: &[String],
    parse: impl FnOnce(&str) -> Result<T, NameError>,
) -> Option<T> {
    let text = fields.required_text(problems, key)?;
    if !declared.contains(&text.value) {
        let finding = problems.error(
            "unknown-reference",
            &text.span.range(),
            format!("there is no {key} {:?}", text.value),
        );
        let declared: Vec<&str> = declared.iter().map(String::as_str).collect();
        finding.hint(match nearest(&text.value, &declared) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("declare it as [{key}s.{}]", text.value),
        });
        return None;
    }
    named(problems, &text, parse)
}
