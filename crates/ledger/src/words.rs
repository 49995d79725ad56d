//! Enumerations as words: in tables, in leaves and in JSON the same ones, so that a row can be read without this program.

/// Declares an enumeration whose members are written as words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$member_doc])* #[serde(rename = $word)] $member,)*
        }

        impl $name {
            /// All that there are.
            pub const ALL: &'static [$name] = &[$($name::$member,)*];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$member => $word,)* }
            }

            /// Reads the word back; a word that this version does not know is damage.
            pub(crate) fn read(word: &str) -> $crate::error::Result<$name> {
                match word {
                    $($word => Ok($name::$member),)*
                    _ => Err($crate::error::Error::damaged(format!(
                        concat!("{:?} is no ", stringify!($name)),
                        word
                    ))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;
