//! What stands on the sheets of a kit: text for a medium, and a page for a printer with codes to scan. Both are made from the same
//! pieces, so that none says what the other leaves out.
//!
//! A line that is to be run begins with four spaces in the text, and nothing else does.

use holdfast_location::LEDGER_REPOSITORY;
use holdfast_model::verdict::Kit;
use jiff::Timestamp;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use super::by_hand::{Place, quoted};
use crate::error::{Error, Result};

/// A sheet.
pub(super) struct Sheet<'s> {
    pub(super) kit: &'s Kit,
    pub(super) company: String,
    pub(super) made: Timestamp,
    pub(super) secret: Secret<'s>,
    /// The locations' credentials, encrypted.
    pub(super) access: Option<&'s str>,
    pub(super) places: Vec<Place>,
    pub(super) sites: Vec<Site>,
}

/// What is secret on it.
pub(super) enum Secret<'s> {
    Whole(&'s str),
    Share { number: u8, text: String, hex: String },
}

/// A website, and where its points lie.
pub(super) struct Site {
    pub(super) repository: String,
    pub(super) asset: String,
    pub(super) path: String,
}

/// So many sites are listed: the ring names the repositories of all.
const SITES_MAX: usize = 200;
/// More does not fit into a code that a telephone reads.
const CODE_BYTES_MAX: usize = 1800;

/// A piece of a sheet.
enum Piece {
    Title(String),
    Words(String),
    /// To be run as it stands; further lines of a document that goes with it stand at the margin.
    Run(String),
    /// To be read by a camera.
    Code {
        what: String,
        content: String,
    },
    Table(Vec<[String; 3]>),
}

fn pieces(sheet: &Sheet<'_>) -> Vec<Piece> {
    let mut all = Vec::new();
    let kit = &sheet.kit.kit;
    all.push(Piece::Title(format!("Recovery kit {kit} of {}", sheet.company)));
    all.push(Piece::Words(format!(
        "Made {} by holdfast {}. It is void once a newer kit was made: `holdfast status` and `holdfast key list` name the one in force.",
        sheet.made.strftime("%Y-%m-%d %H:%M UTC"),
        env!("CARGO_PKG_VERSION")
    )));
    let (needed, shares) = (sheet.kit.needed, sheet.kit.shares);
    match &sheet.secret {
        Secret::Whole(_) => all.push(Piece::Words(
            "KEEP THIS SECRET AND SAFE. Whoever has this sheet and reaches a location reads every backup; without it nobody does \
             once the machine that makes the backups is lost. Keep it where neither fire nor thief takes both."
                .to_owned(),
        )),
        Secret::Share { number, .. } => all.push(Piece::Words(format!(
            "THIS IS SHARE {number} OF {shares}; any {needed} of them together open every backup, and fewer open nothing. Keep \
             each with another person at another place.",
        ))),
    }
    prepare(sheet, &mut all);
    all.push(Piece::Title("3. ONE location, whichever can be reached: go on there".to_owned()));
    if let Some(access) = sheet.access {
        all.push(Piece::Words(
            "First what it takes to get into the locations, as of when this kit was made. It stands below, in the file access.age \
             beside this one, and in the code at the end. If something was changed since, ask whoever runs the location."
                .to_owned(),
        ));
        all.push(Piece::Run(format!("cat > access.age <<'END'\n{}\nEND", access.trim_end())));
        all.push(Piece::Run("age --decrypt --identity root.key --output access.tar access.age".to_owned()));
        all.push(Piece::Run("tar -xf access.tar".to_owned()));
    }
    for place in &sheet.places {
        at_place(sheet, place, &mut all);
    }
    all.push(Piece::Title("5. Or rebuild holdfast itself, from the same location".to_owned()));
    all.push(Piece::Words(format!(
        "On a machine with holdfast installed, with one of these addresses, into an empty folder. It asks for {}; credentials of the \
         location come from --credentials FILE where this kit's are out of date.",
        if shares > 1 { format!("{needed} shares") } else { "the secret".to_owned() }
    )));
    for place in &sheet.places {
        all.push(Piece::Words(format!(
            "{}: holdfast key recover --location {} --into /srv/holdfast",
            place.name,
            quoted(&url(place))
        )));
    }
    if !sheet.sites.is_empty() {
        all.push(Piece::Title("What lies where".to_owned()));
        let row = |site: &Site| [site.asset.clone(), site.repository.clone(), site.path.clone()];
        all.push(Piece::Table(sheet.sites.iter().take(SITES_MAX).map(row).collect()));
        if sheet.sites.len() > SITES_MAX {
            all.push(Piece::Words(format!(
                "and {} more: `ls passwords` names every repository",
                sheet.sites.len() - SITES_MAX
            )));
        }
    }
    codes(sheet, &mut all);
    all
}

