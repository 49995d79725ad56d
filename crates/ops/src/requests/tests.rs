//! What is taken, and what comes too late.

use holdfast_ledger::{DecidedPoint, NewPurge};
use jiff::civil::date;

use super::*;
use crate::weeks::{REPOSITORY, Weeks};

fn hold(subject: &str) -> Entry {
    let (owner, reason) = ("R. Iyer".to_owned(), "case 7".to_owned());
    Entry::Hold(NewHold { asset: subject.to_owned(), owner, reason, review_on: date(2027, 1, 1) })
}

/// What a daemon answers that looks `seconds` after somebody asked.
fn answered(weeks: &Weeks, entry: Entry, seconds: u64) -> Answer {
    let state = &weeks.setup.places.state;
    let name = name_of(weeks.now(), 7);
    record::keep(state, REQUESTS, &name, &Request::Enter(entry)).unwrap();
    weeks.clock.advance(Duration::from_secs(seconds));
    let taken = take(weeks.setup.ledger().unwrap(), state, weeks.now()).unwrap();
    assert_eq!(taken.said.len(), 1, "{:?}", taken.said);
    assert!(!record::path(state, REQUESTS, &name).exists());
    record::one(state, ANSWERS, &name).unwrap().unwrap()
}

fn standing(weeks: &Weeks) -> usize {
    weeks.setup.ledger().unwrap().read().holds_standing(None).unwrap().len()
}

#[test]
fn what_nobody_waits_for_any_more_is_refused() {
    let weeks = Weeks::new();
    let late = answered(&weeks, hold("shop"), PATIENCE.as_secs() + 1);
    assert!(matches!(&late, Answer::Refused(why) if why.message.contains("too long ago")), "{late:?}");
    assert_eq!(standing(&weeks), 0);
    let in_time = answered(&weeks, hold("shop"), PATIENCE.as_secs() - 1);
    assert!(matches!(in_time, Answer::Recorded(_)), "{in_time:?}");
    assert_eq!(standing(&weeks), 1);
}

#[test]
fn a_shredding_that_nobody_waits_for_any_more_does_not_begin() {
    let weeks = Weeks::new();
    let state = &weeks.setup.places.state;
    let request = ShredRequest {
        client: REPOSITORY.to_owned(),
        reason: "left".to_owned(),
        export_offered: true,
        confirmation: REPOSITORY.to_owned(),
    };
    let asked = Request::Shred { request, by: "M. Chen".to_owned() };
    record::keep(state, REQUESTS, &name_of(weeks.now(), 7), &asked).unwrap();
    weeks.pass(1);
    let taken = take(weeks.setup.ledger().unwrap(), state, weeks.now()).unwrap();
    assert!(taken.to_shred.is_empty() && taken.said[0].contains("gave up"), "{:?}", taken.said);
}

#[test]
fn a_name_tells_when_it_was_asked() {
    let weeks = Weeks::new();
    assert_eq!(asked_at(&name_of(weeks.now(), 7)), Some(weeks.now()));
    assert_eq!(asked_at("other"), None);
}

#[test]
fn a_request_is_not_left_behind() {
    let weeks = Weeks::new();
    let state = &weeks.setup.places.state;
    record::keep(state, REQUESTS, "1-7", &Request::Enter(hold("shop"))).unwrap();
    drop(Left { state, name: "1-7".to_owned() });
    assert!(record::names(state, REQUESTS).is_empty());
}

#[test]
fn what_is_being_shredded_cannot_be_held_any_more() {
    let weeks = Weeks::new();
    let now = weeks.now();
    let shredding = NewPurge {
        kind: PurgeKind::Shred,
        client: Some(REPOSITORY.to_owned()),
        reason: Some("the client left".to_owned()),
        export_offered: Some(true),
        ..NewPurge::retention("M. Chen", None)
    };
    let point = DecidedPoint {
        point: "00".repeat(32),
        asset: Some("shop".to_owned()),
        instant: now,
        reason: "the client left".to_owned(),
    };
    let ledger = weeks.setup.ledger().unwrap();
    let begun = ledger.write(|transaction| {
        let id = transaction.begin_purge(shredding, now)?;
        transaction.decide_purge(&id, REPOSITORY, vec![point], now)?;
        Ok(id)
    });
    let begun = begun.unwrap();
    let whole = format!("{CLIENT}{REPOSITORY}");
    for subject in [whole.as_str(), "shop"] {
        let refused = answered(&weeks, hold(subject), 1);
        assert!(matches!(&refused, Answer::Refused(why) if why.ending == Ending::Refused), "{refused:?}");
    }
    assert_eq!(standing(&weeks), 0);
    assert!(matches!(answered(&weeks, hold("client:C-2"), 1), Answer::Recorded(_)));
    // What waits for a location is over as far as the key goes; the client may have come back with another one.
    ledger
        .write(|transaction| transaction.end_purge(&begun, PurgeState::Waiting, Vec::new(), weeks.now()))
        .unwrap();
    assert!(matches!(answered(&weeks, hold(&whole), 1), Answer::Recorded(_)));
}
