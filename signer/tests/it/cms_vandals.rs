//! What vandals do to CMS files and tokens, each with the reason it is found out by.

use crate::cms_files::TEXT;
use crate::world::{NOON, World, at, line};
use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::der::{Element, Oid, Reader, Tag, Writer};
use certs::issue::Authority;
use proptest::prelude::*;
use signer::{Arrival, Class, Code, Input, Integrity, Judged, LegalValue, Verdict, judge, tst};

const DATA: Oid = Oid::new(&[1, 2, 840, 113549, 1, 7, 1]);
const SIGNED_DATA: Oid = Oid::new(&[1, 2, 840, 113549, 1, 7, 2]);
const TST_INFO: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 1, 4]);
const CONTENT_TYPE: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 3]);
const MESSAGE_DIGEST: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 4]);
const SIGNING_TIME: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 5]);
const COUNTERSIGNATURE: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 6]);
const PROTECTION: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 52]);
const SIGNING_CERTIFICATE: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 12]);
const SIGNING_CERTIFICATE_V2: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 47]);
const CONTENT_STAMP: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 20]);
/// A digest this program does not have, and a signature with it.
const RIPEMD160: Oid = Oid::new(&[1, 3, 36, 3, 2, 1]);
const RSA_WITH_RIPEMD160: Oid = Oid::new(&[1, 3, 36, 3, 3, 1, 2]);
const ARCHIVE_STAMP: Oid = Oid::new(&[0, 4, 0, 1733, 2, 4]);

fn attribute(kind: Oid, values: &[Vec<u8>]) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            w.oid(&kind);
            w.constructed(Tag::SET, |w| values.iter().for_each(|value| w.raw(value)));
        });
    })
}

fn value(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    Writer::build(write)
}

/// A forger with a good key: signs with any structure at all, as the leader.
struct Forge<'w> {
    who: &'w Authority,
    /// The type of content in the message, and in the attribute.
    kinds: [Oid; 2],
    content: Vec<u8>,
    inside: bool,
    /// More signed attributes; with the basic two when `basic`.
    more: Vec<Vec<u8>>,
    basic: bool,
    sorted: bool,
    /// No signed attributes at all.
    bare: bool,
    unsigned: Vec<Vec<u8>>,
    version: i64,
    signer_version: i64,
    /// Identifiers written for the digest (in the set, in the signer) and the signature.
    announced: Vec<u8>,
    digest: Vec<u8>,
    signature: Vec<u8>,
    certificates: Vec<Vec<u8>>,
    signers: usize,
    by_key_id: bool,
    trailing: Vec<u8>,
}

fn identifier(oid: Oid, null: bool) -> Vec<u8> {
    value(|w| {
        w.sequence(|w| {
            w.oid(&oid);
            if null {
                w.null();
            }
        });
    })
}

