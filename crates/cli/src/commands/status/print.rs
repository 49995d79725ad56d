//! The verdicts for eyes: what is red first, why, and what to do.
//!
//! Whoever looks has a minute. So the worst asset stands at the top, each section names its own count, what passes takes one
//! line, and what is not built is one line in all.

use std::time::Duration;

use console::{Style, Term};
use holdfast_model::show_duration;
use holdfast_model::verdict::{ControlVerdict, Row, SECTIONS, Verdict};
use holdfast_ops::status::StatusReport;

use crate::{output, words};

/// Columns where there is no terminal to ask.
const PIPED_COLUMNS: usize = 100;
/// Lines longer than this are hard to read.
const COLUMNS_MAX: usize = 140;
/// Things said of targets of a control that are shown without being asked for.
const ROWS_SHOWN: usize = 3;
/// Targets that are named of which the same is said.
const TARGETS_NAMED: usize = 4;
/// Where the words of a control begin.
const INDENT: usize = 27;

struct Page {
    columns: usize,
    shows_all: bool,
}

/// Prints the whole report.
pub(super) fn report(report: &StatusReport, shows_all: bool) {
    let columns = Term::stdout().size_checked().map_or(PIPED_COLUMNS, |(_, columns)| usize::from(columns));
    let page = Page { columns: columns.clamp(60, COLUMNS_MAX), shows_all };
    page.headline(report);
    for (number, title) in SECTIONS {
        let controls: Vec<&ControlVerdict> =
            report.shown.controls.iter().filter(|c| c.section == number).collect();
        page.section(report, number, title, &controls);
    }
    for note in &report.notes {
        output::note(format!("note: {note}"));
    }
}

impl Page {
    fn headline(&self, report: &StatusReport) {
        let version = report
            .policy_version
            .map_or("policy not adopted yet".to_owned(), |n| format!("policy version {n}"));
        let bold = Style::new().bold();
        output::line(format!(
            "{}  {version}, as of {}",
            bold.apply_to(&report.company),
            words::time(report.at)
        ));
        let counts = Verdict::ALL.into_iter().filter_map(|verdict| {
            let count = report.counts.get(verdict.as_str())?;
            Some(style(verdict).apply_to(format!("{count} {}", verdict.as_str())).to_string())
        });
        output::line(counts.collect::<Vec<_>>().join("  "));
        if let Some(worst) = &report.shown.worst {
            let rpo = &worst.rpo;
            let span = |seconds| show_duration(Duration::from_secs(seconds));
            let (age, promised) = (span(rpo.age_seconds(report.at)), span(rpo.objective_seconds));
            let text = match rpo.recovery_point {
                Some(point) => format!(
                    "Worst asset: {} would lose {age} of its {promised} (newest safe state {}; worst in 30 days {}, {:.2} % within)",
                    worst.target,
                    words::minute(point),
                    span(rpo.worst_until(report.at)),
                    f64::from(rpo.within_per_10000(report.at)) / 100.0
                ),
                None => format!(
                    "Worst asset: {} has no state that could be restored, for {age} now (promised: {promised})",
                    worst.target
                ),
            };
            for line in wrap(&text, self.columns) {
                output::line(style(worst.verdict).apply_to(line).to_string());
            }
        }
    }

    fn section(&self, report: &StatusReport, number: u8, title: &str, controls: &[&ControlVerdict]) {
        // Those of other sections that serve this one, too.
        let serves = |control: &&ControlVerdict| {
            let of_section = |sentence: &String| sentence.split('.').next() == Some(&number.to_string());
            control.section != number && control.sentences.iter().any(of_section)
        };
        let others: Vec<&ControlVerdict> = report.shown.controls.iter().filter(serves).collect();
        if controls.is_empty() && others.is_empty() {
            return;
        }
        let red = controls.iter().filter(|control| control.verdict.is_red()).count();
        let elsewhere = others.iter().filter(|control| control.verdict.is_red()).count();
        let count = match (red, elsewhere) {
            (0, 0) => "nothing red".to_owned(),
            (0, elsewhere) => format!("{elsewhere} red elsewhere"),
            (red, _) => format!("{red} of {} red", controls.len()),
        };
        let name = format!("{number}. {title} ");
        let dots = ".".repeat(self.columns.saturating_sub(name.len() + count.len() + 1));
        output::line("");
        let dim = Style::new().dim();
        let count =
            if red + elsewhere > 0 { style(Verdict::Fail).apply_to(count) } else { dim.apply_to(count) };
        output::line(format!("{}{} {count}", Style::new().bold().apply_to(&name), dim.apply_to(dots)));
        let is_waiting = |control: &&&ControlVerdict| control.is_not_built() && !self.shows_all;
        for control in controls.iter().filter(|control| !is_waiting(control)) {
            self.control(control);
        }
        let waiting: Vec<&str> =
            controls.iter().filter(is_waiting).map(|control| control.control.as_str()).collect();
        if !waiting.is_empty() {
            self.aside(&format!("not built: {}", waiting.join(", ")));
        }
        let others: Vec<String> = others
            .iter()
            .filter(|control| !control.is_not_built())
            .map(|control| format!("{} {}", control.control, control.verdict.as_str()))
            .collect();
        if !others.is_empty() {
            self.aside(&format!("see also: {}", others.join(", ")));
        }
    }

