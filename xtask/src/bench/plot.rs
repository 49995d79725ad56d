//! Pictures of times: for each work, how many times as long as ours each peer takes.
//!
//! The scale is logarithmic and every bar begins at ours: to the right is slower, to the left is quicker, and twice as
//! slow is as long as half as slow. On a linear scale the slowest peer would hide all others.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::table::{Bars, Table};

/// Distinct for colour-blind eyes, in the order of the peers.
pub(super) const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
];
pub(super) const INK: RGBColor = RGBColor(40, 40, 40);
pub(super) const PALE: RGBColor = RGBColor(215, 215, 215);

const WIDTH: i32 = 980;
const LEFT: i32 = 270;
const RIGHT: i32 = 70;
const TOP: i32 = 92;
const BOTTOM: i32 = 40;
const BAR: i32 = 13;
const GAP: i32 = 16;

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the works of a table that a peer did too; without any, the picture says no more than its title.
pub(super) fn bars(table: &Table, file: &Path) -> Result<()> {
    let groups: Vec<Bars> = table
        .bars()
        .into_iter()
        .filter(|bars| bars.against_ours.iter().skip(1).any(Option::is_some))
        .collect();
    let peers = table.peers().len().saturating_sub(1) as i32;
    let height = TOP + BOTTOM + groups.len() as i32 * (peers * BAR + GAP);
    let canvas = SVGBackend::new(file, (WIDTH as u32, height as u32)).into_drawing_area();
    draw(&canvas, table, &groups, height).map_err(|error| anyhow!("cannot draw {}: {error}", file.display()))
}

fn draw(
    canvas: &Canvas<'_>,
    table: &Table,
    groups: &[Bars],
    height: i32,
) -> Result<(), Box<dyn std::error::Error>> {
    canvas.fill(&WHITE)?;
    let scale = Scale::around(groups);
    let title = format!("Time against holdfast, corpus {} (log scale)", table.kind.word());
    write(canvas, &title, (16, 12), 19, INK, HPos::Left)?;
    legend(canvas, table.peers())?;
    for step in scale.least..=scale.most {
        let x = scale.x(f64::from(step).exp2());
        let (colour, width) = if step == 0 { (INK, 2) } else { (PALE, 1) };
        line(canvas, [(x, TOP - 4), (x, height - BOTTOM)], colour, width)?;
        let label = match step {
            0 => "ours".to_owned(),
            1.. => format!("{}×", 1_u64 << step),
            _ => format!("1/{}×", 1_u64 << -step),
        };
        write(canvas, &label, (x, height - BOTTOM + 8), 12, INK, HPos::Center)?;
    }
    let mut y = TOP + GAP / 2;
    for bars in groups {
        y = group(canvas, bars, &scale, y)?;
    }
    canvas.present()?;
    Ok(())
}

/// One work: its name and our seconds, a bar for each peer, a mark where the floor is.
fn group(
    canvas: &Canvas<'_>,
    bars: &Bars,
    scale: &Scale,
    top: i32,
) -> Result<i32, Box<dyn std::error::Error>> {
    let peers = bars.against_ours.len() as i32 - 1;
    let middle = top + peers * BAR / 2;
    let label = format!("{} · {}", bars.work.name(), seconds(bars.our_seconds));
    write(canvas, &label, (LEFT - 12, middle - 7), 14, INK, HPos::Right)?;
    let ours = scale.x(1.0);
    for (number, ratio) in bars.against_ours.iter().skip(1).enumerate() {
        let Some(ratio) = ratio else { continue };
        let (y, x) = (top + number as i32 * BAR, scale.x(*ratio));
        let colour = COLOURS[number % COLOURS.len()];
        let corners = [(ours.min(x), y + 1), (ours.max(x), y + BAR - 1)];
        canvas.draw(&Rectangle::new(corners, colour.filled()))?;
        let digits = usize::from(*ratio < 10.0) + usize::from(*ratio < 1.0);
        let (at, side) = if *ratio >= 1.0 { (x + 5, HPos::Left) } else { (x - 5, HPos::Right) };
        write(canvas, &format!("{ratio:.digits$}"), (at, y), 11, INK, side)?;
    }
    if let Some(floor) = bars.floor_seconds {
        let x = scale.x(floor / bars.our_seconds);
        line(canvas, [(x, top - 2), (x, top + peers * BAR + 2)], INK, 1)?;
        let tip = vec![(x - 5, top - 6), (x + 5, top - 6), (x, top)];
        canvas.draw(&Polygon::new(tip, INK))?;
    }
    Ok(top + peers * BAR + GAP)
}

fn legend(canvas: &Canvas<'_>, peers: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let mut x = 16;
    for (number, peer) in peers.iter().skip(1).enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        canvas.draw(&Rectangle::new([(x, 46), (x + 12, 58)], colour.filled()))?;
        write(canvas, peer, (x + 17, 45), 13, INK, HPos::Left)?;
        x += 42 + 7 * peer.len() as i32;
    }
    canvas.draw(&Polygon::new(vec![(16, 68), (26, 68), (21, 75)], INK))?;
    let said = "floor: the machine's primitives on all cores. Beside each work: seconds that holdfast takes.";
    write(canvas, said, (33, 64), 13, INK, HPos::Left)
}

/// Powers of two that hold every ratio.
struct Scale {
    least: i32,
    most: i32,
}

impl Scale {
    fn around(groups: &[Bars]) -> Scale {
        let ratios = groups.iter().flat_map(|bars| {
            let floor = bars.floor_seconds.map(|floor| floor / bars.our_seconds.max(1e-9));
            bars.against_ours.iter().copied().flatten().chain(floor)
        });
        let powers: Vec<f64> =
            ratios.filter(|ratio| *ratio > 0.0).map(|ratio| ratio.log2().clamp(-8.0, 12.0)).collect();
        let least = powers.iter().copied().fold(-1.0, f64::min).floor();
        let most = powers.iter().copied().fold(1.0, f64::max).ceil();
        Scale { least: least as i32, most: most as i32 }
    }

    fn x(&self, ratio: f64) -> i32 {
        let span = f64::from(self.most - self.least);
        let power = ratio.max(1e-9).log2().clamp(f64::from(self.least), f64::from(self.most));
        LEFT + ((power - f64::from(self.least)) / span * f64::from(WIDTH - LEFT - RIGHT)) as i32
    }
}

/// Seconds with as many digits as are worth reading.
pub(super) fn seconds(value: f64) -> String {
    let digits = if value < 1.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} s")
}

fn line(
    canvas: &Canvas<'_>,
    ends: [(i32, i32); 2],
    colour: RGBColor,
    width: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    canvas.draw(&PathElement::new(ends.to_vec(), colour.stroke_width(width)))?;
    Ok(())
}

/// Writes with the point given at the top and left, centre or right of the text.
pub(super) fn write(
    canvas: &Canvas<'_>,
    text: &str,
    at: (i32, i32),
    size: i32,
    colour: RGBColor,
    side: HPos,
) -> Result<(), Box<dyn std::error::Error>> {
    let style = ("sans-serif", size).into_font().color(&colour).pos(Pos::new(side, VPos::Top));
    canvas.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}
