//! Sets of message numbers as clients write them (RFC 9051 §9, `sequence-set`).

use std::num::NonZeroU32;

use mail::UidSet;

/// An end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// A number.
    Number(NonZeroU32),
    /// `*`: the largest there is.
    Last,
}

impl Edge {
    fn resolve(self, last: u32) -> u32 {
        match self {
            Self::Number(number) => number.get(),
            Self::Last => last,
        }
    }
}

/// Numbers of messages, or their UIDs: ranges with their ends in any order. Never empty, unless it is `$`: then what it stands for is
/// what the session has kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceSet(Vec<(Edge, Edge)>);

impl SequenceSet {
    /// From ranges; `None` when there is none.
    pub fn new(ranges: Vec<(Edge, Edge)>) -> Option<Self> {
        (!ranges.is_empty()).then_some(Self(ranges))
    }

    /// `$`: what SEARCH RETURN (SAVE) has kept (RFC 5182 §2). It has no ranges and resolves to nothing.
    pub fn saved() -> Self {
        Self(Vec::new())
    }

    /// Whether it is `$`.
    pub fn is_saved(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges as they were written.
    pub fn ranges(&self) -> &[(Edge, Edge)] {
        &self.0
    }

    /// The numbers it stands for where `last` is the largest; `*` is 0, which is nobody's number, where there is none.
    pub fn resolve(&self, last: u32) -> UidSet {
        let ends = self.0.iter().map(|(a, b)| (a.resolve(last), b.resolve(last)));
        ends.map(|(a, b)| (a.min(b), a.max(b))).collect()
    }
}