impl Forge<'static> {
    fn new() -> Self {
        let world = World::get();
        let sha256 = identifier(certs::oids::SHA256, true);
        Forge {
            who: &world.leader,
            kinds: [DATA, DATA],
            content: TEXT.to_vec(),
            inside: true,
            more: vec![],
            basic: true,
            sorted: true,
            bare: false,
            unsigned: vec![],
            version: 1,
            signer_version: 1,
            announced: sha256.clone(),
            digest: sha256,
            signature: value(|w| SignatureAlgorithm::RsaPkcs1(Digest::Sha256).write(w)),
            certificates: world.chain(&world.leader).iter().map(|c| c.der().to_vec()).collect(),
            signers: 1,
            by_key_id: false,
            trailing: vec![],
        }
    }

    fn with(change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut forge = Self::new();
        change(&mut forge);
        forge.make()
    }

    fn attributes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        if self.basic {
            all.push(attribute(CONTENT_TYPE, &[value(|w| w.oid(&self.kinds[1]))]));
            all.push(attribute(MESSAGE_DIGEST, &[value(|w| w.octets(&Digest::Sha256.of(&self.content)))]));
        }
        all.extend(self.more.iter().cloned());
        match self.sorted {
            true => value(|w| w.set_of(all)),
            false => {
                all.sort();
                all.reverse();
                value(|w| w.element(Tag::SET, true, &all.concat()))
            }
        }
    }

    fn signer_info(&self) -> Vec<u8> {
        let attributes = self.attributes();
        let message = if self.bare { &self.content } else { &attributes };
        let signed = self.who.key().sign(self.who.key().usual_scheme(), message).unwrap().into_bytes();
        let certificate = self.who.certificate();
        value(|w| {
            w.sequence(|w| {
                w.integer(self.signer_version);
                if self.by_key_id {
                    w.element(Tag::context(0), false, certificate.subject_key_id().unwrap());
                } else {
                    w.sequence(|w| {
                        w.raw(certificate.issuer().der());
                        w.element(Tag::INTEGER, false, certificate.serial().content());
                    });
                }
                w.raw(&self.digest);
                if !self.bare {
                    let content = Reader::ber(&attributes).only().unwrap().content().to_vec();
                    w.element(Tag::context(0), true, &content);
                }
                w.raw(&self.signature);
                w.octets(&signed);
                if !self.unsigned.is_empty() {
                    w.constructed(Tag::context(1), |w| self.unsigned.iter().for_each(|a| w.raw(a)));
                }
            });
        })
    }

    fn make(&self) -> Vec<u8> {
        let info = if self.signers > 0 { self.signer_info() } else { vec![] };
        let mut file = value(|w| {
            w.sequence(|w| {
                w.oid(&SIGNED_DATA);
                w.explicit(0, |w| {
                    w.sequence(|w| {
                        w.integer(self.version);
                        w.constructed(Tag::SET, |w| w.raw(&self.announced));
                        w.sequence(|w| {
                            w.oid(&self.kinds[0]);
                            if self.inside {
                                w.explicit(0, |w| w.octets(&self.content));
                            }
                        });
                        w.constructed(Tag::context(0), |w| self.certificates.iter().for_each(|c| w.raw(c)));
                        w.constructed(Tag::SET, |w| (0..self.signers).for_each(|_| w.raw(&info)));
                    });
                });
            });
        });
        file.extend_from_slice(&self.trailing);
        file
    }
}

/// `ESSCertID` with a hash and, if given, an issuer.
fn binding(digest: Option<Oid>, hash: &[u8], issuer: Option<&[u8]>, serial: &[u8]) -> Vec<u8> {
    value(|w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    if let Some(oid) = digest {
                        w.raw(&identifier(oid, false));
                    }
                    w.octets(hash);
                    if let Some(issuer) = issuer {
                        w.sequence(|w| {
                            w.sequence(|w| w.explicit(4, |w| w.raw(issuer)));
                            w.element(Tag::INTEGER, false, serial);
                        });
                    }
                });
            });
        });
    })
}

fn protection(digest: &[u8], signature: &[u8]) -> Vec<u8> {
    let inside = Reader::der(signature).only().unwrap().content().to_vec();
    value(|w| {
        w.sequence(|w| {
            w.raw(digest);
            w.element(Tag::context(1), true, &inside);
        });
    })
}

