//! Each finding with its code, and the exact bytes that it points at.

use super::*;
use crate::{Diagnostic, Severity};

const BASE: &str = r#"
[sites.london]
country = "GB"
latitude = 51.51
longitude = -0.13
[sites.manchester]

[hosts.web1]
site = "london"
connect = "local"

[locations.nas]
site = "manchester"
host = "nas1"
url = "sftp://backup@nas1.example:22/srv/holdfast"
credentials = { file = "keys/nas.toml" }

[assets."shop.example"]
class = "website"
host = "web1"
client = "C-1042"
path = "/var/www/vhosts/shop.example/"
"#;

/// Code, severity and the text pointed at.
fn findings(text: &str) -> Vec<(String, Severity, String)> {
    let checked = read_estate("estate.toml", text);
    let errors = checked.errors().count();
    assert_eq!(checked.value.is_none(), errors > 0, "{:?}", checked.diagnostics);
    checked
        .diagnostics
        .into_iter()
        .map(|found| {
            assert_eq!(found.file, "estate.toml");
            let code = found.code.strip_prefix("estate.").unwrap().to_owned();
            (code, found.severity, text[found.span.clone()].to_owned())
        })
        .collect()
}

fn errors(text: &str) -> Vec<(String, String)> {
    findings(text)
        .into_iter()
        .filter(|(_, severity, _)| *severity == Severity::Error)
        .map(|(code, _, at)| (code, at))
        .collect()
}

fn one_error(text: &str) -> (String, String) {
    let errors = errors(text);
    assert_eq!(errors.len(), 1, "{errors:?} in {text}");
    errors.into_iter().next().unwrap()
}

fn is(code: &str, at: &str) -> (String, String) {
    (code.to_owned(), at.to_owned())
}

fn hint(text: &str) -> String {
    let checked = read_estate("estate.toml", text);
    let found: Vec<&Diagnostic> = checked.errors().collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].hint.clone().unwrap_or_default()
}

fn with(text: &str) -> String {
    format!("{BASE}{text}")
}

fn without(old: &str, new: &str) -> String {
    assert!(BASE.contains(old), "{old}");
    BASE.replacen(old, new, 1)
}

#[test]
fn the_estate_of_the_interface_is_read_as_it_is_written() {
    let checked = read_estate("estate.toml", BASE);
    assert_eq!(checked.diagnostics, []);
    let estate = checked.value.unwrap();
    assert_eq!(estate.sites["london"].latitude, Some(51.51));
    assert_eq!(estate.hosts["web1"].connect, Connect::Local);
    let location = &estate.locations["nas"];
    assert_eq!(location.url.value, "sftp://backup@nas1.example:22/srv/holdfast");
    assert_eq!(location.credentials, Some(Credentials::File("keys/nas.toml".into())));
    let asset = &estate.assets["shop.example"];
    assert_eq!(repository_name(asset).as_str(), "C-1042");
    let website = asset.folder().unwrap();
    assert_eq!(website.path, PathBuf::from("/var/www/vhosts/shop.example"));
    assert!(website.exclude_caches && website.one_file_system);
    assert_eq!(website.file_size_bytes_max, None);
    assert_eq!(&BASE[asset.span.range()], "\"shop.example\"");
}

#[test]
fn website_settings_are_read() {
    let text = with(
        "exclude = [\"*.log\", \"/tmp\"]\nexclude_caches = false\none_file_system = false\nmax_file_size = \"2GiB\"\n",
    );
    let estate = read_estate("estate.toml", &text).value.unwrap();
    let website = estate.assets["shop.example"].folder().unwrap();
    assert_eq!(
        website.exclude.iter().map(|pattern| &pattern.text[..]).collect::<Vec<_>>(),
        ["*.log", "/tmp"]
    );
    assert!(!website.exclude_caches && !website.one_file_system);
    assert_eq!(website.file_size_bytes_max, Some(2 << 30));
}

