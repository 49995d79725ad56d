//! The table as Markdown: medians with their spread, ours against the best peer of the same run, and against the floor.

use std::fmt::Write;

use super::quantity::{self, Quantity};
use super::{Spread, Table, Work};

impl Table {
    /// Median (least to most) of each peer; then ours against the best peer, and the floor in percent of ours.
    pub(in crate::bench) fn markdown(&self) -> String {
        let mut text = self.goals();
        let _ = writeln!(text, "| work | {} | ours : best peer | floor : ours |", self.peers.join(" | "));
        let _ = writeln!(text, "|---|{}", "---|".repeat(self.peers.len() + 2));
        for work in Work::ALL {
            for quantity in &quantity::ALL {
                self.row(work, quantity, &mut text);
            }
        }
        for failure in &self.failures {
            let why = failure.why.lines().next().unwrap_or_default();
            let _ = writeln!(text, "\n{}: {}: FAILED: {why}", failure.peer, failure.work.name());
        }
        if let Some(floor) = &self.floor {
            let _ = write!(text, "\n{}", floor.markdown());
        }
        text
    }

    fn row(&self, work: Work, quantity: &Quantity, text: &mut String) {
        let spreads: Vec<Option<Spread>> =
            self.peers.iter().map(|peer| self.spread(peer, work, quantity)).collect();
        if spreads.iter().all(Option::is_none) {
            return;
        }
        let cells = spreads.iter().map(|spread| spread.as_ref().map_or("-".to_owned(), Spread::shown));
        let cells = cells.collect::<Vec<_>>().join(" | ");
        let ratio = if work == Work::TwoLocations {
            self.against_one_location(quantity)
        } else {
            ratio(&spreads).map(|ratio| ratio.shown_as_ratio())
        };
        let ratio = ratio.unwrap_or_else(|| "-".to_owned());
        let floor = self.above_floor(work, quantity, &spreads).unwrap_or_else(|| "-".to_owned());
        let (name, unit) = (quantity.name, quantity.unit);
        let _ = writeln!(text, "| {}{name}, {unit} | {cells} | {ratio} | {floor} |", work.name());
    }

    /// No peer writes to two locations; ours is held against itself with one.
    fn against_one_location(&self, quantity: &Quantity) -> Option<String> {
        let ours = self.peers.first()?;
        let one = self.spread(ours, Work::First, quantity)?;
        let two = self.spread(ours, Work::TwoLocations, quantity)?;
        Some(format!("{} of one", two.against(&one).shown_as_ratio()))
    }

    fn above_floor(&self, work: Work, quantity: &Quantity, spreads: &[Option<Spread>]) -> Option<String> {
        // Only the row of wall times has a floor.
        if !quantity.name.is_empty() {
            return None;
        }
        let (floor, ours) = (self.floor_of(work)?, spreads.first()?.as_ref()?);
        Some(format!("{floor:.2} s, **{:.0} %**", 100.0 * floor / ours.median.max(f64::MIN_POSITIVE)))
    }
}

/// Ours against the peer with the best median.
fn ratio(spreads: &[Option<Spread>]) -> Option<Spread> {
    let (ours, peers) = spreads.split_first()?;
    let best = peers.iter().flatten().min_by(|a, b| a.median.total_cmp(&b.median))?;
    Some(ours.as_ref()?.against(best))
}
