//! What people were told, and what became of it: written down before it is sent and after, and never changed.

use holdfast_ledger::{Attempt, DeliveryState, ErrorKind, Ledger, NewNotice, Reader};
use serde_json::json;

use super::support::{Place, at};

const SAID: &str = "2026-03-01T12:00:00Z";
const TRIED: &str = "2026-03-01T12:05:00Z";

fn notice(topic: &str, channels: &[&str]) -> NewNotice {
    NewNotice {
        topic: topic.to_owned(),
        team: Some("infrastructure".to_owned()),
        subject: "a thing happened".to_owned(),
        text: "It did.\n".to_owned(),
        items: json!([{ "target": "a thing" }]),
        channels: channels.iter().map(ToString::to_string).collect(),
    }
}

fn attempt(notice: &str, channel: &str, state: DeliveryState) -> Attempt {
    Attempt {
        notice: notice.to_owned(),
        channel: channel.to_owned(),
        state,
        detail: Some("as it said".to_owned()),
        payload_sha256: (state == DeliveryState::Delivered).then(|| "ab".repeat(32)),
    }
}

/// One notice for two channels, of which one took it.
fn told() -> (Place, Ledger, String) {
    let place = Place::new();
    let ledger = place.open();
    let id =
        ledger.write(|transaction| transaction.say(notice("breach", &["mail", "pager"]), at(SAID))).unwrap();
    for state in [DeliveryState::Failed, DeliveryState::Refused, DeliveryState::Delivered] {
        ledger.write(|transaction| transaction.attempted(attempt(&id, "mail", state), at(TRIED))).unwrap();
    }
    (place, ledger, id)
}

#[test]
fn a_notice_waits_on_each_channel_until_that_one_took_it() {
    let (_place, ledger, id) = told();
    let reader = ledger.read();
    let said = reader.notice(&id).unwrap().unwrap();
    assert_eq!((said.subject.as_str(), said.said_at), ("a thing happened", at(SAID)));
    assert_eq!(reader.notices_since(at(SAID)).unwrap(), [said]);
    assert_eq!(reader.notices_since(at(TRIED)).unwrap(), []);
    assert_eq!(reader.first_said().unwrap(), Some(at(SAID)));
    let all = reader.deliveries_of(&id).unwrap();
    let states: Vec<_> = all.iter().map(|one| (one.channel.as_str(), one.state, one.attempts)).collect();
    assert_eq!(states, [("mail", DeliveryState::Delivered, 3), ("pager", DeliveryState::Waiting, 0)]);
    assert_eq!(all[0].payload_sha256.as_deref(), Some("ab".repeat(32).as_str()));
    assert_eq!(all[0].tried_at, Some(at(TRIED)));
    // Of old ones, those that wait.
    let waiting = reader.deliveries_since(at("2030-01-01T00:00:00Z")).unwrap();
    assert_eq!(waiting.iter().map(|one| one.channel.as_str()).collect::<Vec<_>>(), ["pager"]);
    assert_eq!(reader.deliveries_since(at(SAID)).unwrap().len(), 2);
}

#[test]
fn what_was_delivered_is_not_delivered_again_and_nothing_to_nobody() {
    let (_place, ledger, id) = told();
    for (notice, channel) in [(id.as_str(), "mail"), (id.as_str(), "fax"), ("another", "pager")] {
        let attempt = attempt(notice, channel, DeliveryState::Delivered);
        let error = ledger.write(|transaction| transaction.attempted(attempt, at(TRIED))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Contradiction, "{notice} {channel}");
    }
    ledger.read().audit().unwrap();
}

#[test]
fn a_forger_of_deliveries_is_found() {
    let forgeries = [
        "UPDATE deliveries SET state = 'waiting' WHERE channel = 'mail'",
        "UPDATE deliveries SET state = 'delivered' WHERE channel = 'pager'",
        "DELETE FROM deliveries WHERE channel = 'pager'",
        "UPDATE notices SET text = 'It did not.'",
    ];
    for sql in forgeries {
        let (place, ledger, _) = told();
        ledger.close().unwrap();
        Reader::open(&place.path()).unwrap().audit().unwrap();
        let drop =
            "DROP TRIGGER notices_stay; DROP TRIGGER deliveries_end; DROP TRIGGER deliveries_never_go; ";
        place.tamper(&format!("{drop}{sql}")).unwrap();
        let found = Reader::open(&place.path()).unwrap().audit().unwrap_err();
        assert_eq!(found.kind, ErrorKind::Damaged, "{sql}: {found}");
    }
}
