//! `[alerts]` and `[metrics]` of estate.toml into types.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Time;
use url::Url;

use super::{Alerts, Channel, DAY, MINUTE, MailServer, Ping, Team, Way, check_address};
use crate::diagnostic::Problems;
use crate::estate::Located;
use crate::estate::read::{named, read_credentials};
use crate::reading::{Fields, nearest};
use crate::{ChannelName, parse_duration};

pub(in crate::estate) fn read_alerts(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Alerts {
    let mut alerts = Alerts::default();
    let span = fields.span().clone();
    if let Some(digest) = fields.text(problems, "digest") {
        match parse_time(&digest.value) {
            Some(time) => alerts.digest_at = time,
            None => problems
                .error("bad-value", &digest.span.range(), "digest is the time of day at which it goes out")
                .hint("write it like \"07:00\"; it is a time of the policy's zone"),
        }
    }
    if let Some(remind) = span_of(problems, &mut fields, "remind", (MINUTE, 30 * DAY)) {
        alerts.remind_after = remind;
    }
    if let Some(escalate) = span_of(problems, &mut fields, "escalate", (Duration::from_secs(1), DAY)) {
        alerts.escalate_after = escalate;
    }
    if let Some(ping) = fields.table(problems, "ping") {
        alerts.ping = read_ping(problems, ping);
    }
    for (name, channel) in fields.tables(problems, "channels") {
        if let (Some(known), Some(channel)) =
            (named(problems, &name, ChannelName::parse), read_channel(problems, &name, channel))
        {
            alerts.channels.insert(known, channel);
        }
    }
    fields.finish(problems);
    check(problems, &alerts, &span);
    alerts
}

/// What is doubtful about all of it together.
fn check(problems: &mut Problems<'_>, alerts: &Alerts, span: &Range<usize>) {
    if alerts.channels.is_empty() {
        problems
            .warning("nobody-told", span, "no channel is declared, so nobody is told when something breaks")
            .hint("add [alerts.channels.NAME]; docs/alerts.md has an example");
        return;
    }
    for team in Team::ALL {
        if !alerts.channels.values().any(|channel| channel.teams.contains(&team)) {
            let message = format!("no channel reaches the team {}", team.as_str());
            problems.warning("team-unheard", span, message).hint(format!(
                "add \"{}\" to the teams of a channel; until then every channel gets what is theirs",
                team.as_str()
            ));
        }
    }
    let server = |way: &Way| match way {
        Way::Mail { server, .. } => Some(server.host.clone()),
        Way::Webhook { url } => {
            url.as_deref().and_then(|url| Url::parse(url).ok()?.host_str().map(str::to_owned))
        }
    };
    let mut servers: Vec<Option<String>> = alerts.channels.values().map(|one| server(&one.way)).collect();
    servers.sort();
    servers.dedup();
    if servers.len() == 1 && servers[0].is_some() {
        problems
            .warning(
                "no-second-way",
                span,
                "every channel goes by the same server: when it is down nobody is told",
            )
            .hint("add a channel of another kind or at another server");
    }
}

fn read_channel(
    problems: &mut Problems<'_>,
    name: &Located<String>,
    mut fields: Fields<'_, '_>,
) -> Option<Channel> {
    let kind = fields.required_text(problems, "kind");
    let mut teams = Vec::new();
    if !fields.has("teams") {
        problems
            .error(
                "missing-key",
                &name.span.range(),
                format!("the channel {} lacks the key \"teams\"", name.value),
            )
            .hint("write teams = [\"infrastructure\", \"compliance\", \"support\"], or some of them");
    }
    for word in fields.texts(problems, "teams") {
        match Team::parse(&word.value) {
            Some(team) => teams.push(team),
            None => {
                let names = Team::ALL.map(Team::as_str);
                problems
                    .error("bad-value", &word.span.range(), format!("there is no team {:?}", word.value))
                    .hint(match nearest(&word.value, &names) {
                        Some(near) => format!("did you mean {near:?}?"),
                        None => format!("there are: {}", names.join(", ")),
                    });
            }
        }
    }
    let credentials = fields.table(problems, "credentials");
    let credentials = credentials.and_then(|table| read_credentials(problems, "credentials", table));
    let ca_file = fields.text(problems, "ca_file").map(|path| PathBuf::from(path.value));
    let way = match kind.as_ref().map(|kind| kind.value.as_str()) {
        Some("email") => read_mail(problems, &mut fields),
        Some("webhook") => {
            let url = fields.text(problems, "url");
            address(problems, &fields, url, credentials.is_some()).map(|url| Way::Webhook { url })
        }
        Some(other) => {
            let span = kind.as_ref().map(|kind| kind.span.range()).unwrap_or_default();
            problems
                .error("bad-value", &span, format!("there is no kind of channel {other:?}"))
                .hint("there are: email, webhook");
            return None;
        }
        None => return None,
    };
    fields.finish(problems);
    Some(Channel { span: name.span.clone(), teams, way: way?, credentials, ca_file })
}

fn read_mail(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Option<Way> {
    let server = fields.required_text(problems, "server");
    let server = server.and_then(|server| {
        let read = mail_server(&server.value);
        if read.is_none() {
            problems.error("bad-url", &server.span.range(), "this names no mail server").hint(
                "write smtp://HOST:587, which demands STARTTLS, or smtps://HOST:465; never in the clear, and without a password",
            );
        }
        read
    });
    let from = fields.required_text(problems, "from");
    let from = from.filter(|from| is_mailbox(problems, from));
    let to = fields.texts(problems, "to");
    if to.is_empty() {
        problems
            .error("missing-key", fields.span(), "a channel of kind \"email\" needs somebody whom it is to")
            .hint("write to = [\"backup-team@your-company.example\"]");
    }
    let count = to.len();
    let to: Vec<String> = to.into_iter().filter(|to| is_mailbox(problems, to)).map(|to| to.value).collect();
    if to.len() < count || to.is_empty() {
        return None;
    }
    Some(Way::Mail { server: server?, from: from?.value, to })
}

fn mail_server(text: &str) -> Option<MailServer> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && matches!(url.path(), "" | "/");
    let (is_implicit_tls, usual) = match url.scheme() {
        "smtp" => (false, 587),
        "smtps" => (true, 465),
        _ => return None,
    };
    // An address in brackets is an address without them to whoever connects.
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    (is_bare && !host.is_empty()).then(|| MailServer {
        host,
        port: url.port().unwrap_or(usual),
        is_implicit_tls,
    })
}

/// Narrow on purpose: whatever could end a header line or begin another is none.
fn is_mailbox(problems: &mut Problems<'_>, text: &Located<String>) -> bool {
    let parts = text.value.split_once('@');
    let is_plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"<>\"(),;:@".contains(c))
    };
    let is_one = parts.is_some_and(|(local, host)| is_plain(local) && is_plain(host));
    if !is_one {
        problems
            .error("bad-value", &text.span.range(), format!("{:?} is no address of mail", text.value))
            .hint("write it like backup-team@your-company.example, without a name and without brackets");
    }
    is_one
}

