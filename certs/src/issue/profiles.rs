//! The kinds of certificates of the public-service hierarchy, as RULES 4.3 observed them.

use super::draft::{Draft, Usage, Validity};
use crate::certificate::Serial;
use crate::keys::PublicKey;
use crate::name::{GeneralName, Name};
use crate::oids;

/// A root: an authority that may stand above any number of others.
pub fn root(subject: &Name, key: &PublicKey, serial: Serial, validity: Validity) -> Draft {
    Draft::new(subject, key, serial, validity).authority(None)
}

/// An issuing authority: only end entities below it (`pathlen:0`).
pub fn issuing_ca(subject: &Name, key: &PublicKey, serial: Serial, validity: Validity) -> Draft {
    Draft::new(subject, key, serial, validity).authority(Some(0)).policies(&[oids::ANY_POLICY])
}

/// The key usages, extended key usages and policy both leader and agency certificates have.
fn signer(subject: &Name, key: &PublicKey, serial: Serial, validity: Validity) -> Draft {
    Draft::new(subject, key, serial, validity)
        .key_usage(&[
            Usage::DigitalSignature,
            Usage::NonRepudiation,
            Usage::KeyEncipherment,
            Usage::DataEncipherment,
        ])
        .extended_key_usage(&[oids::CLIENT_AUTH, oids::EMAIL_PROTECTION, oids::SMARTCARD_LOGON], false)
        .policy_with_statement(oids::PUBLIC_SERVICE_POLICY, "https://ca.gov.vn/pki/pub/policies/CP")
}

/// A competent person who signs documents; `email` is the official address.
pub fn leader(subject: &Name, key: &PublicKey, serial: Serial, validity: Validity, email: &str) -> Draft {
    signer(subject, key, serial, validity).alt_names(&[GeneralName::Email(email.to_owned())])
}

/// An agency's seal; `email` is the agency's official address.
pub fn agency_seal(
    subject: &Name,
    key: &PublicKey,
    serial: Serial,
    validity: Validity,
    email: &str,
) -> Draft {
    signer(subject, key, serial, validity).alt_names(&[GeneralName::Email(email.to_owned())])
}

/// A timestamp authority: critical extKeyUsage with timeStamping alone (RFC 3161 §2.3).
pub fn timestamp_authority(subject: &Name, key: &PublicKey, serial: Serial, validity: Validity) -> Draft {
    Draft::new(subject, key, serial, validity)
        .key_usage(&[Usage::DigitalSignature, Usage::NonRepudiation])
        .extended_key_usage(&[oids::TIME_STAMPING], true)
}

/// A delegated OCSP responder whose own revocation is not looked up (RFC 6960 §4.2.2.2).
pub fn ocsp_responder(subject: &Name, key: &PublicKey, serial: Serial, validity: Validity) -> Draft {
    Draft::new(subject, key, serial, validity)
        .key_usage(&[Usage::DigitalSignature])
        .extended_key_usage(&[oids::OCSP_SIGNING], false)
        .ocsp_no_check()
}

/// A TLS server with these names.
pub fn tls_server(
    subject: &Name,
    key: &PublicKey,
    serial: Serial,
    validity: Validity,
    names: &[GeneralName],
) -> Draft {
    Draft::new(subject, key, serial, validity)
        .key_usage(&[Usage::DigitalSignature])
        .extended_key_usage(&[oids::SERVER_AUTH], false)
        .alt_names(names)
}
