//! Key usage and extended key usage by purpose.

use crate::certificate::Certificate;
use crate::der::Oid;
use crate::oids;
use crate::path::Defect;
use crate::trust::Purpose;

/// Extended key usages of which one must be there, when the extension is.
fn usages(purpose: Purpose) -> &'static [Oid] {
    match purpose {
        Purpose::Tls => &[oids::SERVER_AUTH],
        Purpose::TlsClient => &[oids::CLIENT_AUTH],
        Purpose::Smime => &[oids::EMAIL_PROTECTION],
        // The public-service hierarchy has no usage of its own for documents: its certificates carry
        // clientAuth, emailProtection, smartcardLogon (RULES 4.3). The others are for foreign signers.
        Purpose::Document => &[
            oids::EMAIL_PROTECTION,
            oids::DOCUMENT_SIGNING,
            oids::MICROSOFT_DOCUMENT_SIGNING,
            oids::ADOBE_DOCUMENT_SIGNING,
        ],
        Purpose::Timestamp => &[oids::TIME_STAMPING],
        Purpose::Any => &[],
    }
}

/// The extension, when there, must allow the purpose. Issuers are held to it as well as leaves, as browsers and
/// OpenSSL do: an authority for mail does not vouch for servers.
pub(super) fn allows(certificate: &Certificate, purpose: Purpose) -> Result<(), Defect> {
    let Some(listed) = certificate.extended_key_usage().filter(|_| purpose != Purpose::Any) else {
        return Ok(());
    };
    let wanted = usages(purpose);
    let fits = listed.iter().any(|usage| *usage == oids::ANY_EXTENDED_KEY_USAGE || wanted.contains(usage));
    if fits { Ok(()) } else { Err(Defect::ExtendedKeyUsage) }
}

/// What only the leaf must satisfy.
pub(super) fn leaf(certificate: &Certificate, purpose: Purpose) -> Result<(), Defect> {
    allows(certificate, purpose)?;
    if purpose == Purpose::Timestamp {
        // RFC 3161 §2.3: exactly this usage, and critical.
        let only = certificate.extended_key_usage() == Some(&[oids::TIME_STAMPING]);
        if !only || !certificate.is_critical(oids::EXTENDED_KEY_USAGE) {
            return Err(Defect::ExtendedKeyUsage);
        }
    }
    let Some(usage) = certificate.key_usage() else { return Ok(()) };
    let signs = usage.digital_signature() || usage.non_repudiation();
    let fits = match purpose {
        Purpose::Tls => usage.digital_signature() || usage.key_encipherment() || usage.key_agreement(),
        Purpose::TlsClient => usage.digital_signature() || usage.key_agreement(),
        // RULES D29 (6): digitalSignature or nonRepudiation.
        Purpose::Smime | Purpose::Document | Purpose::Timestamp => signs,
        Purpose::Any => true,
    };
    if fits { Ok(()) } else { Err(Defect::KeyUsage) }
}
