//! Bytes stored by a day of dumps: summed up from the first on, and by each after the first, which would dwarf them.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::stand::{Dump, Taken};
use crate::bench::plot::{COLOURS, INK, PALE};

const SIZE: (u32, u32) = (980, 340);

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;
type Line = Vec<(f64, f64)>;

/// Draws both panels.
pub(super) fn lines(dumps: &[Dump], file: &Path) -> Result<()> {
    let canvas = SVGBackend::new(file, SIZE).into_drawing_area();
    let draw = || -> Drawn {
        canvas.fill(&WHITE)?;
        let [left, right] = &canvas.split_evenly((1, 2))[..] else { return Ok(()) };
        let both = |of: fn(&[Dump], fn(&Dump) -> &Taken) -> Line| {
            [of(dumps, |dump| &dump.ours), of(dumps, |dump| &dump.restic)]
        };
        panel(left, "MB stored so far, by dump", &both(so_far))?;
        panel(right, "MB stored by each dump after the first", &both(each_later))?;
        canvas.present()?;
        Ok(())
    };
    draw().map_err(|error| anyhow!("cannot draw {}: {error}", file.display()))
}

fn each(dumps: &[Dump], of: fn(&Dump) -> &Taken) -> impl Iterator<Item = (f64, f64)> {
    dumps.iter().enumerate().map(move |(at, dump)| ((at + 1) as f64, of(dump).stored.sum() as f64 / 1e6))
}

fn each_later(dumps: &[Dump], of: fn(&Dump) -> &Taken) -> Line {
    each(dumps, of).skip(1).collect()
}

fn so_far(dumps: &[Dump], of: fn(&Dump) -> &Taken) -> Line {
    let mut sum = 0.0;
    each(dumps, of)
        .map(|(number, stored)| {
            sum += stored;
            (number, sum)
        })
        .collect()
}

fn panel(area: &Panel<'_>, title: &str, both: &[Line; 2]) -> Drawn {
    let points = || both.iter().flatten();
    let x_most = points().map(|(x, _)| *x).fold(2.0, f64::max);
    let y_most = points().map(|(_, y)| *y).fold(0.001, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16).into_font().color(&INK))
        .margin(14)
        .x_label_area_size(28)
        .y_label_area_size(54)
        .build_cartesian_2d(0.0..x_most + 1.0, 0.0..y_most * 1.3)?;
    chart
        .configure_mesh()
        .x_labels(8)
        .y_labels(6)
        .bold_line_style(PALE)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .x_label_formatter(&|number| format!("{number:.0}"))
        .label_style(("sans-serif", 12).into_font().color(&INK))
        .draw()?;
    for ((line, name), colour) in both.iter().zip(["holdfast", "mariadb-dump | restic"]).zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(line.iter().copied(), colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 14, y)], colour.stroke_width(2)));
        chart.draw_series(line.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .label_font(("sans-serif", 12).into_font().color(&INK))
        .draw()?;
    Ok(())
}
