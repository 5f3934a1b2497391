//! `pathlen::*`, `pathological::*`, `invalid::*` and the graphs among `cve::*` and `rfc5280::nc::*`: which path is found, and
//! that the search ends.

use super::*;
use std::time::Instant;

/// Path lengths of the authorities between root and leaf.
fn lengths(lengths: &[Option<u32>]) -> Case {
    let root = root();
    let mut chain: Vec<Authority> = Vec::new();
    for (position, length) in lengths.iter().enumerate() {
        let draft = authority(&format!("authority {position}"), position + 1, *length);
        let above = chain.last().unwrap_or(&root);
        let next = under(above, draft, position + 1);
        chain.push(next);
    }
    let leaf = leaf_draft().signed_by(chain.last().unwrap_or(&root)).unwrap();
    Case::of(&[&root], &chain.iter().collect::<Vec<_>>(), leaf)
}

#[test]
#[rustfmt::skip]
fn path_lengths() {
    let ca_leaf = {
        let root = root();
        let first = under(&root, authority("first", 1, Some(0)), 1);
        let leaf = authority("second", 7, Some(0)).alt_names(&[dns(EXAMPLE)]).signed_by(&first).unwrap();
        Case::of(&[&root], &[&first], leaf).asking(|q| q.purpose = Purpose::Any)
    };
    let self_issued = {
        let root = root();
        let first = under(&root, authority("same", 1, Some(1)), 1);
        let second = under(&first, authority("same", 2, Some(1)), 2);
        let third = under(&second, authority("third", 3, Some(0)), 3);
        let leaf = leaf_draft().signed_by(&third).unwrap();
        Case::of(&[&root], &[&first, &second, &third], leaf)
    };
    run(vec![
        ("pathlen::ee-with-intermediate-pathlen-0", lengths(&[Some(0)]), true),
        ("pathlen::ee-with-intermediate-pathlen-1", lengths(&[Some(1)]), true),
        ("pathlen::ee-with-intermediate-pathlen-2", lengths(&[Some(2)]), true),
        ("pathlen::validation-ignores-pathlen-in-leaf", ca_leaf, true),
        ("pathlen::intermediate-violates-pathlen-0", lengths(&[Some(0), Some(0)]), false),
        ("pathlen::intermediate-pathlen-may-increase", lengths(&[Some(1), Some(2)]), true),
        ("pathlen::intermediate-pathlen-too-long", lengths(&[Some(1), Some(0), Some(0)]), false),
        ("pathlen::self-issued-certs-pathlen", self_issued, true),
        ("pathlen::max-chain-depth-0", lengths(&[None]).asking(|q| q.max_depth = Some(0)), false),
        ("pathlen::max-chain-depth-0-self-signed", lengths(&[]).asking(|q| q.max_depth = Some(0)), true),
        ("pathlen::max-chain-depth-1", lengths(&[None]).asking(|q| q.max_depth = Some(1)), true),
        ("pathlen::max-chain-depth-1-exceeded", lengths(&[None, None]).asking(|q| q.max_depth = Some(1)), false),
    ]);
}

/// Two certificates that certify each other, under names that may be the same.
fn cycle(one: &str, two: &str) -> Case {
    let sign = |name: &str, number: usize, issuer: &str, by: usize| {
        let above =
            Authority::new(authority(issuer, by, None).self_signed(&KEYS[by]).unwrap(), key(by)).unwrap();
        under(&above, authority(name, number, None), number)
    };
    let (first, second) = (sign(one, 1, two, 2), sign(two, 2, one, 1));
    let leaf = leaf_draft().signed_by(&first).unwrap();
    Case::of(&[&root()], &[&first, &second], leaf)
}

/// Root A, B and C certify one another; A1 under A issued the leaf.
fn crossed() -> Case {
    let names = ["Root A", "Root B", "Root C"];
    let own = |n: usize| {
        Authority::new(
            authority(names[n], n, None)
                .without(oids::AUTHORITY_KEY_IDENTIFIER)
                .self_signed(&KEYS[n])
                .unwrap(),
            key(n),
        )
        .unwrap()
    };
    let roots = [own(0), own(1), own(2)];
    let mut middle = vec![under(&roots[0], authority("A1", 4, None), 4)];
    for (subject, issuer) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        middle.push(under(&roots[issuer], authority(names[subject], subject, None), subject));
    }
    let leaf = named_leaf(nameless(), &[dns(EXAMPLE)]).signed_by(&middle[0]).unwrap();
    Case::of(&[&roots[0]], &middle.iter().collect::<Vec<_>>(), leaf)
}

/// Two certificates of one authority, the first under constraints its own name breaks or under nobody, the second good.
fn alternate(is_first_trusted: bool) -> Case {
    let (one, two) = (
        root(),
        Authority::new(
            authority("root 2", 5, None)
                .without(oids::AUTHORITY_KEY_IDENTIFIER)
                .self_signed(&KEYS[5])
                .unwrap(),
            key(5),
        )
        .unwrap(),
    );
    let constraints = NameConstraints { permitted: Vec::new(), excluded: vec![dns("forbidden.example.com")] };
    let constrained = under(&one, authority("A", 1, None).name_constraints(&constraints), 1);
    let first = under(&constrained, authority("B", 2, None).alt_names(&[dns("forbidden.example.com")]), 2);
    let second = under(&two, authority("B", 2, None).alt_names(&[dns("other.example.com")]), 2);
    let leaf = leaf_draft().signed_by(&first).unwrap();
    let trusted: &[&Authority] = if is_first_trusted { &[&one, &two] } else { &[&two] };
    Case::of(trusted, &[&constrained, &first, &second], leaf)
}

