//! Making `SignedData` in two steps: what is to be signed goes out, a signature comes back.

use crate::asn1;
use crate::message::{Code, Reason};
use certs::Certificate;
use certs::algorithm::Digest;
use certs::der::{Oid, Tag, Writer};
use certs::keys::Scheme;

/// What is known before signing.
pub(crate) struct Parts {
    content_type: Oid,
    content: Option<Vec<u8>>,
    certificates: Vec<Certificate>,
    scheme: Scheme,
    signed_bytes: Vec<u8>,
    /// Certificates go along.
    with_certificates: bool,
}

/// A signature value in its place; a timestamp over the value may still be added.
pub(crate) struct Ready {
    parts: Parts,
    signature: Vec<u8>,
}

impl Parts {
    /// The signed attributes of CAdES-B-B (ETSI EN 319 122-1 §6): content type, digest, the signer's certificate.
    /// The first certificate is the signer's. `time` (Unix seconds) is for timestamps; a PDF says it in `/M`.
    pub(crate) fn new(
        content_type: Oid,
        content: Option<Vec<u8>>,
        message_digest: &[u8],
        certificates: Vec<Certificate>,
        scheme: Scheme,
        time: Option<i64>,
    ) -> Result<Self, Reason> {
        let signer = certificates.first().ok_or(Reason::new(Code::CmsNoCertificate))?;
        let attribute = |kind: Oid, value: &dyn Fn(&mut Writer)| {
            Writer::build(|w| {
                w.sequence(|w| {
                    w.oid(&kind);
                    w.constructed(Tag::SET, |w| value(w));
                });
            })
        };
        let mut attributes = vec![
            attribute(asn1::CONTENT_TYPE, &|w| w.oid(&content_type)),
            attribute(asn1::MESSAGE_DIGEST, &|w| w.octets(message_digest)),
            attribute(asn1::SIGNING_CERTIFICATE_V2, &|w| signing_certificate(w, signer)),
        ];
        attributes.extend(time.map(|t| attribute(asn1::SIGNING_TIME, &|w| w.time(t))));
        let signed_bytes = Writer::build(|w| w.set_of(attributes));
        Ok(Self { content_type, content, certificates, scheme, signed_bytes, with_certificates: true })
    }

    /// What the key signs.
    pub(crate) fn signed_bytes(&self) -> &[u8] {
        &self.signed_bytes
    }

    pub(crate) fn signed(self, signature: Vec<u8>) -> Ready {
        Ready { parts: self, signature }
    }
}

/// `SigningCertificateV2` with SHA-256, which is the default and therefore not named (RFC 5035 §4, X.690 §11.5).
fn signing_certificate(w: &mut Writer, signer: &Certificate) {
    w.sequence(|w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.octets(&Digest::Sha256.of(signer.der()));
                w.sequence(|w| {
                    // GeneralNames with the one directoryName [4].
                    w.sequence(|w| w.explicit(4, |w| w.raw(signer.issuer().der())));
                    w.element(Tag::INTEGER, false, signer.serial().content());
                });
            });
        });
    });
}

impl Ready {
    /// A timestamp carries certificates only when the request asked for them (RFC 3161 §2.4.1 certReq).
    pub(crate) fn with_certificates(mut self, wanted: bool) -> Self {
        self.parts.with_certificates = wanted;
        self
    }

    /// What a signature timestamp is over.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The `ContentInfo`, with the timestamp token as an unsigned attribute.
    pub(crate) fn finish(self, token: Option<&[u8]>) -> Vec<u8> {
        let parts = &self.parts;
        let digest = parts.scheme.digest();
        let digest_algorithm = |w: &mut Writer| w.sequence(|w| w.oid(&digest.oid()));
        // Version 3 when the content is not plain data (RFC 5652 §5.1).
        let version = if parts.content_type == asn1::DATA { 1 } else { 3 };
        Writer::build(|w| {
            w.sequence(|w| {
                w.oid(&asn1::SIGNED_DATA);
                w.explicit(0, |w| {
                    w.sequence(|w| {
                        w.integer(version);
                        w.constructed(Tag::SET, digest_algorithm);
                        w.sequence(|w| {
                            w.oid(&parts.content_type);
                            if let Some(content) = &parts.content {
                                w.explicit(0, |w| w.octets(content));
                            }
                        });
                        let mut ders: Vec<&[u8]> = parts.certificates.iter().map(Certificate::der).collect();
                        ders.sort_unstable();
                        ders.dedup();
                        if parts.with_certificates {
                            w.constructed(Tag::context(0), |w| ders.iter().for_each(|der| w.raw(der)));
                        }
                        w.constructed(Tag::SET, |w| self.signer_info(w, &digest_algorithm, token));
                    });
                });
            });
        })
    }

    fn signer_info(&self, w: &mut Writer, digest_algorithm: &dyn Fn(&mut Writer), token: Option<&[u8]>) {
        let parts = &self.parts;
        w.sequence(|w| {
            w.integer(1);
            if let Some(signer) = parts.certificates.first() {
                w.sequence(|w| {
                    w.raw(signer.issuer().der());
                    w.element(Tag::INTEGER, false, signer.serial().content());
                });
            }
            digest_algorithm(w);
            // The same bytes that were signed, under the implicit tag [0].
            let mut attributes = parts.signed_bytes.clone();
            if let Some(tag) = attributes.first_mut() {
                *tag = 0xA0;
            }
            w.raw(&attributes);
            parts.scheme.algorithm().write(w);
            w.octets(&self.signature);
            if let Some(token) = token {
                w.constructed(Tag::context(1), |w| {
                    w.sequence(|w| {
                        w.oid(&asn1::SIGNATURE_TIMESTAMP);
                        w.constructed(Tag::SET, |w| w.raw(token));
                    });
                });
            }
        });
    }
}