fn with(change: impl FnOnce(&mut Forge<'static>)) -> Vec<u8> {
    Forge::with(change)
}

fn judged(file: &[u8]) -> Judged {
    World::get().judge_file(file, None)
}

fn codes(judged: &Judged) -> Vec<Code> {
    let report = judged.report();
    report.reasons.iter().chain(report.signatures.iter().flat_map(|s| &s.reasons)).map(|r| r.code).collect()
}

#[test]
fn rfc_5652_structures_a_good_key_may_sign_and_those_it_may_not() {
    let world = World::get();
    let leader = world.leader.certificate();
    let (issuer, serial, other) = (leader.issuer().der(), leader.serial().content(), leader.subject().der());
    let hash = |digest: Digest| digest.of(leader.der());
    let v2 = |digest: Option<Oid>, hash: &[u8]| {
        attribute(SIGNING_CERTIFICATE_V2, &[binding(digest, hash, Some(issuer), serial)])
    };
    let v1 = |hash: &[u8]| attribute(SIGNING_CERTIFICATE, &[binding(None, hash, None, &[])]);
    let sha256 = identifier(certs::oids::SHA256, true);
    let sha256_bare = identifier(certs::oids::SHA256, false);
    let rsa = value(|w| SignatureAlgorithm::RsaPkcs1(Digest::Sha256).write(w));
    let rsa512 = value(|w| SignatureAlgorithm::RsaPkcs1(Digest::Sha512).write(w));
    let some_attributes = Forge::new().attributes();
    let token = world.token(&tst::Request::over(TEXT, 1), NOON);
    let more = |attribute: Vec<u8>| with(|f| f.more.push(attribute));
    #[rustfmt::skip]
    let rows: Vec<(&str, Vec<u8>, Option<Code>)> = vec![
        ("as it should be",          with(|_| {}), None),
        ("no attributes",            with(|f| f.bare = true), None),
        ("attributes not sorted",    with(|f| f.sorted = false), None),
        ("by key identifier",        with(|f| { f.by_key_id = true; f.signer_version = 3; f.version = 3 }), None),
        ("another content type",     with(|f| f.kinds = [PROTECTION, PROTECTION]), None),
        ("v2 sha256",                more(v2(None, &hash(Digest::Sha256))), None),
        ("v2 sha512",                more(v2(Some(certs::oids::SHA512), &hash(Digest::Sha512))), None),
        ("v2 sha1",                  more(v2(Some(certs::oids::SHA1), &hash(Digest::Sha1))), None),
        ("v1",                       more(v1(&hash(Digest::Sha1))), None),
        ("v1 and v2",                with(|f| f.more = vec![v1(&hash(Digest::Sha1)), v2(None, &hash(Digest::Sha256))]), None),
        ("protected algorithms",     more(attribute(PROTECTION, &[protection(&sha256, &rsa)])), None),
        ("protected, NULL left out", more(attribute(PROTECTION, &[protection(&sha256_bare, &rsa)])), None),
        ("an unknown attribute",     more(attribute(TST_INFO, &[value(Writer::null)])), None),

        ("v1 right, v2 wrong",       with(|f| f.more = vec![v1(&hash(Digest::Sha1)), v2(None, &hash(Digest::Sha384)[..32])]), Some(Code::CmsBinding)),
        ("v2 right, v1 wrong",       with(|f| f.more = vec![v1(&[0; 20]), v2(None, &hash(Digest::Sha256))]), Some(Code::CmsBinding)),
        ("v2 of another",            more(v2(None, &Digest::Sha256.of(b"x"))), Some(Code::CmsBinding)),
        ("v2 with another issuer",   more(attribute(SIGNING_CERTIFICATE_V2, &[binding(None, &hash(Digest::Sha256), Some(other), serial)])), Some(Code::CmsBinding)),
        ("v2 with another serial",   more(attribute(SIGNING_CERTIFICATE_V2, &[binding(None, &hash(Digest::Sha256), Some(issuer), &[1])])), Some(Code::CmsBinding)),
        ("v2 with an unknown hash",  more(v2(Some(RIPEMD160), &[0; 20])), Some(Code::CmsAlgorithm)),
        ("v2 without entries",       more(attribute(SIGNING_CERTIFICATE_V2, &[value(|w| w.sequence(|w| w.sequence(|_| {})))])), Some(Code::CmsAttributes)),
        ("v2 with two values",       more(attribute(SIGNING_CERTIFICATE_V2, &[binding(None, &hash(Digest::Sha256), None, &[]), binding(None, &[0; 32], None, &[])])), Some(Code::CmsAttributes)),
        ("another digest protected", more(attribute(PROTECTION, &[protection(&identifier(certs::oids::SHA512, true), &rsa)])), Some(Code::CmsAttributes)),
        ("another algorithm protected", more(attribute(PROTECTION, &[protection(&sha256, &rsa512)])), Some(Code::CmsAttributes)),
        ("content type twice",       more(attribute(CONTENT_TYPE, &[value(|w| w.oid(&DATA))])), Some(Code::CmsAttributes)),
        ("digest twice",             more(attribute(MESSAGE_DIGEST, &[value(|w| w.octets(&[0; 32]))])), Some(Code::CmsAttributes)),
        ("only the digest",          with(|f| { f.basic = false; f.more = vec![attribute(MESSAGE_DIGEST, &[value(|w| w.octets(&Digest::Sha256.of(TEXT)))])] }), Some(Code::CmsAttributes)),
        ("only the content type",    with(|f| { f.basic = false; f.more = vec![attribute(CONTENT_TYPE, &[value(|w| w.oid(&DATA))])] }), Some(Code::CmsAttributes)),
        ("two digests in one",       with(|f| { f.basic = false; f.more = vec![attribute(CONTENT_TYPE, &[value(|w| w.oid(&DATA))]), attribute(MESSAGE_DIGEST, &[value(|w| w.octets(&Digest::Sha256.of(TEXT))), value(|w| w.octets(&[0; 32]))])] }), Some(Code::CmsAttributes)),
        ("no attribute in the set",  with(|f| f.basic = false), Some(Code::CmsAttributes)),
        ("two signing times",        more(attribute(SIGNING_TIME, &[value(|w| w.time(NOON)), value(|w| w.time(NOON))])), Some(Code::CmsAttributes)),
        ("a signed countersignature", more(attribute(COUNTERSIGNATURE, &[value(Writer::null)])), Some(Code::CmsAttributes)),
        ("content types differ",     with(|f| f.kinds = [DATA, TST_INFO]), Some(Code::CmsContentType)),
        ("bare, content no data",    with(|f| { f.kinds = [PROTECTION, PROTECTION]; f.bare = true }), Some(Code::CmsAttributes)),
        ("content is attributes",    with(|f| { f.content = some_attributes.clone(); f.bare = true }), Some(Code::CmsConfusion)),
        ("digest unsigned",          with(|f| f.unsigned.push(attribute(MESSAGE_DIGEST, &[value(|w| w.octets(&[0; 32]))]))), Some(Code::CmsAttributes)),
        ("signing time unsigned",    with(|f| f.unsigned.push(attribute(SIGNING_TIME, &[value(|w| w.time(NOON))]))), Some(Code::CmsAttributes)),
        ("version 0",                with(|f| f.version = 0), Some(Code::CmsVersion)),
        ("signer's version",         with(|f| f.signer_version = 3), Some(Code::CmsVersion)),
        ("key identifier's version", with(|f| f.by_key_id = true), Some(Code::CmsVersion)),
        ("digest not announced",     with(|f| f.announced = identifier(certs::oids::SHA512, true)), Some(Code::CmsAlgorithm)),
        ("no digest announced",      with(|f| f.announced = vec![]), Some(Code::CmsAlgorithm)),
        ("a signature as digest",    with(|f| f.digest = rsa.clone()), Some(Code::CmsAlgorithm)),
        ("a digest as signature",    with(|f| f.signature = sha256.clone()), Some(Code::CmsAlgorithm)),
        ("digest with parameters",   with(|f| f.digest = value(|w| w.sequence(|w| { w.oid(&certs::oids::SHA256); w.integer(1) }))), Some(Code::CmsAlgorithm)),
        ("another digest's signature", with(|f| f.signature = rsa512.clone()), Some(Code::CmsAlgorithm)),
        ("an elliptic signature",    with(|f| f.signature = identifier(certs::oids::ECDSA_SHA256, false)), Some(Code::CmsSignature)),
        ("an unknown signature",     with(|f| f.signature = identifier(RSA_WITH_RIPEMD160, true)), Some(Code::CmsAlgorithm)),
        ("no signer",                with(|f| f.signers = 0), Some(Code::CertificatesOnly)),
        ("no certificate",           with(|f| f.certificates.clear()), Some(Code::CmsNoCertificate)),
        ("bytes after the end",      with(|f| f.trailing = vec![0]), Some(Code::CmsSyntax)),
        ("a second one after it",    with(|f| f.trailing = Forge::new().make()), Some(Code::CmsSyntax)),
        ("a token without its content", token, Some(Code::ContentMissing)),
    ];
    for (what, file, expected) in rows {
        let found = judged(&file);
        match expected {
            None => {
                assert_eq!(found.class(), Class::ValidNoTimestamp, "{what}: {}", line(&found));
                assert_eq!(found.require_valid().unwrap().signed_bytes(), TEXT, "{what}");
            }
            Some(code) => {
                assert_ne!(found.verdict(), Verdict::Valid, "{what}");
                assert!(codes(&found).contains(&code), "{what}: {}", line(&found));
                assert!(found.require_valid().is_err(), "{what}");
            }
        }
    }
}

#[test]
fn what_is_there_but_not_judged_is_said() {
    let null = || vec![value(Writer::null)];
    let rows = [
        (Forge::with(|f| f.more.push(attribute(CONTENT_STAMP, &null()))), Code::ContentTimestamp),
        (Forge::with(|f| f.unsigned.push(attribute(ARCHIVE_STAMP, &null()))), Code::ArchiveTimestamp),
        (Forge::with(|f| f.unsigned.push(attribute(COUNTERSIGNATURE, &null()))), Code::Countersignature),
    ];
    for (file, code) in rows {
        let found = judged(&file);
        assert_eq!(found.verdict(), Verdict::Valid, "{}", line(&found));
        assert!(found.report().signatures[0].notes.iter().any(|note| note.code == code), "{code}");
    }
}

#[test]
fn signatures_side_by_side_have_no_order() {
    let world = World::get();
    let stamp = |file: &[u8], time: i64| {
        let value = signer::cms::read(file, &Default::default()).unwrap().signer.signature;
        attribute(
            Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 2, 14]),
            &[world.token(&tst::Request::over(&value, 5), time)],
        )
    };
    // The later signer stands first, an hour apart.
    let plain = Forge::with(|_| {});
    let other = Forge::with(|f| f.more.push(attribute(SIGNING_TIME, &[value(|w| w.time(NOON))])));
    let infos: Vec<Vec<u8>> = [(plain, NOON + 3600), (other, NOON)]
        .iter()
        .map(|(file, time)| {
            let token = stamp(file, *time);
            let is_other = file.len() != Forge::with(|_| {}).len();
            let mut forge = Forge::new();
            if is_other {
                forge.more.push(attribute(SIGNING_TIME, &[value(|w| w.time(NOON))]));
            }
            forge.unsigned.push(token);
            forge.signer_info()
        })
        .collect();
    let mut forge = Forge::new();
    forge.signers = 0;
    let base = forge.make();
    let file = with_signers(&base, &infos);
    let found = judge(file, &world.policy(), &world.evidence(NOON + 7200), at(NOON + 7300));
    assert_eq!(found.class(), Class::Valid, "{}", line(&found));
    assert_eq!(found.report().signatures.len(), 2);
}

