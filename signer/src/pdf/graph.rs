//! Walks over the objects of one view: who is referred to, and which are its pages.

use super::document::View;
use super::object::{Dict, Links};
use super::xref::Entry;
use crate::message::{Code, Reason};
use std::collections::{HashMap, HashSet};

/// Every number referred to from the catalog and how often, evidence and metadata left out. What a reference
/// points to need not exist: a reference left open is a hole a later update could fill.
pub(crate) fn seen(view: &View<'_>) -> Result<HashMap<u32, u32>, Reason> {
    let (root, catalog) = view.catalog()?;
    let mut counts = HashMap::from([(root.number, 1u32)]);
    let own = catalog.iter().filter(|(key, _)| !matches!(*key, b"DSS" | b"Metadata"));
    let mut stack: Vec<Links> = own.map(|(_, value)| value.links()).collect();
    let mut steps = 0usize;
    while let Some(links) = stack.pop() {
        steps = steps.saturating_add(links.steps);
        if steps > view.file.limits.steps {
            return Err(Reason::of(Code::Budget, "graph"));
        }
        for id in links.to {
            // What carries an object is as good as seen: its length could be moved from under it.
            if let Entry::Inside { stream, .. } = view.entry(id.number)
                && !counts.contains_key(&stream)
            {
                counts.insert(stream, 1);
                stack.extend(view.load(stream).map(|carrier| carrier.object.links()));
            }
            let count = counts.entry(id.number).or_insert(0);
            *count = count.saturating_add(1);
            if *count == 1 {
                match view.load(id.number) {
                    Ok(loaded) => stack.push(loaded.object.links()),
                    Err(reason) if reason.code == Code::Budget => return Err(reason),
                    // What a damaged object refers to is unknown, so nothing may be added afterwards.
                    Err(_) => return Err(Reason::of(Code::PdfObject, format_args!("object {id}"))),
                }
            }
        }
    }
    Ok(counts)
}

/// The numbers of all pages.
pub(crate) fn pages(view: &View<'_>, catalog: &Dict) -> Result<Vec<u32>, Reason> {
    let mut stack = vec![catalog.get(b"Pages").clone()];
    let mut visited = HashSet::new();
    let mut found = Vec::new();
    while let Some(object) = stack.pop() {
        // A node hung into the tree twice is looked at once; loops end here too.
        let Some(id) = object.reference().filter(|id| visited.insert(id.number)) else { continue };
        if found.len() >= view.file.limits.pages || visited.len() > view.file.limits.steps {
            return Err(Reason::of(Code::Budget, "pages"));
        }
        let node = view.resolve(&object)?;
        let Some(dict) = node.dict() else { continue };
        match dict.has(b"Kids") {
            true => stack.extend(view.array_at(dict, b"Kids")?.into_iter().rev()),
            false => found.push(id.number),
        }
    }
    Ok(found)
}
