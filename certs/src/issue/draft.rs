//! A certificate before it is signed.

use super::names::{general_name, general_names};
use crate::algorithm::SignatureAlgorithm;
use crate::certificate::{Certificate, Serial};
use crate::der::{Oid, Tag, Writer};
use crate::extensions::{NameConstraints, PolicyConstraints};
use crate::keys::{Key, PublicKey};
use crate::name::{GeneralName, Name};
use crate::{Error, oids};

/// First and last valid second since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// First valid second.
    pub from: i64,
    /// Last valid second.
    pub until: i64,
}

/// keyUsage bits by their numbers, RFC 5280 §4.2.1.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Usage {
    /// digitalSignature
    DigitalSignature = 0,
    /// nonRepudiation
    NonRepudiation = 1,
    /// keyEncipherment
    KeyEncipherment = 2,
    /// dataEncipherment
    DataEncipherment = 3,
    /// keyAgreement
    KeyAgreement = 4,
    /// keyCertSign
    CertificateSign = 5,
    /// cRLSign
    CrlSign = 6,
}

/// A certificate and its private key: whoever can sign certificates, CRLs, OCSP responses.
#[derive(Clone, Debug)]
pub struct Authority {
    certificate: Certificate,
    key: Key,
}

impl Authority {
    /// Puts both together. Errors: [`Error::KeyUnfit`] when the key is not the certificate's.
    pub fn new(certificate: Certificate, key: Key) -> Result<Authority, Error> {
        if certificate.public_key() != key.public() {
            return Err(Error::KeyUnfit("the key is not the certificate's"));
        }
        Ok(Authority { certificate, key })
    }

    /// Its certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

/// A certificate before it is signed. subjectKeyIdentifier and authorityKeyIdentifier come by themselves.
#[derive(Clone, Debug)]
pub struct Draft {
    subject: Name,
    spki: Vec<u8>,
    key_id: Vec<u8>,
    serial: Serial,
    validity: Validity,
    extensions: Vec<(Oid, bool, Vec<u8>)>,
    omitted: Vec<Oid>,
    algorithm: Option<SignatureAlgorithm>,
    issuer: Option<Name>,
    old: bool,
    spoiled: bool,
}

impl Draft {
    /// A certificate for this subject and key, without extensions.
    pub fn new(subject: &Name, key: &PublicKey, serial: Serial, validity: Validity) -> Draft {
        Draft {
            subject: subject.clone(),
            spki: key.spki().to_vec(),
            key_id: key.sha1_id().to_vec(),
            serial,
            validity,
            extensions: Vec::new(),
            omitted: Vec::new(),
            algorithm: None,
            issuer: None,
            old: false,
            spoiled: false,
        }
    }

    /// Sets any extension, replacing one of the same kind. `value`: the DER inside the OCTET STRING.
    pub fn extension(mut self, id: Oid, critical: bool, value: Vec<u8>) -> Draft {
        self.extensions.retain(|(kind, _, _)| *kind != id);
        self.extensions.push((id, critical, value));
        self
    }

    fn built(self, id: Oid, critical: bool, write: impl FnOnce(&mut Writer)) -> Draft {
        self.extension(id, critical, Writer::build(write))
    }

    /// Adds a second extension of the same kind, which no certificate may have.
    pub fn duplicate(mut self, id: Oid) -> Draft {
        let copy = self.extensions.iter().find(|(kind, _, _)| *kind == id).cloned();
        self.extensions.extend(copy);
        self
    }

    /// Leaves an extension out, also the automatic ones.
    pub fn without(mut self, id: Oid) -> Draft {
        self.omitted.push(id);
        self
    }

    /// Another validity.
    pub fn valid(mut self, from: i64, until: i64) -> Draft {
        self.validity = Validity { from, until };
        self
    }

    /// Another serial number.
    pub fn serial(mut self, serial: Serial) -> Draft {
        self.serial = serial;
        self
    }

    /// Another issuer name than the signing authority's.
    pub fn issuer(mut self, name: &Name) -> Draft {
        self.issuer = Some(name.clone());
        self
    }

    /// Signed with this algorithm instead of the key's usual one.
    pub fn signed_with(mut self, algorithm: SignatureAlgorithm) -> Draft {
        self.algorithm = Some(algorithm);
        self
    }

    /// Version 1, which has no extensions.
    pub fn version_one(mut self) -> Draft {
        self.old = true;
        self
    }

    /// With a signature that does not verify.
    pub fn spoiled(mut self) -> Draft {
        self.spoiled = true;
        self
    }

