//! What each section says, from its rules.

use jiff::ToSpan;
use jiff::civil::Date;

use super::spans::{capital, class, day, every, inline, listed, part, span};
use super::{Block, Document, Line, Section};
use crate::policy::{Exercise, Rule};
use crate::{Class, Policy};

pub(super) fn document(policy: &Policy, last_review: Option<Date>) -> Document {
    let header = &policy.header.value;
    let mut facts = vec![
        ("Version".to_owned(), header.version.to_string()),
        ("In force from".to_owned(), day(header.effective)),
        ("Last changed".to_owned(), day(header.updated)),
        ("Approved by".to_owned(), header.approved_by.clone().unwrap_or_else(|| "not recorded".to_owned())),
    ];
    if let Some(months) = &policy.review.interval_months {
        let last = last_review.unwrap_or(header.effective).max(header.effective);
        let due = last.checked_add(i64::from(months.value).months()).map(day);
        facts.push(("Next review by".to_owned(), due.unwrap_or_default()));
    }
    Document {
        title: "Backup policy".to_owned(),
        company: header.company.clone(),
        facts,
        sections: vec![
            section("1. Why we back up", purpose(policy)),
            section("2. What is covered", scope(policy)),
            section("3. Who does what", roles(policy)),
            section("4. How often, and for how long", schedule(policy)),
            section("5. Where backups lie", storage(policy)),
            section("6. How we know that they work", verification(policy)),
            section("7. After a disaster", recovery(policy)),
            section("8. When backups are destroyed", retention(policy)),
            section("9. Law and separation", compliance(policy)),
            section("10. Review of this policy", review(policy)),
            section("Contact", contact(policy)),
        ],
        footer: "Written by holdfast from the rules that it runs. Small numbers name the sentence of the policy behind \
                 each statement."
            .to_owned(),
    }
}

fn section(heading: &str, blocks: Vec<Block>) -> Section {
    Section { heading: heading.to_owned(), blocks }
}

fn line<T>(rule: &Rule<T>, text: impl Into<String>) -> Line {
    Line::new(text, rule.sentences_shown())
}

fn purpose(policy: &Policy) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(says) = &policy.header.says {
        blocks.push(Block::Paragraph(Line::new(says.clone(), "0.2")));
    }
    let order = ["data_loss", "in_time", "layers", "tested"];
    let rules = order.iter().filter_map(|name| policy.purpose.get(*name));
    let items = rules.map(|rule| line(rule, rule.says.clone().unwrap_or_else(|| summaries(rule))));
    blocks.push(Block::List(items.collect()));
    blocks
}

/// Our wording of the sentences, where a rule has no words of its own.
fn summaries<T>(rule: &Rule<T>) -> String {
    rule.sentences.iter().map(|id| id.summary()).collect::<Vec<_>>().join(" ")
}

