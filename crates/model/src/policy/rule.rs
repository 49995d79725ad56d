//! The shape that all rules share: a table with the sentences it comes from, its words, and its own keys.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;

use super::{Cadence, Rule};
use crate::date::parse_date;
use crate::diagnostic::Problems;
use crate::duration::parse_duration;
use crate::reading::{Fields, Located, nearest};
use crate::{Class, Dataset, SentenceId};

/// A section that a policy should have; its absence is a finding, because a promise is then without a rule.
pub(super) fn section<'t, 'i>(
    problems: &mut Problems<'_>,
    root: &mut Fields<'t, 'i>,
    key: &'static str,
) -> Option<Fields<'t, 'i>> {
    if !root.has(key) {
        problems
            .warning("section-missing", &(0..0), format!("the policy has no section [{key}]"))
            .hint("what it would say is neither done nor checked");
    }
    root.table(problems, key)
}

/// A section without which nothing can run.
pub(super) fn required_section<'t, 'i>(
    problems: &mut Problems<'_>,
    root: &mut Fields<'t, 'i>,
    key: &'static str,
) -> Option<Fields<'t, 'i>> {
    let fields = root.table(problems, key);
    root.require(problems, key, fields)
}

/// A table that is a rule: its sentences, its words, and what `read` makes of the other keys.
pub(super) fn rule<'t, 'i, T>(
    problems: &mut Problems<'_>,
    mut fields: Fields<'t, 'i>,
    read: impl FnOnce(&mut Problems<'_>, &mut Fields<'t, 'i>) -> Option<T>,
) -> Option<Rule<T>> {
    let span = fields.span().clone();
    let sentences = sentences(problems, &mut fields);
    let says = fields.text(problems, "says").map(|says| says.value);
    let value = read(problems, &mut fields);
    fields.finish(problems);
    Some(Rule { sentences, says, span: span.into(), value: value? })
}

pub(super) fn sub_rule<'t, 'i, T>(
    problems: &mut Problems<'_>,
    section: &mut Fields<'t, 'i>,
    key: &'static str,
    read: impl FnOnce(&mut Problems<'_>, &mut Fields<'t, 'i>) -> Option<T>,
) -> Option<Rule<T>> {
    let fields = section.table(problems, key)?;
    rule(problems, fields, read)
}

/// A rule that is one yes or no.
pub(super) fn switch(
    problems: &mut Problems<'_>,
    section: &mut Fields<'_, '_>,
    key: &'static str,
    flag: &'static str,
) -> Option<Rule<bool>> {
    sub_rule(problems, section, key, |problems, fields| {
        let value = fields.flag(problems, flag);
        Some(fields.require(problems, flag, value)?.value)
    })
}

pub(super) fn named_rules<T>(
    problems: &mut Problems<'_>,
    root: &mut Fields<'_, '_>,
    key: &'static str,
    names: &[&'static str],
    mut read: impl FnMut(&mut Problems<'_>, &mut Fields<'_, '_>) -> Option<T>,
) -> BTreeMap<String, Rule<T>> {
    let mut rules = BTreeMap::new();
    let Some(mut fields) = section(problems, root, key) else { return rules };
    for name in names {
        if let Some(rule) = sub_rule(problems, &mut fields, name, &mut read) {
            rules.insert((*name).to_owned(), rule);
        }
    }
    fields.finish(problems);
    rules
}

pub(super) fn by_class<T>(
    problems: &mut Problems<'_>,
    root: &mut Fields<'_, '_>,
    key: &'static str,
    mut read: impl FnMut(&mut Problems<'_>, &mut Fields<'_, '_>) -> Option<T>,
) -> BTreeMap<Class, Rule<T>> {
    let mut rules = BTreeMap::new();
    let Some(mut fields) = section(problems, root, key) else { return rules };
    for class in Class::ALL {
        if let Some(rule) = sub_rule(problems, &mut fields, class.as_str(), &mut read) {
            rules.insert(class, rule);
        }
    }
    fields.finish(problems);
    rules
}

pub(super) fn sentences(problems: &mut Problems<'_>, fields: &mut Fields<'_, '_>) -> Vec<SentenceId> {
    let texts = fields.texts(problems, "sentence");
    if texts.is_empty() {
        let span = fields.span().clone();
        problems
            .error("missing-key", &span, "the rule does not say which sentence it comes from")
            .hint("write sentence = \"4.5\", or a list");
    }
    let ids = texts.into_iter().filter_map(|text| {
        let id = SentenceId::parse(&text.value);
        if id.is_none() {
            problems
                .error(
                    "unknown-sentence",
                    &text.span.range(),
                    format!("there is no sentence {:?}", text.value),
                )
                .hint("sections are 0 to 10, e.g. \"4.5\" for the schedule of websites");
        }
        id
    });
    ids.collect()
}

pub(super) fn words(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
) -> Vec<String> {
    fields.texts(problems, key).into_iter().map(|text| text.value).collect()
}

pub(super) fn classes(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
) -> Vec<Class> {
    let names = Class::ALL.map(Class::as_str);
    let texts = fields.texts(problems, key);
    texts.into_iter().filter_map(|text| choice(problems, &text, &names, Class::parse)).collect()
}

pub(super) fn datasets(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
) -> Vec<Dataset> {
    let names: Vec<&str> = Dataset::of_policy().map(Dataset::as_str).collect();
    let parse = |text: &str| Dataset::of_policy().find(|dataset| dataset.as_str() == text);
    let texts = fields.texts(problems, key);
    texts.into_iter().filter_map(|text| choice(problems, &text, &names, parse)).collect()
}

pub(super) fn cadence(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
) -> Option<Cadence> {
    let text = fields.text(problems, key)?;
    let names = Cadence::ALL.map(Cadence::as_str);
    choice(problems, &text, &names, Cadence::parse)
}

pub(super) fn choice<T>(
    problems: &mut Problems<'_>,
    text: &Located<String>,
    names: &[&str],
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let parsed = parse(&text.value);
    if parsed.is_none() {
        let finding = problems.error(
            "bad-value",
            &text.span.range(),
            format!("{:?} is none of the choices", text.value),
        );
        finding.hint(match nearest(&text.value, names) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("there are: {}", names.join(", ")),
        });
    }
    parsed
}

pub(super) fn date(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
) -> Option<WrittenDate> {
    let written = fields.required_text(problems, key)?;
    match parse_date(&written.value) {
        Ok(value) => Some(WrittenDate { value, written }),
        Err(error) => {
            problems.error("bad-value", &written.span.range(), error.to_string());
            None
        }
    }
}

/// A date, and how it was written.
pub(super) struct WrittenDate {
    pub(super) value: Date,
    pub(super) written: Located<String>,
}

pub(super) fn duration(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
) -> Option<Located<Duration>> {
    let text = fields.text(problems, key)?;
    match parse_duration(&text.value) {
        Ok(duration) => Some(text.map(|_| duration)),
        Err(error) => {
            problems.error("bad-value", &text.span.range(), error.to_string());
            None
        }
    }
}

/// A text that must be there, must not be empty, and should not be a placeholder of the template.
pub(super) fn filled_text(
    problems: &mut Problems<'_>,
    fields: &mut Fields<'_, '_>,
    key: &'static str,
) -> Option<String> {
    let text = fields.required_text(problems, key)?;
    if text.value.trim().is_empty() {
        problems.error("bad-value", &text.span.range(), format!("{key} is empty"));
    } else if text.value.starts_with('<') && text.value.ends_with('>') {
        problems
            .warning("placeholder", &text.span.range(), format!("{key} is still a placeholder"))
            .hint("it appears in reports and notices: fill it in");
    }
    Some(text.value)
}
