//! Growth as lines, a panel for each thing that grows: both scales logarithmic, so that a straight line is a power and a
//! grey line at 45 degrees is what linear looks like.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::axes::Axis;
use super::series::{Series, shown};
use crate::bench::plot::{COLOURS, INK, PALE};

const PANEL: (u32, u32) = (470, 320);
const COLUMNS: usize = 2;

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws a panel for each axis that was measured at two sizes or more.
pub(super) fn lines(all: &[Series], file: &Path) -> Result<()> {
    let panels: Vec<(Axis, Vec<&Series>)> = Axis::ALL
        .into_iter()
        .map(|axis| (axis, all.iter().filter(|series| series.axis == axis).collect::<Vec<_>>()))
        .filter(|(_, series)| series.iter().any(|series| series.points.len() > 1))
        .collect();
    let rows = panels.len().div_ceil(COLUMNS).max(1);
    let size = (PANEL.0 * COLUMNS as u32, PANEL.1 * rows as u32);
    let canvas = SVGBackend::new(file, size).into_drawing_area();
    let draw = || -> Drawn {
        canvas.fill(&WHITE)?;
        for (area, (axis, series)) in canvas.split_evenly((rows, COLUMNS)).iter().zip(&panels) {
            panel(area, *axis, series)?;
        }
        canvas.present()?;
        Ok(())
    };
    draw().map_err(|error| anyhow!("cannot draw {}: {error}", file.display()))
}

fn panel(area: &Panel<'_>, axis: Axis, all: &[&Series]) -> Drawn {
    let times: Vec<(f64, f64)> = all.iter().flat_map(|series| series.times()).collect();
    let range = |values: Vec<f64>| {
        let least = values.iter().copied().fold(f64::MAX, f64::min);
        (least, values.iter().copied().fold(least, f64::max))
    };
    let (x_least, x_most) = range(times.iter().map(|(size, _)| *size).collect());
    let (y_least, y_most) = range(times.iter().map(|(_, seconds)| seconds.max(1e-3)).collect());
    // The names of the lines get the upper part of the panel to themselves.
    let named = 0.14 + 0.07 * all.len() as f64;
    let (bottom, span) = (y_least * 0.7, (y_most / y_least * 1.6).max(12.0));
    let top = bottom * span.powf(1.0 / (1.0 - named));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("seconds by {}", axis.name()), ("sans-serif", 16).into_font().color(&INK))
        .margin(14)
        .x_label_area_size(28)
        .y_label_area_size(54)
        .build_cartesian_2d((x_least * 0.8..x_most * 1.25).log_scale(), (bottom..top).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(3)
        .y_labels(4)
        .bold_line_style(PALE)
        .light_line_style(TRANSPARENT)
        .axis_style(INK)
        .x_label_formatter(&|size| shown(*size))
        .y_label_formatter(&|seconds| format!("{}", (seconds * 1000.0).round() / 1000.0))
        .label_style(("sans-serif", 12).into_font().color(&INK))
        .draw()?;
    // What linear looks like, from the middle of the left edge.
    let start = (y_least * y_most).sqrt().min(y_least * 4.0);
    let reach = x_most.min(x_least * y_most * 1.3 / start);
    let linear = [x_least, reach].map(|size| (size, start * size / x_least));
    chart.draw_series(LineSeries::new(linear, PALE.stroke_width(4)))?;
    for (number, series) in all.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let exponent = series.fit().map_or(String::new(), |fit| format!("  (exponent {:.2})", fit.exponent));
        let points = || series.times().into_iter().map(|(size, seconds)| (size, seconds.max(1e-3)));
        chart
            .draw_series(LineSeries::new(points(), colour.stroke_width(2)))?
            .label(format!("{}{exponent}", series.work))
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 14, y)], colour.stroke_width(2)));
        chart.draw_series(points().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .label_font(("sans-serif", 12).into_font().color(&INK))
        .draw()?;
    Ok(())
}
