//! SORT and THREAD (RFC 5256, RFC 5957) as pure functions over small rows.

/// Threads of messages: a forest kept flat, so that none is too deep for a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Threads {
    nodes: Vec<Node>,
    roots: Vec<usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    number: Option<u32>,
    children: Vec<usize>,
}

impl Threads {
    /// The first message of each thread, in order.
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
