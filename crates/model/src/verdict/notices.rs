//! Whether people hear what they are told.
//!
//! That a mail was sent proves nothing on the night when nobody got it. What counts is that a server took it, on each channel,
//! within a day; that what is said waits nowhere for long; and that one server's failure does not silence all of it.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::facts::DeliveryFact;
use super::observed::ChannelDeclared;
use super::rows::Finding;
use super::{Evidence, Look, Row, Verdict, after, hours, minute};

/// So old may the last digest be that a channel took: one goes out every day.
const DIGEST_FRESH_HOURS: i64 = 26;

/// So long it shows that a notice was given up.
const GIVEN_UP_SHOWN_HOURS: i64 = 24;

/// NOTIF-01.
pub(super) fn delivered(look: &Look<'_>) -> Finding {
    let channels = &look.inventory.channels;
    let nobody = || {
        Finding::no_evidence("no channel is declared, so nobody is told when something breaks")
            .next("declare [alerts.channels.NAME] in estate.toml, then `holdfast alerts test`")
    };
    if channels.is_empty() {
        return nobody();
    }
    let mut rows: Vec<Row> = channels.iter().map(|(name, declared)| row(look, name, declared)).collect();
    let servers: BTreeSet<String> = channels.values().map(|channel| machine(&channel.server)).collect();
    if let (1, Some(server)) = (servers.len(), servers.first()) {
        let why = format!("everything goes by {server}: when that fails, nobody is told");
        rows.push(
            Row::new("a second way", Verdict::Fail, why)
                .next("declare a channel of another kind or at another server in estate.toml"),
        );
    }
    Finding::of_rows(
        rows,
        "channels",
        "the digest of the day was taken, and nothing waits for long",
        nobody(),
    )
}

/// Which machine a server is: another spelling of its name is no second way, nor is another name of this machine. Of webhooks
/// whose addresses are secrets nobody can tell here that they lie at different ones.
fn machine(server: &str) -> String {
    let name = server.trim_matches(['[', ']']).trim_end_matches('.').to_lowercase();
    let is_loopback = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_loopback || name == "localhost" || name.ends_with(".localhost") || name.starts_with("localhost.") {
        return "this machine".to_owned();
    }
    if name.starts_with("the address of ") {
        return "webhooks whose addresses are secrets".to_owned();
    }
    name
}

fn row(look: &Look<'_>, name: &str, declared: &ChannelDeclared) -> Row {
    let row = |verdict, why: String| Row::new(name, verdict, why);
    let known: Vec<&DeliveryFact> =
        look.facts.deliveries.iter().filter(|one| one.channel == name && one.said <= look.now).collect();
    let settled = |one: &DeliveryFact| one.settled.filter(|settled| settled.recorded <= look.now);
    let waiting = known.iter().filter(|one| settled(one).is_none()).min_by_key(|one| (one.said, one.leaf));
    let patience = SignedDuration::from_secs(i64::try_from(declared.escalate_seconds).unwrap_or(i64::MAX));
    if let Some(one) = waiting
        && look.is_past(after(one.said, patience))
    {
        let failed = one.failed.as_ref().filter(|(recorded, _)| *recorded <= look.now);
        let why = failed.map_or("nobody tried to send it", |(_, why)| why.as_str());
        return row(Verdict::Fail, format!("a notice waits since {}: {why}", minute(one.said)))
            .next(format!(
                "`holdfast alerts test {name}` tries the channel; `holdfast serve` sends what waits"
            ))
            .by(Evidence::leaf(one.leaf), one.said);
    }
    // Who was to be told and was not has to be told otherwise, which takes somebody a day.
    let given_up = known.iter().filter_map(|one| {
        let settled = settled(one).filter(|settled| !settled.is_delivered)?;
        Some((settled, one.failed.as_ref()?))
    });
    if let Some((settled, (_, why))) = given_up.max_by_key(|(settled, _)| (settled.recorded, settled.leaf))
        && look.is_fresh(settled.recorded, hours(GIVEN_UP_SHOWN_HOURS))
    {
        return row(
            Verdict::Fail,
            format!("a notice was refused for a day, and is not tried any more: {why}"),
        )
        .next("`holdfast alerts --full` shows it; see to it that the channel takes what is sent to it")
        .by(Evidence::leaf(settled.leaf), settled.recorded);
    }
    let digests = known.iter().filter(|one| one.is_digest);
    let taken = digests.filter_map(|one| settled(one).filter(|settled| settled.is_delivered));
    let Some(last) = taken.max_by_key(|settled| settled.recorded) else {
        return row(Verdict::NoEvidence, "no daily digest was delivered there yet".to_owned())
            .next("`holdfast serve` sends it; `holdfast alerts` shows what waits");
    };
    let why = format!("the digest was taken {}", minute(last.recorded));
    let row = if look.is_fresh(last.recorded, hours(DIGEST_FRESH_HOURS)) {
        row(Verdict::Pass, why)
    } else {
        row(Verdict::Stale, why).next("let `holdfast serve` run: it sends one every day")
    };
    row.by(Evidence::leaf(last.leaf), last.recorded)
}

#[cfg(test)]
mod tests {
    use super::machine;

    #[test]
    fn another_spelling_is_no_second_way() {
        for (one, other) in [
            ("mail.example", "MAIL.Example."),
            ("localhost", "127.0.0.1"),
            ("::1", "[::1]"),
            ("localhost", "127.8.0.1"),
            ("the address of pager", "the address of chat"),
        ] {
            assert_eq!(machine(one), machine(other));
        }
        assert_ne!(machine("mail.example"), machine("pager.example"));
        assert_ne!(machine("10.0.0.1"), machine("127.0.0.1"));
    }
}
