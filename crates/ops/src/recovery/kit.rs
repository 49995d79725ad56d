//! Making the kit: the root, what stands beside it, and the sheets.
//!
//! The secret exists in this process and in the files that are written, and nowhere else. Those must be whole before the ring is
//! encrypted to it: a ring that no kit opens is lost. And the kit before is void from then on, which is the way to take a kit
//! away from somebody. What it takes to reach the locations goes with it, encrypted; the ring does not.

use std::path::PathBuf;

use holdfast_ledger::{ActionKind, NewAction};
use holdfast_location::LEDGER_REPOSITORY;
use holdfast_model::estate::{Asset, repository_name};
use holdfast_model::verdict::Kit;
use holdfast_world::{ExposeSecret, secrets};
use serde::Serialize;

use super::by_hand::Place;
use super::deliver::{DeliveryReport, Extent, deliver};
use super::kit_text::{self, Secret, Sheet, Site};
use super::ring::{Contents, LOCATIONS};
use super::root::{self, Root};
use super::scratch::{Scratch, require_empty};
use super::shares::{Split, split};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::{action, state_lock};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct KitRequest {
    /// The folder for the sheets, which must be empty or not there.
    pub out: PathBuf,
    /// Whether the secret is split.
    pub split: Option<Split>,
}

/// What was made.
#[derive(Debug, Serialize)]
pub struct KitReport {
    /// The kit's name.
    pub kit: String,
    /// The one that is void now.
    pub voids: Option<String>,
    /// How many sheets there are.
    pub shares: u8,
    /// How many of them it takes.
    pub needed: u8,
    /// The files.
    pub files: Vec<PathBuf>,
    /// What the locations were brought.
    pub delivery: DeliveryReport,
    /// Why they were brought nothing: the daemon that has the ledger does so soon.
    pub delivered_later: Option<String>,
    /// How it ended.
    pub ending: Ending,
}

/// Makes a kit, writes its sheets, and brings the ring, encrypted to it, to every location.
///
/// # Errors
/// When the folder holds something, or could not be written; then the kit before stays in force.
pub fn make_kit(setup: &Setup, request: &KitRequest) -> Result<KitReport> {
    require_empty(&request.out)?;
    refuse_own_folders(setup, request)?;
    if setup.location_names().next().is_none() {
        return Err(Error::usage("estate.toml names no location: the kit would lead nowhere")
            .hint("describe your locations first, and run `holdfast validate`"));
    }
    let _lock = state_lock::take_beside(&setup.places.state, "key kit", setup.world.environment.pid())?;
    let entry = action::by_us(setup, ActionKind::KeyKit, None);
    let entry = NewAction { target: Some(request.out.display().to_string()), ..entry };
    let mut report = action::recorded(setup, entry, || write_kit(setup, request), |report| report.ending)?;
    // After its entry has a result: a ledger that is rebuilt from this copy would call it cut off otherwise.
    match deliver(setup, Extent::Everything) {
        Ok(delivery) => (report.ending, report.delivery) = (delivery.ending, delivery),
        // Whoever has it sees within a moment that the kit is another.
        Err(error) => {
            (report.ending, report.delivered_later) = (Ending::Attention, Some(error.message));
        }
    }
    Ok(report)
}

/// The secret half must not lie where the ring lies, nor be backed up with a site.
fn refuse_own_folders(setup: &Setup, request: &KitRequest) -> Result<()> {
    let out = std::path::absolute(&request.out)
        .map_err(|e| Error::usage(format!("{}: {e}", request.out.display())))?;
    let sites = setup.estate.assets.values().filter_map(|asset| Some(asset.folder()?.path.clone()));
    let places = setup.estate.locations.values().filter_map(|l| l.address.local_path().map(PathBuf::from));
    let own = [setup.places.config.clone(), setup.places.state.clone()];
    for folder in own.into_iter().chain(sites).chain(places) {
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        if out.starts_with(&folder) {
            return Err(Error::usage(format!(
                "a kit in {} would be lost or stolen with it",
                folder.display()
            ))
            .hint("write it to a medium that you take away, or to a folder in memory such as /dev/shm/kit"));
        }
    }
    Ok(())
}

