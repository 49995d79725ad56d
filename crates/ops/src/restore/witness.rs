//! Who has it in writing that something is restored: the log, or where somebody broke the glass, a record beside the target.

use std::path::PathBuf;

use holdfast_format::Id;
use holdfast_ledger::{ActionKind, NewAction};
use holdfast_model::estate::repository_name;
use holdfast_repo::{Monitor, Trouble, TroubleKind, Troubles};

use super::Wish;
use crate::action::{self, Entry};
use crate::break_glass::{self, Broken};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;

pub(super) enum Witness<'s> {
    Log(Entry<'s>),
    Record(Box<Broken<'s>>),
}

impl<'s> Witness<'s> {
    /// Has it in writing, before anything is restored.
    pub(super) fn call(
        setup: &'s Setup,
        wish: &Wish,
        point: &Id,
        troubles: &Troubles,
    ) -> Result<Witness<'s>> {
        let action = NewAction {
            asset: Some(wish.asset.clone()),
            repository: Some(repository_name(setup.asset(&wish.asset)?).to_string()),
            location: wish.location.clone(),
            point: Some(point.to_hex()),
            paths: wish.include.clone(),
            target: Some(wish.to.display().to_string()),
            ..action::by_us(setup, ActionKind::Restore, wish.purpose.as_deref())
        };
        let Some(reason) = &wish.break_glass else {
            return action::begin(setup, action).map(Witness::Log);
        };
        if reason.trim().is_empty() {
            return Err(Error::usage("breaking the glass needs a reason"));
        }
        let purpose = match action.purpose.as_str() {
            action::NOT_STATED => reason.clone(),
            purpose => format!("{purpose} (without the log: {reason})"),
        };
        let action = NewAction { purpose, ..action };
        let (broken, unreached) = break_glass::begin(setup, action, &wish.to)?;
        let message = format!(
            "this restore is not in the log yet. Its record is {}; it stays red until `holdfast audit break-glass review`",
            broken.file().display()
        );
        troubles.trouble(Trouble::new(TroubleKind::Warning, &wish.asset, message));
        tell(troubles, &wish.asset, unreached);
        Ok(Witness::Record(Box::new(broken)))
    }

    /// Has the result in writing; returns it with the record that was made, where one was.
    pub(super) fn dismiss<T>(
        self,
        outcome: Result<T>,
        ending: impl Fn(&T) -> Ending,
        troubles: &Troubles,
    ) -> Result<(T, Option<PathBuf>)> {
        match self {
            Witness::Log(entry) => Ok((entry.end_with(outcome, ending)?, None)),
            Witness::Record(broken) => {
                let file = broken.file().to_owned();
                let ended = broken.end(outcome.as_ref().map_or_else(|error| error.ending, ending));
                let done = outcome?;
                // That it was begun stands there already.
                let unsaid = ended.unwrap_or_else(|error| vec![error.message]);
                tell(troubles, "the record of this restore", unsaid);
                Ok((done, Some(file)))
            }
        }
    }
}

fn tell(troubles: &Troubles, subject: &str, messages: Vec<String>) {
    for message in messages {
        troubles.trouble(Trouble::new(TroubleKind::Warning, subject, message));
    }
}
