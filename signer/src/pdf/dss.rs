//! The document security store (ETSI EN 319 142-1 §5.4.2): evidence the signer's software put into the file.

use super::document::View;
use super::object::{Dict, Object};
use crate::message::{Code, Reason};
use std::collections::HashSet;

/// Certificates, OCSP answers and revocation lists found in the file, still bytes.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// DER certificates.
    pub certificates: Vec<Vec<u8>>,
    /// DER OCSP responses.
    pub ocsp: Vec<Vec<u8>>,
    /// DER revocation lists.
    pub crls: Vec<Vec<u8>>,
}

/// Where each answer and list of a [`Store`] ends in the file, in the store's order.
#[derive(Clone, Debug, Default)]
pub struct StoreEnds {
    /// Of the OCSP responses.
    pub ocsp: Vec<usize>,
    /// Of the revocation lists.
    pub crls: Vec<usize>,
}

/// Reads the store; what cannot be read in it is left out, since evidence proves itself or is worth nothing.
pub(crate) fn read(view: &View<'_>) -> Result<(Store, StoreEnds), Reason> {
    let (_, catalog) = view.catalog()?;
    let (mut store, mut ends) = (Store::default(), StoreEnds::default());
    let Some(dss) = view.dict_at(&catalog, b"DSS").ok().flatten() else { return Ok((store, ends)) };
    let mut seen = HashSet::new();
    take(view, &dss, [b"Certs", b"OCSPs", b"CRLs"], &mut store, &mut ends, &mut seen)?;
    let related = view.dict_at(&dss, b"VRI").ok().flatten().unwrap_or_default();
    for (_, value) in related.iter().take(view.file.limits.signatures) {
        let Ok(entry) = view.resolve(value) else { continue };
        if let Some(entry) = entry.dict() {
            take(view, entry, [b"Cert", b"OCSP", b"CRL"], &mut store, &mut ends, &mut seen)?;
        }
    }
    Ok((store, ends))
}

fn take(
    view: &View<'_>,
    from: &Dict,
    keys: [&[u8]; 3],
    store: &mut Store,
    ends: &mut StoreEnds,
    seen: &mut HashSet<u32>,
) -> Result<(), Reason> {
    let targets = [
        (&mut store.certificates, None),
        (&mut store.ocsp, Some(&mut ends.ocsp)),
        (&mut store.crls, Some(&mut ends.crls)),
    ];
    for (key, (target, mut ends)) in keys.into_iter().zip(targets) {
        for item in view.array_at(from, key).unwrap_or_default() {
            let Some(id) = item.reference().filter(|id| seen.insert(id.number)) else { continue };
            if target.len() >= view.file.limits.evidence_items {
                return Err(Reason::of(Code::Budget, "evidence"));
            }
            match view.resolve(&Object::Ref(id)).as_deref() {
                Ok(Object::Stream(stream)) => match view.decode(stream) {
                    Ok(bytes) => {
                        target.push(bytes);
                        // A stream that has data has an end.
                        let end = stream.data.as_ref().map_or(usize::MAX, |data| data.end);
                        ends.iter_mut().for_each(|ends| ends.push(end));
                    }
                    Err(reason) if reason.code == Code::Budget => return Err(reason),
                    Err(_) => {}
                },
                _ => continue,
            }
        }
    }
    Ok(())
}
