//! Certificate policies, RFC 5280 §6.1.
//!
//! The standard describes a tree whose nodes multiply with every mapping; an attacker can make it exponential
//! (CVE-2023-0464). All nodes of one level with the same policy have the same expected set, so one node with
//! several parents says the same, and the graph never has more nodes than the certificates have policies.

use crate::certificate::Certificate;
use crate::der::Oid;
use crate::oids::ANY_POLICY;
use crate::path::{Defect, Question};

#[derive(Clone, Debug)]
struct Node {
    policy: Oid,
    expected: Vec<Oid>,
    /// Positions in the level above.
    parents: Vec<usize>,
}

/// The valid policy graph and the three counters, while walking from the anchor to the leaf.
pub(super) struct Policies {
    levels: Vec<Vec<Node>>,
    explicit: usize,
    mapping: usize,
    any: usize,
    nodes_left: usize,
}

impl Policies {
    /// Before the first certificate of a path of `length`.
    pub(super) fn new(question: &Question, length: usize, max_nodes: usize) -> Policies {
        let start = |inhibited: bool| if inhibited { 0 } else { length + 1 };
        let root = Node { policy: ANY_POLICY, expected: vec![ANY_POLICY], parents: Vec::new() };
        Policies {
            levels: vec![vec![root]],
            explicit: start(question.explicit_policy),
            mapping: start(question.inhibit_mapping),
            any: start(question.inhibit_any),
            nodes_left: max_nodes,
        }
    }

    fn spend(&mut self) -> Result<(), Defect> {
        self.nodes_left = self.nodes_left.checked_sub(1).ok_or(Defect::Budget)?;
        Ok(())
    }

    /// §6.1.3 (d) to (f).
    pub(super) fn certificate(&mut self, certificate: &Certificate, is_leaf: bool) -> Result<(), Defect> {
        let above = self.levels.last().cloned().unwrap_or_default();
        let mut level: Vec<Node> = Vec::new();
        let listed = certificate.policies().unwrap_or_default();
        for &policy in listed.iter().filter(|policy| **policy != ANY_POLICY) {
            self.spend()?;
            let expecting = |node: &Node| node.expected.contains(&policy);
            let mut parents: Vec<usize> = positions(&above, expecting);
            if parents.is_empty() {
                parents = positions(&above, |node| node.policy == ANY_POLICY);
            }
            if !parents.is_empty() {
                level.push(Node { policy, expected: vec![policy], parents });
            }
        }
        let any_counts = self.any > 0 || (!is_leaf && certificate.is_self_issued());
        if listed.contains(&ANY_POLICY) && any_counts {
            self.inherit(&above, &mut level)?;
        }
        self.levels.push(level);
        if self.explicit == 0 && self.is_null() { Err(Defect::Policy) } else { Ok(()) }
    }

    /// §6.1.3 (d) (2): anyPolicy continues everything expected above.
    fn inherit(&mut self, above: &[Node], level: &mut Vec<Node>) -> Result<(), Defect> {
        for (position, node) in above.iter().enumerate() {
            for &policy in &node.expected {
                self.spend()?;
                match level.iter_mut().find(|child| child.policy == policy) {
                    Some(child) if !child.parents.contains(&position) => child.parents.push(position),
                    Some(_) => {}
                    None => level.push(Node { policy, expected: vec![policy], parents: vec![position] }),
                }
            }
        }
        Ok(())
    }

    fn is_null(&self) -> bool {
        self.levels.last().is_none_or(Vec::is_empty)
    }

    /// §6.1.4 (a), (b), (h) to (j): what an issuer's certificate means for those below it.
    pub(super) fn issuer(&mut self, certificate: &Certificate) -> Result<(), Defect> {
        self.map(certificate.policy_mappings().unwrap_or_default())?;
        if !certificate.is_self_issued() {
            for counter in [&mut self.explicit, &mut self.mapping, &mut self.any] {
                *counter = counter.saturating_sub(1);
            }
        }
        let lower = |counter: &mut usize, value: Option<u32>| {
            *counter = value.map_or(*counter, |value| (*counter).min(value as usize));
        };
        let constraints = certificate.policy_constraints().unwrap_or_default();
        lower(&mut self.explicit, constraints.require_explicit);
        lower(&mut self.mapping, constraints.inhibit_mapping);
        lower(&mut self.any, certificate.inhibit_any_policy());
        Ok(())
    }

    fn map(&mut self, mappings: &[(Oid, Oid)]) -> Result<(), Defect> {
        if mappings.iter().any(|(from, to)| *from == ANY_POLICY || *to == ANY_POLICY) {
            return Err(Defect::Policy);
        }
        let mut sources: Vec<Oid> = mappings.iter().map(|(from, _)| *from).collect();
        sources.sort();
        sources.dedup();
        for source in sources {
            self.spend()?;
            let Some(level) = self.levels.last_mut() else { return Ok(()) };
            if self.mapping == 0 {
                // Positions in this level are not yet anybody's parents, so removing is safe.
                level.retain(|node| node.policy != source);
                continue;
            }
            let expected: Vec<Oid> =
                mappings.iter().filter(|(from, _)| *from == source).map(|(_, to)| *to).collect();
            if let Some(node) = level.iter_mut().find(|node| node.policy == source) {
                node.expected = expected;
            } else if let Some(any) = level.iter().find(|node| node.policy == ANY_POLICY) {
                let parents = any.parents.clone();
                level.push(Node { policy: source, expected, parents });
            }
        }
        Ok(())
    }

    /// §6.1.5: after the leaf. The policies left, in the leaf's terms.
    pub(super) fn finish(mut self, leaf: &Certificate, wanted: &[Oid]) -> Result<Vec<Oid>, Defect> {
        self.explicit = self.explicit.saturating_sub(1);
        if leaf.policy_constraints().is_some_and(|constraints| constraints.require_explicit == Some(0)) {
            self.explicit = 0;
        }
        let left = self.intersect(wanted);
        if left.is_empty() && self.explicit == 0 { Err(Defect::Policy) } else { Ok(left) }
    }

    /// §6.1.5 (g): only what descends from a wanted policy of the top domain.
    fn intersect(&self, wanted: &[Oid]) -> Vec<Oid> {
        let leaves = self.levels.last().map(Vec::as_slice).unwrap_or_default();
        if wanted.is_empty() || wanted.contains(&ANY_POLICY) {
            return leaves.iter().map(|node| node.policy).collect();
        }
        if leaves.iter().any(|node| node.policy == ANY_POLICY) {
            return wanted.to_vec();
        }
        let mut above_kept: Vec<bool> = vec![true];
        let mut above: &[Node] = self.levels.first().map(Vec::as_slice).unwrap_or_default();
        for level in self.levels.iter().skip(1) {
            let keep = |node: &Node| {
                node.policy == ANY_POLICY
                    || node.parents.iter().any(|&parent| match above.get(parent) {
                        Some(top) if top.policy == ANY_POLICY => wanted.contains(&node.policy),
                        Some(_) => above_kept.get(parent) == Some(&true),
                        None => false,
                    })
            };
            let kept: Vec<bool> = level.iter().map(keep).collect();
            (above, above_kept) = (level, kept);
        }
        leaves.iter().zip(above_kept).filter(|(_, kept)| *kept).map(|(node, _)| node.policy).collect()
    }
}

fn positions(level: &[Node], wanted: impl Fn(&Node) -> bool) -> Vec<usize> {
    level.iter().enumerate().filter(|(_, node)| wanted(node)).map(|(position, _)| position).collect()
}
