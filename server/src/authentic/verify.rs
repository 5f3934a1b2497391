//! Asking and judging. The mathematics and grammars are `mail-auth`'s; what is stricter here says so.

use std::net::IpAddr;

use anyhow::Context;
use mail::authentication::{Authentication, DmarcPolicy, SignatureVerdict, Verdict};
use mail_auth::common::crypto::Algorithm;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, Error, MessageAuthenticator,
    SpfOutput, SpfResult,
};

use crate::config::Config;

/// DKIM signatures judged in one message; each costs a question to DNS and a verification.
const SIGNATURES_MAX: usize = 10;

/// Who asks DNS about senders.
#[derive(Clone)]
pub(crate) struct Verifier {
    dns: MessageAuthenticator,
    /// Our name, for SPF's macro `r` (RFC 7208 §7.3).
    host: String,
}

/// The path that a message came by.
pub(crate) struct Path<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) helo: &'a str,
    /// MAIL FROM; empty is the null path.
    pub(crate) from: &'a str,
}

impl Verifier {
    /// Asks the servers of the configuration.
    ///
    /// # Errors
    /// As [`crate::dns::settings`].
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        let (servers, options) = crate::dns::settings(config)?;
        let dns = MessageAuthenticator::new(servers, options).context("DNS cannot be asked")?;
        Ok(Self { dns, host: config.house.hostname.clone() })
    }

    /// SPF of the name in HELO (RFC 7208 §2.3).
    pub(crate) async fn helo(&self, path: &Path<'_>) -> SpfOutput {
        self.spf(path.helo, SpfParameters::verify_ehlo(path.ip, path.helo, &self.host)).await
    }

    /// SPF of MAIL FROM (RFC 7208 §2.4); with the null path that of HELO.
    pub(crate) async fn mail_from(&self, path: &Path<'_>) -> SpfOutput {
        match path.from.rsplit_once('@') {
            None => self.helo(path).await,
            Some((_, domain)) => {
                let question = SpfParameters::verify_mail_from(path.ip, path.helo, &self.host, path.from);
                self.spf(domain, question).await
            }
        }
    }

    /// The library takes the first record that it can read; two of them are an error (RFC 7208 §4.5).
    async fn spf(&self, domain: &str, question: SpfParameters<'_>) -> SpfOutput {
        match self.spf_records(domain).await {
            Some(count) if count > 1 => SpfOutput::new(domain.to_owned()).with_result(SpfResult::PermError),
            // A record of nothing else: no SPF here, whatever the other texts say.
            Some(0) => SpfOutput::new(domain.to_owned()).with_result(SpfResult::None),
            _ => self.dns.verify_spf(question).await,
        }
    }

    /// How many SPF records a domain has; `None` when that cannot be found out.
    async fn spf_records(&self, domain: &str) -> Option<usize> {
        let texts = self.texts(domain).await?;
        let is_spf = |text: &Vec<u8>| {
            let version = text.split(|byte| *byte == b' ').next().unwrap_or_default();
            version.eq_ignore_ascii_case(b"v=spf1")
        };
        Some(texts.iter().filter(|text| is_spf(text)).count())
    }

    /// The TXT records of a name, each joined; `None` when there is no answer or none to be had.
    pub(crate) async fn texts(&self, name: &str) -> Option<Vec<Vec<u8>>> {
        use hickory_resolver::proto::rr::RData;
        let name = format!("{}.", name.trim_end_matches('.'));
        let found = self.dns.resolver().txt_lookup(name).await.ok()?;
        let texts = found.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        });
        Some(texts.collect())
    }

    /// DKIM: each signature, the first [`SIGNATURES_MAX`] of them.
    pub(crate) async fn dkim(&self, message: &[u8]) -> Vec<SignatureVerdict> {
        match read(message) {
            Some(message) => judged(&self.dns.verify_dkim(&message).await),
            None => Vec::new(),
        }
    }

    /// The chain of ARC seals (RFC 8617 §5.2): none, pass or fail.
    pub(crate) async fn arc(&self, message: &[u8]) -> Verdict {
        match read(message) {
            Some(message) => self.arc_of(&message).await.0,
            None => Verdict::None,
        }
    }

    /// The verdict, and who put the last seal.
    async fn arc_of(&self, message: &AuthenticatedMessage<'_>) -> (Verdict, Option<String>) {
        let parts = [message.as_headers.len(), message.ams_headers.len(), message.aar_headers.len()];
        if parts.iter().all(|count| *count == 0) && !message.has_arc_errors {
            return (Verdict::None, None);
        }
        // Every set has its three fields; the library looks at the signatures' count alone (RFC 8617 §5.2 step 3).
        if parts.iter().any(|count| *count != parts[0]) {
            return (Verdict::Fail, None);
        }
        let sealer = message.as_headers.last().map(|seal| seal.header.d.clone());
        match self.dns.verify_arc(message).await.result() {
            DkimResult::Pass => (Verdict::Pass, sealer),
            _ => (Verdict::Fail, None),
        }
    }

    /// DMARC for a domain of From, from what is already known.
    pub(crate) async fn dmarc(
        &self,
        from: &str,
        spf: &SpfOutput,
        dkim: &[(Verdict, String)],
    ) -> (Verdict, Option<DmarcPolicy>) {
        let signature = |(verdict, domain): &(Verdict, String)| {
            let signature =
                mail_auth::dkim::Signature { d: domain.to_ascii_lowercase(), ..Default::default() };
            (*verdict, signature)
        };
        let signatures: Vec<_> = dkim.iter().map(signature).collect();
        let outputs: Vec<DkimOutput<'_>> = signatures
            .iter()
            .map(|(verdict, signature)| {
                let output = match verdict {
                    Verdict::Pass => DkimOutput::pass(),
                    Verdict::TempError => {
                        DkimOutput::temp_err(Error::Dns(mail_auth::DnsError::Resolver(String::new())))
                    }
                    _ => DkimOutput::fail(Error::NotAligned),
                };
                output.with_signature(signature)
            })
            .collect();
        let message = AuthenticatedMessage { from: vec![format!("x@{from}")], ..Default::default() };
        let output = self.dmarc_of(&message, spf, &outputs).await;
        let policy = policy_of(&output);
        (dmarc_verdict(&output), output.dmarc_record().map(|_| policy))
    }

    async fn dmarc_of(
        &self,
        message: &AuthenticatedMessage<'_>,
        spf: &SpfOutput,
        dkim: &[DkimOutput<'_>],
    ) -> DmarcOutput {
        let question = DmarcParameters {
            message,
            dkim_output: dkim,
            dkim2_output: None,
            rfc5321_mail_from_domain: spf.domain(),
            spf_output: spf,
        };
        self.dns.verify_dmarc(question).await
    }

    /// Everything about one message. The second is the sealer of a good ARC chain.
    pub(crate) async fn everything(
        &self,
        path: Option<&Path<'_>>,
        message: &[u8],
    ) -> (Authentication, Option<String>) {
        let mut auth = Authentication::default();
        let mut spf = SpfOutput::new(String::new());
        if let Some(path) = path {
            let helo = self.helo(path).await;
            auth.helo = spf_verdict(helo.result());
            spf = if path.from.is_empty() { helo } else { self.mail_from(path).await };
            auth.spf = spf_verdict(spf.result());
            auth.spf_domain = spf.domain().to_owned();
        }
        let Some(message) = read(message) else { return (auth, None) };
        let outputs = self.dns.verify_dkim(&message).await;
        auth.dkim = judged(&outputs);
        // What our rules do not let pass does not help DMARC either.
        let outputs: Vec<_> = outputs.into_iter().filter(|output| !is_too_weak(output)).collect();
        let dmarc = self.dmarc_of(&message, &spf, &outputs).await;
        auth.dmarc = dmarc_verdict(&dmarc);
        auth.dmarc_policy = policy_of(&dmarc);
        let (arc, sealer) = self.arc_of(&message).await;
        auth.arc = arc;
        auth.from_domain = proven(&message, &auth);
        (auth, sealer)
    }
}

