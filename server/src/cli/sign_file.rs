//! Signing files that are no PDF: CMS with the file inside or beside it, mail, XML. Judged before anybody gets it, as
//! everything this program signs (RULES D32).

use std::sync::Arc;

use anyhow::Context;
use certs::trust::{Purpose, TrustStore};
use signer::make::{self, CmsSigning, MailDraft, MailForm, prepare_cms};
use signer::tst;
use signer::{Code, Evidence, Input, Judged, Limits, Policy};

use super::files;
use super::release::{Summary, add, has_strange_stamp, is_good, nonce, refusal, said, top};
use crate::evidence::{Case, Fetcher};
use crate::keys::OwnKey;

/// In which form a file is signed.
#[derive(Clone, Copy)]
pub(super) enum FileForm {
    /// CMS.
    Cms {
        /// The content stays outside.
        detached: bool,
    },
    /// S/MIME.
    Mail(MailForm),
    /// XAdES (RULES E32–E34).
    Xml,
}

/// One signature to make.
pub(super) struct SignFile<'w> {
    pub(super) form: FileForm,
    pub(super) signer: &'w OwnKey,
    /// Address of a timestamp authority.
    pub(super) tsa: Option<&'w str>,
    pub(super) fetcher: &'w Fetcher,
    pub(super) policy: &'w Policy,
}

/// A signed file that may leave.
pub(super) struct SignedFile {
    pub(super) bytes: Vec<u8>,
    judged: Judged,
    is_strange: bool,
}

impl SignFile<'_> {
    pub(super) async fn run(&self, bytes: Arc<[u8]>) -> anyhow::Result<SignedFile> {
        let limits = Limits::default();
        let scheme = self.signer.key.usual_scheme();
        let mut signing = CmsSigning::new(self.signer.chain.clone(), scheme, files::now());
        let (signed, token, content) = match self.form {
            FileForm::Cms { detached } => {
                signing.detached = detached;
                let prepared = prepare_cms(&bytes, &signing, &limits).map_err(said)?;
                let stamped = prepared.sign(&*self.signer.key, scheme).map_err(said)?;
                let token = self.stamp(|| stamped.timestamp_request(nonce())).await?;
                let content = detached.then(|| bytes.clone());
                (stamped.finish(token.as_deref()).map_err(said)?, token, content)
            }
            FileForm::Mail(form) => {
                let draft = MailDraft::new(&bytes, form, &limits).map_err(said)?;
                let prepared = draft.prepare(&signing).map_err(said)?;
                let stamped = prepared.sign(&*self.signer.key, scheme).map_err(said)?;
                let token = self.stamp(|| stamped.timestamp_request(nonce())).await?;
                (stamped.finish(token.as_deref()).map_err(said)?, token, None)
            }
            FileForm::Xml => {
                let signing = make::xml::Signing::new(self.signer.chain.clone(), scheme, files::now());
                let prepared = make::xml::prepare(&bytes, &signing, &limits).map_err(said)?;
                let stamped = prepared.sign(&*self.signer.key).map_err(said)?;
                let token = self.stamp(|| stamped.timestamp_request(nonce())).await?;
                (stamped.finish(token.as_deref()).map_err(said)?, token, None)
            }
        };
        self.release(Input::from(signed).with_content(content), token.as_deref()).await
    }

    async fn stamp(&self, request: impl FnOnce() -> tst::Request) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(url) = self.tsa else { return Ok(None) };
        let token = self.fetcher.timestamp(url, &request()).await;
        token.map(Some).with_context(|| format!("timestamp from {url}"))
    }

    /// Good, or good but for revocation evidence nobody could get; and where the installation does not know the
    /// signer's hierarchy, good to somebody who does.
    async fn release(&self, input: Input, token: Option<&[u8]>) -> anyhow::Result<SignedFile> {
        let mut judged = self.judge(&input, self.policy.clone()).await;
        let is_strange = !is_good(&judged) || has_strange_stamp(&judged);
        if is_strange {
            let mut policy = self.policy.clone();
            self.trust_own(&mut policy.trust, token)?;
            judged = self.judge(&input, policy).await;
        }
        // Doubts about the whole, such as a sender who is not the signer, are not for the receiver to find out.
        if let Some(doubt) = judged.report().reasons.first() {
            return Err(said(doubt.clone()).context(said(Code::MakeCheck.into())));
        }
        if !is_good(&judged) {
            return Err(refusal(&judged));
        }
        Ok(SignedFile { bytes: input.bytes.to_vec(), judged, is_strange })
    }

    async fn judge(&self, input: &Input, policy: Policy) -> Judged {
        let case = Case { input: input.clone(), policy: Arc::new(policy), now: files::now() };
        self.fetcher.judge(&case, Evidence::default()).await
    }

    fn trust_own(&self, trust: &mut TrustStore, token: Option<&[u8]>) -> anyhow::Result<()> {
        if let Some(top) = top(&self.signer.chain) {
            add(trust, top, Purpose::Document)?;
            add(trust, top, Purpose::Smime)?;
        }
        let token = token.and_then(|token| tst::Token::read(token, &Limits::default()).ok());
        if let Some(top) = token.as_ref().and_then(|token| top(token.certificates())) {
            add(trust, top, Purpose::Timestamp)?;
        }
        Ok(())
    }
}

