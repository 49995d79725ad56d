//! A folder, with everything in it, and what belongs to it elsewhere: a website, or the files of WHMCS.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use holdfast_format::source::{Source, SourceError};
use holdfast_model::AssetName;
use holdfast_model::estate::FolderSettings;

use crate::drivers::{AssetError, AssetErrorKind};
use crate::files::{self, FilesSource, Rules};
use crate::joined::Part;

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

    /// The folder, and then what belongs to it and lies elsewhere, of which nothing is left out but caches and other file systems.
    ///
    /// # Errors
    /// When a path cannot be one.
    pub fn parts(&self) -> Result<Vec<Part>, AssetError> {
        let mut parts = vec![Part::Tree(Box::new(self.source()?))];
        for (path, _) in &self.settings.also {
            parts.push(self.beside(path)?);
        }
        Ok(parts)
    }

    /// A folder that was found to belong to it though nobody named it, and that lies where it was found and nowhere else.
    ///
    /// # Errors
    /// When the path cannot be one.
    pub fn found(&self, path: &Path) -> Result<Part, AssetError> {
        let source = FilesSource::new(path, self.rules_beside()).map_err(|error| self.unusable(error))?;
        Ok(Part::Tree(Box::new(source.without_symlinks())))
    }

    fn rules_beside(&self) -> Rules {
        let mut rules = Rules::none();
        rules.exclude_caches = self.rules.exclude_caches;
        rules.one_file_system = self.rules.one_file_system;
        rules
    }

    /// One that is not there is taken for a folder, and told when it is opened.
    fn beside(&self, path: &Path) -> Result<Part, AssetError> {
        let rules = self.rules_beside();
        let of = |path| FilesSource::new(path, rules.clone()).map_err(|error| self.unusable(error));
        match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) if files::is_no_folder(path) => {
                Ok(Part::File { folder: Box::new(of(folder)?), name: name.as_bytes().to_vec() })
            }
            _ => Ok(Part::Tree(Box::new(of(path)?))),
        }
    }

    fn source(&self) -> Result<FilesSource, AssetError> {
        FilesSource::new(&self.settings.path, self.rules.clone()).map_err(|error| self.unusable(error))
    }

    fn unusable(&self, error: SourceError) -> AssetError {
        AssetError { asset: self.name.clone(), kind: AssetErrorKind::Unusable(error) }
    }
}