    /// basicConstraints: certificate authority or not.
    pub fn basic_constraints(self, ca: bool, path_length: Option<u32>) -> Draft {
        self.built(oids::BASIC_CONSTRAINTS, true, |w| {
            w.sequence(|w| {
                if ca {
                    w.boolean(true);
                }
                if let Some(length) = path_length {
                    w.integer(i64::from(length));
                }
            });
        })
    }

    /// A certificate authority: basicConstraints, and keyUsage for certificates and CRLs.
    pub fn authority(self, path_length: Option<u32>) -> Draft {
        self.basic_constraints(true, path_length).key_usage(&[Usage::CertificateSign, Usage::CrlSign])
    }

    /// keyUsage, critical.
    pub fn key_usage(self, usages: &[Usage]) -> Draft {
        let bits: Vec<u8> = usages.iter().map(|&usage| usage as u8).collect();
        self.built(oids::KEY_USAGE, true, |w| w.named_bits(&bits))
    }

    /// extKeyUsage.
    pub fn extended_key_usage(self, usages: &[Oid], critical: bool) -> Draft {
        self.built(oids::EXTENDED_KEY_USAGE, critical, |w| {
            w.sequence(|w| usages.iter().for_each(|usage| w.oid(usage)));
        })
    }

    /// subjectAltName.
    pub fn alt_names(self, names: &[GeneralName]) -> Draft {
        let critical = self.subject.is_empty();
        self.built(oids::SUBJECT_ALT_NAME, critical, |w| w.sequence(|w| general_names(w, names)))
    }

    /// certificatePolicies.
    pub fn policies(self, policies: &[Oid]) -> Draft {
        self.built(oids::CERTIFICATE_POLICIES, false, |w| {
            w.sequence(|w| policies.iter().for_each(|policy| w.sequence(|w| w.oid(policy))));
        })
    }