/// The same message with these signers.
fn with_signers(file: &[u8], infos: &[Vec<u8>]) -> Vec<u8> {
    let children = |e: &Element<'_>| {
        let mut reader = e.children().unwrap();
        let mut all = Vec::new();
        while !reader.is_empty() {
            all.push(reader.element().unwrap().whole().to_vec());
        }
        all
    };
    let outer = children(&Reader::der(file).only().unwrap());
    let explicit = Reader::der(&outer[1]).only().unwrap();
    let data = explicit.children().unwrap().only().unwrap();
    let mut fields = children(&data);
    *fields.last_mut().unwrap() = value(|w| w.constructed(Tag::SET, |w| infos.iter().for_each(|i| w.raw(i))));
    value(|w| {
        w.sequence(|w| {
            w.raw(&outer[0]);
            w.explicit(0, |w| w.element(Tag::SEQUENCE, true, &fields.concat()));
        });
    })
}

/// `TSTInfo` field by field, signed by the authority.
fn token(version: i64, middle: &[u8], last: &[u8]) -> Vec<u8> {
    let world = World::get();
    let info = value(|w| {
        w.sequence(|w| {
            w.integer(version);
            w.oid(&Oid::new(&[1, 2, 3, 4]));
            w.sequence(|w| {
                w.raw(&identifier(certs::oids::SHA256, true));
                w.octets(&Digest::Sha256.of(TEXT));
            });
            w.integer(7);
            w.generalized_time(NOON);
            w.raw(middle);
            w.raw(last);
        });
    });
    let mut forge = Forge::new();
    forge.who = &world.tsa;
    forge.certificates = world.chain(&world.tsa).iter().map(|c| c.der().to_vec()).collect();
    forge.kinds = [TST_INFO, TST_INFO];
    forge.content = info;
    forge.version = 3;
    let hash = Digest::Sha256.of(world.tsa.certificate().der());
    forge.more.push(attribute(SIGNING_CERTIFICATE_V2, &[binding(None, &hash, None, &[])]));
    forge.make()
}

