//! Section 2 against the estate: everything that is named should be backed up.

use super::{Found, LintInput};
use crate::unprotected::{Unprotected, unprotected as find};

pub(super) fn unprotected(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let Some(estate) = input.estate else { return };
    let listed = find(input.policy, estate);
    if listed.is_empty() {
        return;
    }
    let named = listed.len();
    let mut finding = match listed.iter().find_map(|one| input.policy.scope.get(&one.class?)) {
        Some(scope) => Found::at(scope, message(named)),
        None => Found::at(&input.policy.header, message(named)),
    };
    for one in &listed {
        finding = finding.sum(Unprotected::words(one));
    }
    found.push(
        finding
            .holdfast("lists each in `holdfast slots`, which ends with 1, and looks for nothing that stands in no file")
            .hint("back them up by other means until holdfast can, add the missing rules, or take them out of estate.toml"),
    );
}

fn message(count: usize) -> String {
    if count == 1 {
        "1 thing that the estate names is not backed up".to_owned()
    } else {
        format!("{count} things that the estate names are not backed up")
    }
}
