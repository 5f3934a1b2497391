//! The structure of a tagged document (ISO 32000-1 §14.7): a new signature field may get its place in it, nothing
//! that is there may say anything else.

use super::changes::{Checked, Comparison, added, fault, only_differ_in};
use super::document::View;
use super::object::{Dict, Object, ObjectId};
use crate::message::{Code, Reason};
use std::collections::{BTreeMap, HashSet};

/// Keys of a new element: all about the field it stands for.
const NEW_KEYS: &[&[u8]] =
    &[b"Type", b"S", b"P", b"Pg", b"K", b"ID", b"T", b"Lang", b"Alt", b"A", b"C", b"R"];

/// Keys of a node of a number tree.
const TREE_KEYS: &[&[u8]] = &[b"Type", b"Nums", b"Kids", b"Limits"];

impl Comparison<'_, '_> {
    /// Looks at what is left unexplained in the structure tree.
    pub(super) fn structure(&mut self, before: &Dict, after: &Dict) -> Checked {
        let root = after.get(b"StructTreeRoot").reference();
        let Some(root) = root.filter(|id| before.get(b"StructTreeRoot").reference() == Some(*id)) else {
            return Ok(());
        };
        if self.changed.iter().all(|number| self.explained.contains(number)) {
            return Ok(());
        }
        let (old, new) = (self.dict_of(self.before, root.number)?, self.dict_of(self.after, root.number)?);
        if self.changed.contains(&root.number) {
            only_differ_in(&old, &new, &[b"K", b"ParentTree", b"ParentTreeNextKey"])
                .ok_or(fault(Code::ChangedAfter, root.number))?;
            self.explained.insert(root.number);
        }
        self.kids(old.get(b"K"), new.get(b"K"))?;
        let left = self.changed.iter().copied().filter(|number| !self.explained.contains(number));
        for number in left.collect::<Vec<_>>() {
            self.element(number)?;
        }
        self.parents(old.get(b"ParentTree"), new.get(b"ParentTree"))
    }

    /// An element that was there gets more kids.
    fn element(&mut self, number: u32) -> Checked {
        let old = self.before.load(number)?.object;
        let Some(old) = old.dict().filter(|d| d.has(b"S") && d.has(b"P") && !self.seen.is_odd(number)) else {
            return Ok(());
        };
        let new = self.dict_of(self.after, number)?;
        only_differ_in(old, &new, &[b"K"]).ok_or(fault(Code::ChangedAfter, number))?;
        self.explained.insert(number);
        self.kids(old.get(b"K"), new.get(b"K"))
    }

    fn kids(&mut self, was: &Object, is: &Object) -> Checked {
        let (old, new) = (list(self.before, was)?, list(self.after, is)?);
        let bad = || Reason::of(Code::ChangedAfter, "the structure tree");
        let more: Vec<ObjectId> =
            added(&old, &new).ok_or_else(bad)?.into_iter().filter_map(Object::reference).collect();
        if more.len() + old.len() != new.len() {
            return Err(bad());
        }
        if self.after.resolve(is)?.array().is_some() {
            self.explain_own(was, is, Code::ChangedAfter)?;
        }
        more.into_iter().try_for_each(|id| self.new_element(id, 0))
    }

    fn new_element(&mut self, id: ObjectId, depth: usize) -> Checked {
        let bad = || fault(Code::ChangedAfter, id.number);
        let dict = self.dict_of(self.after, id.number)?;
        let plain = !dict.ambiguous && dict.iter().all(|(key, _)| NEW_KEYS.contains(&key));
        if !plain || depth > 4 || !self.is_new(id.number)? {
            return Err(bad());
        }
        self.explained.insert(id.number);
        self.explain_new(dict.get(b"A"))?;
        for kid in list(self.after, dict.get(b"K"))? {
            let object = self.after.resolve(&kid)?;
            let Some(kid_dict) = object.dict() else { return Err(bad()) };
            match (kid_dict.get(b"Obj").reference(), kid.reference()) {
                (Some(widget), place) if self.widgets.contains_key(&widget.number) => {
                    let place =
                        place.map(|id| self.is_new(id.number).map(|new| (id.number, new))).transpose()?;
                    self.explained.extend(place.filter(|(_, new)| *new).map(|(number, _)| number));
                }
                (None, Some(below)) => self.new_element(below, depth + 1)?,
                _ => return Err(bad()),
            }
        }
        Ok(())
    }

    /// The way back from content to elements: all that was there, and new numbers for new elements.
    fn parents(&mut self, was: &Object, is: &Object) -> Checked {
        let bad = || Reason::of(Code::ChangedAfter, "the structure's parent tree");
        let (old, _) = numbers(self.before, was)?;
        let (new, nodes) = numbers(self.after, is)?;
        if !old.iter().all(|(key, value)| new.get(key) == Some(value)) {
            return Err(bad());
        }
        for (_, value) in new.iter().filter(|(key, _)| !old.contains_key(key)) {
            let mut leads = list(self.after, value)?.into_iter();
            let ours = |o: Object| o.reference().is_some_and(|id| self.explained.contains(&id.number));
            if !leads.all(ours) {
                return Err(bad());
            }
            self.explain_new(value)?;
        }
        for number in nodes {
            let node = self.dict_of(self.after, number)?;
            let plain = !node.ambiguous && node.iter().all(|(key, _)| TREE_KEYS.contains(&key));
            if self.changed.contains(&number) && plain {
                self.explained.insert(number);
            }
        }
        Ok(())
    }
}

/// One thing or a list of things.
fn list(view: &View<'_>, value: &Object) -> Result<Vec<Object>, Reason> {
    Ok(match &*view.resolve(value)? {
        Object::Null => Vec::new(),
        Object::Array(items) => items.clone(),
        _ => vec![value.clone()],
    })
}

/// A number tree, flat, and the objects it stands in.
fn numbers(view: &View<'_>, root: &Object) -> Result<(BTreeMap<i64, Object>, HashSet<u32>), Reason> {
    let (mut found, mut nodes, mut stack) = (BTreeMap::new(), HashSet::new(), vec![root.clone()]);
    while let Some(node) = stack.pop() {
        if let Object::Ref(id) = &node
            && !nodes.insert(id.number)
        {
            continue;
        }
        if found.len() > view.file.limits.objects {
            return Err(Reason::of(Code::Budget, "number tree"));
        }
        let node = view.resolve(&node)?;
        let Some(dict) = node.dict() else { continue };
        for pair in view.array_at(dict, b"Nums")?.chunks_exact(2) {
            if let [Object::Int(key), value] = pair {
                found.insert(*key, value.clone());
            }
        }
        stack.extend(view.array_at(dict, b"Kids")?);
    }
    Ok((found, nodes))
}
