//! The estate as it is written down: what there is to protect and where copies are to lie, without secrets and paths of
//! sites. What was found in roots is written down beside it, as what came and went.

use holdfast_model::estate::{Asset, Channel, Estate, Way, repository_name};
use holdfast_model::verdict::{
    AssetDeclared, ChannelDeclared, HostDeclared, Inventory, LocationDeclared, SiteDeclared, Transport,
};
use holdfast_model::{Address, ChannelName, LocationName};

pub(crate) fn of(estate: &Estate) -> Inventory {
    let site = |site: &holdfast_model::estate::Site| SiteDeclared {
        country: site.country.clone(),
        latitude: site.latitude,
        longitude: site.longitude,
    };
    let escalate = estate.alerts.escalate_after.as_secs();
    Inventory {
        channels: estate
            .alerts
            .channels
            .iter()
            .map(|(name, one)| (name.to_string(), channel(name, one, escalate)))
            .collect(),
        sites: estate.sites.iter().map(|(name, declared)| (name.to_string(), site(declared))).collect(),
        hosts: estate
            .hosts
            .iter()
            .map(|(name, host)| (name.to_string(), HostDeclared { site: host.site.to_string() }))
            .collect(),
        locations: estate.locations.iter().map(location).collect(),
        assets: estate.declared().map(|asset| (asset.name.to_string(), declared(asset))).collect(),
    }
}

fn location(
    (name, location): (&LocationName, &holdfast_model::estate::Location),
) -> (String, LocationDeclared) {
    let declared = LocationDeclared {
        site: location.site.to_string(),
        host: location.host.to_string(),
        place: place(&location.address),
        transport: transport(&location.address),
    };
    (name.to_string(), declared)
}

fn channel(name: &ChannelName, channel: &Channel, escalate_seconds: u64) -> ChannelDeclared {
    let server = match &channel.way {
        Way::Mail { server, .. } => server.host.clone(),
        // One whose address is a secret has a name of its own.
        Way::Webhook { url } => {
            let host =
                url.as_deref().and_then(|url| url::Url::parse(url).ok()?.host_str().map(str::to_owned));
            host.unwrap_or_else(|| format!("the address of {name}"))
        }
    };
    ChannelDeclared { kind: channel.way.kind().to_owned(), server, escalate_seconds }
}

/// An asset as it is written down.
pub(crate) fn declared(asset: &Asset) -> AssetDeclared {
    AssetDeclared {
        class: asset.class().as_str().to_owned(),
        host: asset.host.to_string(),
        repository: repository_name(asset).to_string(),
    }
}

/// The address in one spelling.
pub(super) fn place(address: &Address) -> String {
    match address {
        Address::Local { path } => format!("file://{}", path.display()),
        Address::Sftp { user, host, port, path } => format!("sftp://{user}@{host}:{port}{path}"),
        Address::S3 { bucket, prefix, endpoint, region } => {
            format!("s3://{bucket}/{prefix} at {} ({region})", endpoint.as_deref().unwrap_or("AWS"))
        }
        Address::Rest { base } => format!("rest:{base}"),
    }
}

fn transport(address: &Address) -> Transport {
    let by_url = |url: &str| if url.starts_with("https:") { Transport::Tls } else { Transport::Plain };
    match address {
        Address::Local { .. } => Transport::Folder,
        Address::Sftp { .. } => Transport::Ssh,
        Address::S3 { endpoint, .. } => endpoint.as_deref().map_or(Transport::Tls, by_url),
        Address::Rest { base } => by_url(base),
    }
}

/// The machine's name in an address; none for a folder, and for services that name none.
pub(super) fn host(address: &Address) -> Option<String> {
    let of_url = |url: &str| url::Url::parse(url).ok()?.host_str().map(str::to_owned);
    match address {
        Address::Local { .. } => None,
        Address::Sftp { host, .. } => Some(host.clone()),
        Address::S3 { endpoint, .. } => endpoint.as_deref().and_then(of_url),
        Address::Rest { base } => of_url(base),
    }
}
