use super::*;
use crate::estate::read_estate;

const CHANNELS: &str = r#"
[alerts]
digest = "06:30"
remind = "12h"
escalate = "5m"
[alerts.ping]
url = "https://watch.example/abc"
every = "1m"
[alerts.channels.mail]
kind = "email"
teams = ["infrastructure", "support"]
server = "smtp://mail.example"
from = "holdfast@hosting.example"
to = ["ops@hosting.example", "night@hosting.example"]
credentials = { file = "keys/mail.toml" }
ca_file = "keys/mail-ca.pem"
[alerts.channels.pager]
kind = "webhook"
teams = "compliance"
credentials = { env = "PAGER" }
[metrics]
listen = "127.0.0.1:9477"
"#;

/// The codes of what is wrong, with the words that they point at.
fn findings(text: &str) -> Vec<(String, String)> {
    let read = read_estate("estate.toml", text);
    let told = read.diagnostics.into_iter();
    told.map(|d| (d.code.trim_start_matches("estate.").to_owned(), text[d.span.clone()].to_owned())).collect()
}

#[test]
fn everything_is_read() {
    let read = read_estate("estate.toml", CHANNELS);
    assert_eq!(read.diagnostics, []);
    let alerts = read.value.unwrap().alerts;
    assert_eq!((alerts.digest_at.hour(), alerts.digest_at.minute()), (6, 30));
    assert_eq!((alerts.remind_after, alerts.escalate_after), (DAY / 2, 5 * MINUTE));
    assert_eq!(alerts.metrics_listen.unwrap().port(), 9477);
    let ping = alerts.ping.as_ref().unwrap();
    assert_eq!((ping.url.as_deref(), ping.every), (Some("https://watch.example/abc"), MINUTE));
    let mail = &alerts.channels["mail"];
    let Way::Mail { server, from, to } = &mail.way else { panic!("{mail:?}") };
    let expected = MailServer { host: "mail.example".to_owned(), port: 587, is_implicit_tls: false };
    assert_eq!((server, from.as_str(), to.len()), (&expected, "holdfast@hosting.example", 2));
    assert_eq!(mail.ca_file.as_deref().unwrap().to_str(), Some("keys/mail-ca.pem"));
    assert_eq!(alerts.channels["pager"].way, Way::Webhook { url: None });
    let names = |team| alerts.of_team(team).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (names(Team::Support), names(Team::Compliance)),
        (vec!["mail".to_owned()], vec!["pager".to_owned()])
    );
}

#[test]
fn a_team_without_a_channel_is_heard_by_the_others() {
    let text = CHANNELS.replace("teams = \"compliance\"", "teams = \"support\"");
    let alerts = read_estate("estate.toml", &text).value.unwrap().alerts;
    assert_eq!(alerts.of_team(Team::Compliance).len(), 2);
    assert_eq!(findings(&text), [("team-unheard".to_owned(), "alerts".to_owned())]);
}

#[test]
fn what_would_fail_at_night_is_refused_by_day() {
    for (old, new, code, words) in [
        ("kind = \"email\"", "kind = \"fax\"", "bad-value", "\"fax\""),
        ("smtp://mail.example", "http://mail.example", "bad-url", "\"http://mail.example\""),
        (
            "smtp://mail.example",
            "smtp://user:pass@mail.example",
            "bad-url",
            "\"smtp://user:pass@mail.example\"",
        ),
        ("\"support\"]", "\"suport\"]", "bad-value", "\"suport\""),
        ("ops@hosting.example", "Ops <ops@hosting.example>", "bad-value", "\"Ops <ops@hosting.example>\""),
        (
            "ops@hosting.example",
            "ops@hosting.example\\nBcc: x@y.example",
            "bad-value",
            "\"ops@hosting.example\\nBcc: x@y.example\"",
        ),
        ("https://watch.example/abc", "http://watch.example/abc", "bad-url", "\"http://watch.example/abc\""),
        (
            "credentials = { env = \"PAGER\" }",
            "url = \"http://pager.example\"",
            "bad-url",
            "\"http://pager.example\"",
        ),
        ("credentials = { env = \"PAGER\" }", "", "missing-key", "pager"),
        ("\"06:30\"", "\"6:30\"", "bad-value", "\"6:30\""),
        ("\"5m\"", "\"2d\"", "bad-value", "\"2d\""),
        ("remind =", "reminds =", "unknown-key", "reminds"),
        ("127.0.0.1:9477", "9477", "bad-value", "\"9477\""),
        ("127.0.0.1:9477", "0.0.0.0:9477", "metrics-exposed", "\"0.0.0.0:9477\""),
    ] {
        assert!(CHANNELS.contains(old), "{old}");
        let found = findings(&CHANNELS.replacen(old, new, 1));
        assert!(found.contains(&(code.to_owned(), words.to_owned())), "{new}: {found:?}");
    }
}

#[test]
fn no_channel_and_no_second_way_are_told() {
    assert_eq!(findings("[alerts]\n")[0].0, "nobody-told");
    assert_eq!(findings(""), [], "who does not ask for it is not told by the parser");
    let one = CHANNELS.replace("credentials = { env = \"PAGER\" }", "url = \"https://mail.example/hook\"");
    assert_eq!(findings(&one), [("no-second-way".to_owned(), "alerts".to_owned())]);
}

#[test]
fn messages_go_in_the_clear_no_further_than_this_machine() {
    for good in ["https://a.example/x", "http://127.0.0.1:80/", "http://localhost/x", "http://[::1]:8/"] {
        assert_eq!(check_address(good), Ok(()), "{good}");
    }
    for bad in
        ["http://a.example", "http://10.0.0.1/", "ftp://127.0.0.1/", "http://localhost.evil.example/", "x"]
    {
        assert!(check_address(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_init_writes_about_it_holds_once_the_hashes_are_gone() {
    let (_, section) = crate::template::estate().split_once("# [alerts]\n").unwrap();
    let lines = section.lines().map(|line| line.trim_start_matches("# ").trim_start_matches('#'));
    let text = format!("[alerts]\n{}", lines.collect::<Vec<_>>().join("\n"));
    let read = read_estate("estate.toml", &text);
    assert_eq!(read.diagnostics, []);
    assert_eq!(read.value.unwrap().alerts.channels.len(), 2);
}