fn scope(policy: &Policy) -> Vec<Block> {
    let row = |of: &Class| {
        let rule = policy.scope.get(of)?;
        Some((vec![class(*of).to_owned(), capital(&listed(&rule.value))], rule.sentences_shown()))
    };
    let rows = Class::ALL.iter().filter_map(row).collect();
    vec![Block::Table { header: words(["What", "Its parts"]), rows }]
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn roles(policy: &Policy) -> Vec<Block> {
    let names = [
        ("infrastructure", "Infrastructure team"),
        ("compliance", "Security and compliance"),
        ("support", "Support team"),
    ];
    let row = |(key, name): (&str, &str)| {
        let rule = policy.roles.get(key)?;
        Some((vec![name.to_owned(), capital(&listed(&rule.value))], rule.sentences_shown()))
    };
    let rows = names.into_iter().filter_map(row).collect();
    vec![Block::Table { header: words(["Team", "Answers for"]), rows }]
}

fn schedule(policy: &Policy) -> Vec<Block> {
    let mut rows = Vec::new();
    for (of, dataset) in policy.schedule.keys() {
        let first = dataset.or(of.datasets().first().copied());
        let Some(dataset_shown) = first else { continue };
        let Some(rule) = policy.schedule_of(*of, dataset_shown) else { continue };
        let value = &rule.value;
        let compiled = policy.slot_plan(*of, dataset_shown, None).and_then(|(plan, _)| plan.compiled);
        let runs = compiled.map_or_else(
            || every(value.incremental).to_owned(),
            |compiled| format!("every {}", span(compiled.interval)),
        );
        let kept = match (value.retention.min_days, value.retention.max_days) {
            (min, max) if min == max => format!("{max} days"),
            (min, max) => format!("{min} to {max} days"),
        };
        let promised = capital(every(value.incremental));
        let full = value.full.map_or_else(|| "—".to_owned(), |full| capital(every(full)));
        let cells = vec![part(*of, *dataset), promised, capital(&runs), full, kept];
        rows.push((cells, rule.sentences_shown()));
    }
    let zone = policy.zone.iana_name().unwrap_or("UTC");
    vec![
        Block::Table { header: words(["What", "Promised", "Runs", "Full backup", "Kept for"]), rows },
        Block::Paragraph(Line::plain(
            "Every backup can be restored by itself and holds everything, whichever way it was made. For a full backup all \
             data is read again, so that a change which went unnoticed cannot stay unnoticed.",
        )),
        Block::Paragraph(Line::plain(format!(
            "Where it says that backups run more often than was promised, the promise about lost data in section 7 needs it. \
             Days, weeks and months begin by the clock of {zone}; the time between two backups does not depend on changes of \
             the clock.",
        ))),
    ]
}

fn storage(policy: &Policy) -> Vec<Block> {
    let storage = &policy.storage;
    let mut items = Vec::new();
    let copies = &storage.copies.value;
    let apart = match copies.distance_km_min {
        0 => String::new(),
        distance => format!(", at least {distance} km apart"),
    };
    items.push(line(
        &storage.copies,
        format!("Each backup lies at {} or more locations{apart}.", copies.locations_min),
    ));
    let switch = |rule: &Option<Rule<bool>>, text: &str| {
        rule.as_ref().filter(|rule| rule.value).map(|rule| line(rule, text))
    };
    items.extend(switch(&storage.transit, "On the way there it is encrypted."));
    items.extend(storage.at_rest.as_ref().map(|rule| {
        let text = "before it leaves the machine that makes it, names of files included.";
        line(rule, format!("It is sealed with {} {text}", rule.value))
    }));
    items.extend(switch(&storage.access, "Who may do what follows from their role."));
    items.extend(switch(&storage.logging, "Access is logged."));
    let second = storage.second_factor.as_ref().filter(|rule| rule.value.is_required);
    items.extend(second.map(|rule| line(rule, "People prove who they are with a second factor.")));
    vec![Block::List(items)]
}

fn verification(policy: &Policy) -> Vec<Block> {
    let verification = &policy.verification;
    let mut items = Vec::new();
    if let Some(rule) = verification.integrity.as_ref().filter(|rule| rule.value) {
        items.push(line(rule, "After each backup its integrity is checked by a program, not by a person."));
    }
    let what = |exercise: &Exercise| {
        let classes: Vec<String> = exercise.classes.iter().map(|of| inline(*of)).collect();
        listed(&classes)
    };
    if let Some(rule) = &verification.websites {
        let sample =
            rule.value.sample.map_or_else(|| "a sample of websites".to_owned(), |n| format!("{n} websites"));
        let mut text =
            format!("{} we restore {sample} and look at the result.", capital(every(rule.value.every)));
        if let Some(longest) = rule.value.untested_max {
            text += &format!(" No website goes untested for more than {}.", span(longest));
        }
        items.push(line(rule, text));
    }
    if let Some(rule) = &verification.whmcs {
        let text = format!(
            "{} we restore WHMCS completely, away from production.",
            capital(every(rule.value.every))
        );
        items.push(line(rule, text));
    }
    if let Some(rule) = &verification.drill {
        let text =
            format!("{} we rehearse a disaster: {}.", capital(every(rule.value.every)), what(&rule.value));
        items.push(line(rule, text));
    }
    if let Some(rule) = &verification.staging {
        let text = format!(
            "What was restored for a test is treated like any copy of personal data, and destroyed within {}.",
            span(rule.value.ttl)
        );
        items.push(line(rule, text));
    }
    vec![Block::List(items)]
}

fn recovery(policy: &Policy) -> Vec<Block> {
    let recovery = &policy.recovery;
    let mut blocks = Vec::new();
    if let Some(rule) = &recovery.order {
        blocks.push(Block::Paragraph(line(rule, "What others stand on comes back first:")));
        blocks.push(Block::Steps(rule.value.iter().map(|of| Line::plain(class(*of))).collect()));
    }
    if let Some(rule) = &recovery.rto {
        let classes: Vec<String> = rule.value.classes.iter().map(|of| inline(*of)).collect();
        let of =
            if classes.is_empty() { "services are".to_owned() } else { format!("{} are", listed(&classes)) };
        let text = format!("Within {} of the declaration of a disaster, {of} back.", span(rule.value.within));
        blocks.push(Block::Paragraph(line(rule, text)));
    }
    let row = |of: &Class| match recovery.rpo.get(of) {
        Some(rule) => {
            let parts: Vec<&str> = rule.value.datasets.iter().map(|dataset| dataset.as_str()).collect();
            let parts = if parts.is_empty() { String::new() } else { format!(" ({})", listed(&parts)) };
            (vec![format!("{}{parts}", class(*of)), span(rule.value.age)], rule.sentences_shown())
        }
        None => (vec![class(*of).to_owned(), "not promised".to_owned()], String::new()),
    };
    let rows = Class::ALL.iter().map(row).collect();
    blocks.push(Block::Table { header: words(["What", "At most this much work is lost"]), rows });
    blocks
}

fn retention(policy: &Policy) -> Vec<Block> {
    let retention = &policy.retention;
    let mut items = Vec::new();
    let follows = retention.follows_schedule.as_ref().filter(|rule| rule.value);
    items.extend(
        follows.map(|rule| line(rule, "How long backups are kept stands in section 4, and nowhere else.")),
    );
    if let Some(rule) = &retention.purge {
        let text = format!(
            "What is older is destroyed at every location within {}, and cannot be brought back. Only the last good backup \
             of something stays, however old it is.",
            span(rule.value)
        );
        items.push(line(rule, text));
    }
    if let Some(rule) = &retention.holds {
        let text = format!(
            "A backup that must be kept longer is held by name, with a reason, and looked at again within {}.",
            span(rule.value)
        );
        items.push(line(rule, text));
    }
    let efficiency = retention.efficiency.as_ref().filter(|rule| rule.value);
    items.extend(efficiency.map(|rule| line(rule, "How much space that freed is reported.")));
    vec![Block::List(items)]
}

fn compliance(policy: &Policy) -> Vec<Block> {
    let compliance = &policy.compliance;
    let mut items = Vec::new();
    if let Some(rule) = &compliance.regulations {
        items.push(line(rule, format!("Backups are kept with regard to {}.", listed(&rule.value))));
    }
    let encryption = compliance.encryption.as_ref().filter(|rule| rule.value);
    items.extend(encryption.map(|rule| line(rule, "Personal data in backups is encrypted.")));
    let log = compliance.access_log.as_ref().filter(|rule| rule.value);
    items.extend(log.map(|rule| line(rule, "Whoever reads it leaves an entry in a log.")));
    let separate = compliance.separate_server.as_ref().filter(|rule| rule.value.is_required);
    items.extend(separate.map(|rule| line(rule, "No backup lies on the machine whose data it holds.")));
    vec![Block::List(items)]
}

fn review(policy: &Policy) -> Vec<Block> {
    let mut items = Vec::new();
    if let Some(rule) = &policy.review.interval_months {
        let months =
            if rule.value == 1 { "every month".to_owned() } else { format!("every {} months", rule.value) };
        items.push(line(rule, format!("This policy is reviewed at least {months}.")));
    }
    if let Some(rule) = &policy.review.changes {
        items
            .push(line(rule, format!("It is also reviewed after major changes of {}.", listed(&rule.value))));
    }
    vec![Block::List(items)]
}

fn contact(policy: &Policy) -> Vec<Block> {
    let contact = &policy.contact.value;
    let mut lines = vec![Line::plain(policy.header.value.company.clone())];
    lines.extend(contact.company_number.iter().map(|number| Line::plain(format!("Company number {number}"))));
    if !contact.address.is_empty() {
        lines.push(Line::plain(contact.address.join(", ")));
    }
    lines.push(Line::plain(format!("E-mail {}", contact.email)));
    lines.extend(contact.phone.iter().map(|phone| Line::plain(format!("Phone {phone}"))));
    vec![Block::List(lines)]
}
