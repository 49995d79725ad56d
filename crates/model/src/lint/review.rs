//! The policy as a document: its dates, its approval and its reviews.

use jiff::ToSpan;

use super::{Found, LintInput};

pub(super) fn overdue(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let policy = input.policy;
    let Some(interval) = &policy.review.interval_months else {
        found.push(
            Found::at(&policy.header, "the policy does not say how often it is reviewed")
                .holdfast("cannot tell when a review is due")
                .hint("add interval = { sentence = \"10.1\", months = 6 } to [review]"),
        );
        return;
    };
    // Not the day of the last change: touching the file is no review.
    let effective = policy.header.value.effective;
    let last = input.last_review.unwrap_or(effective).max(effective);
    let Ok(due) = last.checked_add(i64::from(interval.value).months()) else { return };
    let today = input.now.to_zoned(policy.zone.clone()).date();
    let late = due.until(today).map_or(0, |span| span.get_days());
    if late <= 0 {
        return;
    }
    let since = if input.last_review.is_some() { "last reviewed" } else { "no review recorded; effective" };
    let written = |date: jiff::civil::Date| date.strftime("%d/%m/%Y").to_string();
    found.push(
        Found::at(interval, format!("the review has been overdue for {late} days"))
            .with(&policy.header)
            .sum(format!(
                "{since} {} + {} months = {}; today is {}",
                written(last),
                interval.value,
                written(due),
                written(today)
            ))
            .holdfast("counts from the effective day: a changed date of last update clears nothing")
            .hint("review the policy, and record it: `holdfast policy review --by NAME`; no change is a valid outcome"),
    );
}

pub(super) fn ambiguous_date(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let header = &input.policy.header;
    for written in &header.value.dates_written {
        let parts: Vec<&str> = written.value.split('/').collect();
        let [first, second, year] = parts[..] else { continue };
        let is_month = |part: &str| part.parse::<u8>().is_ok_and(|number| (1..=12).contains(&number));
        if !is_month(first) || !is_month(second) || first == second {
            continue;
        }
        let mut finding =
            Found::at(header, format!("{} is one day in London and another in New York", written.value))
                .sum(format!("read as {year}-{second}-{first}, never as {year}-{first}-{second}"))
                .holdfast("reads dates with slashes as day, month, year, on every machine")
                .hint(format!("write {year}-{second}-{first}"));
        finding.span = written.span.clone();
        found.push(finding);
    }
}

pub(super) fn not_approved(input: &LintInput<'_>, found: &mut Vec<Found>) {
    let header = &input.policy.header;
    if header.value.approved_by.is_none() {
        found.push(
            Found::at(header, "nobody is named who approved this version")
                .holdfast("lets no version follow another without a name")
                .hint("add approved_by = \"...\" to [header]"),
        );
    }
}