#[test]
fn servers_that_are_trusted_are_sockets_or_hosts() {
    let read = |servers: &str| {
        let text = format!("database_servers = {servers}\n{BASE}");
        read_estate("estate.toml", &text).value.map(|estate| estate.database_servers)
    };
    let tcp = |host: &str, port| DatabaseServer::Tcp { host: host.to_owned(), port };
    assert_eq!(read("[]"), Some(Vec::new()));
    let servers = read("[\"/run/db.sock\", \"db1\", \"db1:3307\", \"[::2]:3308\", \"::3\"]").unwrap();
    let socket = DatabaseServer::Socket("/run/db.sock".into());
    assert_eq!(servers, [socket, tcp("db1", 3306), tcp("db1", 3307), tcp("::2", 3308), tcp("::3", 3306)]);
    for wrong in ["[\"db1:\"]", "[\"db1:0\"]", "[\"db1:70000\"]", "[\":3306\"]", "[\"\"]", "[\"/a/../b\"]"] {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

#[test]
fn what_belongs_to_a_website_beside_its_folder_is_read_and_lies_in_no_location() {
    let databases = |text: &str| {
        let estate = read_estate("estate.toml", &with(text)).value?;
        match &estate.assets["shop.example"].settings {
            Settings::Website(website) => Some(website.databases.clone()),
            _ => None,
        }
    };
    let one = "{ name = \"shop\", socket = \"/run/s\", credentials = { env = \"DB\" } }";
    assert_eq!(databases(""), Some(SiteDatabases::Detected));
    assert_eq!(databases("databases = []\n"), Some(SiteDatabases::Named(Vec::new())));
    let Some(SiteDatabases::Named(named)) = databases(&format!("databases = [{one}, {one}]\n")) else {
        panic!()
    };
    assert_eq!(named.iter().map(|database| &database.name[..]).collect::<Vec<_>>(), ["shop", "shop"]);
    for wrong in ["databases = \"shop\"\n", "databases = [\"shop\"]\n", "databases = [{ name = \"shop\" }]\n"]
    {
        assert!(read_estate("estate.toml", &with(wrong)).value.is_none(), "{wrong}");
    }
    let estate =
        read_estate("estate.toml", &with("also = [\"/etc/nginx/shop\", \"/srv/uploads\"]\n")).value.unwrap();
    let places: Vec<_> =
        estate.assets["shop.example"].folder().unwrap().places().map(|(path, _)| path).collect();
    assert_eq!(places.len(), 3);
    let inside = with("also = [\"/srv/copies/x\"]\n")
        + "[locations.disk]\nurl = \"file:///srv/copies\"\nsite = \"london\"\nhost = \"web1\"\n";
    let found = findings(&inside);
    assert!(found.iter().any(|(rule, ..)| rule == "source-in-location"), "{found:?}");
}

#[test]
fn the_repository_is_the_clients_for_websites_and_else_the_assets() {
    let text = with(
        "[assets.lone]\nclass = \"website\"\nhost = \"web1\"\npath = \"/srv/lone\"\n\
                     [assets.vm1]\nclass = \"vm\"\nhost = \"web1\"\nclient = \"C-1042\"\n",
    );
    let estate = read_estate("estate.toml", &text).value.unwrap();
    let name = |asset: &str| repository_name(&estate.assets[asset]).as_str().to_owned();
    assert_eq!([name("shop.example"), name("lone"), name("vm1")], ["C-1042", "lone", "vm1"]);
    assert_eq!(estate.repositories().len(), 3);
    let of_client = RepositoryName::parse("C-1042").unwrap();
    assert_eq!(estate.assets_of(&of_client).count(), 1);
}

#[test]
fn unknown_keys_are_errors_with_a_guess() {
    assert_eq!(one_error(&with("exlude = []\n")), is("unknown-key", "exlude"));
    assert!(hint(&with("exlude = []\n")).contains("\"exclude\""));
    assert!(hint(&with("xyzzy = 1\n")).contains("there are"));
    assert_eq!(one_error(&with("[asset.x]\n")), is("unknown-key", "asset"));
    assert!(hint(&with("[asset.x]\n")).contains("\"assets\""));
    assert_eq!(one_error(&without("country", "contry")), is("unknown-key", "contry"));
}

#[test]
fn every_error_is_reported_at_once_in_the_order_of_the_file() {
    let text = without("latitude = 51.51", "latitude = 151.51")
        .replace("\"C-1042\"", "\"-C\"")
        .replace("\"local\"", "1");
    assert_eq!(errors(&text), [is("bad-value", "151.51"), is("wrong-type", "1"), is("bad-name", "\"-C\"")]);
}

#[test]
fn syntax_errors_are_placed_and_do_not_hide_the_rest() {
    let text = with("[assets.two]\nclass = \"website\nhost = \"web1\"\n");
    let found = findings(&text);
    assert!(found.iter().any(|(code, ..)| code == "syntax"), "{found:?}");
    let checked = read_estate("estate.toml", "[sites.a]\ncountry = \"GB\"\n\n[hosts.h\n");
    let first = checked.diagnostics.iter().find(|found| found.code == "estate.syntax").unwrap();
    assert_eq!(first.line_and_column("[sites.a]\ncountry = \"GB\"\n\n[hosts.h\n").0, 4);
    assert!(!errors("[sites.a]\n[sites.a]\n").is_empty(), "a table that is declared twice");
    assert!(!errors("\u{0}").is_empty());
}

#[test]
fn references_must_be_declared() {
    assert_eq!(
        one_error(&without("host = \"web1\"", "host = \"web2\"")),
        is("unknown-reference", "\"web2\"")
    );
    assert!(hint(&without("host = \"web1\"", "host = \"web2\"")).contains("\"web1\""));
    assert_eq!(
        one_error(&without("site = \"manchester\"", "site = \"paris\"")),
        is("unknown-reference", "\"paris\"")
    );
    assert!(hint(&without("site = \"manchester\"", "site = \"paris\"")).contains("[sites.paris]"));
}

#[test]
fn a_missing_key_points_at_the_table() {
    assert_eq!(one_error(&without("class = \"website\"\n", "")), is("missing-key", "\"shop.example\""));
    assert_eq!(
        one_error(&without("path = \"/var/www/vhosts/shop.example/\"\n", "")),
        is("missing-key", "\"shop.example\"")
    );
    let text = without("url = \"sftp://backup@nas1.example:22/srv/holdfast\"\n", "");
    assert_eq!(one_error(&text), is("missing-key", "nas"));
    assert_eq!(one_error(&without("longitude = -0.13\n", "")), is("missing-key", "london"));
}

#[test]
fn numbers_names_paths_and_patterns_are_checked_where_they_stand() {
    for (old, new, code, at) in [
        ("latitude = 51.51", "latitude = -90.5", "bad-value", "-90.5"),
        ("longitude = -0.13", "longitude = 180.1", "bad-value", "180.1"),
        ("longitude = -0.13", "longitude = nan", "bad-value", "nan"),
        ("country = \"GB\"", "country = \"gb\"", "bad-value", "\"gb\""),
        ("class = \"website\"", "class = \"web\"", "bad-value", "\"web\""),
        ("client = \"C-1042\"", "client = \"../x\"", "bad-name", "\"../x\""),
        ("client = \"C-1042\"", "client = 1042", "wrong-type", "1042"),
        ("[assets.\"shop.example\"]", "[assets.\"shop/example\"]", "bad-name", "\"shop/example\""),
        ("path = \"/var/www/vhosts/shop.example/\"", "path = \"var/www\"", "bad-path", "\"var/www\""),
        ("path = \"/var/www/vhosts/shop.example/\"", "path = \"/var/../etc\"", "bad-path", "\"/var/../etc\""),
        ("connect = \"local\"", "connect = \"telnet\"", "bad-value", "\"telnet\""),
    ] {
        assert_eq!(one_error(&without(old, new)), is(code, at), "{new}");
    }
    assert_eq!(one_error(&with("exclude = [\"ok\", \"!no\"]\n")), is("bad-pattern", "\"!no\""));
    assert_eq!(one_error(&with("max_file_size = \"2 gigs\"\n")), is("bad-value", "\"2 gigs\""));
    assert_eq!(one_error(&with("exclude_caches = \"yes\"\n")), is("wrong-type", "\"yes\""));
}

#[test]
fn urls_are_refused_with_a_reason_and_without_repeating_a_password() {
    let url = "sftp://backup@nas1.example:22/srv/holdfast";
    for (bad, reason) in [
        ("sftp://backup:hunter2@nas1.example/srv", "password"),
        ("sftp://nas1.example/srv", "user is missing"),
        ("sftp://backup@nas1.example", "name a folder"),
        ("sftp://backup@nas1.example/", "name a folder"),
        ("sftp://backup@nas1.example/srv/../etc", "'..'"),
        ("ftp://nas1.example/srv", "no place"),
        ("https://nas1.example/srv", "rest:https://"),
        ("rest:http://nas1.example/srv", "plain http"),
        ("s3://bucket?endpoint=http://s3.example", "plain http"),
        ("s3://bucket?secret_key=hunter2", "unknown setting"),
        ("rest:https://user@nas1.example/", "credentials file"),
        ("srv/holdfast", "no place"),
        ("file://srv/holdfast", "absolute"),
        ("file:///", "root of the file system"),
        ("", "no place"),
    ] {
        let text = without(url, bad);
        let checked = read_estate("estate.toml", &text);
        let found: Vec<_> = checked.errors().collect();
        assert_eq!(found.len(), 1, "{bad}: {found:?}");
        assert_eq!(found[0].code, "estate.bad-url");
        assert_eq!(&text[found[0].span.clone()], format!("{bad:?}"));
        assert!(found[0].message.contains(reason), "{bad}: {}", found[0].message);
        assert!(!format!("{:?}", found[0]).contains("hunter2"), "{bad}");
    }
    for good in [
        "rest:http://127.0.0.1:8000/",
        "rest:http://[::1]/x",
        "s3://bucket?endpoint=http://localhost:9000",
        "rest+https://h/",
    ] {
        assert_eq!(errors(&without(url, good)), [], "{good}");
    }
}

#[test]
fn one_place_under_two_names_is_refused() {
    let second = |url: &str| {
        with(&format!("[locations.second]\nsite = \"london\"\nhost = \"nas2\"\nurl = \"{url}\"\n"))
    };
    for same in [
        "sftp://backup@nas1.example:22/srv/holdfast",
        "sftp://other@NAS1.example/srv/holdfast/",
        "sftp://backup@nas1.example/srv//hold%66ast",
    ] {
        assert_eq!(one_error(&second(same)), is("duplicate-location", &format!("\"{same}\"")));
    }
    for nested in ["sftp://backup@nas1.example/srv", "sftp://backup@nas1.example/srv/holdfast/deeper"] {
        assert_eq!(one_error(&second(nested)).0, "nested-location");
    }
    for other in [
        "sftp://backup@nas1.example:2222/srv/holdfast",
        "sftp://backup@nas1.example/srv/holdfast2",
        "file:///srv/holdfast",
    ] {
        assert_eq!(errors(&second(other)), [], "{other}");
    }
    let two = |first: &str, second: &str| {
        format!(
            "[sites.s]\n[locations.a]\nsite = \"s\"\nhost = \"a\"\nurl = \"{first}\"\n\
             [locations.b]\nsite = \"s\"\nhost = \"b\"\nurl = \"{second}\"\n"
        )
    };
    for (first, second) in [
        ("/srv/a", "file:///srv/./a/"),
        ("s3://b/p?endpoint=https://h", "s3://b/p/?endpoint=https://h:443&region=x"),
        ("rest:https://h/a", "rest:https://h:443/a/"),
    ] {
        assert_eq!(one_error(&two(first, second)).0, "duplicate-location", "{first} {second}");
    }
    for (first, second) in [
        ("s3://b/p?endpoint=https://h", "s3://b/p?endpoint=https://g"),
        ("s3://b/p", "s3://c/p"),
        ("/srv/a", "/srv/ab"),
    ] {
        assert_eq!(errors(&two(first, second)), [], "{first} {second}");
    }
}

#[test]
fn sources_and_locations_keep_apart() {
    let location = |path: &str| {
        with(&format!("[locations.disk]\nsite = \"london\"\nhost = \"disk\"\nurl = \"file://{path}\"\n"))
    };
    let inside = location("/var/www/vhosts/shop.example/backup");
    assert_eq!(
        one_error(&inside),
        is("location-in-source", "\"file:///var/www/vhosts/shop.example/backup\"")
    );
    let same = location("/var/www/vhosts/shop.example");
    assert_eq!(one_error(&same).0, "location-in-source");
    let around = location("/var/www");
    assert_eq!(one_error(&around), is("source-in-location", "\"/var/www/vhosts/shop.example/\""));
    assert_eq!(errors(&location("/var/www/vhosts/shop.example-backup")), []);
}

#[test]
fn credentials_are_a_file_or_variables() {
    let credentials = |text: &str| without("{ file = \"keys/nas.toml\" }", text);
    assert_eq!(one_error(&credentials("{ }")), is("missing-key", "credentials"));
    assert_eq!(one_error(&credentials("{ file = \"a\", env = \"B\" }")), is("missing-key", "credentials"));
    assert_eq!(
        errors(&credentials("{ password = \"x\" }")),
        [is("missing-key", "credentials"), is("unknown-key", "password")]
    );
    assert_eq!(one_error(&credentials("\"hunter2\"")).0, "wrong-type");
    assert_eq!(one_error(&credentials("{ env = \"lower\" }")), is("bad-value", "\"lower\""));
    assert_eq!(one_error(&credentials("{ file = \"../x\" }")), is("bad-path", "\"../x\""));
    let estate = read_estate("estate.toml", &credentials("{ env = \"NAS_1\" }")).value.unwrap();
    assert_eq!(estate.locations["nas"].credentials, Some(Credentials::Environment("NAS_1".to_owned())));
    let folder = without("sftp://backup@nas1.example:22/srv/holdfast", "/srv/holdfast");
    assert_eq!(one_error(&folder), is("bad-value", "credentials"));
    let same = without(
        "credentials = { file = \"keys/nas.toml\" }",
        "credentials = { env = \"A\" }\ndelete_credentials = { env = \"A\" }",
    );
    assert_eq!(
        findings(&same)[0],
        ("same-credentials".to_owned(), Severity::Warning, "delete_credentials".to_owned())
    );
}

#[test]
fn what_is_not_built_says_so() {
    assert_eq!(
        one_error(&without("\"local\"", "\"ssh://root@web1.example\"")),
        is("not-built-yet", "\"ssh://root@web1.example\"")
    );
    let text = with("[assets.kvm1]\nclass = \"vm\"\nhost = \"web1\"\npath = \"/srv/kvm1\"\n");
    assert_eq!(findings(&text), [("class-not-built".to_owned(), Severity::Warning, "kvm1".to_owned())]);
    assert_eq!(read_estate("e", &text).value.unwrap().assets["kvm1"].class(), Class::Vm);
}

#[test]
fn whmcs_is_its_files_and_its_database() {
    let whmcs = |database: &str| {
        with(&format!(
            "[assets.billing]\nclass = \"whmcs\"\nhost = \"web1\"\npath = \"/srv/whmcs\"\n{database}"
        ))
    };
    let credentials = "credentials = { file = \"keys/whmcs.toml\" }";
    let by_socket =
        whmcs(&format!("database = {{ name = \"whmcs\", socket = \"/run/s\", {credentials} }}\n"));
    assert!(findings(&by_socket).is_empty(), "{:?}", findings(&by_socket));
    let estate = read_estate("e", &by_socket).value.unwrap();
    let billing = &estate.assets["billing"];
    assert_eq!(billing.class(), Class::Whmcs);
    assert_eq!(billing.folder().unwrap().path, Path::new("/srv/whmcs"));
    assert_eq!(billing.databases()[0].server, DatabaseServer::Socket("/run/s".into()));
    let by_host = whmcs(&format!("database = {{ name = \"whmcs\", host = \"127.0.0.1\", {credentials} }}\n"));
    let estate = read_estate("e", &by_host).value.unwrap();
    let tcp = DatabaseServer::Tcp { host: "127.0.0.1".to_owned(), port: 3306 };
    assert_eq!(estate.assets["billing"].databases()[0].server, tcp);
    for wrong in [
        String::new(),
        "database = { name = \"whmcs\", socket = \"/run/s\" }\n".to_owned(),
        format!("database = {{ name = \"\", socket = \"/run/s\", {credentials} }}\n"),
        format!("database = {{ name = \"whmcs\", {credentials} }}\n"),
        format!("database = {{ name = \"whmcs\", socket = \"/run/s\", host = \"h\", {credentials} }}\n"),
        format!("database = {{ name = \"whmcs\", host = \"h\", port = 70000, {credentials} }}\n"),
        format!("database = {{ name = \"whmcs\", socket = \"run/s\", {credentials} }}\n"),
        format!("database = {{ name = \"whmcs\", socket = \"/run/s\", password = \"x\", {credentials} }}\n"),
    ] {
        let found = findings(&whmcs(&wrong));
        assert!(found.iter().any(|(_, severity, _)| *severity == Severity::Error), "{wrong}: {found:?}");
    }
}

#[test]
fn an_asset_cannot_slip_into_the_repository_of_a_client() {
    let text = with("[assets.C-1042]\nclass = \"website\"\nhost = \"web1\"\npath = \"/srv/other\"\n");
    assert_eq!(one_error(&text), is("name-is-a-client", "C-1042"));
    // Its own client, or of that very client, is no trouble.
    let own = text.clone() + "client = \"C-7\"\n";
    assert_eq!(errors(&own), []);
    assert_eq!(errors(&(text + "client = \"C-1042\"\n")), []);
}

#[test]
fn doubtful_estates_are_warned_about() {
    let overlapping = with(
        "[assets.sub]\nclass = \"website\"\nhost = \"web1\"\npath = \"/var/www/vhosts/shop.example/sub\"\n",
    );
    assert_eq!(findings(&overlapping)[0].0, "overlapping-assets");
    let on_production = without("host = \"nas1\"", "host = \"web1\"");
    assert_eq!(
        findings(&on_production),
        [("copy-on-production".to_owned(), Severity::Warning, "nas".to_owned())]
    );
}

#[test]
fn a_bandwidth_is_a_rate_and_a_mistake_is_pointed_at() {
    let limited = |rate: &str| without("host = \"nas1\"", &format!("host = \"nas1\"\nbandwidth = {rate}"));
    let estate = read_estate("estate.toml", &limited("\"50MB/s\"")).value.unwrap();
    assert_eq!(estate.locations["nas"].bandwidth_bytes_per_second, Some(50_000_000));
    assert_eq!(one_error(&limited("\"50Mb/s\"")), is("bad-value", "\"50Mb/s\""));
    assert_eq!(one_error(&limited("\"0B/s\"")), is("bad-value", "\"0B/s\""));
    assert_eq!(one_error(&limited("50")), is("wrong-type", "50"));
}

#[test]
fn more_locations_than_can_be_counted_are_refused() {
    let many = |count: usize| {
        let location =
            |n| format!("[locations.l{n}]\nsite = \"london\"\nhost = \"nas{n}\"\nurl = \"/srv/copies{n}\"\n");
        with(&(0..count).map(location).collect::<String>())
    };
    assert_eq!(errors(&many(31)), [], "with the one that is there, 32");
    assert_eq!(one_error(&many(32)), is("too-many-locations", "l31"));
}

#[test]
fn lines_and_columns_count_characters() {
    let text = "# ümläut\nsïtes = 1\n";
    let checked = read_estate("estate.toml", text);
    let found = checked.errors().next().unwrap();
    assert_eq!(found.line_and_column(text), (2, 1));
}

#[test]
fn an_empty_estate_is_one() {
    assert_eq!(findings(""), []);
    assert_eq!(findings("\u{feff}# only a remark\r\n"), []);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,200}") {
        read_estate("estate.toml", &text);
        crate::read_policy("policy.toml", &text);
    }

    #[test]
    fn no_damage_makes_reading_panic_and_spans_stay_inside(position in 0..BASE.len(), length in 0_usize..20, put in "\\PC{0,4}") {
        let mut text = BASE.to_owned();
        let end = (position + length).min(text.len());
        text.replace_range(position..end, &put);
        for found in read_estate("estate.toml", &text).diagnostics {
            proptest::prop_assert!(found.span.start <= found.span.end && found.span.end <= text.len());
            found.line_and_column(&text);
        }
    }
}

