//! THREAD REFERENCES (RFC 5256 §3): six steps, each without recursion.

use std::collections::HashMap;

use super::threads::{Node, Threads};
use super::{BaseSubject, Row, base_subject};
use mail::Timestamp;

/// Steps up the tree for all loop checks together, per message: threads in the wild need one or two. When they are used up, what might be
/// a loop is taken for one, and the link is left out.
const CLIMBS_PER_ROW: usize = 200;

/// A message, or one that is only referred to.
#[derive(Default)]
struct Place {
    row: Option<usize>,
    parent: Option<usize>,
    children: Vec<usize>,
    /// Links to it from below; [`Place::children`] is filled when all links are known.
    links: usize,
}

struct Forest<'r> {
    rows: &'r [Row],
    places: Vec<Place>,
    climbs_left: usize,
}

pub(super) fn thread(rows: &[Row]) -> Threads {
    let mut forest = Forest {
        rows,
        places: Vec::with_capacity(rows.len()),
        climbs_left: rows.len().saturating_mul(CLIMBS_PER_ROW).saturating_add(10_000),
    };
    forest.link_all();
    let mut roots = forest.gather();
    forest.prune(&mut roots);
    forest.sort_dummies(&roots);
    forest.sort(&mut roots);
    let mut roots = forest.merge_subjects(roots);
    for place in 0..forest.places.len() {
        forest.sort_children(place);
    }
    forest.sort(&mut roots);
    let number = |place: &Place| place.row.and_then(|row| rows.get(row)).map(|row| row.number);
    let nodes =
        forest.places.iter().map(|place| Node { number: number(place), children: place.children.clone() });
    Threads { nodes: nodes.collect(), roots }
}

