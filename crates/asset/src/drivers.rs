//! One driver per class. A class that is not built yet is a typed error here, so that no command can pass over such
//! an asset and report success.

use std::fmt;

use holdfast_format::source::{Source, SourceError};
use holdfast_model::estate::{Asset, Settings};
use holdfast_model::{AssetName, Class};

use crate::Folder;

/// What can read an asset.
#[derive(Debug)]
pub enum Driver {
    /// A folder.
    Folder(Folder),
}

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

/// The driver for the files of an asset. Nothing is read yet.
///
/// # Errors
/// When its class is not built yet, or its rules cannot be compiled.
pub fn driver(asset: &Asset) -> Result<Driver, AssetError> {
    match &asset.settings {
        Settings::Website(folder) => Ok(Driver::Folder(Folder::new(&asset.name, folder)?)),
        Settings::Whmcs(whmcs) => Ok(Driver::Folder(Folder::new(&asset.name, &whmcs.folder)?)),
        Settings::NotBuilt(class) => {
            Err(AssetError { asset: asset.name.clone(), kind: AssetErrorKind::NotBuilt(*class) })
        }
    }
}

impl Driver {
    /// Looks whether the asset is there and is what the estate says.
    ///
    /// # Errors
    /// What is the matter with it.
    pub fn validate(&self) -> Result<(), AssetError> {
        match self {
            Driver::Folder(folder) => folder.validate(),
        }
    }

    /// Its files, for the repository engine.
    ///
    /// # Errors
    /// What is the matter with it.
    pub fn source(&self) -> Result<Box<dyn Source>, AssetError> {
        match self {
            Driver::Folder(folder) => Ok(Box::new(folder.source()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_model::read_estate;

    use super::*;

    #[test]
    fn a_class_that_is_not_built_is_an_error_that_says_so() {
        let text = "[sites.a]\n[hosts.h]\nsite = \"a\"\nconnect = \"local\"\n[assets.vm1]\nclass = \"vm\"\nhost = \"h\"\n";
        let estate = read_estate("estate.toml", text).value.unwrap();
        let error = driver(&estate.assets["vm1"]).unwrap_err();
        assert!(matches!(error.kind, AssetErrorKind::NotBuilt(Class::Vm)));
        assert!(error.to_string().contains("unprotected"), "{error}");
    }

    #[test]
    fn a_website_is_validated_and_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.php"), "<?php").unwrap();
        std::fs::write(folder.path().join("error.log"), "x").unwrap();
        let text = format!(
            "[sites.a]\n[hosts.h]\nsite = \"a\"\nconnect = \"local\"\n[assets.shop]\nclass = \"website\"\nhost = \"h\"\n\
             path = \"{}\"\nexclude = [\"*.log\"]\n",
            folder.path().display()
        );
        let estate = read_estate("estate.toml", &text).value.unwrap();
        let driver = driver(&estate.assets["shop"]).unwrap();
        driver.validate().unwrap();
        let listing = driver.source().unwrap().root().unwrap().1.list().unwrap();
        assert_eq!((listing.entries.len(), listing.excluded), (1, 1));
        folder.close().unwrap();
        let error = driver.validate().unwrap_err();
        assert!(matches!(error.kind, AssetErrorKind::Unusable(_)), "{error}");
    }
}