#[test]
fn how_often_a_log_is_followed_is_read_and_its_repository_is_nobody_elses() {
    let whmcs = |name: &str, more: &str| {
        format!(
            "[assets.\"{name}\"]\nclass = \"whmcs\"\nhost = \"web1\"\npath = \"/srv/{name}\"\n[assets.\"{name}\".database]\n\
             name = \"whmcs\"\nsocket = \"/run/s\"\ncredentials = {{ env = \"DB\" }}\n{more}"
        )
    };
    let read = |more: &str| {
        let estate = read_estate("estate.toml", &format!("{BASE}{}", whmcs("billing", more))).value?;
        match &estate.assets["billing"].settings {
            Settings::Whmcs(whmcs) => Some(whmcs.log),
            _ => None,
        }
    };
    let usual = read("").unwrap();
    assert_eq!((usual.every, usual.is_asked_for), (Some(LogSettings::USUAL), false));
    let asked = read("binary_log = \"5m\"\nwhole_server = true\n").unwrap();
    assert_eq!(asked.every.map(|every| every.as_secs()), Some(300));
    assert!(asked.is_asked_for && asked.whole_server);
    assert_eq!(read("binary_log = \"off\"\n").unwrap().every, None);
    for wrong in
        ["binary_log = \"1s\"\n", "binary_log = \"2h\"\n", "binary_log = \"on\"\n", "binary_log = 60\n"]
    {
        assert_eq!(read(wrong), None, "{wrong}");
    }
    let estate = read_estate("estate.toml", &format!("{BASE}{}", whmcs("billing", ""))).value.unwrap();
    let log = log_repository(&estate.assets["billing"]).unwrap();
    assert_eq!(log.as_str(), "billing.binlog");
    assert!(estate.asset_of_log("billing.binlog").is_some() && estate.asset_of_log("billing").is_none());
    let both = format!("{BASE}{}{}", whmcs("billing", ""), whmcs("billing.binlog", ""));
    let read = read_estate("estate.toml", &both);
    assert!(read.diagnostics.iter().any(|one| one.code == "estate.name-is-a-log"), "{:?}", read.diagnostics);
}
