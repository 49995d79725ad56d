//! Works at a location that is far away: restic's own REST server, behind a link that takes 20 ms there and back and
//! carries 50 MB/s. What counts over such a link is how many requests a program makes, and how many at a time.

mod link;
mod requests;

use anyhow::Result;
use holdfast_testkit::servers::{RestOptions, RestServer};

pub(super) use link::{Limits, Link};

use super::material::Material;
use super::peer::Peer;
use super::round::{self, Conditions};
use super::setting::{RestStore, Setting, Store};
use super::table::Table;
use super::work::Work;

const FAR: [Work; 3] = [Work::FarFirst, Work::FarUnchanged, Work::FarRestore];
const LIMITS: Limits =
    Limits { round_trip: std::time::Duration::from_millis(20), bytes_per_second: Some(50e6) };

/// A server, the link to it, and where both are found.
pub(super) struct FarServer {
    server: RestServer,
    pub(super) link: Link,
}

impl FarServer {
    pub(super) fn start(limits: Limits) -> Result<FarServer> {
        let server = RestServer::start(&RestOptions::default());
        let link = Link::start(server.port(), limits)?;
        Ok(FarServer { server, link })
    }

    pub(super) fn store(&self) -> RestStore {
        RestStore { port: self.link.port(), root: self.server.root.clone() }
    }
}

/// One program's turn at the far location.
pub(super) fn turn(
    peer: &Peer,
    material: &Material,
    conditions: &Conditions<'_>,
    table: &mut Table,
) -> Result<()> {
    if !conditions.wants_any(&FAR, peer, material.kind) {
        return Ok(());
    }
    conditions.clear()?;
    let far = FarServer::start(LIMITS)?;
    let mut setting = Setting::new(conditions.scratch, material, Store::Rest(far.store()));
    peer.prepare(&setting)?;
    for work in FAR {
        if work != Work::FarFirst && !conditions.wants(work) {
            continue;
        }
        far.link.take_requests();
        let mut sample = round::measured(peer, work, &mut setting, conditions)?;
        sample.requests = Some(far.link.take_requests());
        if conditions.wants(work) {
            table.add(&peer.title(), sample);
        }
    }
    Ok(())
}