impl<'r> Forest<'r> {
    /// Step 1: parents by references. The first message of an id owns it; another with the same id is one without.
    fn link_all(&mut self) {
        let mut by_id: HashMap<&'r str, usize> = HashMap::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut parent = None;
            for id in &row.references {
                let place = self.place_of(&mut by_id, id);
                if let Some(parent) = parent {
                    self.link(parent, place);
                }
                parent = Some(place);
            }
            let known = row.message_id.as_deref().map(|id| self.place_of(&mut by_id, id));
            let own = match known.filter(|place| self.places[*place].row.is_none()) {
                Some(place) => place,
                None => self.add(),
            };
            self.places[own].row = Some(index);
            // What the message itself says counts more than what others said of it.
            if let Some(old) = self.places[own].parent.take() {
                self.places[old].links -= 1;
            }
            if let Some(parent) = parent {
                self.link(parent, own);
            }
        }
    }

    fn add(&mut self) -> usize {
        self.places.push(Place::default());
        self.places.len() - 1
    }

    fn place_of(&mut self, by_id: &mut HashMap<&'r str, usize>, id: &'r str) -> usize {
        match by_id.get(id) {
            Some(place) => *place,
            None => {
                let place = self.add();
                by_id.insert(id, place);
                place
            }
        }
    }

    /// Makes `parent` the parent of `child`, unless it has one or would be its own ancestor.
    fn link(&mut self, parent: usize, child: usize) {
        if self.places[child].parent.is_some() || parent == child {
            return;
        }
        // Who has nobody below it is nobody's ancestor.
        if self.places[child].links > 0 && self.is_above(child, parent) {
            return;
        }
        self.places[child].parent = Some(parent);
        self.places[parent].links += 1;
    }

    fn is_above(&mut self, upper: usize, lower: usize) -> bool {
        let mut at = Some(lower);
        while let Some(place) = at {
            if place == upper || self.climbs_left == 0 {
                return true;
            }
            self.climbs_left -= 1;
            at = self.places[place].parent;
        }
        false
    }

    /// Step 2: children of each, and those without a parent.
    fn gather(&mut self) -> Vec<usize> {
        let mut roots = Vec::new();
        for place in 0..self.places.len() {
            match self.places[place].parent {
                Some(parent) => self.places[parent].children.push(place),
                None => roots.push(place),
            }
        }
        roots
    }

    /// Step 3: who is only referred to goes, and its children take its place; at the top only an only child does.
    fn prune(&mut self, roots: &mut Vec<usize>) {
        // Parents before children; read backwards, children first.
        let mut order = roots.clone();
        let mut at = 0;
        while let Some(place) = order.get(at).copied() {
            order.extend_from_slice(&self.places[place].children);
            at += 1;
        }
        let mut stands_for: Vec<Vec<usize>> = vec![Vec::new(); self.places.len()];
        for place in order.into_iter().rev() {
            let mut children: Vec<usize> = Vec::new();
            for child in std::mem::take(&mut self.places[place].children) {
                let mut more = std::mem::take(&mut stands_for[child]);
                // The longer list stays: each number moves a few times only. The order is made later.
                if more.len() > children.len() {
                    std::mem::swap(&mut more, &mut children);
                }
                children.append(&mut more);
            }
            let is_kept = self.places[place].row.is_some()
                || (self.places[place].parent.is_none() && children.len() > 1);
            if is_kept {
                self.places[place].children = children;
                stands_for[place] = vec![place];
            } else {
                stands_for[place] = children;
            }
        }
        *roots = std::mem::take(roots)
            .into_iter()
            .flat_map(|root| std::mem::take(&mut stands_for[root]))
            .collect();
    }

    /// Step 4: the children of dummies at the top, whose first speaks for them.
    fn sort_dummies(&mut self, roots: &[usize]) {
        for root in roots {
            if self.is_dummy(*root) {
                self.sort_children(*root);
            }
        }
    }

    fn sort_children(&mut self, place: usize) {
        let mut children = std::mem::take(&mut self.places[place].children);
        self.sort(&mut children);
        self.places[place].children = children;
    }

    fn sort(&self, places: &mut [usize]) {
        places.sort_by_key(|place| self.date_order(*place));
    }

    fn date_order(&self, place: usize) -> Option<(Timestamp, u32)> {
        self.speaker(place).map(Row::date_order)
    }

    /// The message at a place; the first child of a dummy, which is a message, for dummies stand at the top only.
    fn speaker(&self, place: usize) -> Option<&'r Row> {
        let place = &self.places[place];
        let row = place.row.or_else(|| self.places.get(*place.children.first()?)?.row);
        self.rows.get(row?)
    }

    fn subject(&self, place: usize) -> BaseSubject {
        let base = base_subject(self.speaker(place).map_or("", |row| &row.subject));
        BaseSubject { text: mail::text::exact(&base.text), ..base }
    }

    /// Step 5: threads of the same base subject become one.
    fn merge_subjects(&mut self, roots: Vec<usize>) -> Vec<usize> {
        let subjects: Vec<BaseSubject> = roots.iter().map(|root| self.subject(*root)).collect();
        // By subject: the place others join, and whether it is a reply.
        let mut table: HashMap<&str, (usize, bool)> = HashMap::new();
        for (root, subject) in roots.iter().zip(&subjects).filter(|(_, subject)| !subject.text.is_empty()) {
            let is_better = table.get(subject.text.as_str()).is_none_or(|(known, known_is_reply)| {
                (!self.is_dummy(*known) && self.is_dummy(*root)) || (*known_is_reply && !subject.is_reply)
            });
            if is_better {
                table.insert(&subject.text, (*root, subject.is_reply));
            }
        }
        let before = self.places.len();
        let mut stays = vec![true; before];
        for (root, subject) in roots.iter().copied().zip(&subjects) {
            let Some((known, known_is_reply)) = table.get(subject.text.as_str()).copied() else { continue };
            if known == root {
                continue;
            }
            stays[root] = false;
            if self.is_dummy(known) || (subject.is_reply && !known_is_reply) {
                self.join(known, root);
                continue;
            }
            let dummy = self.add();
            stays[known] = false;
            self.places[dummy].children = vec![known, root];
            table.insert(&subject.text, (dummy, false));
        }
        roots.into_iter().filter(|root| stays[*root]).chain(before..self.places.len()).collect()
    }

    /// Puts a thread below another's first place. A dummy does not go along: dummies stand at the top only.
    fn join(&mut self, known: usize, root: usize) {
        let mut more = match self.is_dummy(root) {
            true => std::mem::take(&mut self.places[root].children),
            false => vec![root],
        };
        self.places[known].children.append(&mut more);
    }

    fn is_dummy(&self, place: usize) -> bool {
        self.places[place].row.is_none()
    }
}
