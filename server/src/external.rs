//! Signing in with a certificate (EXTERNAL, RFC 4422 appendix A): TLS finds it good or not at all, and here is read whom it names.
//!
//! Nobody has to show one. Whoever shows one that no authority of ours has made, or that was revoked, is refused in the handshake.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use certs::Certificate;
use directory::sasl::Holder;
use mail::Timestamp;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::config::Config;
use crate::tls;
use crate::tls_policy;

/// Addresses of one certificate that are looked at.
const ADDRESSES_MAX: usize = 16;

/// Whether the house takes certificates.
pub(crate) fn is_offered(config: &Config) -> bool {
    !config.external.authorities.as_os_str().is_empty()
}

/// Looks at the certificates of clients on the doors where people sign in.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn verifier(config: &Config) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
    if !is_offered(config) {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let external = &config.external;
    let pem = read("external.authorities", &config.house.data.join(&external.authorities))?;
    let anchors = tls_policy::anchors_in(&pem).context("external.authorities")?;
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(anchors), tls::provider());
    if !external.revocations.as_os_str().is_empty() {
        let pem = read("external.revocations", &config.house.data.join(&external.revocations))?;
        let lists = CertificateRevocationListDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let lists = lists.context("external.revocations: no revocation list in PEM (không phải CRL)")?;
        anyhow::ensure!(!lists.is_empty(), "external.revocations: there is none in it (không có CRL nào)");
        // The lists of those above may be with somebody else.
        builder = builder.with_crls(lists).only_check_end_entity_revocation();
    }
    let built = builder.allow_unauthenticated().build();
    built.context("external.authorities, external.revocations: not readable (không đọc được)")
}

fn read(key: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{key}: {} (không đọc được tệp)", path.display()))
}

/// Whom a certificate names that TLS has found good; `None` when it cannot be read or names nobody.
pub(crate) fn holder(der: &[u8]) -> Option<Holder> {
    let certificate = Certificate::from_der(der).ok()?;
    let addresses: Vec<_> =
        certificate.emails().take(ADDRESSES_MAX).filter_map(|email| email.parse().ok()).collect();
    let until = Timestamp::from_secs(certificate.not_after());
    let fingerprint = ring::digest::digest(&ring::digest::SHA256, der).as_ref().try_into().ok()?;
    (!addresses.is_empty()).then_some(Holder { addresses, until, fingerprint })
}
