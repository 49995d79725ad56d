//! Drivers per class of asset: what there is, whether it can be backed up, and how its bytes are read.
//!
//! An asset reaches the repository engine only as a [`holdfast_format::source::Source`]; the two never import each
//! other.

pub mod database;
mod drivers;
pub mod files;
mod folder;
mod joined;
mod proof;
pub mod site;
pub mod stage;
pub mod whmcs;

pub use drivers::{AssetError, AssetErrorKind, folder};
pub use files::{FilesSource, Rules};
pub use folder::Folder;
pub use joined::{Joined, Part};
pub use proof::{Outcome, Proof};