    fn control(&self, control: &ControlVerdict) {
        let verdict = style(control.verdict).apply_to(format!("{:<14}", control.verdict.as_str()));
        let first = |words: &str| output::line(format!("  {verdict} {:<9} {words}", control.control));
        let further = |line: &String| output::line(format!("{:INDENT$}{line}", ""));
        if control.verdict.is_red() {
            // What was promised, then what is wrong.
            first(&Style::new().bold().apply_to(&control.title).to_string());
            self.wrapped(&control.why).iter().for_each(further);
        } else {
            let lines = self.wrapped(&format!("{}: {}", control.title, control.why));
            first(lines.first().map_or("", String::as_str));
            lines.iter().skip(1).for_each(further);
        }
        for warning in &control.warnings {
            self.led("! ", warning, &style(Verdict::Stale));
        }
        let is_asked = control.verdict.is_red() || !control.warnings.is_empty();
        if let Some(next) = control.next.as_ref().filter(|_| is_asked) {
            self.led("> ", next, &Style::new().cyan());
        }
        self.rows(control);
    }

    /// The targets that are red, beside the one that the control's own words name; those of which the same is said together.
    fn rows(&self, control: &ControlVerdict) {
        let is_worth = |row: &&Row| {
            let is_named =
                control.rows.len() == 1 || control.why.contains(&format!("{}: {}", row.target, row.why));
            self.shows_all || (row.verdict.is_red() && !is_named)
        };
        let mut said: Vec<(&Row, Vec<&str>)> = Vec::new();
        for row in control.rows.iter().filter(is_worth) {
            match said.iter_mut().find(|(other, _)| (other.verdict, &other.why) == (row.verdict, &row.why)) {
                Some((_, targets)) => targets.push(&row.target),
                None => said.push((row, vec![&row.target])),
            }
        }
        let shown = if self.shows_all { said.len() } else { ROWS_SHOWN };
        for (row, targets) in said.iter().take(shown) {
            let named_max = if self.shows_all { targets.len() } else { TARGETS_NAMED };
            let (named, more) = targets.split_at(targets.len().min(named_max));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            let is_said = !self.shows_all && control.why.contains(&row.why);
            let what = if is_said { "the same" } else { &row.why };
            let text = format!("{} {}{more}: {what}", row.verdict.as_str(), named.join(", "));
            self.led("- ", &text, &Style::new());
        }
        if said.len() > shown {
            let rest = format!("and {} more; --all shows them", said.len() - shown);
            self.led("- ", &rest, &Style::new().dim());
        }
    }

    fn wrapped(&self, text: &str) -> Vec<String> {
        wrap(text, self.columns.saturating_sub(INDENT).max(30))
    }

    /// Below a control's words, led by a sign.
    fn led(&self, sign: &str, text: &str, style: &Style) {
        let width = self.columns.saturating_sub(INDENT + sign.len()).max(30);
        for (number, line) in wrap(text, width).into_iter().enumerate() {
            let sign = if number == 0 { sign.to_owned() } else { " ".repeat(sign.len()) };
            output::line(format!("{:INDENT$}{}", "", style.apply_to(format!("{sign}{line}"))));
        }
    }

    fn aside(&self, text: &str) {
        for line in wrap(text, self.columns.saturating_sub(2)) {
            output::line(format!("  {}", Style::new().dim().apply_to(line)));
        }
    }
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Fail => Style::new().red().bold(),
        Verdict::NoEvidence => Style::new().red(),
        Verdict::Stale => Style::new().yellow(),
        Verdict::Exempt => Style::new().blue(),
        Verdict::Pass => Style::new().green(),
        Verdict::NotApplicable => Style::new().dim(),
    }
}

/// Words stay whole: a name that is cut in two cannot be copied.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let options = textwrap::Options::new(width)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(Into::into).collect()
}