#[test]
fn rfc_3161_2_4_2_every_field_of_a_token() {
    let world = World::get();
    let accuracy = |seconds: i64, millis: Option<&[u8]>| {
        value(|w| {
            w.sequence(|w| {
                w.integer(seconds);
                if let Some(millis) = millis {
                    w.element(Tag::context(0), false, millis);
                }
            });
        })
    };
    let named = |name: &certs::Name| value(|w| w.explicit(0, |w| w.explicit(4, |w| w.raw(name.der()))));
    let extension = |critical: bool| {
        value(|w| {
            w.constructed(Tag::context(1), |w| {
                w.sequence(|w| {
                    w.oid(&Oid::new(&[1, 2, 3, 5]));
                    if critical {
                        w.boolean(true);
                    }
                    w.octets(b"x");
                });
            });
        })
    };
    let (tsa, leader) = (world.tsa.certificate().subject(), world.leader.certificate().subject());
    #[rustfmt::skip]
    let rows: [(&str, Vec<u8>, Option<Code>); 11] = [
        ("plain",                   token(1, &[], &[]), None),
        ("accuracy",                token(1, &accuracy(1, Some(&[1])), &[]), None),
        ("its name",                token(1, &[], &named(tsa)), None),
        ("an extension",            token(1, &[], &extension(false)), None),
        ("another version",         token(2, &[], &[]), Some(Code::CmsVersion)),
        ("negative accuracy",       token(1, &accuracy(-1, None), &[]), Some(Code::TimestampInvalid)),
        ("accuracy of 0 ms",        token(1, &accuracy(1, Some(&[0])), &[]), Some(Code::TimestampInvalid)),
        ("accuracy of 1000 ms",     token(1, &accuracy(1, Some(&[3, 0xE8])), &[]), Some(Code::TimestampInvalid)),
        ("another's name",          token(1, &[], &named(leader)), Some(Code::TimestampInvalid)),
        ("a critical extension",    token(1, &[], &extension(true)), Some(Code::TimestampInvalid)),
        ("something more",          token(1, &[], &value(|w| w.utf8("x"))), Some(Code::CmsSyntax)),
    ];
    for (what, file, expected) in rows {
        let found = world.judge_file(&file, Some(TEXT));
        match expected {
            None => assert_eq!(found.class(), Class::Valid, "{what}: {}", line(&found)),
            Some(code) => {
                assert_eq!(found.verdict(), Verdict::Invalid, "{what}: {}", line(&found));
                assert!(codes(&found).contains(&code), "{what}: {}", line(&found));
            }
        }
    }
}

