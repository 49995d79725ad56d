//! Keeping credentials out of errors. Libraries and servers quote what they were sent (S3 answers a wrong signature
//! with the key's id), so every cause passes through here before it becomes text.

use secrecy::{ExposeSecret, SecretString};

/// The secrets of one place.
#[derive(Default)]
pub(crate) struct Secrets(Vec<SecretString>);

impl Secrets {
    /// Collects what is there.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = Option<&'a SecretString>>) -> Secrets {
        Secrets(secrets.into_iter().flatten().cloned().collect())
    }

    /// `text` without any of the secrets.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.0.iter().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty()).fold(
            text.to_owned(),
            |text, secret| {
                if text.contains(secret) { text.replace(secret, "[hidden]") } else { text }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn what_a_server_echoes_is_hidden() {
        let secret = secrecy::SecretString::from("AKID1234");
        let secrets = Secrets::new([Some(&secret), None]);
        assert_eq!(secrets.hide("<Key>AKID1234</Key>"), "<Key>[hidden]</Key>");
    }
}
