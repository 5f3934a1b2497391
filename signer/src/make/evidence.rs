//! Evidence archived in the file (PAdES B-LT, RULES D31–D32): a document security store as a further revision.

use crate::judge::Evidence;
use crate::limits::Limits;
use crate::message::Reason;
use crate::pdf::{self, Dict, File, Object, PendingUpdate as Update, View};
use std::collections::HashSet;

/// Appends certificates, OCSP answers and CRLs to the document security store; what is already in it stays and
/// is not doubled. Returns the file unchanged when there is nothing to add.
pub fn add_evidence(bytes: &[u8], evidence: &Evidence, limits: &Limits) -> Result<Vec<u8>, Reason> {
    let known = pdf::read(bytes, limits)?.store;
    let file = File::open(bytes, limits)?;
    let view = View::last(&file)?;
    let (root, catalog) = view.catalog()?;
    let old = view.dict_at(&catalog, b"DSS")?.unwrap_or_default();
    let mut update = Update::new(&view)?;
    let mut dss = old.clone();
    let known = [&known.certificates, &known.ocsp, &known.crls];
    let wanted: [Vec<&[u8]>; 3] = [
        evidence.certificates.iter().map(|c| c.der()).collect(),
        evidence.ocsp.iter().map(|o| o.der()).collect(),
        evidence.crls.iter().map(|c| c.der()).collect(),
    ];
    let mut added = false;
    for ((key, known), wanted) in [b"Certs".as_slice(), b"OCSPs", b"CRLs"].into_iter().zip(known).zip(wanted)
    {
        let mut seen: HashSet<&[u8]> = known.iter().map(Vec::as_slice).collect();
        let mut list = view.array_at(&old, key)?;
        for der in wanted {
            if seen.insert(der) {
                let id = update.allocate();
                update.put_stream(id, "", der);
                list.push(Object::Ref(id));
                added = true;
            }
        }
        if !list.is_empty() {
            dss = dss.with(key, Object::Array(list));
        }
    }
    if !added {
        return Ok(bytes.to_vec());
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

/// Names the extension that defines the store (ETSI EN 319 142-1 §5.4.2.4), unless the file extends itself already.
fn extended(catalog: &Dict) -> Dict {
    if catalog.has(b"Extensions") {
        return catalog.clone();
    }
    let name = |text: &[u8]| Object::Name(text.into());
    let esic = Dict::default().with(b"BaseVersion", name(b"1.7")).with(b"ExtensionLevel", Object::Int(5));
    catalog.with(b"Extensions", Object::Dict(Dict::default().with(b"ESIC", Object::Dict(esic))))
}
