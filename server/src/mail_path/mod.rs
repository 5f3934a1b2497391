//! The mail path: what every message goes through between its last byte and the commit, whichever door it came by.
//!
//! ```text
//!   SMTP, LMTP, submission ─► smtp::serve::Desk::accept ─┐
//!   JMAP                   ─► jmap EmailSubmission/set  ─┴─► MailPath::examine ─► stage, stage, stage … ─► Findings or Refused
//! ```
//!
//! A stage is one idea in one file. It looks at the letter and at what the stages before it found, adds its own findings, or refuses. Their
//! order is [`MailPath::new`]; a new stage is a file and a line there. A stage keeps nothing itself: what it wants kept, it puts into the
//! findings, and the door keeps it in the one transaction that takes the message in.

mod archive;
mod attachments;
mod authentication;
pub(crate) mod documents;
mod limits;
mod malware;
mod policy;
mod refusal;
mod scanner;
mod secrecy;
pub(crate) mod signing;
mod spam;
mod work;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use mail::letter::Examination;
use mail::{Examine, Findings, Letter, Refused};

use crate::house::House;

/// What a stage comes to, some time later.
pub(crate) type Looked<'a> = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + 'a>>;

/// One thing that is looked at.
pub(crate) trait Stage: Send + Sync {
    /// Looks at the letter: adds to the findings, or refuses the message. Every wait inside has a deadline of its own.
    fn look<'a>(&'a self, letter: &'a Letter<'a>, findings: &'a mut Findings) -> Looked<'a>;
}

/// All stages, in their order.
pub(crate) struct MailPath {
    stages: Vec<Box<dyn Stage>>,
}

impl MailPath {
    /// The path of this house: what is cheap and final before what asks others; the signature last, over what leaves.
    ///
    /// # Errors
    /// DNS cannot be asked.
    pub(crate) fn new(house: &Arc<House>) -> anyhow::Result<Arc<Self>> {
        let scan = &house.config.scan;
        let mut stages: Vec<Box<dyn Stage>> = vec![
            Box::new(limits::Limits::new(house.clone())),
            Box::new(secrecy::Secrecy { house: house.clone() }),
            Box::new(attachments::Attachments::new(scan)?),
            Box::new(authentication::Authenticity::new(house)?),
            // Before the scanners, which may put such fields themselves.
            Box::new(scanner::Forgeries),
        ];
        if !scan.clamd.is_empty() {
            stages.push(Box::new(malware::Malware::new(scan)?));
        }
        if !scan.rspamd.is_empty() {
            stages.push(Box::new(spam::Spam::new(scan)?));
        }
        stages.push(Box::new(documents::Documents::new(house.clone())));
        // After the documents: whether one is attached is what a rule may ask.
        stages.push(Box::new(policy::Policy::new(house.clone())));
        stages.push(Box::new(signing::Signing::new(house)));
        Ok(Arc::new(Self { stages }))
    }

    /// What is looked at in a message that a person's own program puts into a mailbox: nothing is sent by it, and state secrets are
    /// refused at this entrance as at every other (RULES R7).
    pub(crate) fn for_appending(house: &Arc<House>) -> Arc<Self> {
        Arc::new(Self { stages: vec![Box::new(secrecy::Secrecy { house: house.clone() })] })
    }
}

/// A parameter of a header field in the letters of any language (RFC 8187 §3.2): `note*=UTF-8''%C4%91…`.
fn parameter(name: &str, value: &str) -> String {
    let mut written = format!("{name}*=UTF-8''");
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                written.push(char::from(byte))
            }
            _ => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}

impl Examine for MailPath {
    fn examine<'a>(&'a self, letter: &'a Letter<'a>) -> Examination<'a> {
        Box::pin(async move {
            let mut findings = Findings::default();
            for stage in &self.stages {
                stage.look(letter, &mut findings).await?;
            }
            Ok(findings)
        })
    }
}
