//! A folder, with everything in it: a website, or the files of WHMCS.

use holdfast_format::source::Source;
use holdfast_model::AssetName;
use holdfast_model::estate::FolderSettings;

use crate::drivers::{AssetError, AssetErrorKind};
use crate::files::{FilesSource, Rules};

/// The driver of one folder.
#[derive(Debug)]
pub struct Folder {
    name: AssetName,
    settings: FolderSettings,
    rules: Rules,
}

impl Folder {
    /// Compiles the rules; nothing is read yet.
    ///
    /// # Errors
    /// When the patterns together are too large.
    pub fn new(name: &AssetName, settings: &FolderSettings) -> Result<Folder, AssetError> {
        let mut rules = Rules::excluding(&settings.exclude).map_err(|error| AssetError {
            asset: name.clone(),
            kind: AssetErrorKind::Rules(error.to_string()),
        })?;
        rules.exclude_caches = settings.exclude_caches;
        rules.one_file_system = settings.one_file_system;
        rules.file_size_bytes_max = settings.file_size_bytes_max;
        Ok(Folder { name: name.clone(), settings: settings.clone(), rules })
    }

    /// Looks whether the folder is there, is a folder, and can be listed.
    ///
    /// # Errors
    /// What is the matter with it.
    pub fn validate(&self) -> Result<(), AssetError> {
        let (_, root) = self.source()?.root().map_err(|error| self.unusable(error))?;
        root.list().map_err(|error| self.unusable(error))?;
        Ok(())
    }

    /// The folder, for the repository engine.
    ///
    /// # Errors
    /// When the path cannot be one.
    pub fn source(&self) -> Result<FilesSource, AssetError> {
        FilesSource::new(&self.settings.path, self.rules.clone()).map_err(|error| self.unusable(error))
    }

    fn unusable(&self, error: holdfast_format::source::SourceError) -> AssetError {
        AssetError { asset: self.name.clone(), kind: AssetErrorKind::Unusable(error) }
    }
}
