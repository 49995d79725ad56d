//! Mail by SMTP. Encrypted, or not at all: a server that does not offer STARTTLS, or somebody in between who cuts the offer
//! out, gets neither the password nor the message.

use std::collections::BTreeSet;
use std::time::SystemTime;

use holdfast_ops::alerts::carrier::{Carried, Failure, Mail};
use holdfast_world::ExposeSecret;
use lettre::Message;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, commands};

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
    let message =
        compose(mail).map_err(|reason| Failure { reason, is_refusal: true, ..Failure::default() })?;
    let payload = message.formatted();
    // Whatever the server says before it knows whom a message is to is about all of them.
    let mut connection = connect(mail).map_err(|reason| Failure { reason, ..Failure::default() })?;
    let answer = hand_over(&mut connection, mail, &message, &payload);
    // It was taken, or it was not; how the server takes its leave changes nothing about that.
    let _ = connection.quit();
    answer.map(|answer| Carried { payload, answer })
}

/// Hands it over for those whom the server knows and who do not have it yet. One address that is none any more, or for which
/// the server wants to be asked again later, keeps it from nobody else.
fn hand_over(
    connection: &mut SmtpConnection,
    mail: &Mail,
    message: &Message,
    payload: &[u8],
) -> Result<String, Failure> {
    let envelope = message.envelope();
    let channel = |error: Error| Failure { reason: causes(&error), ..Failure::default() };
    let this_one = |error: Error| Failure {
        is_refusal: is_permanent(&error),
        reason: causes(&error),
        ..Failure::default()
    };
    connection.command(commands::Mail::new(envelope.from().cloned(), Vec::new())).map_err(channel)?;
    let (mut taken, mut refused, mut later) = (BTreeSet::new(), Vec::new(), Vec::new());
    let mut put_off = None;
    for to in envelope.to().iter().filter(|to| !mail.taken_by.contains(&to.to_string())) {
        match connection.command(commands::Rcpt::new(to.clone(), Vec::new())) {
            Ok(_) => {
                taken.insert(to.to_string());
            }
            Err(error) if is_permanent(&error) => refused.push(format!("not for {to}: {}", causes(&error))),
            Err(error) if error.status().is_some() => {
                later.push(format!("not yet for {to}: {}", causes(&error)));
                put_off = Some(error);
            }
            Err(error) => return Err(channel(error)),
        }
    }
    // Whoever puts all of them off puts us off.
    if let Some(error) = put_off.filter(|_| taken.is_empty() && mail.taken_by.is_empty()) {
        return Err(channel(error));
    }
    if taken.is_empty() && !later.is_empty() {
        return Err(Failure { reason: later.join("; "), is_refusal: true, ..Failure::default() });
    }
    let refused = refused.join("; ");
    if taken.is_empty() && !mail.taken_by.is_empty() {
        return Ok(format!("the others have it; {refused}"));
    }
    if taken.is_empty() {
        return Err(Failure { reason: refused, is_refusal: true, ..Failure::default() });
    }
    connection.command(commands::Data).map_err(this_one)?;
    let response = connection.message(payload).map_err(this_one)?;
    let said = response.message().collect::<Vec<_>>().join(" ");
    if !later.is_empty() {
        return Err(Failure { reason: later.join("; "), is_refusal: true, taken_by: taken });
    }
    let but = if refused.is_empty() { String::new() } else { format!("; {refused}") };
    Ok(format!("{} {said}{but}", response.code()))
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

fn connect(mail: &Mail) -> Result<SmtpConnection, String> {
    let wrong = |error: Error| causes(&error);
    let host = &mail.server.host;
    let mut tls = TlsParameters::builder(host.clone());
    if let Some(pem) = &mail.authority {
        let authority = Certificate::from_pem(pem).map_err(|error| format!("ca_file: {}", causes(&error)))?;
        tls = tls.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    let tls = tls.build_rustls().map_err(wrong)?;
    let hello = ClientId::Domain(mail.host.clone());
    let from_the_first = mail.server.is_implicit_tls.then_some(&tls);
    let address = (host.as_str(), mail.server.port);
    let mut connection =
        SmtpConnection::connect(address, Some(PATIENCE), &hello, from_the_first, None).map_err(wrong)?;
    if from_the_first.is_none() {
        // Fails where it is not offered.
        connection.starttls(&tls, &hello).map_err(wrong)?;
    }
    if let Some((user, password)) = &mail.login {
        let (user, password) = (user.expose_secret().to_owned(), password.expose_secret().to_owned());
        let credentials = Credentials::new(user, password);
        connection.auth(DEFAULT_MECHANISMS, &credentials).map_err(wrong)?;
    }
    Ok(connection)
}

/// Whether it would be answered the same the next time. Answers about who we are (530 to 538) are about all messages.
fn is_permanent(error: &Error) -> bool {
    let code = error.status().map(u16::from);
    code.is_some_and(|code| (500..600).contains(&code) && !(530..540).contains(&code))
}