fn prepare(sheet: &Sheet<'_>, all: &mut Vec<Piece>) {
    let mut packages = vec!["age", "restic"];
    if matches!(sheet.secret, Secret::Share { .. }) {
        packages.extend(["libgfshare-bin", "xxd"]);
    }
    for place in &sheet.places {
        packages.extend(place.packages());
    }
    packages.sort_unstable();
    packages.dedup();
    all.push(Piece::Title("1. A clean Debian machine (12 or newer) and a folder".to_owned()));
    all.push(Piece::Words(
        "Nothing of holdfast is needed. Type or paste each line as it stands, in one shell.".to_owned(),
    ));
    all.push(Piece::Run(format!("apt-get install --yes {}", packages.join(" "))));
    all.push(Piece::Run("umask 077".to_owned()));
    all.push(Piece::Run("mkdir -p recovery && cd recovery".to_owned()));
    all.push(Piece::Title("2. The secret".to_owned()));
    match &sheet.secret {
        Secret::Whole(secret) => all.push(Piece::Run(format!("printf '%s\\n' '{secret}' > root.key"))),
        Secret::Share { number, text, hex } => {
            all.push(Piece::Words(format!("For holdfast, this share is: {text}")));
            all.push(Piece::Words(
                "By hand, run this line of this sheet and the same line of the other sheets:".to_owned(),
            ));
            all.push(Piece::Run(format!("printf '%s' '{hex}' | xxd -r -p > root.{number:03}")));
            all.push(Piece::Words("Then, once:".to_owned()));
            all.push(Piece::Run("gfcombine -o root.key root.[0-9][0-9][0-9]".to_owned()));
        }
    }
    all.push(Piece::Words(format!(
        "The next line must print {}: else the secret is mistyped, or of another kit.",
        sheet.kit.kit
    )));
    all.push(Piece::Run("age-keygen -y root.key | tr -d '\\n' | sha256sum | cut -c 1-8".to_owned()));
}

fn at_place(sheet: &Sheet<'_>, place: &Place, all: &mut Vec<Piece>) {
    all.push(Piece::Title(format!("4. Location {}: {}", place.name, place.describe())));
    all.extend(place.fetch().into_iter().map(Piece::Run));
    all.push(Piece::Run(
        "age --decrypt --identity root.key --output ring.tar \"$(ls -t sealed/* | head -n 1)\"".to_owned(),
    ));
    all.push(Piece::Run("tar -xf ring.tar".to_owned()));
    all.push(Piece::Words(
        "Now passwords/ has one file for each repository, named like it. Every point of one is listed and restored so:".to_owned(),
    ));
    let first = sheet.sites.first();
    if let Some(site) = first {
        let restic = place.restic(&site.repository);
        all.push(Piece::Run(format!("{restic} snapshots")));
        all.push(Piece::Run(format!(
            "{restic} restore latest --path {} --target restored-{}-{}",
            quoted(&site.path),
            place.name,
            site.repository
        )));
        all.push(Piece::Words(format!(
            "That is the newest point of {}, below its old path; with another repository's name, its own.",
            site.asset
        )));
    }
    all.push(Piece::Words(
        "The ledger with all that was proven, policy.toml and estate.toml come back in the same way:"
            .to_owned(),
    ));
    all.push(Piece::Run(format!(
        "{} restore latest --target restored-{}-ledger",
        place.restic(LEDGER_REPOSITORY),
        place.name
    )));
}