#[test]
#[rustfmt::skip]
fn graphs() {
    let swapped = {
        let root = root();
        let middle = under(&root, authority("middle", 1, None), 1);
        let leaf = leaf_draft().signed_by(&middle).unwrap();
        Case::of(&[&middle], &[&root], leaf)
    };
    let untrusted = {
        let root = root();
        let other = Authority::new(authority("unrelated", 5, None).self_signed(&KEYS[5]).unwrap(), key(5)).unwrap();
        let middle = under(&root, authority("middle", 1, Some(0)), 1);
        let leaf = leaf_draft().signed_by(&middle).unwrap();
        Case::of(&[&other], &[&root, &middle], leaf)
    };
    let pain = {
        let (one, two) = (root(), Authority::new(authority("root 2", 5, None).without(oids::AUTHORITY_KEY_IDENTIFIER).self_signed(&KEYS[5]).unwrap(), key(5)).unwrap());
        let expired = under(&two, authority("root", 0, Some(1)).valid(0, 1), 0);
        let leaf = leaf_draft().signed_by(&one).unwrap();
        Case::of(&[&one, &two], &[&expired], leaf)
    };
    let broken_key = {
        let spki = b"0\x120\r\x06\t*\x86H\x86\xf7\r\x01\x01\x01\x05\x00\x03\x01\x00";
        let key = certs::keys::PublicKey::from_spki(spki).unwrap();
        let middle = Draft::new(&cn("middle"), &key, serial(3), LIFE).authority(None).signed_by(&root()).unwrap();
        let named = Authority::new(authority("middle", 1, None).self_signed(&KEYS[1]).unwrap(), super::key(1)).unwrap();
        let leaf = leaf_draft().without(oids::AUTHORITY_KEY_IDENTIFIER).signed_by(&named).unwrap();
        let mut case = Case::of(&[&root()], &[], leaf);
        case.evidence.certificates.push(middle);
        case
    };
    run(vec![
        ("rfc5280::root-and-intermediate-swapped", swapped, true),
        ("rfc5280::chain-untrusted-root", untrusted, false),
        ("pathological::multiple-chains-expired-intermediate", pain, true),
        ("pathological::intermediate-cycle-distinct-cas", cycle("one", "two"), false),
        ("pathological::intermediate-cycle-distinct-cas-max-depth", cycle("one", "two").asking(|q| q.max_depth = Some(255)), false),
        ("pathological::intermediate-cycle-same-logical-ca", cycle("same", "same"), false),
        ("cve::cve-2024-0567", crossed(), true),
        ("rfc5280::nc::nc-forbids-alternate-chain-ica", alternate(false), true),
        ("rfc5280::nc::nc-forbids-same-chain-ica", alternate(true), true),
        ("invalid::invalid-issuer-key", broken_key, false),
    ]);
}

/// Every one of these would take ages without a budget; together they take less than a second.
#[test]
fn pathological_graphs_end_in_bounded_time() {
    let names: Vec<GeneralName> = (0..513).map(|n| dns(&format!("t{n}.test"))).collect();
    let excluded: Vec<GeneralName> = (0..513).map(|n| dns(&format!("x{n}.test"))).collect();
    let flood = NameConstraints { permitted: [names.clone(), vec![dns("test")]].concat(), excluded };
    let many_names =
        Case::plain(root_draft().name_constraints(&flood), named_leaf(nameless(), &names)).host("t0.test");
    // Twelve layers of five authorities each, every one certified by every one above: 5^12 paths, and no root.
    let mut layers: Vec<Certificate> = Vec::new();
    for layer in 0..12usize {
        let (below, above) = (1 + layer % 2, 1 + (layer + 1) % 2);
        let issuer =
            authority(&format!("layer {}", layer + 1), above, None).self_signed(&KEYS[above]).unwrap();
        let issuer = Authority::new(issuer, key(above)).unwrap();
        let many = (0..5).map(|n| authority(&format!("layer {layer}"), below, None).serial(serial(100 + n)));
        layers.extend(many.map(|draft| draft.signed_by(&issuer).unwrap()));
    }
    let bottom = Authority::new(layers[0].clone(), key(1)).unwrap();
    let leaf = leaf_draft().signed_by(&bottom).unwrap();
    let mut thicket = Case::of(&[&root()], &[], leaf);
    thicket.evidence.certificates = layers;
    let start = Instant::now();
    for (name, case) in [("pathological::nc-dos-1", many_names), ("a thicket", thicket)] {
        let verdict = case.judge();
        assert!(!matches!(verdict, PathVerdict::Valid(_)), "{name}: {verdict:.200?}");
    }
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}