fn read_ping(problems: &mut Problems<'_>, mut fields: Fields<'_, '_>) -> Option<Ping> {
    let credentials = fields.table(problems, "credentials");
    let credentials = credentials.and_then(|table| read_credentials(problems, "credentials", table));
    let url = fields.text(problems, "url");
    let url = address(problems, &fields, url, credentials.is_some());
    let every = span_of(problems, &mut fields, "every", (Duration::from_secs(1), DAY)).unwrap_or(5 * MINUTE);
    let ca_file = fields.text(problems, "ca_file").map(|path| PathBuf::from(path.value));
    fields.finish(problems);
    Some(Ping { url: url?, credentials, every, ca_file })
}

/// An address that keeps to itself what it is told; `Some(None)` where it stands in the credentials.
fn address(
    problems: &mut Problems<'_>,
    fields: &Fields<'_, '_>,
    url: Option<Located<String>>,
    has_credentials: bool,
) -> Option<Option<String>> {
    let Some(url) = url else {
        if has_credentials {
            return Some(None);
        }
        problems.error("missing-key", fields.span(), "there is no address").hint(
            "write url = \"https://...\", or put it into a file: credentials = { file = \"keys/name.toml\" }",
        );
        return None;
    };
    match check_address(&url.value) {
        Ok(()) => Some(Some(url.value)),
        Err(why) => {
            problems.error("bad-url", &url.span.range(), why).hint("write https://HOST/PATH");
            None
        }
    }
}

pub(in crate::estate) fn read_metrics(
    problems: &mut Problems<'_>,
    mut fields: Fields<'_, '_>,
) -> Option<SocketAddr> {
    let listen = fields.required_text(problems, "listen");
    fields.finish(problems);
    let listen = listen?;
    let address: Option<SocketAddr> = listen.value.parse().ok();
    match address {
        None => problems
            .error("bad-value", &listen.span.range(), "listen is an address of this machine with a port")
            .hint("write listen = \"127.0.0.1:9477\""),
        Some(address) if !address.ip().is_loopback() => problems
            .warning(
                "metrics-exposed",
                &listen.span.range(),
                "measurements can be read from other machines, by anybody",
            )
            .hint("listen on 127.0.0.1, and let a proxy with a password in front of it"),
        Some(_) => {}
    }
    address
}

fn span_of(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    (least, most): (Duration, Duration),
) -> Option<Duration> {
    let text = fields.text(problems, key)?;
    match parse_duration(&text.value) {
        Ok(span) if (least..=most).contains(&span) => Some(span),
        Ok(_) => {
            let (least, most) = (crate::show_duration(least), crate::show_duration(most));
            problems.error("bad-value", &text.span.range(), format!("{key} lies between {least} and {most}"));
            None
        }
        Err(error) => {
            problems.error("bad-value", &text.span.range(), error.to_string());
            None
        }
    }
}

fn parse_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |part: &str| (part.len() == 2).then(|| part.parse::<i8>().ok())?;
    Time::new(digits(hour)?, digits(minute)?, 0, 0).ok()
}
