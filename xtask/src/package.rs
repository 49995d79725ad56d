//! `cargo xtask package`: the Debian package, and a look into it.
//!
//! Manual pages and completions follow from the program itself, so they are written by the program that goes into the
//! package; committed copies would describe another version. The finished package is unpacked and looked at, because a file
//! that the metadata forgot is missed by nobody before the first customer is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{process, workspace};

/// How to build it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build with this profile of cargo instead of `release`, for a quick look at the package.
    #[arg(long, value_name = "NAME", default_value = "release")]
    profile: String,
}

/// What must be in the package. The manual pages of the single commands are many, and come with the first.
const FILES: [&str; 11] = [
    "usr/bin/holdfast",
    "usr/lib/systemd/system/holdfast.service",
    "usr/lib/sysusers.d/holdfast.conf",
    "usr/lib/tmpfiles.d/holdfast.conf",
    "usr/share/man/man1/holdfast.1.gz",
    "usr/share/man/man1/holdfast-serve.1.gz",
    "usr/share/bash-completion/completions/holdfast",
    "usr/share/zsh/vendor-completions/_holdfast",
    "usr/share/fish/vendor_completions.d/holdfast.fish",
    "usr/share/doc/holdfast/README.md",
    "usr/share/doc/holdfast/copyright",
];

/// Builds the package, and looks into it.
pub(crate) fn run(args: &Args) -> Result<()> {
    let deb = process::find("cargo-deb", &[])
        .context("there is no cargo-deb: `cargo install cargo-deb --locked` installs it")?;
    let profile = args.profile.as_str();
    // The whole workspace decides the features, as in every other build here; another choice would compile everything anew.
    let mut build = process::command(
        workspace::cargo(),
        &["build", "--quiet", "--workspace", "--bin", "holdfast", "--profile", profile],
    );
    build.current_dir(workspace::root());
    process::stream(build)?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let program = workspace::target().join(folder).join("holdfast");
    describe(&program)?;
    let arguments = ["deb", "--package", "holdfast-cli", "--no-build", "--profile", profile];
    let mut package = process::command(deb, &arguments);
    package.current_dir(workspace::root());
    let said = process::output(package)?;
    let package = PathBuf::from(said.lines().last().unwrap_or_default().trim());
    look_into(&package)?;
    println!("{}", package.display());
    Ok(())
}

/// Has the program write its manual pages and completions where the package's metadata looks for them.
fn describe(program: &Path) -> Result<()> {
    let folder = workspace::root().join("target/package");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let man = folder.join("man");
    fs::create_dir_all(&man).with_context(|| format!("cannot make {}", man.display()))?;
    process::output(process::command(program, &["man".as_ref(), man.as_os_str()]))?;
    for (shell, name) in [("bash", "holdfast"), ("zsh", "_holdfast"), ("fish", "holdfast.fish")] {
        let script = process::output(process::command(program, &["completions", shell]))?;
        fs::write(folder.join(name), script).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(())
}

/// Unpacks the package into a folder of its own, and tries what is in it.
fn look_into(package: &Path) -> Result<()> {
    let root = workspace::root().join("target/package/root");
    process::output(process::command("dpkg-deb", &["-x".as_ref(), package.as_os_str(), root.as_os_str()]))?;
    let is_missing = |file: &&str| !root.join(file).is_file();
    let missing: Vec<&str> = FILES.into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        bail!("{} lacks {}", package.display(), missing.join(", "));
    }
    // The packager adds calls that name a file by where it lay here; one that is called otherwise where it goes would end
    // every installation.
    let scripts = root.join("DEBIAN");
    process::output(process::command(
        "dpkg-deb",
        &["-e".as_ref(), package.as_os_str(), scripts.as_os_str()],
    ))?;
    let postinst = fs::read_to_string(scripts.join("postinst"))?;
    for (program, folder) in [("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")] {
        let call = postinst.lines().map(str::trim).find(|line| line.starts_with(program));
        let Some(call) = call else { bail!("postinst does not call {program}") };
        let file = call.split_whitespace().find(|word| word.ends_with(".conf")).unwrap_or_default();
        if !root.join("usr/lib").join(folder).join(file).is_file() {
            bail!("postinst calls `{call}`, and the package has no such file in {folder}");
        }
    }
    let version = process::output(process::command(root.join(FILES[0]), &["--version"]))?;
    if !version.starts_with("holdfast ") {
        bail!("the packaged program calls itself {version:?}");
    }
    // Below the unpacked root systemd's own units are missing; so a copy of the unit is read that names the unpacked program.
    let unit = fs::read_to_string(root.join(FILES[1]))?;
    let copy = workspace::root().join("target/package/holdfast.service");
    fs::write(&copy, unit.replace("=/usr/bin/holdfast", &format!("={}", root.join(FILES[0]).display())))?;
    process::output(process::command("systemd-analyze", &["verify".as_ref(), copy.as_os_str()]))?;
    println!("{}: {} files as expected, {}", package.display(), FILES.len(), version.trim());
    Ok(())
}
