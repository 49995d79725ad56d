//! Where this repository and its programs lie. A task that guessed from the current folder would check, build or
//! delete the wrong tree when called from elsewhere.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies in the workspace").to_owned()
}

/// The cargo that started this program, so that toolchain overrides hold for what we start.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Builds an example of a crate for measuring, and says where it lies.
pub(crate) fn build_example(package: &str, example: &str) -> Result<PathBuf> {
    let mut build = process::command(
        cargo(),
        &["build", "--quiet", "--release", "--package", package, "--example", example],
    );
    build.current_dir(root());
    process::stream(build).with_context(|| format!("cannot build the example {example} of {package}"))?;
    Ok(target().join("release/examples").join(example))
}
