//! A signature in progress as bytes: somebody may take the digest to a token, a phone or a remote signing service, and the
//! answer may come back to another process.
//!
//! What is signed is not stored but computed again from the file, the certificates and the scheme, so that a state
//! altered on the way can only fail: the signature value that comes back will not fit it.

use super::Prepared;
use super::hole::Placeholder;
use crate::asn1;
use crate::limits::Limits;
use crate::message::{Code, Reason};
use certs::Certificate;
use certs::der::{Reader, Tag, Writer};
use certs::keys::Scheme;

/// The first element; a later form of the state gets another.
const MARK: &str = "congvan prepared signature 1";

/// Certificates in a state: a signer's chain has four.
const CERTIFICATES_MAX: usize = 32;

fn written(scheme: Scheme) -> Vec<u8> {
    Writer::build(|w| scheme.algorithm().write(w))
}

impl Prepared {
    /// The state as bytes: DER, with the whole file in it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let place = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
        Writer::build(|w| {
            w.sequence(|w| {
                w.utf8(MARK);
                w.raw(&written(self.scheme));
                w.sequence(|w| self.certificates.iter().for_each(|one| w.raw(one.der())));
                w.integer(place(self.hole.start));
                w.integer(place(self.hole.end));
                w.octets(&self.file);
            });
        })
    }

    /// Takes the state up again.
    ///
    /// Errors: the bytes are no state, or the file in it is larger than allowed or has no hole where it says.
    pub fn from_bytes(bytes: &[u8], limits: &Limits) -> Result<Self, Reason> {
        let bad = |_| Reason::new(Code::MakeState);
        let mut fields =
            Reader::der(bytes).only().and_then(|e| e.of(Tag::SEQUENCE)?.children()).map_err(bad)?;
        if fields.element().and_then(|e| e.text()).map_err(bad)? != MARK {
            return Err(Reason::of(Code::MakeState, "version"));
        }
        let algorithm = fields.element().map_err(bad)?;
        let scheme = Scheme::ALL.into_iter().find(|scheme| {
            // The curves differ in their digests, so no two schemes are written alike.
            written(*scheme) == algorithm.whole()
        });
        let scheme = scheme.ok_or(Reason::of(Code::MakeState, "scheme"))?;
        let chain = asn1::members(&fields.expect(Tag::SEQUENCE).map_err(bad)?, CERTIFICATES_MAX)?;
        let certificates: Result<Vec<Certificate>, _> =
            chain.iter().map(|one| Certificate::from_der(one.whole())).collect();
        let certificates = certificates.map_err(|_| Reason::of(Code::MakeState, "certificate"))?;
        let mut place = || {
            let number = fields.expect(Tag::INTEGER).and_then(|e| e.small()).map_err(bad)?;
            usize::try_from(number).map_err(|_| Reason::new(Code::MakeState))
        };
        let (start, end) = (place()?, place()?);
        let file = fields.expect(Tag::OCTET_STRING).and_then(|e| e.octets()).map_err(bad)?;
        fields.finish().map_err(bad)?;
        if file.len() > limits.file_bytes {
            return Err(Reason::new(Code::FileTooLarge));
        }
        Self::new(file.to_vec(), Placeholder::at(file, start, end)?, certificates, scheme, limits)
    }
}
