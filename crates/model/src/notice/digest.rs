//! Once a day all of it, to everybody: whoever gets it knows that holdfast lives and can be heard, and whoever does not get it
//! knows that something is wrong.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::conditions::is_of_a_part;
use super::words::{Letter, Sender, blocks, counted, footer, one_line};
use super::{Condition, Item, Known, Phase, Said, Topic, minute};
use crate::show_duration;
use crate::verdict::{Verdict, Worst};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What the digest says beside the conditions.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    /// The part that would lose most.
    pub worst: Option<Worst>,
    /// Slots that were settled within a day: in time, too late, not at all.
    pub slots: (u64, u64, u64),
    /// Notices that wait for a way to people.
    pub waiting: u64,
}

/// The instant at which a digest was due that was not sent; the last one alone, because yesterday's is no proof of life.
pub fn digest_due(said: &[Said], at: Time, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let today = now.to_zoned(zone.clone()).date();
    let of = |date: jiff::civil::Date| {
        date.to_datetime(at).to_zoned(zone.clone()).map(|zoned| zoned.timestamp()).ok()
    };
    let due = of(today).filter(|due| *due <= now).or_else(|| of(today.checked_sub(1.days()).ok()?))?;
    // One from the time before a clock was set back says nothing.
    let is_sent = said.iter().any(|one| one.topic == Topic::Digest && one.at >= due && one.at <= now);
    (!is_sent).then_some(due)
}

/// The digest in words, and what it leaves behind in the ledger.
pub fn digest(
    known: &Known,
    conditions: &[Condition],
    digest: &Digest,
    sender: &Sender,
) -> (Letter, Vec<Item>) {
    let of = |is_wanted: &dyn Fn(&Topic) -> bool| -> Vec<Condition> {
        let mut found: Vec<Condition> =
            conditions.iter().filter(|one| one.until.is_none() && is_wanted(&one.topic)).cloned().collect();
        found.sort_by(|a, b| {
            (std::cmp::Reverse(a.weight), &a.target).cmp(&(std::cmp::Reverse(b.weight), &b.target))
        });
        found
    };
    let broken = of(&|topic| *topic == Topic::Breach);
    let mut controls = of(&|topic| matches!(topic, Topic::Controls(_)));
    controls.retain(|one| !is_of_a_part(one));
    let others =
        of(&|topic| matches!(topic, Topic::BeforeBreach | Topic::Away | Topic::Review | Topic::Delivery));
    let mut alarms = of(&|topic| matches!(topic, Topic::Alarm(_)));
    alarms.retain(|alarm| known.now.duration_since(alarm.since) <= DAY);
    let count = |verdict| known.controls.iter().filter(|control| control.verdict == verdict).count();
    let passed = count(Verdict::Pass);
    let subject = if broken.is_empty() && controls.is_empty() {
        format!("daily: nothing is red; {}", counted(passed, "control passes", "controls pass"))
    } else {
        format!(
            "daily: {} beyond the objective, {} red",
            counted(broken.len(), "part", "parts"),
            counted(controls.len(), "control", "controls")
        )
    };
    let (ok, late, missed) = digest.slots;
    let mut text = format!("This is how it stands at {}.\n\n", minute(known.now, &known.zone));
    text += &format!(
        "  controls     {passed} pass, {} fail, {} stale, {} without evidence, {} exempt\n",
        count(Verdict::Fail),
        count(Verdict::Stale),
        count(Verdict::NoEvidence),
        count(Verdict::Exempt)
    );
    text += &format!("  last 24 h    {ok} backups in time, {late} late or incomplete, {missed} missed\n");
    if let Some(worst) = &digest.worst {
        let share = worst.rpo.age_seconds(known.now) * 100 / worst.rpo.objective_seconds.max(1);
        let objective = show_duration(std::time::Duration::from_secs(worst.rpo.objective_seconds));
        text += &format!("  worst        {}: {share} % of {objective} used\n", one_line(&worst.target));
    }
    text += &format!(
        "  undelivered  {}\n",
        counted(usize::try_from(digest.waiting).unwrap_or(usize::MAX), "notice", "notices")
    );
    text += &format!("  judged       {}\n", minute(known.assessed, &known.zone));
    for (title, found) in [
        ("Beyond the objective", &broken),
        ("Red controls", &controls),
        ("Alarms of 24 hours", &alarms),
        ("Also", &others),
    ] {
        if !found.is_empty() {
            text += &format!("\n{title}\n\n");
            text += &blocks(found.iter().map(|one| (None, one)), found.len(), &known.zone);
        }
    }
    text += "\nWhen this stays away for a day, nobody watches your backups: look at `holdfast serve`.\n";
    text += &footer(sender);
    let item = Item {
        target: sender.host.clone(),
        about: String::new(),
        weight: 0,
        phase: Phase::Happened,
        since: known.now,
        until: None,
    };
    (Letter { subject: one_line(&format!("holdfast {}: {subject}", sender.company)), text }, vec![item])
}
