//! Names of things. They become folder names at every location, tags in snapshots and words on a command line, so
//! one narrow alphabet keeps all of those safe: 1 to 64 of `A-Z a-z 0-9 . _ -`, not starting with a dot or a dash.

use std::borrow::Borrow;
use std::fmt;

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// The text.
    pub text: String,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no name: 1 to 64 of A-Z a-z 0-9 . _ - are allowed, not starting with a dot or a dash",
            self.text
        )
    }
}

impl std::error::Error for NameError {}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks a text.
            ///
            /// # Errors
            /// When it is no name, see [`NameError`].
            pub fn parse(text: &str) -> Result<$name, NameError> {
                if is_name(text) { Ok($name(text.to_owned())) } else { Err(NameError { text: text.to_owned() }) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    )*};
}

names! {
    /// One protected thing.
    AssetName;
    /// Whom assets belong to.
    ClientId;
    /// A machine in production.
    HostName;
    /// A place for copies.
    LocationName;
    /// A physical place.
    SiteName;
    /// A restic repository, mirrored over locations.
    RepositoryName;
    /// A way by which people are told.
    ChannelName;
    /// A root whose folders are assets by themselves.
    DiscoveryName;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_folders_and_as_arguments() {
        let longest = "x".repeat(64);
        for good in ["a", "shop.example", "C-1042", "_x", longest.as_str()] {
            assert_eq!(AssetName::parse(good).unwrap().as_str(), good);
        }
        let too_long = "x".repeat(65);
        for bad in ["", ".", "..", ".git", "-rf", "a/b", "a b", "münchen.example", "a\n", too_long.as_str()]
        {
            assert!(AssetName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
