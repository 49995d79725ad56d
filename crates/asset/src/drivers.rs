//! How an asset is read. A class that is not built yet is a typed error here, so that no command can pass over such an asset
//! and report success.

use std::fmt;

use holdfast_format::source::SourceError;
use holdfast_model::estate::Asset;
use holdfast_model::{AssetName, Class};

use crate::Folder;

/// Why an asset cannot be read.
#[derive(Debug)]
pub struct AssetError {
    /// The asset.
    pub asset: AssetName,
    /// What is the matter.
    pub kind: AssetErrorKind,
}

/// The kinds of trouble with an asset as a whole.
#[derive(Debug)]
pub enum AssetErrorKind {
    /// Assets of this class cannot be backed up yet.
    NotBuilt(Class),
    /// It is not as the estate says.
    Unusable(SourceError),
    /// Its rules cannot be applied.
    Rules(String),
}

impl fmt::Display for AssetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asset = &self.asset;
        match &self.kind {
            AssetErrorKind::NotBuilt(class) => {
                write!(
                    f,
                    "the asset {asset} is of class {class}, which cannot be backed up yet: it is unprotected"
                )
            }
            AssetErrorKind::Unusable(error) => {
                write!(f, "the asset {asset} cannot be read: {error}; see its path in the estate")
            }
            AssetErrorKind::Rules(cause) => {
                write!(
                    f,
                    "the rules of the asset {asset} cannot be applied: {cause}; see its exclude in the estate"
                )
            }
        }
    }
}

impl std::error::Error for AssetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            AssetErrorKind::Unusable(error) => Some(error),
            _ => None,
        }
    }
}

/// The folder of an asset. Nothing is read yet.
///
/// # Errors
/// When its class is not built yet, or its rules cannot be compiled.
pub fn folder(asset: &Asset) -> Result<Folder, AssetError> {
    match asset.folder() {
        Some(settings) => Folder::new(&asset.name, settings),
        None => Err(AssetError { asset: asset.name.clone(), kind: AssetErrorKind::NotBuilt(asset.class()) }),
    }
}
