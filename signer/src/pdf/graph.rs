//! Walks over the objects of one view: who is referred to, and which are its pages.

use super::document::View;
use super::object::{Dict, Links, Object};
use super::xref::Entry;
use crate::message::{Code, Reason};
use std::collections::{BTreeSet, HashMap, HashSet};

/// How often a number is referred to.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    times: u32,
    /// Not as a field, a page or an annotation.
    odd: u32,
}

/// Every number referred to from the catalog and how often, evidence and metadata left out. What a reference
/// points to need not exist: a reference left open is a hole a later update could fill.
///
/// From update to update it is brought up to date, not made anew: what an update costs is what it changes. Loops cut
/// loose by an update stay counted, which is the safe side.
pub(crate) struct Seen {
    counts: HashMap<u32, Count>,
    root: u32,
    steps: usize,
}

impl Seen {
    /// All that is seen in a view.
    pub(crate) fn of(view: &View<'_>) -> Result<Self, Reason> {
        let (root, _) = view.catalog()?;
        let root_count = Count { times: 1, odd: 0 };
        let mut seen =
            Self { counts: HashMap::from([(root.number, root_count)]), root: root.number, steps: 0 };
        let first = seen.links_of(view, root.number)?;
        seen.walk(view, first)?;
        Ok(seen)
    }

    /// From the view before an update to the one after it; `changed`: the numbers that are not the same.
    pub(crate) fn advance(
        &mut self,
        before: &View<'_>,
        after: &View<'_>,
        changed: &BTreeSet<u32>,
    ) -> Result<(), Reason> {
        self.steps = 0;
        let (root, _) = after.catalog()?;
        if root.number != self.root {
            *self = Self::of(after)?;
            return Ok(());
        }
        let known: Vec<u32> = changed.iter().copied().filter(|n| self.contains(*n)).collect();
        let mut lost = Vec::new();
        for number in &known {
            lost.push(self.links_of(before, *number).unwrap_or_default());
        }
        for number in &known {
            let links = self.links_of(after, *number)?;
            self.walk(after, links)?;
        }
        while let Some(links) = lost.pop() {
            self.step(links.steps, after)?;
            for link in links.to {
                let Some(count) = self.counts.get_mut(&link.id.number) else { continue };
                count.times = count.times.saturating_sub(1);
                count.odd = count.odd.saturating_sub(u32::from(!link.plain));
                if count.times == 0 {
                    self.counts.remove(&link.id.number);
                    lost.push(self.links_of(before, link.id.number).unwrap_or_default());
                }
            }
        }
        Ok(())
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        self.counts.contains_key(&number)
    }

    /// How often it is referred to.
    pub(crate) fn times(&self, number: u32) -> u32 {
        self.counts.get(&number).map_or(0, |count| count.times)
    }

    /// Whether it is referred to by anything that does not take it for a field, a page or an annotation.
    pub(crate) fn is_odd(&self, number: u32) -> bool {
        self.counts.get(&number).is_some_and(|count| count.odd > 0)
    }

    fn step(&mut self, steps: usize, view: &View<'_>) -> Result<(), Reason> {
        self.steps = self.steps.saturating_add(steps);
        match self.steps > view.file.limits.steps {
            true => Err(Reason::of(Code::Budget, "graph")),
            false => Ok(()),
        }
    }

    /// What an object refers to. Of the catalog, evidence and metadata do not count, unless something takes it for
    /// another thing than the catalog: then they could be drawn on a page.
    fn links_of(&self, view: &View<'_>, number: u32) -> Result<Links, Reason> {
        let loaded = match view.load(number) {
            Ok(loaded) => loaded,
            Err(reason) if reason.code == Code::Budget => return Err(reason),
            // What a damaged object refers to is unknown, so nothing may be added afterwards.
            Err(_) => return Err(Reason::of(Code::PdfObject, format_args!("object {number} 0"))),
        };
        match loaded.object.dict().filter(|_| number == self.root && !self.is_odd(number)) {
            Some(catalog) => {
                let mut links = Links::default();
                for (_, value) in catalog.iter().filter(|(key, _)| !matches!(*key, b"DSS" | b"Metadata")) {
                    links.add(value, false);
                }
                Ok(links)
            }
            // The items of an array that is an object of its own are what the array is taken for.
            None => {
                let mut links = Links::default();
                links.add(&loaded.object, !self.is_odd(number));
                Ok(links)
            }
        }
    }

    fn walk(&mut self, view: &View<'_>, first: Links) -> Result<(), Reason> {
        let mut stack = vec![first];
        while let Some(links) = stack.pop() {
            self.step(links.steps, view)?;
            for link in links.to {
                let number = link.id.number;
                // What carries an object is as good as seen: its length could be moved from under it.
                if let Entry::Inside { stream, .. } = view.entry(number)
                    && !self.contains(stream)
                {
                    self.counts.insert(stream, Count { times: 1, odd: 1 });
                    stack.extend(view.load(stream).map(|carrier| carrier.object.links()));
                }
                let count = self.counts.entry(number).or_default();
                let exposed = count.times > 0 && count.odd == 0 && !link.plain;
                count.times = count.times.saturating_add(1);
                count.odd = count.odd.saturating_add(u32::from(!link.plain));
                if count.times == 1 {
                    stack.push(self.links_of(view, number)?);
                } else if exposed {
                    stack.push(self.exposed_links(view, number)?);
                }
            }
        }
        Ok(())
    }

    /// What is to be counted once more when an object known so far as a form's or a page's is taken for another.
    fn exposed_links(&self, view: &View<'_>, number: u32) -> Result<Links, Reason> {
        let loaded = view.load(number)?;
        let mut links = Links::default();
        match &*loaded.object {
            Object::Dict(catalog) if number == self.root => {
                links.add(catalog.get(b"DSS"), false);
                links.add(catalog.get(b"Metadata"), false);
            }
            array @ Object::Array(_) => links.add(array, false),
            _ => {}
        }
        Ok(links)
    }
}

/// The numbers of all pages.
pub(crate) fn pages(view: &View<'_>, catalog: &Dict) -> Result<Vec<u32>, Reason> {
    let mut stack: Vec<Object> = vec![catalog.get(b"Pages").clone()];
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