fn codes(sheet: &Sheet<'_>, all: &mut Vec<Piece>) {
    let (what, content) = match &sheet.secret {
        Secret::Whole(secret) => ("the secret".to_owned(), (*secret).to_owned()),
        Secret::Share { number, text, .. } => (format!("share {number}"), text.clone()),
    };
    all.push(Piece::Code { what, content });
    if let Some(access) = sheet.access.filter(|access| access.len() <= CODE_BYTES_MAX) {
        all.push(Piece::Code { what: "access.age".to_owned(), content: access.to_owned() });
    }
}

fn url(place: &Place) -> String {
    use holdfast_model::Address;
    match &place.address {
        Address::Local { path } => path.display().to_string(),
        Address::Sftp { user, host, port, path } => format!("sftp://{user}@{host}:{port}{path}"),
        Address::S3 { bucket, prefix, endpoint, region } => {
            let endpoint = endpoint.as_ref().map(|url| format!("endpoint={url}&")).unwrap_or_default();
            format!("s3://{bucket}/{prefix}?{endpoint}region={region}")
        }
        Address::Rest { base } => format!("rest:{base}"),
    }
}

/// For a medium, and for `less`.
pub(super) fn text(sheet: &Sheet<'_>) -> String {
    let mut text = String::new();
    for piece in pieces(sheet) {
        match piece {
            Piece::Title(title) => text += &format!("\n{title}\n{}\n", "=".repeat(title.chars().count())),
            Piece::Words(words) => text += &format!("{words}\n"),
            Piece::Run(line) => text += &format!("    {line}\n"),
            Piece::Table(rows) => {
                for [asset, repository, path] in rows {
                    text += &format!("{asset}: repository {repository}, {path}\n");
                }
            }
            // A camera does not read this file; the page has them.
            Piece::Code { .. } => {}
        }
    }
    text.trim_start().to_owned()
}

/// For a printer: one page that needs nothing else.
pub(super) fn html(sheet: &Sheet<'_>) -> Result<String> {
    let mut html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Recovery kit {}</title><style>\
         body{{font:11pt/1.4 serif;max-width:48em;margin:2em auto}}pre{{font:9pt/1.3 monospace;white-space:pre-wrap;\
         word-break:break-all;background:#eee;padding:.4em;margin:.3em 0}}h2{{font-size:12pt;margin:1.2em 0 .3em}}\
         td{{padding-right:1.5em}}figure{{display:inline-block;margin:1em}}svg{{width:8cm;height:8cm}}\
         @media print{{pre{{background:none;border-left:2pt solid #000}}}}</style></head><body>\n",
        sheet.kit.kit
    );
    for piece in pieces(sheet) {
        match piece {
            Piece::Title(title) => html += &format!("<h2>{}</h2>\n", escaped(&title)),
            Piece::Words(words) => html += &format!("<p>{}</p>\n", escaped(&words)),
            Piece::Run(line) => html += &format!("<pre>{}</pre>\n", escaped(&line)),
            Piece::Table(rows) => {
                html += "<table>\n";
                for row in rows {
                    let cells: String =
                        row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
                    html += &format!("<tr>{cells}</tr>\n");
                }
                html += "</table>\n";
            }
            Piece::Code { what, content } => {
                html += &format!(
                    "<figure>{}<figcaption>{}</figcaption></figure>\n",
                    picture(&content)?,
                    escaped(&what)
                );
            }
        }
    }
    Ok(html + "</body></html>\n")
}

fn picture(content: &str) -> Result<String> {
    let code = QrCode::with_error_correction_level(content.as_bytes(), EcLevel::M)
        .map_err(|error| Error::not_done(format!("draw a code: {error}")))?;
    let picture = code.render::<svg::Color<'_>>().min_dimensions(300, 300).build();
    // Within a page the declaration of a file has no place.
    Ok(picture.split_once("?>").map_or(picture.clone(), |(_, svg)| svg.to_owned()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
