//! What somebody brings who has a kit: the secret or shares of it, typed, scanned or as the kit's files, and the credentials of
//! the locations that stand in it. Never as an argument: those are seen by everybody on the machine.

use holdfast_world::{ExposeSecret, SecretString};

use super::ring::Contents;
use super::root::{Root, SECRET};
use super::shares::{SHARE, Share, join};
use crate::error::{Error, Result};

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";

/// The texts of a kit.
#[derive(Debug)]
pub struct Material {
    texts: Vec<SecretString>,
}

impl Material {
    /// What was read.
    pub fn new(texts: Vec<SecretString>) -> Material {
        Material { texts }
    }

    /// The root.
    pub(super) fn root(&self) -> Result<Root> {
        let mut shares = Vec::new();
        for text in &self.texts {
            for word in words(text.expose_secret()) {
                if word.starts_with(SECRET) {
                    return Root::parse(word).ok_or_else(|| {
                        Error::usage("the secret is mistyped or incomplete")
                            .hint("compare the line that begins with AGE-SECRET-KEY-1, letter by letter")
                    });
                }
                if word.starts_with(SHARE) && word.len() > SHARE.len() {
                    shares.push(Share::parse(word)?);
                }
            }
        }
        if shares.is_empty() {
            return Err(Error::usage("neither a secret nor a share of one was given")
                .hint("it begins with AGE-SECRET-KEY-1, a share with holdfast-share-; --kit FILE reads the kit's files"));
        }
        join(&shares)
    }

    /// The credentials of the locations as of when the kit was made, where they were given.
    pub(super) fn access(&self, root: &Root) -> Option<Contents> {
        self.texts.iter().find_map(|text| {
            let text = text.expose_secret();
            let begin = text.find(BEGIN)?;
            let end = begin + text[begin..].find(END)? + END.len();
            Contents::from_tar(root.open(&text.as_bytes()[begin..end])?.expose_secret()).ok()
        })
    }
}

/// What may be a secret, in text or HTML.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_found_wherever_it_stands() {
        let root = Root::generate();
        let secret = root.secret();
        let secret = secret.expose_secret();
        for text in [
            format!("{secret}\n"),
            format!("a sheet\n    printf '%s\\n' '{secret}' > root.key\n"),
            format!("<b>{secret}</b>"),
        ] {
            let found = Material::new(vec![SecretString::from(text)]).root().unwrap();
            assert_eq!(found.recipient().kit(), root.recipient().kit());
        }
        let cut = SecretString::from(secret[..40].to_owned());
        assert!(Material::new(vec![cut]).root().unwrap_err().message.contains("incomplete"));
        assert!(Material::new(Vec::new()).root().unwrap_err().message.contains("neither"));
    }
}