/// Reads a message; signatures beyond the bound are not looked at.
fn read(message: &[u8]) -> Option<AuthenticatedMessage<'_>> {
    let mut message = AuthenticatedMessage::parse(message)?;
    message.dkim_headers.truncate(SIGNATURES_MAX);
    message.errors.truncate(SIGNATURES_MAX);
    Some(message)
}

/// RFC 8301 §3.1: SHA-1 never passes. Keys below 1024 bits the library does not verify.
fn is_too_weak(output: &DkimOutput<'_>) -> bool {
    output.signature().is_some_and(|signature| signature.a == Algorithm::RsaSha1)
}

fn judged(outputs: &[DkimOutput<'_>]) -> Vec<SignatureVerdict> {
    let one = |output: &DkimOutput<'_>| SignatureVerdict {
        domain: output.signature().map(|signature| signature.d.clone()).unwrap_or_default(),
        selector: output.signature().map(|signature| signature.s.clone()).unwrap_or_default(),
        verdict: dkim_verdict(output),
    };
    outputs.iter().map(one).collect()
}

/// RFC 8601 §2.7.1: a signature that does not verify is `fail`; what cannot be read is `permerror`, and what does not cover the whole
/// body (`l=`) is against our rules: anything could be appended.
fn dkim_verdict(output: &DkimOutput<'_>) -> Verdict {
    use mail_auth::dkim::DkimError;
    if is_too_weak(output) {
        return Verdict::PermError;
    }
    match output.result() {
        DkimResult::Pass => Verdict::Pass,
        DkimResult::None => Verdict::None,
        DkimResult::TempError(_) => Verdict::TempError,
        DkimResult::Fail(_) => Verdict::Fail,
        DkimResult::Neutral(Error::Dkim(DkimError::SignatureLength)) => Verdict::Policy,
        DkimResult::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch)) => Verdict::Fail,
        DkimResult::Neutral(_) | DkimResult::PermError(_) => Verdict::PermError,
    }
}