/// The spans that a signature does not cover: where a change need not be seen.
fn flips_never_pass(file: &[u8], content: Option<&[u8]>, free: &[std::ops::Range<usize>]) {
    let world = World::get();
    let (policy, evidence) = (world.policy(), world.evidence(NOON + 120));
    for spot in (0..file.len()).filter(|spot| !free.iter().any(|range| range.contains(spot))) {
        let mut copy = file.to_vec();
        copy[spot] ^= 1 << (spot % 8);
        let input = Input::from(copy).with_content(content.map(std::sync::Arc::from));
        let found = judge(input, &policy, &evidence, at(NOON + 3600));
        assert_ne!(
            found.verdict(),
            Verdict::Valid,
            "byte {spot} of {} near {:02x?}: {}",
            file.len(),
            &file[spot.saturating_sub(12)..(spot + 8).min(file.len())],
            line(&found)
        );
    }
    for end in (0..file.len()).step_by(7) {
        let input = Input::from(file[..end].to_vec()).with_content(content.map(std::sync::Arc::from));
        let found = judge(input, &policy, &evidence, at(NOON + 3600));
        assert_ne!(found.verdict(), Verdict::Valid, "cut at {end}");
    }
}

/// What may change: the authority's certificate, which is at hand anyway; the version of SignedData, which decides
/// nothing; the issuer's name beside the signer's serial number, where another case is the same name (RFC 5280 §7.1).
fn free(file: &[u8], version: u8) -> [std::ops::Range<usize>; 3] {
    let ca = World::get().ca.certificate();
    let issuer = ca.subject().der();
    let places: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(issuer)).collect();
    // The authority's own, the signer's certificate's, the signer's identifier's, and then what is signed.
    let named = places[2];
    [find(file, ca.der()), find(file, &[2, 1, version]), named..named + issuer.len()]
}

