//! THREAD's two algorithms (RFC 5256 §3) and what they make.

use std::collections::HashMap;

use super::{Row, base_subject, references};
use crate::codec::command::ThreadAlgorithm;

/// Threads of messages: a forest kept flat, so that none is too deep for a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Threads {
    pub(super) nodes: Vec<Node>,
    pub(super) roots: Vec<usize>,
}

/// A place in a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) number: Option<u32>,
    pub(super) children: Vec<usize>,
}

impl Threads {
    /// The first place of each thread, in order.
    pub fn roots(&self) -> &[usize] {
        &self.roots
    }

    /// A place's message; `None` where one is only referred to.
    pub fn number(&self, place: usize) -> Option<u32> {
        self.nodes.get(place).and_then(|node| node.number)
    }

    /// The places of its answers, in order.
    pub fn children(&self, place: usize) -> &[usize] {
        self.nodes.get(place).map_or(&[], |node| &node.children)
    }
}

/// Threads messages. Work grows with messages and references, not with how deep or tangled they are.
pub fn thread(rows: &[Row], algorithm: ThreadAlgorithm) -> Threads {
    match algorithm {
        ThreadAlgorithm::OrderedSubject => ordered_subject(rows),
        ThreadAlgorithm::References => references::thread(rows),
    }
}

/// ORDEREDSUBJECT: messages of one base subject by date; all but the first are children of the first.
fn ordered_subject(rows: &[Row]) -> Threads {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_unstable_by_key(|index| rows.get(*index).map(Row::date_order));
    let mut threads = Threads {
        nodes: rows.iter().map(|row| Node { number: Some(row.number), children: Vec::new() }).collect(),
        roots: Vec::new(),
    };
    let mut first_of: HashMap<String, usize> = HashMap::new();
    for index in order {
        let Some(row) = rows.get(index) else { continue };
        let subject = mail::text::exact(&base_subject(&row.subject).text);
        match first_of.get(&subject) {
            Some(first) => threads.nodes[*first].children.push(index),
            None => {
                first_of.insert(subject, index);
                threads.roots.push(index);
            }
        }
    }
    threads
}