pub(super) fn spf_verdict(result: SpfResult) -> Verdict {
    match result {
        SpfResult::Pass => Verdict::Pass,
        SpfResult::Fail => Verdict::Fail,
        SpfResult::SoftFail => Verdict::SoftFail,
        SpfResult::Neutral => Verdict::Neutral,
        SpfResult::TempError => Verdict::TempError,
        SpfResult::PermError => Verdict::PermError,
        SpfResult::None => Verdict::None,
    }
}

fn dmarc_verdict(output: &DmarcOutput) -> Verdict {
    match output.result() {
        DmarcResult::Pass => Verdict::Pass,
        DmarcResult::Fail(_) => Verdict::Fail,
        DmarcResult::TempError(_) => Verdict::TempError,
        DmarcResult::PermError(_) => Verdict::PermError,
        DmarcResult::None => Verdict::None,
    }
}

fn policy_of(output: &DmarcOutput) -> DmarcPolicy {
    match output.policy() {
        Policy::Reject => DmarcPolicy::Reject,
        Policy::Quarantine => DmarcPolicy::Quarantine,
        Policy::None | Policy::Unspecified => DmarcPolicy::None,
    }
}

/// The domain of the one author, when something proves it. Domains without DMARC prove themselves exactly, or not at all.
fn proven(message: &AuthenticatedMessage<'_>, auth: &Authentication) -> Option<mail::Domain> {
    let [from] = message.froms() else { return None };
    let (_, domain) = from.rsplit_once('@')?;
    let by_key =
        auth.dkim.iter().any(|one| one.verdict == Verdict::Pass && one.domain.eq_ignore_ascii_case(domain));
    let by_path = auth.spf == Verdict::Pass && auth.spf_domain.eq_ignore_ascii_case(domain);
    let is_proven = match auth.dmarc {
        Verdict::Pass => true,
        Verdict::None => by_key || by_path,
        _ => false,
    };
    is_proven.then(|| domain.parse().ok()).flatten()
}