fn find(file: &[u8], part: &[u8]) -> std::ops::Range<usize> {
    let at = file.windows(part.len()).position(|w| w == part).unwrap();
    at..at + part.len()
}

#[test]
fn no_byte_of_a_cms_file_changes_unseen() {
    let world = World::get();
    let attached = with(|_| {});
    flips_never_pass(&attached, None, &free(&attached, 1));
    let detached = world.sign_cms(TEXT, &world.leader, true, false);
    flips_never_pass(&detached, Some(TEXT), &free(&detached, 1));
}

#[test]
fn no_byte_of_a_token_changes_unseen() {
    let world = World::get();
    let token = world.token(&tst::Request::over(TEXT, 1), NOON);
    flips_never_pass(&token, Some(TEXT), &free(&token, 3));
}

/// What this thread has worked so far, in seconds: a busy machine measures the same.
fn worked() -> f64 {
    let books = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    books.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Judged within a second of this thread's work, whatever it is; debug builds get ten.
fn quick(what: &str, file: &[u8]) -> Judged {
    let start = worked();
    let found = judged(file);
    let (took, most) = (worked() - start, if cfg!(debug_assertions) { 10.0 } else { 1.0 });
    assert!(took < most, "{what}: {took} s for {} bytes", file.len());
    assert_ne!(found.verdict(), Verdict::Valid, "{what}");
    found
}

#[test]
fn bombs_are_refused_quickly() {
    let world = World::get();
    let nested = |open: &[u8], levels: usize| [open.repeat(levels), vec![0; 2 * levels]].concat();
    let certificate = world.leader.certificate().der().to_vec();
    let infos = |n: usize| with_signers(&Forge::new().make(), &vec![Forge::new().signer_info(); n]);
    let head =
        [&[0x30, 0x80][..], &value(|w| w.oid(&SIGNED_DATA)), &[0xA0, 0x80, 0x30, 0x80, 2, 1, 1, 0x31, 0]]
            .concat();
    let pieces = |piece: &[u8], n: usize| {
        let content = [
            &[0x30, 0x80][..],
            &value(|w| w.oid(&DATA)),
            &[0xA0, 0x80, 0x24, 0x80],
            &piece.repeat(n),
            &[0; 6],
        ]
        .concat();
        [&head[..], &content, &[0x31, 0], &[0; 6]].concat()
    };
    let many_attributes =
        Forge::with(|f| f.unsigned = vec![attribute(TST_INFO, &[value(Writer::null)]); 100_000]);
    let many_values =
        Forge::with(|f| f.unsigned = vec![attribute(TST_INFO, &vec![value(Writer::null); 1_000_000])]);
    #[rustfmt::skip]
    let rows: Vec<(&str, Vec<u8>, Option<Code>)> = vec![
        ("sequences in sequences",      nested(&[0x30, 0x80], 1_000_000), Some(Code::CmsSyntax)),
        ("strings in strings",          [&head[..], &[0x30, 0x80], &value(|w| w.oid(&DATA)), &[0xA0, 0x80], &nested(&[0x24, 0x80], 100_000)].concat(), Some(Code::CmsSyntax)),
        ("ten million empty pieces",    pieces(&[4, 0], 10_000_000), Some(Code::CmsSyntax)),
        ("pieces in pieces",            pieces(&nested(&[0x24, 0x80], 30), 200_000), Some(Code::CmsSyntax)),
        ("thousands of certificates",   Forge::with(|f| f.certificates = vec![certificate.clone(); 5_000]), Some(Code::Budget)),
        ("thousands of signers",        infos(3_000), Some(Code::Budget)),
        ("thousands of attributes",     many_attributes, Some(Code::Budget)),
        ("a million values",            many_values, Some(Code::Budget)),
        ("a wall of zeros",             vec![0x30; 20_000_000], Some(Code::CmsSyntax)),
        ("a huge length",               vec![0x30, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], Some(Code::CmsSyntax)),
        ("base64 of nothing",           b"MIIB".repeat(5_000_000), None),
    ];
    for (what, file, code) in rows {
        let found = quick(what, &file);
        assert!(code.is_none_or(|code| codes(&found).contains(&code)), "{what}: {}", line(&found));
    }
}

#[test]
fn many_signers_without_attributes_do_not_read_the_content_again_and_again() {
    // As many signers as are read, each without attributes over a large content.
    let mut forge = Forge::new();
    forge.bare = true;
    forge.content = vec![b'x'; 16 << 20];
    let file = with_signers(&forge.make(), &vec![forge.signer_info(); 16]);
    let found = quick("signers without attributes", &file);
    assert!(codes(&found).contains(&Code::Budget), "{}", line(&found));
}

#[test]
fn r82_a_seal_beside_a_leader_covers_nobody() {
    let world = World::get();
    let mut seal = Forge::new();
    seal.who = &world.seal;
    seal.signature = identifier(certs::oids::ECDSA_SHA256, false);
    let mut base = Forge::new();
    base.certificates.push(world.seal.certificate().der().to_vec());
    for infos in [[base.signer_info(), seal.signer_info()], [seal.signer_info(), base.signer_info()]] {
        let found = judged(&with_signers(&base.make(), &infos));
        assert_eq!(found.verdict(), Verdict::Valid, "{}", line(&found));
        let LegalValue::ForInformation { because } = found.legal_value(Arrival::Exchange) else { panic!() };
        assert_eq!(because.iter().map(|r| r.code).collect::<Vec<_>>(), [Code::SealOrder]);
    }
}

#[test]
fn a_damaged_signer_does_not_spoil_the_others_report() {
    let world = World::get();
    let mut damaged = Forge::new();
    damaged.signer_version = 3;
    let file = with_signers(&Forge::new().make(), &[Forge::new().signer_info(), damaged.signer_info()]);
    let found = world.judge_file(&file, None);
    let report = found.report();
    assert_eq!(report.signatures[0].verdict, Verdict::Valid, "{}", line(&found));
    assert_eq!((report.signatures[1].verdict, report.verdict), (Verdict::Invalid, Verdict::Invalid));
    assert_eq!(report.integrity, Integrity::Broken);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn readers_of_files_survive_anything(bytes in proptest::collection::vec(any::<u8>(), 0..400), spot in 0usize..100_000) {
        signer::fuzz::file(&bytes);
        signer::fuzz::mail(&bytes);
        let mut copy = Forge::with(|f| f.version = 3);
        let spot = spot % copy.len();
        for (place, byte) in copy[spot..].iter_mut().zip(&bytes) {
            *place = *byte;
        }
        signer::fuzz::file(&copy);
    }
}
