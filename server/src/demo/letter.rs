//! A letter from one person of the demonstration to anybody, handed in as a mail program would: TLS, sign-in, submission.

use std::fs;

use anyhow::Context;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::Demo;
use crate::config::Config;

/// Sends a letter through the submission door; answers what the server said to it.
pub(crate) async fn send_letter(
    config: &Config,
    demo: &Demo,
    from: &str,
    to: &str,
    subject: &str,
    text: &str,
) -> anyhow::Result<String> {
    let person = demo.accounts.iter().find(|account| account.address == from);
    let person = person
        .with_context(|| format!("{from}: nobody of the demonstration / không có trong bản trình diễn"))?;
    let message = Message::builder()
        .from(format!("{} <{}>", person.name, person.address).parse().context("the sender's address")?)
        .to(to.parse().with_context(|| format!("{to}: not an address / địa chỉ không hợp lệ"))?)
        .subject(subject)
        .header(ContentType::TEXT_PLAIN)
        .body(text.to_owned())?;
    let root =
        fs::read(config.house.data.join("pki/root.pem")).context("cannot read the demonstration's root")?;
    let tls = TlsParameters::builder("localhost".to_owned())
        .add_root_certificate(Certificate::from_pem(&root)?)
        .build()?;
    let door = config.listen.submissions.first().context("listen.submissions is closed")?;
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("localhost")
        .port(door.port())
        .tls(Tls::Wrapper(tls))
        .credentials(Credentials::new(person.address.clone(), person.password.clone()))
        .build();
    let answer = transport.send(message).await.context(
        "the server did not take the letter: is `congvan serve --demo` running? / máy chủ chưa chạy?",
    )?;
    Ok(answer.message().collect::<Vec<_>>().join(" "))
}
