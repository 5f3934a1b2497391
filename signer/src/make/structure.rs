//! The signature's place in a tagged document (ISO 32000-1 §14.7, §14.8.4.5): programs that read aloud find the field
//! where the document ends. Structure trees built in unusual ways are left as they are: a signature needs no place in them.

use crate::message::Reason;
use crate::pdf::{Dict, Object, ObjectId, PendingUpdate as Update, View};

/// Gives a new widget an element at the end of the document's; its `/StructParent`, or `None` when the document is not
/// tagged or its tree is not of the usual kind.
pub(super) fn join(
    view: &View<'_>,
    update: &mut Update<'_, '_>,
    root: ObjectId,
    page: ObjectId,
    widget: ObjectId,
) -> Result<Option<i64>, Reason> {
    let catalog = update.dict(root)?;
    let Some(tree_id) = catalog.get(b"StructTreeRoot").reference() else { return Ok(None) };
    let Ok(tree) = update.dict(tree_id) else { return Ok(None) };
    let Some((key, parents)) = parents(view, update, &tree)? else { return Ok(None) };
    let Some(document) = document(view, update, &tree)? else { return Ok(None) };
    let element = update.allocate();
    let body = format!(
        "<</Type/StructElem/S/Form/P {} R/Pg {page} R/K<</Type/OBJR/Obj {widget} R/Pg {page} R>>>>",
        document.0
    );
    update.put_raw(element, body.into_bytes());
    let mut kids = document.2;
    kids.push(Object::Ref(element));
    update.put_dict(document.0, &document.1.with(b"K", Object::Array(kids)));
    let mut numbers = parents.1;
    numbers.extend([Object::Int(key), Object::Ref(element)]);
    let nodes = parents.2.with(b"Nums", Object::Array(numbers));
    // The root may be the document's only element's parent or stand in for it, so it is read again.
    let tree = update.dict(tree_id)?.with(b"ParentTreeNextKey", Object::Int(key + 1));
    match parents.0 {
        Some(id) => {
            update.put_dict(id, &nodes);
            update.put_dict(tree_id, &tree);
        }
        None => update.put_dict(tree_id, &tree.with(b"ParentTree", Object::Dict(nodes))),
    }
    Ok(Some(key))
}

/// The parent tree: where it stands, its numbers, itself.
type Parents = (Option<ObjectId>, Vec<Object>, Dict);

/// The next free key, and a parent tree of one node.
fn parents(view: &View<'_>, update: &Update<'_, '_>, tree: &Dict) -> Result<Option<(i64, Parents)>, Reason> {
    let (id, node) = match tree.get(b"ParentTree") {
        Object::Ref(id) => (Some(*id), update.dict(*id).ok()),
        Object::Dict(node) => (None, Some(node.clone())),
        _ => (None, None),
    };
    let Some(node) = node.filter(|node| !node.has(b"Kids") && !node.ambiguous) else { return Ok(None) };
    let Some(numbers) = node.get(b"Nums").array().map(<[_]>::to_vec) else { return Ok(None) };
    let taken =
        numbers.iter().step_by(2).filter_map(Object::int).max().map_or(0, |most| most.saturating_add(1));
    let next = view.resolve(tree.get(b"ParentTreeNextKey"))?.int().unwrap_or(0);
    Ok(Some((next.max(taken), (id, numbers, node))))
}

/// The element that holds the document, with its kids as a list.
fn document(
    view: &View<'_>,
    update: &Update<'_, '_>,
    tree: &Dict,
) -> Result<Option<(ObjectId, Dict, Vec<Object>)>, Reason> {
    let tops = match &*view.resolve(tree.get(b"K"))? {
        Object::Array(items) => items.clone(),
        Object::Dict(_) => vec![tree.get(b"K").clone()],
        _ => return Ok(None),
    };
    let [Object::Ref(id)] = tops[..] else { return Ok(None) };
    let Ok(dict) = update.dict(id) else { return Ok(None) };
    let kids = match dict.get(b"K") {
        Object::Array(items) => items.clone(),
        Object::Null => Vec::new(),
        one @ (Object::Int(_) | Object::Dict(_)) => vec![one.clone()],
        // A reference to a list, or to one kid.
        Object::Ref(kid) => match &*view.resolve(&Object::Ref(*kid))? {
            Object::Dict(_) => vec![Object::Ref(*kid)],
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok((dict.get(b"S").name() == Some(b"Document")).then_some((id, dict, kids)))
}
