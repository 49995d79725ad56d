//! What is told of a shredding that broke off.

use super::*;
use crate::weeks::{REPOSITORY, Weeks};

/// What is said of one that fails, and what is answered.
fn failed(weeks: &Weeks, key: Option<KeyRing>) -> (String, Error) {
    let (name, client) = ("1-7".to_owned(), REPOSITORY.to_owned());
    let mut shredding = Shredding { under_way: Some(UnderWay { name, client, key }), ..Shredding::default() };
    let state = &weeks.setup.places.state;
    let said = shredding.ended(state, Ok(Err(Error::not_done("no space")))).unwrap();
    match crate::record::one::<Answer>(state, "answers", "1-7").unwrap() {
        Some(Answer::Refused(error)) => (said, error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_breaks_off_after_the_key_is_gone_is_not_called_undone() {
    let weeks = Weeks::new();
    // Nothing was backed up yet, so there is no key.
    let (said, error) = failed(&weeks, Some(weeks.setup.ring.clone()));
    assert_eq!(said, "the key of C-1 was destroyed, and the rest is open: no space");
    assert_eq!((error.message, error.hint.is_some()), (said, true));
    // It had none when it began: nothing is known of a key that was destroyed.
    assert_eq!(failed(&weeks, None).0, "C-1 was not shredded: no space");
    weeks.back_up(0);
    let (said, error) = failed(&weeks, Some(weeks.setup.ring.clone()));
    assert_eq!((said.as_str(), error.message.as_str()), ("C-1 was not shredded: no space", "no space"));
}
