//! Plots as SVG: a grid of days, and bars of days. Drawn by hand, because a cell must carry a sign and a pattern: paper has no
//! colour, and one reader in twelve sees less of it.

use std::fmt::Write;

use jiff::civil::Date;

/// What a cell says: a class of the page's style, and a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The style.
    pub(super) class: &'static str,
    /// One letter, or nothing.
    pub(super) sign: &'static str,
}

/// Rows of days.
pub(super) struct Grid {
    /// What it is, for who does not see it.
    pub(super) title: String,
    /// The first day of each column.
    pub(super) columns: Vec<Date>,
    /// Each with its name, and a mark for each column.
    pub(super) rows: Vec<(String, Vec<Mark>)>,
}

/// What one place was sent and rid of.
pub(super) struct Strip {
    /// The place.
    pub(super) name: String,
    /// For each column: sent, removed, and whether something is unknown.
    pub(super) bars: Vec<(u64, u64, bool)>,
}

const WIDTH: usize = 960;
const NAMES: usize = 210;
const ROW: usize = 17;
const HEAD: usize = 24;
const STRIP: usize = 84;
const NAME_LETTERS: usize = 32;
/// Room that a date takes.
const DATE: usize = 52;

/// Draws rows of days.
pub(super) fn grid(grid: &Grid) -> String {
    let cell = width_of(grid.columns.len());
    let height = HEAD + grid.rows.len() * ROW + 4;
    let mut svg = begin(&grid.title, height);
    dates(&mut svg, &grid.columns, cell);
    for (number, (name, marks)) in grid.rows.iter().enumerate() {
        let y = HEAD + number * ROW;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" class=\"name\">{}</text>",
            NAMES - 8,
            y + 12,
            escape(&shorten(name))
        );
        let mut x = 0;
        while let Some(mark) = marks.get(x) {
            // Neighbours that say the same are one shape: a year of a thousand sites must stay a page.
            let run = marks[x..].iter().take_while(|other| *other == mark).count();
            let _ = write!(
                svg,
                "<rect x=\"{:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{}\" class=\"{}\"/>",
                NAMES as f64 + x as f64 * cell,
                run as f64 * cell,
                ROW - 2,
                mark.class
            );
            if !mark.sign.is_empty() {
                for column in x..x + run {
                    let middle = NAMES as f64 + (column as f64 + 0.5) * cell;
                    let _ = write!(
                        svg,
                        "<text x=\"{middle:.1}\" y=\"{}\" class=\"sign\">{}</text>",
                        y + 12,
                        escape(mark.sign)
                    );
                }
            }
            x += run;
        }
    }
    // The lines between days, over everything.
    let bottom = HEAD + grid.rows.len() * ROW - 2;
    for column in 0..=grid.columns.len() {
        let x = NAMES as f64 + column as f64 * cell;
        let _ = write!(svg, "<path d=\"M{x:.1} {HEAD}V{bottom}\" class=\"line\"/>");
    }
    svg + "</svg>"
}

/// Draws bars of days: what came above the line, what went below it. All strips have one scale.
pub(super) fn strips(
    title: &str,
    columns: &[Date],
    strips: &[Strip],
    show: &dyn Fn(u64) -> String,
) -> String {
    let cell = width_of(columns.len());
    let mut svg = begin(title, HEAD + strips.len() * STRIP + 4);
    dates(&mut svg, columns, cell);
    let bars = || strips.iter().flat_map(|strip| &strip.bars);
    let highest = bars().map(|bar| bar.0).max().unwrap_or(0);
    let lowest = bars().map(|bar| bar.1).max().unwrap_or(0);
    let room = (STRIP - 16) as f64;
    let scale = room / (highest + lowest).max(1) as f64;
    for (number, strip) in strips.iter().enumerate() {
        let top = (HEAD + number * STRIP) as f64;
        let line = top + 4.0 + highest as f64 * scale;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{:.0}\" class=\"name\">{}</text>",
            NAMES - 8,
            line + 4.0,
            escape(&shorten(&strip.name))
        );
        for (column, (sent, removed, is_unknown)) in strip.bars.iter().enumerate() {
            let x = NAMES as f64 + column as f64 * cell + 1.0;
            let mut bar = |y: f64, bytes: u64, class: &str| {
                // What there is at all is seen.
                let height = (bytes as f64 * scale).max(if bytes > 0 { 1.0 } else { 0.0 });
                if height > 0.0 {
                    let y = if class == "sent" { y - height } else { y };
                    let _ = write!(
                        svg,
                        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" class=\"{class}\"/>",
                        (cell - 2.0).max(1.0)
                    );
                }
            };
            bar(line, *sent, "sent");
            bar(line, *removed, "removed");
            if *is_unknown {
                let middle = x + cell / 2.0 - 1.0;
                let _ =
                    write!(svg, "<text x=\"{middle:.1}\" y=\"{:.1}\" class=\"sign\">?</text>", line - 3.0);
            }
        }
        let end = NAMES as f64 + columns.len() as f64 * cell;
        let _ = write!(svg, "<path d=\"M{NAMES} {line:.1}H{end:.1}\" class=\"axis\"/>");
        let (sent, removed) =
            strip.bars.iter().fold((0_u64, 0_u64), |sum, bar| (sum.0 + bar.0, sum.1 + bar.1));
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{:.0}\" class=\"small\">sent {}, removed {}</text>",
            NAMES - 8,
            line + 18.0,
            escape(&show(sent)),
            escape(&show(removed))
        );
    }
    svg + "</svg>"
}

fn width_of(columns: usize) -> f64 {
    (((WIDTH - NAMES) as f64) / columns.max(1) as f64).min(48.0)
}

fn begin(title: &str, height: usize) -> String {
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\
         <title>{title}</title>"
    )
}

/// As many dates as there is room for.
fn dates(svg: &mut String, columns: &[Date], cell: f64) {
    let every = (DATE as f64 / cell).ceil().max(1.0) as usize;
    for (column, day) in columns.iter().enumerate().step_by(every) {
        let x = NAMES as f64 + column as f64 * cell;
        let _ = write!(
            svg,
            "<path d=\"M{x:.1} {}V{HEAD}\" class=\"axis\"/><text x=\"{:.1}\" y=\"{}\" class=\"date\">{}</text>",
            HEAD - 8,
            x + 2.0,
            HEAD - 10,
            day.strftime("%d %b")
        );
    }
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= NAME_LETTERS {
        return name.to_owned();
    }
    // What tells long names apart stands at both ends.
    let letters: Vec<char> = name.chars().collect();
    let (begin, end) = (NAME_LETTERS / 2, NAME_LETTERS / 2 - 1);
    letters[..begin].iter().chain(&['…']).chain(&letters[letters.len() - end..]).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_neighbours_are_one_shape() {
        let day: Date = "2026-03-01".parse().unwrap();
        let (ok, bad) = (Mark { class: "ok", sign: "" }, Mark { class: "bad", sign: "m" });
        let rows = vec![("<script>\"&".to_owned(), vec![ok, ok, ok, bad])];
        let svg = grid(&Grid { title: "t".to_owned(), columns: vec![day; 4], rows });
        assert!(svg.contains("&lt;script&gt;&quot;&amp;") && !svg.contains("<script"), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 2);
        assert_eq!(svg.matches(">m</text>").count(), 1);
    }

    #[test]
    fn long_names_keep_both_ends() {
        let name = format!("{}/site", "a".repeat(60));
        assert!(shorten(&name).ends_with("/site") && shorten(&name).chars().count() == NAME_LETTERS);
    }
}
