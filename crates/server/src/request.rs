//! Requests to webhooks, signed as Standard Webhooks are: whoever gets one can tell that it is from here, that nobody changed
//! it, and, by its name, that he had it before.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use holdfast_ops::alerts::carrier::{Carried, Failure, Post};
use holdfast_world::ExposeSecret;
use sha2::Sha256;

use crate::courier::{PATIENCE, causes};

pub(crate) async fn send(post: &Post) -> Result<Carried, Failure> {
    let unready = |reason: String| Failure { reason, ..Failure::default() };
    let client = client(post).map_err(unready)?;
    let at = post.date.as_second().to_string();
    let mut request = client
        .post(post.url.expose_secret())
        .header("content-type", "application/json")
        .header("webhook-id", &post.id)
        .header("webhook-timestamp", &at);
    if let Some(secret) = &post.secret {
        let signature = sign(secret.expose_secret(), &post.id, &at, &post.body).map_err(unready)?;
        request = request.header("webhook-signature", signature);
    }
    let answer = request.body(post.body.clone()).send().await;
    // The address may be a secret.
    let answer = answer.map_err(|error| unready(causes(&error.without_url())))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(Carried { payload: post.body.clone(), answer: format!("HTTP {status}") });
    }
    // These are about what was sent; all others are about us or about the other side.
    let is_refusal = matches!(status.as_u16(), 400 | 409 | 413 | 415 | 422);
    Err(Failure { reason: format!("HTTP {status}"), is_refusal, ..Failure::default() })
}

fn client(post: &Post) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE)
        // A redirect would carry what we say to somebody who was not named.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = &post.authority {
        let authorities = reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|error| format!("ca_file: {}", causes(&error)))?;
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().map_err(|error| causes(&error))
}

/// `v1,` and the HMAC-SHA256 over name, time and body.
fn sign(secret: &str, id: &str, at: &str, body: &[u8]) -> Result<String, String> {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => {
            STANDARD.decode(encoded).map_err(|_| "the secret after whsec_ is not base64".to_owned())?
        }
        None => secret.as_bytes().to_vec(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standards_own_example() {
        // From the specification's reference implementations.
        let (secret, id, at) =
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
        let signed = sign(secret, id, at, b"{\"test\": 2432232314}").unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(sign("whsec_?", id, at, b"").is_err());
        assert_ne!(sign("other", id, at, b"x").unwrap(), sign("other", id, at, b"y").unwrap());
    }
}
