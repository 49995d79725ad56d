//! Writing down what walks through storage found. Names of clients' files have no place in a leaf: kinds and counts do.

use holdfast_model::verdict::{Observed, StorageWalked};

use crate::error::Result;
use crate::purge::audit::{AuditReport, PlaceAudit};
use crate::setup::Setup;

/// Writes down what an audit found.
///
/// # Errors
/// When another process has the ledger, or it cannot be written: evidence that nobody kept is none.
pub(crate) fn keep(setup: &Setup, report: &AuditReport) -> Result<()> {
    let walked: Vec<Observed> =
        report.places.iter().map(|place| Observed::StorageWalked(walked(place))).collect();
    super::observe(setup.ledger()?, &walked, setup.world.clock.now())
}

fn walked(place: &PlaceAudit) -> StorageWalked {
    let finding = |finding: &crate::purge::audit::Finding| {
        let of = finding.repository.as_deref().map_or_else(String::new, |name| format!(" in {name}"));
        format!("{}: {} objects, {} bytes{of}", finding.kind, finding.sum.objects, finding.sum.bytes)
    };
    StorageWalked {
        place: place.place.clone(),
        objects: place.objects,
        bytes: Some(place.bytes),
        overage_bytes: place.findings.iter().map(|finding| finding.sum.bytes).sum(),
        findings: place.findings.iter().map(finding).collect(),
        exempt: place
            .exempt
            .iter()
            .map(|point| format!("point {}: {}", short(&point.point), point.reason))
            .collect(),
        reasons: place.reasons.clone(),
    }
}

fn short(point: &str) -> &str {
    point.get(..8).unwrap_or(point)
}