    /// certificatePolicies with one policy and the address of its practice statement.
    pub fn policy_with_statement(self, policy: Oid, url: &str) -> Draft {
        self.built(oids::CERTIFICATE_POLICIES, false, |w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    w.oid(&policy);
                    w.sequence(|w| {
                        w.sequence(|w| {
                            w.oid(&oids::QUALIFIER_CPS);
                            w.ia5(url);
                        });
                    });
                });
            });
        })
    }

    /// policyMappings.
    pub fn policy_mappings(self, mappings: &[(Oid, Oid)]) -> Draft {
        self.built(oids::POLICY_MAPPINGS, true, |w| {
            w.sequence(|w| {
                for (issuer, subject) in mappings {
                    w.sequence(|w| {
                        w.oid(issuer);
                        w.oid(subject);
                    });
                }
            });
        })
    }

    /// policyConstraints.
    pub fn policy_constraints(self, constraints: PolicyConstraints) -> Draft {
        self.built(oids::POLICY_CONSTRAINTS, true, |w| {
            w.sequence(|w| {
                for (number, skip) in [(0, constraints.require_explicit), (1, constraints.inhibit_mapping)] {
                    if let Some(skip) = skip {
                        w.element(Tag::context(number), false, number_content(skip).as_slice());
                    }
                }
            });
        })
    }

    /// inhibitAnyPolicy.
    pub fn inhibit_any_policy(self, skip: u32) -> Draft {
        self.built(oids::INHIBIT_ANY_POLICY, true, |w| w.integer(i64::from(skip)))
    }

    /// nameConstraints.
    pub fn name_constraints(self, constraints: &NameConstraints) -> Draft {
        self.built(oids::NAME_CONSTRAINTS, true, |w| {
            w.sequence(|w| {
                for (number, names) in [(0, &constraints.permitted), (1, &constraints.excluded)] {
                    if !names.is_empty() {
                        w.explicit(number, |w| {
                            names.iter().for_each(|name| w.sequence(|w| general_name(w, name)));
                        });
                    }
                }
            });
        })
    }

    /// cRLDistributionPoints: one point per address.
    pub fn crl_urls(self, urls: &[&str]) -> Draft {
        self.built(oids::CRL_DISTRIBUTION_POINTS, false, |w| {
            w.sequence(|w| {
                for url in urls {
                    w.sequence(|w| {
                        w.explicit(0, |w| {
                            w.explicit(0, |w| general_name(w, &GeneralName::Uri((*url).to_owned())));
                        });
                    });
                }
            });
        })
    }

    /// authorityInfoAccess: where OCSP is asked, and where the issuer's certificate is.
    pub fn access(self, ocsp: &[&str], issuers: &[&str]) -> Draft {
        self.built(oids::AUTHORITY_INFO_ACCESS, false, |w| {
            w.sequence(|w| {
                for (method, urls) in [(oids::ACCESS_OCSP, ocsp), (oids::ACCESS_CA_ISSUERS, issuers)] {
                    for url in urls {
                        w.sequence(|w| {
                            w.oid(&method);
                            general_name(w, &GeneralName::Uri((*url).to_owned()));
                        });
                    }
                }
            });
        })
    }

    /// id-pkix-ocsp-nocheck.
    pub fn ocsp_no_check(self) -> Draft {
        self.built(oids::OCSP_NO_CHECK, false, Writer::null)
    }

    /// Signs with the subject's own key: a root.
    pub fn self_signed(self, key: &Key) -> Result<Certificate, Error> {
        let (name, id) = (self.subject.clone(), self.key_id.clone());
        self.sign(&name, &id, key)
    }

    /// Signs as this authority.
    pub fn signed_by(self, issuer: &Authority) -> Result<Certificate, Error> {
        let certificate = issuer.certificate();
        let own = certificate.public_key().sha1_id();
        let id = certificate.subject_key_id().unwrap_or(&own).to_vec();
        self.sign(certificate.subject(), &id, issuer.key())
    }

    fn sign(self, issuer: &Name, issuer_key_id: &[u8], key: &Key) -> Result<Certificate, Error> {
        let algorithm = self.algorithm.unwrap_or(key.usual_scheme().algorithm());
        let tbs = self.tbs(self.issuer.as_ref().unwrap_or(issuer), issuer_key_id, algorithm);
        let mut signature = key.sign_algorithm(algorithm, &tbs)?.into_bytes();
        if self.spoiled
            && let Some(last) = signature.last_mut()
        {
            *last ^= 1;
        }
        Certificate::from_der(&signed(&tbs, algorithm, &signature))
    }

    fn tbs(&self, issuer: &Name, issuer_key_id: &[u8], algorithm: SignatureAlgorithm) -> Vec<u8> {
        Writer::build(|w| {
            w.sequence(|w| {
                if !self.old {
                    w.explicit(0, |w| w.integer(2));
                }
                w.element(Tag::INTEGER, false, self.serial.content());
                algorithm.write(w);
                w.raw(issuer.der());
                w.sequence(|w| {
                    w.time(self.validity.from);
                    w.time(self.validity.until);
                });
                w.raw(self.subject.der());
                w.raw(&self.spki);
                if !self.old {
                    w.explicit(3, |w| w.sequence(|w| self.write_extensions(w, issuer_key_id)));
                }
            });
        })
    }

    fn write_extensions(&self, writer: &mut Writer, issuer_key_id: &[u8]) {
        let set =
            |id: Oid| self.extensions.iter().any(|(kind, _, _)| *kind == id) || self.omitted.contains(&id);
        if !set(oids::SUBJECT_KEY_IDENTIFIER) {
            let value = Writer::build(|w| w.octets(&self.key_id));
            extension(writer, oids::SUBJECT_KEY_IDENTIFIER, false, &value);
        }
        if !set(oids::AUTHORITY_KEY_IDENTIFIER) {
            let value = Writer::build(|w| w.sequence(|w| w.element(Tag::context(0), false, issuer_key_id)));
            extension(writer, oids::AUTHORITY_KEY_IDENTIFIER, false, &value);
        }
        for (id, critical, value) in &self.extensions {
            if !self.omitted.contains(id) {
                extension(writer, *id, *critical, value);
            }
        }
    }
}

/// Contents of a non-negative INTEGER.
fn number_content(value: u32) -> Vec<u8> {
    let encoded = Writer::build(|w| w.integer(i64::from(value)));
    // Tag and length take one byte each for numbers this small.
    encoded.get(2..).unwrap_or_default().to_vec()
}

/// Writes one `Extension`.
pub(super) fn extension(writer: &mut Writer, id: Oid, critical: bool, value: &[u8]) {
    writer.sequence(|w| {
        w.oid(&id);
        if critical {
            w.boolean(true);
        }
        w.octets(value);
    });
}

/// `SIGNED{…}`: what is signed, how, and the signature.
pub(super) fn signed(tbs: &[u8], algorithm: SignatureAlgorithm, signature: &[u8]) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            w.raw(tbs);
            algorithm.write(w);
            w.bit_bytes(signature);
        });
    })
}
