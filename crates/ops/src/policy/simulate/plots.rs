//! The plots of a simulation. One question each: is the objective kept, does the space suffice, does the line.

use holdfast_model::simulate::{Day, Simulation};
use jiff::{SignedDuration, Timestamp};
use plotters::prelude::*;

const SIZE: (u32, u32) = (960, 420);
/// A long outage would press everything else onto the axis.
const PERCENT_SHOWN_MAX: f64 = 400.0;
const GIB: f64 = (1_u64 << 30) as f64;
const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 78, 121), RGBColor(200, 90, 20), RGBColor(60, 130, 70), RGBColor(130, 60, 130)];

/// A line of a plot: its name and a value per day.
struct Series {
    name: String,
    values: Vec<f64>,
}

/// The worst age of each day against its objective, in percent.
pub(super) fn ages(simulation: &Simulation) -> Result<String, String> {
    let with_objective = simulation.fleets.iter().filter_map(|fleet| {
        let objective = fleet.objective_s.filter(|objective| *objective > 0)? as f64;
        let percent = |age: &u64| (100.0 * *age as f64 / objective).min(PERCENT_SHOWN_MAX);
        Some(Series {
            name: format!("{} {}", fleet.class, fleet.dataset),
            values: fleet.age_by_day_s.iter().map(percent).collect(),
        })
    });
    let mut series: Vec<Series> = with_objective.collect();
    let days = simulation.days.len();
    series.push(Series { name: "the objective".to_owned(), values: vec![100.0; days] });
    plot(
        simulation,
        "Age of the newest protected state, in percent of the objective (cut off at 400)",
        &series,
    )
}

/// Space at one location.
pub(super) fn stored(simulation: &Simulation) -> Result<String, String> {
    let series = [per_day(simulation, "at each location", |day| day.stored_bytes)];
    plot(simulation, "Stored, in GiB (without deduplication and compression)", &series)
}

/// What a day sends over the line.
pub(super) fn sent(simulation: &Simulation) -> Result<String, String> {
    let series = [per_day(simulation, "sent to each location", |day| day.sent_bytes)];
    plot(simulation, "Sent a day, in GiB", &series)
}

fn per_day(simulation: &Simulation, name: &str, bytes: impl Fn(&Day) -> u64) -> Series {
    let values = simulation.days.iter().map(|day| bytes(day) as f64 / GIB).collect();
    Series { name: name.to_owned(), values }
}

fn plot(simulation: &Simulation, title: &str, series: &[Series]) -> Result<String, String> {
    let mut svg = String::new();
    draw(simulation.start, title, series, &mut svg)?;
    Ok(svg)
}

fn draw(start: Timestamp, title: &str, series: &[Series], svg: &mut String) -> Result<(), String> {
    let days = series.iter().map(|line| line.values.len()).max().unwrap_or(0).max(2);
    let highest = series.iter().flat_map(|line| &line.values).copied().fold(1e-6, f64::max);
    let date = |day: &usize| {
        let hours = i64::try_from(*day).unwrap_or(0) * 24;
        let at = start.checked_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX);
        at.strftime("%Y-%m-%d").to_string()
    };
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(|e| e.to_string())?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(14)
        .margin_right(40)
        .x_label_area_size(34)
        .y_label_area_size(70)
        .build_cartesian_2d(0..days - 1, 0.0..highest * 1.4)
        .map_err(|e| e.to_string())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .x_labels(8)
        .y_labels(6)
        .x_label_formatter(&date)
        .y_label_formatter(&|value: &f64| {
            if highest < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
        })
        .label_style(("sans-serif", 13))
        .draw()
        .map_err(|e| e.to_string())?;
    for (line, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        let points = line.values.iter().copied().enumerate();
        chart
            .draw_series(LineSeries::new(points, style))
            .map_err(|e| e.to_string())?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 13))
        .draw()
        .map_err(|e| e.to_string())?;
    root.present().map_err(|e| e.to_string())
}
