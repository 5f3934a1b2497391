//! Looking at the certificate that another mail server shows: names and anchors (RFC 6125), or signed records (RFC 7672 §3).

use std::sync::{Arc, OnceLock};

use anyhow::Context;
use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use smtp::send::{Demand, Matching, Proof, Selector, Tlsa, Usage};
use smtp::tls_report::Failure;

use crate::tls::provider;

/// Certificates of a chain that are looked at for a trust anchor; the handshake bounds their bytes.
const CHAIN_MAX: usize = 16;

/// What was seen in a handshake.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    looked: Arc<OnceLock<Result<(), Failure>>>,
    is_enforced: bool,
}

impl Seen {
    /// What became of the certificate; `None` when the handshake did not come so far.
    pub(crate) fn get(&self) -> Option<Result<(), Failure>> {
        self.looked.get().copied()
    }

    /// Whether the connection ended because of the certificate.
    pub(crate) fn has_refused(&self) -> bool {
        self.is_enforced && matches!(self.get(), Some(Err(_)))
    }
}

/// The client's side of TLS with a host, as `demand` wants it, and where what is seen is written down. Made anew for each
/// connection: a resumed session shows no certificate.
pub(crate) fn client(
    demand: &Demand,
    roots: &Arc<RootCertStore>,
) -> anyhow::Result<(Arc<ClientConfig>, Seen)> {
    let check = match demand.proof() {
        Proof::Any => Check::Any,
        Proof::Names { names, anchors } => Check::Names {
            roots: match anchors {
                Some(pem) => Arc::new(anchors_in(pem.as_bytes())?),
                None => roots.clone(),
            },
            names: server_names(names),
        },
        Proof::Dane { records, names } => {
            Check::Dane { records: records.clone(), names: server_names(names) }
        }
    };
    let seen = Seen { looked: Arc::default(), is_enforced: demand.is_enforced() };
    let verifier = PeerVerifier { provider: provider(), check, seen: seen.clone() };
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok((Arc::new(config), seen))
}

/// The anchors in a file of certificates (PEM).
///
/// # Errors
/// There is none in it, or one that cannot be read.
pub(crate) fn anchors_in(pem: &[u8]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for one in CertificateDer::pem_slice_iter(pem) {
        roots.add(one.context("not a certificate in PEM")?).context("no certificate of an authority")?;
    }
    anyhow::ensure!(!roots.is_empty(), "no certificate in it / không có chứng thư nào");
    Ok(roots)
}

/// The anchors that the machine trusts.
pub(crate) fn machine_anchors() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("certificates that the machine trusts cannot be read: {error}");
    }
    let mut roots = RootCertStore::empty();
    let (_, unread) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!(
            unread,
            "this machine trusts no certificate authority: no name of a mail server can be proven"
        );
    }
    roots
}

fn server_names(names: &[String]) -> Vec<ServerName<'static>> {
    names.iter().filter_map(|name| ServerName::try_from(name.clone()).ok()).collect()
}

/// Which certificates count.
#[derive(Debug)]
enum Check {
    Any,
    Names { roots: Arc<RootCertStore>, names: Vec<ServerName<'static>> },
    Dane { records: Vec<Tlsa>, names: Vec<ServerName<'static>> },
}

#[derive(Debug)]
struct PeerVerifier {
    provider: Arc<CryptoProvider>,
    check: Check,
    seen: Seen,
}

impl PeerVerifier {
    fn look(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Failure> {
        match &self.check {
            Check::Any => Ok(()),
            Check::Names { roots, names } => self.chain(leaf, chain, roots, names, now),
            Check::Dane { records, names } => self.dane(leaf, chain, records, names, now),
        }
    }

    /// A chain to one of `roots`, and one of `names`.
    fn chain(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        roots: &RootCertStore,
        names: &[ServerName<'static>],
        now: UnixTime,
    ) -> Result<(), Failure> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let leaf = ParsedCertificate::try_from(leaf).map_err(|error| failure(&error))?;
        verify_server_cert_signed_by_trust_anchor(&leaf, roots, chain, now, algorithms)
            .map_err(|error| failure(&error))?;
        let is_named = names.iter().any(|name| verify_server_name(&leaf, name).is_ok());
        if is_named { Ok(()) } else { Err(Failure::CertificateHostMismatch) }
    }

    /// One record fits (RFC 7672 §3.1). For the server's own certificate neither names nor dates count (§3.1.1); below a trust
    /// anchor both do (§3.1.2, §3.2.2).
    fn dane(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        records: &[Tlsa],
        names: &[ServerName<'static>],
        now: UnixTime,
    ) -> Result<(), Failure> {
        let of = |usage| records.iter().filter(move |record| record.usage() == usage);
        if of(Usage::EndEntity).any(|record| fits(record, leaf)) {
            return Ok(());
        }
        let mut anchors = RootCertStore::empty();
        for record in of(Usage::TrustAnchor) {
            let shown = chain.iter().take(CHAIN_MAX).filter(|one| fits(record, one));
            for one in shown {
                // What cannot be read anchors nothing.
                let _ = anchors.add(one.clone().into_owned());
            }
            if (record.selector(), record.matching()) == (Selector::Certificate, Matching::Full) {
                let _ = anchors.add(CertificateDer::from(record.data().to_vec()));
            }
        }
        if anchors.is_empty() {
            return Err(Failure::TlsaInvalid);
        }
        self.chain(leaf, chain, &anchors, names, now)
    }
}

/// Whether a certificate is what a record says.
fn fits(record: &Tlsa, certificate: &CertificateDer<'_>) -> bool {
    let selected = match record.selector() {
        Selector::Certificate => certificate.to_vec(),
        Selector::Key => match ParsedCertificate::try_from(certificate) {
            Ok(parsed) => parsed.subject_public_key_info().to_vec(),
            Err(_) => return false,
        },
    };
    match record.matching() {
        Matching::Full => selected == record.data(),
        Matching::Sha256 => digest::digest(&digest::SHA256, &selected).as_ref() == record.data(),
        Matching::Sha512 => digest::digest(&digest::SHA512, &selected).as_ref() == record.data(),
    }
}

fn failure(error: &rustls::Error) -> Failure {
    let rustls::Error::InvalidCertificate(error) = error else { return Failure::ValidationFailure };
    match error {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Failure::CertificateExpired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Failure::CertificateHostMismatch
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Failure::CertificateNotTrusted,
        _ => Failure::ValidationFailure,
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let looked = self.look(end_entity, intermediates, now);
        // A handshake shows one certificate.
        let _ = self.seen.looked.set(looked);
        match self.seen.has_refused() {
            true => Err(CertificateError::ApplicationVerificationFailure.into()),
            false => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