fn write_kit(setup: &Setup, request: &KitRequest) -> Result<KitReport> {
    // The password of the ledger's copies belongs into what the kit carries. Without a location there is none yet.
    if setup.ring.get(LEDGER_REPOSITORY)?.is_none() {
        setup.open_for_writing(LEDGER_REPOSITORY)?;
    }
    let voids = root::known_kit(&setup.places.config)?.map(|kit| kit.kit);
    let root = Root::generate();
    let recipient = root.recipient();
    let (shares, needed) = request.split.map_or((1, 1), |split| (split.shares, split.needed));
    let kit = Kit { kit: recipient.kit(), shares, needed };
    let now = setup.world.clock.now();
    let scratch = Scratch::beside(&request.out, &setup.world.environment)?;
    let names = write_sheets(setup, request, &root, &kit, &scratch)?;
    scratch.release(SHEETS, &request.out)?;
    root::put_in_force(&setup.places.config, &recipient, &kit, now)?;
    Ok(KitReport {
        kit: kit.kit,
        voids,
        shares,
        needed,
        files: names.into_iter().map(|name| request.out.join(name)).collect(),
        delivery: DeliveryReport::default(),
        delivered_later: None,
        ending: Ending::Done,
    })
}

const SHEETS: &str = "sheets";

/// Writes everything into the scratch folder; returns the names.
fn write_sheets(
    setup: &Setup,
    request: &KitRequest,
    root: &Root,
    kit: &Kit,
    scratch: &Scratch,
) -> Result<Vec<String>> {
    let recipient = root.recipient();
    let now = setup.world.clock.now();
    let folder = scratch.path().join(SHEETS);
    secrets::private_directory(&folder).map_err(|error| Error::not_done(error.to_string()))?;
    let mut names = Vec::new();
    let mut write = |name: String, content: &[u8]| {
        secrets::write(&folder.join(&name), content).map_err(|error| Error::not_done(error.to_string()))?;
        names.push(name);
        Ok::<_, Error>(())
    };
    let access = Contents::access(setup)?;
    let needs_access = access.below(LOCATIONS).any(|(name, _)| !name.ends_with("/url"));
    let sealed_access =
        needs_access.then(|| recipient.seal_as_text(access.to_tar(now)?.expose_secret())).transpose()?;
    let secret = root.secret();
    let dealt = request.split.map(|wanted| split(root, wanted)).unwrap_or_default();
    let mut sheet = Sheet {
        kit,
        company: setup.policy.header.value.company.clone(),
        made: now,
        secret: Secret::Whole(secret.expose_secret()),
        access: sealed_access.as_deref(),
        places: places(setup, &access),
        sites: sites(setup),
    };
    if dealt.is_empty() {
        write("kit.txt".to_owned(), kit_text::text(&sheet).as_bytes())?;
        write("kit.html".to_owned(), kit_text::html(&sheet)?.as_bytes())?;
    }
    for share in &dealt {
        let (text, hex) = (share.to_text(), share.hex());
        sheet.secret = Secret::Share { number: share.number, text, hex };
        write(format!("share-{}.txt", share.number), kit_text::text(&sheet).as_bytes())?;
        write(format!("share-{}.html", share.number), kit_text::html(&sheet)?.as_bytes())?;
    }
    if let Some(sealed) = &sealed_access {
        write("access.age".to_owned(), sealed.as_bytes())?;
    }
    // Not the ring itself: the key of a client who is shredded later would stay in every kit.
    Ok(names)
}

fn places(setup: &Setup, access: &Contents) -> Vec<Place> {
    let place = |(name, location): (&holdfast_model::LocationName, &holdfast_model::estate::Location)| {
        let name = name.to_string();
        let address = location.address.clone();
        let folder = format!("{LOCATIONS}/{name}");
        let files: Vec<String> = access.below(&folder).map(|(file, _)| file.to_owned()).collect();
        let credentials = setup.address(&name).map(|(_, credentials)| credentials).unwrap_or_default();
        Place {
            has_script: access.get(&format!("{folder}.sh")).is_some(),
            host_key: credentials.host_key.clone(),
            asks: credentials.identity_passphrase.is_some(),
            name,
            address,
            files,
        }
    };
    setup.estate.locations.iter().map(place).collect()
}

/// What is protected, with the folder that its points are of.
fn sites(setup: &Setup) -> Vec<Site> {
    let mut sites = Vec::new();
    for (repository, assets) in setup.repositories() {
        for name in assets {
            let asset = setup.estate.assets.get(name.as_str());
            // A log has no folder, and is worth nothing to whoever has no server for its dump.
            let asset = asset.filter(|asset| repository_name(asset).as_str() == repository);
            if let Some(site) = asset.and_then(Asset::folder) {
                sites.push(Site {
                    repository: repository.clone(),
                    asset: name,
                    path: site.path.display().to_string(),
                });
            }
        }
    }
    sites
}
