//! Mail by SMTP. Encrypted, or not at all: a server that does not offer STARTTLS, or somebody in between who cuts the offer
//! out, gets neither the password nor the message.

use std::time::SystemTime;

use holdfast_ops::alerts::carrier::{Carried, Failure, Mail};
use holdfast_world::ExposeSecret;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Message, SmtpTransport, Transport};

use crate::courier::{PATIENCE, causes};

/// Tells programs that answer by themselves not to (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<AutoSubmitted, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(AutoSubmitted::name(), "auto-generated".to_owned())
    }
}

pub(crate) fn send(mail: &Mail) -> Result<Carried, Failure> {
    let message = compose(mail).map_err(|reason| Failure { reason, is_refusal: true })?;
    let transport = transport(mail).map_err(|reason| Failure { reason, is_refusal: false })?;
    match transport.send(&message) {
        Ok(response) => {
            let said = response.message().collect::<Vec<_>>().join(" ");
            Ok(Carried { payload: message.formatted(), answer: format!("{} {said}", response.code()) })
        }
        Err(error) => Err(Failure { is_refusal: is_refusal(&error), reason: causes(&error) }),
    }
}

fn compose(mail: &Mail) -> Result<Message, String> {
    let mailbox = |address: &str| {
        address.parse().map_err(|error| format!("{address:?} is no address of mail: {error}"))
    };
    let mut builder = Message::builder()
        .from(mailbox(&mail.from)?)
        .subject(mail.subject.clone())
        .message_id(Some(mail.message_id.clone()))
        .date(SystemTime::from(mail.date))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN);
    for to in &mail.to {
        builder = builder.to(mailbox(to)?);
    }
    builder.body(mail.text.clone()).map_err(|error| format!("the mail cannot be written: {}", causes(&error)))
}

fn transport(mail: &Mail) -> Result<SmtpTransport, String> {
    let wrong = |error: lettre::transport::smtp::Error| causes(&error);
    let host = &mail.server.host;
    let mut tls = TlsParameters::builder(host.clone());
    if let Some(pem) = &mail.authority {
        let authority = Certificate::from_pem(pem).map_err(|error| format!("ca_file: {}", causes(&error)))?;
        tls = tls.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    let tls = tls.build_rustls().map_err(wrong)?;
    let tls = if mail.server.is_implicit_tls { Tls::Wrapper(tls) } else { Tls::Required(tls) };
    // "Dangerous" only without the line below: encryption is demanded.
    let mut builder = SmtpTransport::builder_dangerous(host)
        .port(mail.server.port)
        .tls(tls)
        .timeout(Some(PATIENCE))
        .hello_name(ClientId::Domain(mail.host.clone()));
    if let Some((user, password)) = &mail.login {
        let (user, password) = (user.expose_secret().to_owned(), password.expose_secret().to_owned());
        builder = builder.credentials(Credentials::new(user, password));
    }
    Ok(builder.build())
}

/// Whether the server would take another message. Answers about who we are (530 to 538) are about all of them.
fn is_refusal(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(u16::from);
    code.is_some_and(|code| (500..600).contains(&code) && !(530..540).contains(&code))
}
