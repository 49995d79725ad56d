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
/// Targets of a control that are shown without being asked for.
const ROWS_SHOWN: usize = 3;
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
        let order = [
            Verdict::Fail,
            Verdict::NoEvidence,
            Verdict::Stale,
            Verdict::Exempt,
            Verdict::Pass,
            Verdict::NotApplicable,
        ];
        let counts = order.into_iter().filter_map(|verdict| {
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
                    f64::from(rpo.within_per_10000) / 100.0
                ),
                None => format!(
                    "Worst asset: {} has no state that could be restored, for {age} now (promised: {promised})",
                    worst.target
                ),
            };
            for line in textwrap::wrap(&text, self.columns) {
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
        let count = match (red, controls.len()) {
            (_, 0) => String::new(),
            (0, _) => "nothing red".to_owned(),
            (red, all) => format!("{red} of {all} red"),
        };
        let name = format!("{number}. {title} ");
        let dots = ".".repeat(self.columns.saturating_sub(name.len() + count.len() + 1));
        output::line("");
        let dim = Style::new().dim();
        let count = if red > 0 { style(Verdict::Fail).apply_to(count) } else { dim.apply_to(count) };
        output::line(format!("{}{} {count}", Style::new().bold().apply_to(&name), dim.apply_to(dots)));
        let is_waiting = |control: &&&ControlVerdict| is_not_built(control) && !self.shows_all;
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
            .filter(|control| !is_not_built(control))
            .map(|control| format!("{} {}", control.control, control.verdict.as_str()))
            .collect();
        if !others.is_empty() {
            self.aside(&format!("see also: {}", others.join(", ")));
        }
    }

    fn control(&self, control: &ControlVerdict) {
        let verdict = style(control.verdict).apply_to(format!("{:<14}", control.verdict.as_str()));
        let mut lines = self.wrapped(&format!("{}: {}", control.title, control.why)).into_iter();
        output::line(format!("  {verdict} {:<9} {}", control.control, lines.next().unwrap_or_default()));
        lines.for_each(|line| output::line(format!("{:INDENT$}{line}", "")));
        for warning in &control.warnings {
            self.led("! ", warning, &style(Verdict::Stale));
        }
        if let Some(next) =
            control.next.as_ref().filter(|_| control.verdict.is_red() || !control.warnings.is_empty())
        {
            self.led("> ", next, &Style::new().cyan());
        }
        // One that is like the control itself says nothing new.
        let is_worth = |row: &&Row| self.shows_all || (row.verdict.is_red() && control.rows.len() > 1);
        let rows: Vec<&Row> = control.rows.iter().filter(is_worth).collect();
        let shown = if self.shows_all { rows.len() } else { ROWS_SHOWN };
        // The first is named above.
        let skipped = usize::from(!self.shows_all && !rows.is_empty());
        for row in rows.iter().skip(skipped).take(shown) {
            let text = format!("{} {}: {}", row.verdict.as_str(), row.target, row.why);
            self.led("- ", &text, &Style::new());
        }
        if rows.len() > skipped + shown {
            self.led(
                "- ",
                &format!("and {} more; --all shows them", rows.len() - skipped - shown),
                &Style::new().dim(),
            );
        }
    }

    fn wrapped(&self, text: &str) -> Vec<String> {
        textwrap::wrap(text, self.columns.saturating_sub(INDENT).max(30))
            .into_iter()
            .map(Into::into)
            .collect()
    }

    /// Below a control's words, led by a sign.
    fn led(&self, sign: &str, text: &str, style: &Style) {
        let width = self.columns.saturating_sub(INDENT + sign.len()).max(30);
        for (number, line) in textwrap::wrap(text, width).into_iter().enumerate() {
            let sign = if number == 0 { sign.to_owned() } else { " ".repeat(sign.len()) };
            output::line(format!("{:INDENT$}{}", "", style.apply_to(format!("{sign}{line}"))));
        }
    }

    fn aside(&self, text: &str) {
        for line in textwrap::wrap(text, self.columns.saturating_sub(2)) {
            output::line(format!("  {}", Style::new().dim().apply_to(line)));
        }
    }
}

fn is_not_built(control: &ControlVerdict) -> bool {
    control.verdict == Verdict::NotApplicable && control.why.starts_with("not built")
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
