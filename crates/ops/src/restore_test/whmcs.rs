//! WHMCS in a staging: asked while nothing runs, then kept from acting, and only then brought to life.
//!
//! What is restored is a billing system with the keys to a company's cards, domains and customers. So its own proofs come first,
//! because they compare rows with what was dumped; then everything in it that acts is turned off and looked at again; and where
//! that is not so, nothing of it is ever started.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use holdfast_asset::database::Manifest;
use holdfast_asset::database::load::{self, LoadErrorKind, Options, Target, Watch};
use holdfast_asset::stage::website::{self, Dump, Proven, Website};
use holdfast_asset::stage::{Stage, StageErrorKind};
use holdfast_asset::whmcs::{self, Restored};
use holdfast_asset::{Outcome, Proof};
use holdfast_model::{Class, Dataset};
use jiff::SignedDuration;

use super::bring_up::{Broken, Work};

/// Where the policy promises nothing.
const RPO: Duration = Duration::from_secs(3600);
/// Whether what must not act was turned off.
const NEUTRALISED: &str = "neutralised";

/// Asks a restored WHMCS everything. `root` stands for the source's `/`.
pub(super) fn prove(
    work: &Work<'_>,
    stage: &mut Stage,
    site: &Website,
    dumps: &[Dump<'_>],
    (root, manifest): (&Path, Option<&Manifest>),
) -> Result<Proven, Broken> {
    let clock = &*work.setup.world.clock;
    website::prepare(stage, site, dumps, Some(Arc::clone(work.stop)))?;
    let mut proven = Proven::default();
    let (Some(dump), Some(manifest)) = (dumps.first(), manifest) else {
        proven.proofs.push(said("loads", Outcome::Failed, "the point holds no dump that could be loaded"));
        return Ok(proven);
    };
    let access = stage.access(&dump.database)?;
    let begun = clock.monotonic();
    let target = Target::New { database: dump.database.clone() };
    let mut watch = Watch { interrupted: Some(Arc::clone(work.stop)), tell: &mut |_| {} };
    let loaded = load::plan(&access, dump.files, &target, &Options::default())
        .and_then(|plan| load::carry_out(&access, dump.files, &plan, &mut watch));
    let took = clock.monotonic().saturating_sub(begun);
    match loaded {
        Ok(loaded) => {
            let seen = format!("{} tables with {} rows load", loaded.tables, loaded.rows);
            proven.proofs.push(Proof { took, ..said("loads", Outcome::Held, seen) });
        }
        Err(error) if error.kind == LoadErrorKind::Interrupted => {
            return Err(Broken { kind: StageErrorKind::Interrupted, why: error.message });
        }
        Err(error) => {
            proven.proofs.push(Proof { took, ..said("loads", Outcome::Failed, error.message) });
            return Ok(proven);
        }
    }
    let objective = work.setup.policy.objective_of(Class::Whmcs, Dataset::Database);
    let rpo = objective.map_or(RPO, |objective| objective.age);
    proven.proofs.extend(whmcs::prove(&Restored {
        access: &access,
        manifest,
        root,
        docroot: &site.path,
        instant: work.parts.drawn().time,
        files_instant: work.parts.files().time,
        rpo: SignedDuration::try_from(rpo).unwrap_or(SignedDuration::MAX),
        zone: None,
        php: Path::new("php"),
        environment: &work.setup.world.environment,
        clock,
    }));
    let begun = clock.monotonic();
    let (outcome, seen) = match whmcs::neutralise(&access) {
        Ok(done) => {
            let rows: u64 = done.iter().map(|one| one.rows).sum();
            let what: Vec<&str> = done.iter().map(|one| one.what.as_str()).collect();
            (Outcome::Held, format!("turned off in {rows} rows: {}", what.join(", ")))
        }
        Err(error) => (Outcome::Failed, error.to_string()),
    };
    let took = clock.monotonic().saturating_sub(begun);
    proven.proofs.push(Proof { took, ..said(NEUTRALISED, outcome, seen) });
    let is_off = whmcs::is_neutralised(&access, clock);
    let may_live = outcome == Outcome::Held && is_off.iter().all(Proof::is_good);
    proven.proofs.extend(is_off);
    if !may_live {
        let why = "it was not brought to life, because something in it could still act";
        proven.proofs.push(said("answers", Outcome::Unproven, why));
        return Ok(proven);
    }
    let alive = website::prove_loaded(stage, site, dumps)?;
    proven.proofs.extend(alive.proofs);
    Ok(Proven { proofs: proven.proofs, ..alive })
}

fn said(what: &str, outcome: Outcome, seen: impl Into<String>) -> Proof {
    Proof { what: what.to_owned(), outcome, seen: seen.into(), took: Duration::ZERO }
}
