//! Evidence archived in the file (PAdES B-LT, RULES D31–D32): a document security store as a further revision, and in it
//! for each signature what belongs to it (VRI).

use crate::cms;
use crate::judge::Evidence;
use crate::limits::Limits;
use crate::message::Reason;
use crate::pdf::{self, Dict, File, Kind, Object, PendingUpdate as Update, Signature, View};
use crate::tst;
use certs::algorithm::Digest;
use certs::{Certificate, Name};
use std::collections::{HashMap, HashSet};

/// Keys of the store's lists, and of the same in a VRI entry (ISO 32000-2 tables 261 and 262).
const KINDS: [(&[u8], &[u8]); 3] = [(b"Certs", b"Cert"), (b"OCSPs", b"OCSP"), (b"CRLs", b"CRL")];

/// The store being filled: where each item of evidence is in the file.
#[derive(Default)]
struct Places([HashMap<Vec<u8>, Object>; 3]);

/// Appends certificates, OCSP answers and CRLs to the document security store, and names for each signature those that
/// belong to it; what is already in it stays and is not doubled. Returns the file unchanged when there is nothing to add.
pub fn add_evidence(bytes: &[u8], evidence: &Evidence, limits: &Limits) -> Result<Vec<u8>, Reason> {
    let facts = pdf::read(bytes, limits)?;
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    let (root, catalog) = view.catalog()?;
    let old = view.dict_at(&catalog, b"DSS")?.unwrap_or_default();
    let mut update = Update::new(&view)?;
    let mut dss = old.clone();
    let mut places = Places::default();
    let wanted: [Vec<&[u8]>; 3] = [
        evidence.certificates.iter().map(|c| c.der()).collect(),
        evidence.ocsp.iter().map(|o| o.der()).collect(),
        evidence.crls.iter().map(|c| c.der()).collect(),
    ];
    let mut added = false;
    for (((key, _), known), wanted) in KINDS.into_iter().zip(&mut places.0).zip(&wanted) {
        let mut list = view.array_at(&old, key)?;
        for item in &list {
            if let Object::Stream(stream) = &*view.resolve(item)? {
                known.insert(view.decode(stream)?, item.clone());
            }
        }
        for der in wanted {
            if !known.contains_key(*der) {
                let id = update.allocate();
                update.put_stream(id, "", der);
                list.push(Object::Ref(id));
                known.insert(der.to_vec(), Object::Ref(id));
                added = true;
            }
        }
        if !list.is_empty() {
            dss = dss.with(key, Object::Array(list));
        }
    }
    let related = view.dict_at(&old, b"VRI")?.unwrap_or_default();
    let mut entries = related.clone();
    for signature in facts.signatures.iter().filter_map(|s| s.signature.as_ref().ok()) {
        let key = related_key(signature, bytes);
        if let Some(entry) = places.entry(signature, evidence, limits).filter(|_| !related.has(&key)) {
            entries = entries.with(&key, Object::Dict(entry));
            added = true;
        }
    }
    if !added {
        return Ok(bytes.to_vec());
    }
    if !entries.is_empty() {
        dss = dss.with(b"VRI", Object::Dict(entries));
    }
    match catalog.get(b"DSS") {
        Object::Ref(id) => update.put_dict(*id, &dss),
        _ => {
            let id = update.allocate();
            update.put_dict(id, &dss.with(b"Type", Object::Name(b"DSS".as_slice().into())));
            update.put_dict(root, &extended(&catalog.with(b"DSS", Object::Ref(id))));
        }
    }
    Ok(update.finish()?.bytes)
}

/// A signature's name in VRI: the SHA-1 of `/Contents`, its padding included, in capitals (ISO 32000-2 §12.8.4.3). A name,
/// not a proof.
fn related_key(signature: &Signature, bytes: &[u8]) -> Vec<u8> {
    let [_, first, second, _] = signature.byte_range;
    let text = bytes.get(first + 1..second.saturating_sub(1)).unwrap_or_default();
    let digit = |b: u8| u8::try_from(char::from(b).to_digit(16).unwrap_or(0)).unwrap_or(0);
    let contents: Vec<u8> =
        text.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, b| byte << 4 | digit(*b))).collect();
    Digest::Sha1.of(&contents).iter().map(|b| format!("{b:02X}")).collect::<String>().into_bytes()
}

impl Places {
    /// What of the evidence belongs to a signature: certificates its own lead up to, and what speaks of those.
    fn entry(&self, signature: &Signature, evidence: &Evidence, limits: &Limits) -> Option<Dict> {
        let chain = chain(signature, &evidence.certificates, limits);
        let issuers: HashSet<&[u8]> = chain.iter().map(|c| c.issuer().der()).collect();
        let serials: HashSet<&[u8]> = chain.iter().map(|c| c.serial().content()).collect();
        let answers = evidence.ocsp.iter();
        let answers =
            answers.filter(|o| o.answers().iter().any(|a| serials.contains(a.id.serial().content())));
        let lists = evidence.crls.iter().filter(|c| issuers.contains(c.issuer().der()));
        let wanted: [Vec<&[u8]>; 3] = [
            chain.iter().map(Certificate::der).collect(),
            answers.map(|o| o.der()).collect(),
            lists.map(|c| c.der()).collect(),
        ];
        let mut entry = Dict::default();
        for (((_, key), places), wanted) in KINDS.into_iter().zip(&self.0).zip(wanted) {
            let mut seen = HashSet::new();
            let once = wanted.into_iter().filter(|der| seen.insert(*der));
            let list: Vec<Object> = once.filter_map(|der| places.get(der).cloned()).collect();
            if !list.is_empty() {
                entry = entry.with(key, Object::Array(list));
            }
        }
        (!entry.is_empty()).then_some(entry)
    }
}

/// The certificates in a signature and in its timestamps, and those of `others` that stand over them.
fn chain(signature: &Signature, others: &[Certificate], limits: &Limits) -> Vec<Certificate> {
    let cms =
        (signature.kind != Kind::DocTimestamp).then(|| cms::read(&signature.contents, limits).ok()).flatten();
    let tokens = match &cms {
        Some(cms) => cms.signer.timestamps.clone(),
        None => vec![signature.contents.clone()],
    };
    let mut chain: Vec<Certificate> =
        cms.map(|c| tst::parse_certificates(&c.certificates, limits)).unwrap_or_default();
    for token in tokens.iter().filter_map(|token| tst::Token::read(token, limits).ok()) {
        chain.extend(token.certificates().iter().cloned());
    }
    let mut names: Vec<Name> = chain.iter().map(|c| c.issuer().clone()).collect();
    let mut seen: HashSet<Vec<u8>> = chain.iter().map(|c| c.der().to_vec()).collect();
    while let Some(name) = names.pop() {
        for over in others.iter().filter(|c| *c.subject() == name) {
            if seen.insert(over.der().to_vec()) {
                names.push(over.issuer().clone());
                chain.push(over.clone());
            }
        }
    }
    chain
}

/// Names the extension that defines the store (ETSI EN 319 142-1 §5.4.2.4), unless the file extends itself already.
fn extended(catalog: &Dict) -> Dict {
    if catalog.has(b"Extensions") {
        return catalog.clone();
    }
    let name = |text: &[u8]| Object::Name(text.into());
    let esic = Dict::default().with(b"BaseVersion", name(b"1.7")).with(b"ExtensionLevel", Object::Int(5));
    catalog.with(b"Extensions", Object::Dict(Dict::default().with(b"ESIC", Object::Dict(esic))))
}