impl SignedFile {
    /// What was made, and what it lacks.
    pub(super) fn summary(&self) -> Summary {
        let made = self.judged.report().signatures.first();
        let profile = made.and_then(|made| made.profile).unwrap_or_default().to_owned();
        Summary::of(&self.judged, made, profile, self.is_strange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Settings;
    use crate::windows::SystemClock;
    use certs::Serial;
    use certs::issue::{self, Authority, Subject, Validity};
    use certs::keys::{Key, Size};
    use std::time::Duration;

    fn signer() -> OwnKey {
        let now = files::now().secs();
        let validity = Validity { from: now - 1000, until: now + 1000 };
        let name = |text: &str| Subject::vietnamese("THỬ NGHIỆM", text).name().unwrap();
        let key = Key::generate(Size::P256).unwrap();
        let root = issue::root(&name("Gốc"), key.public(), Serial::from_u64(1), validity);
        let root = Authority::new(root.self_signed(&key).unwrap(), key).unwrap();
        let key = Key::generate(Size::P256).unwrap();
        let leader = issue::leader(&name("A"), key.public(), Serial::from_u64(2), validity, "a@x.gov.vn");
        OwnKey {
            chain: vec![leader.signed_by(&root).unwrap(), root.certificate().clone()],
            key: Arc::new(key),
        }
    }

    async fn signed(form: FileForm, bytes: &[u8]) -> anyhow::Result<SignedFile> {
        crate::tls::install_provider();
        let settings = Settings {
            from: Vec::new(),
            patience: Duration::from_secs(1),
            imports: None,
            anchors: Vec::new(),
            is_online: false,
        };
        let fetcher = Fetcher::new(settings, Arc::new(SystemClock)).unwrap();
        let (signer, policy) = (signer(), Policy::default());
        let work = SignFile { form, signer: &signer, tsa: None, fetcher: &fetcher, policy: &policy };
        work.run(bytes.into()).await
    }

    #[tokio::test]
    async fn d32_what_is_no_pdf_leaves_judged_too() {
        let mail: &[u8] = b"From: a@x.gov.vn\r\nSubject: s\r\n\r\ntext\r\n";
        for (form, bytes) in [
            (FileForm::Cms { detached: true }, b"text".as_slice()),
            (FileForm::Cms { detached: false }, b"text"),
            (FileForm::Mail(MailForm::Clear), mail),
            (FileForm::Mail(MailForm::Opaque), mail),
            (FileForm::Xml, b"<a>text</a>"),
        ] {
            let released = signed(form, bytes).await.unwrap();
            assert!(released.is_strange && !released.bytes.is_empty());
        }
    }

    #[tokio::test]
    async fn m34_nobody_signs_mail_in_anothers_name() {
        let mail: &[u8] = b"From: b@x.gov.vn\r\nSubject: s\r\n\r\ntext\r\n";
        let told = signed(FileForm::Mail(MailForm::Clear), mail).await.err().unwrap();
        assert!(format!("{told:#}").contains("from-not-signer"), "{told:#}");
    }
}
