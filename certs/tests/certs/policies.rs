//! Certificate policies, RFC 5280 §6.1, beside OpenSSL.

use certs::der::Oid;
use certs::issue::Draft;
use certs::oids::ANY_POLICY;
use certs::path::Question;
use certs::{PolicyConstraints, oids};

use crate::oracle;
use crate::world::*;

const A: Oid = oids::PUBLIC_SERVICE_POLICY;
const B: Oid = Oid::new(&[2, 16, 704, 1, 1, 1, 1, 2]);
const C: Oid = Oid::new(&[1, 3, 6, 1, 4, 1, 99999, 3]);

fn explicit(policies: &'static [Oid]) -> impl FnOnce(&mut Question) {
    move |question| {
        question.policies = policies.to_vec();
        question.explicit_policy = true;
    }
}

fn world(ca: impl FnOnce(Draft) -> Draft, leaf: &[Oid]) -> World {
    let leaf = if leaf.is_empty() {
        leaf_draft().without(oids::CERTIFICATE_POLICIES)
    } else {
        leaf_draft().policies(leaf)
    };
    World::of(root_draft(), ca(ca_draft()), leaf)
}

#[test]
fn policies_are_processed_as_rfc_5280_6_1_says_and_openssl_agrees() {
    let limits = |require_explicit, inhibit_mapping| PolicyConstraints { require_explicit, inhibit_mapping };
    let maps = |pairs: &'static [(Oid, Oid)]| move |d: Draft| d.policies(&[A]).policy_mappings(pairs);
    #[rustfmt::skip]
    let rows: Vec<(&str, World, &str, bool)> = vec![
        ("nothing asked, nothing stated", world(|d| d.without(oids::CERTIFICATE_POLICIES), &[]), "valid", true),
        ("asked, any policy above", world(|d| d, &[A]).asking(explicit(&[A])), "valid", true),
        ("asked, another stated", world(|d| d, &[B]).asking(explicit(&[A])), "policy", true),
        ("one of two asked", world(|d| d, &[B]).asking(explicit(&[A, B])), "valid", true),
        ("asked, leaf silent", world(|d| d, &[]).asking(explicit(&[A])), "policy", true),
        ("asked, authority silent", world(|d| d.without(oids::CERTIFICATE_POLICIES), &[A]).asking(explicit(&[A])), "policy", true),
        ("authority limits to another", world(|d| d.policies(&[B]), &[A]).asking(explicit(&[A])), "policy", true),
        ("leaf with any policy", world(|d| d.policies(&[A]), &[ANY_POLICY]).asking(explicit(&[A])), "valid", true),
        ("any policy inhibited by the question", world(|d| d, &[A]).asking(|q| { explicit(&[A])(q); q.inhibit_any = true; }), "policy", true),
        ("any policy inhibited by the authority", world(|d| d.policies(&[A]).inhibit_any_policy(0), &[ANY_POLICY]).asking(explicit(&[A])), "policy", true),
        ("any policy inhibited later", world(|d| d.policies(&[A]).inhibit_any_policy(1), &[ANY_POLICY]).asking(explicit(&[A])), "valid", true),
        ("authority requires a policy", world(|d| d.policy_constraints(limits(Some(0), None)), &[]), "policy", true),
        ("authority requires a policy, stated", world(|d| d.policy_constraints(limits(Some(0), None)), &[A]), "valid", true),
        ("authority requires a policy later", world(|d| d.policy_constraints(limits(Some(5), None)), &[]), "valid", true),
        ("mapped", world(maps(&[(A, C)]), &[C]).asking(explicit(&[A])), "valid", true),
        ("mapped, original stated", world(maps(&[(A, C)]), &[A]).asking(explicit(&[A])), "policy", true),
        ("mapped, subject's policy asked", world(maps(&[(A, C)]), &[C]).asking(explicit(&[C])), "policy", true),
        ("mapped to two", world(maps(&[(A, B), (A, C)]), &[C]).asking(explicit(&[A])), "valid", true),
        ("mapping inhibited", world(maps(&[(A, C)]), &[C]).asking(|q| { explicit(&[A])(q); q.inhibit_mapping = true; }), "policy", true),
        ("any policy mapped", world(|d| d.policies(&[ANY_POLICY]).policy_mappings(&[(A, C)]), &[C]).asking(explicit(&[A])), "valid", true),
        ("mapping to any policy", world(maps(&[(A, ANY_POLICY)]), &[C]), "policy", true),
        // RFC 5280 fails a path for a policy only when one is required; asking alone narrows the answer.
        ("asked without requiring", world(|d| d, &[B]).asking(|q| q.policies = vec![A]), "valid", true),
    ];
    for (what, world, expected, agrees) in rows {
        assert_eq!(world.word(), expected, "{what}: {:?}", world.judge());
        let (valid, said) = oracle::verify(&world);
        assert_eq!(valid == (expected == "valid"), agrees, "{what}: OpenSSL says {said}");
    }
}

#[test]
fn the_answer_names_the_policies() {
    let of = |world: World| world.judge().path().unwrap().policies().to_vec();
    assert_eq!(of(world(|d| d, &[A, B]).asking(|q| q.policies = vec![A])), [A]);
    assert_eq!(of(world(|d| d, &[A, B])), [A, B]);
    assert!(of(world(|d| d, &[])).is_empty());
}

/// CVE-2023-0464: mappings that would double a tree at every level stay a graph, and a flood of them ends.
#[test]
fn a_flood_of_policies_exhausts_the_budget() {
    let many: Vec<Oid> = (0..1500).map(|n| Oid::new(&[1, 3, 6, 1, 4, 1, 99999, n])).collect();
    let world = world(|d| d.policies(&many), &many).asking(|q| q.explicit_policy = true);
    assert_eq!(world.word(), "budget");
}
