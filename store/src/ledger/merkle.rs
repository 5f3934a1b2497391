//! The Merkle tree (RFC 6962 §2, RFC 9162 §2): hashing, proofs, and checking them. Pure functions; the tiles they
//! need are handed in.

use std::collections::HashMap;

use ring::digest::{Context, SHA256};

/// A node of the tree.
pub type Hash = [u8; 32];

/// Hashes in a full tile (C2SP tlog-tiles).
pub const TILE_WIDTH: u64 = 256;
const TILE_HEIGHT: u32 = 8;

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The hash of a leaf (RFC 6962 §2.1).
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf])
}

/// The hash of an inner node (RFC 6962 §2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The root of the tree without leaves.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// A tile that has to be fetched before the question can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// 0 for tiles of leaf hashes.
    pub level: u32,
    /// Its place in the level.
    pub tile: u64,
}

/// The tiles at hand.
#[derive(Debug, Default)]
pub struct Tiles(HashMap<(u32, u64), Vec<Hash>>);

impl Tiles {
    /// Puts a tile in.
    pub fn put(&mut self, level: u32, tile: u64, hashes: Vec<Hash>) {
        self.0.insert((level, tile), hashes);
    }

    fn at(&self, level: u32, tile: u64) -> Result<&Vec<Hash>, Missing> {
        self.0.get(&(level, tile)).ok_or(Missing { level, tile })
    }

    /// The hash of the complete subtree number `index` of `height`.
    fn complete(&self, height: u32, index: u64) -> Result<Hash, Missing> {
        let (level, rest) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
        // 2^rest ≤ 128 neighbours, aligned: they never cross a tile.
        let (first, count) = (index << rest, 1usize << rest);
        let (tile, start) = (first / TILE_WIDTH, (first % TILE_WIDTH) as usize);
        let missing = Missing { level, tile };
        let mut row = self.at(level, tile)?.get(start..start + count).ok_or(missing)?.to_vec();
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        row.first().copied().ok_or(missing)
    }

    /// MTH of the leaves `from..to` (RFC 6962 §2.1). Halves at every step, so at most 64 deep.
    fn range(&self, from: u64, to: u64) -> Result<Hash, Missing> {
        let count = to - from;
        if count.is_power_of_two() && from.is_multiple_of(count) {
            return self.complete(count.trailing_zeros(), from / count);
        }
        let split = from + largest_power_below(count);
        Ok(node_hash(&self.range(from, split)?, &self.range(split, to)?))
    }

    /// The root of the tree of the first `size` leaves.
    ///
    /// # Errors
    /// The tile that is missing: fetch it and ask again.
    pub fn root(&self, size: u64) -> Result<Hash, Missing> {
        if size == 0 { Ok(empty_root()) } else { self.range(0, size) }
    }

    /// The inclusion proof of leaf `index` in the tree of `size` leaves, `index < size` (RFC 6962 §2.1.1), leaf first.
    ///
    /// # Errors
    /// The tile that is missing.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, Missing> {
        let (mut from, mut to) = (0, size);
        let mut proof = Vec::new();
        while to - from > 1 {
            let split = from + largest_power_below(to - from);
            if index < split {
                proof.push(self.range(split, to)?);
                to = split;
            } else {
                proof.push(self.range(from, split)?);
                from = split;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves, `0 < old ≤ new` (RFC 6962
    /// §2.1.2).
    ///
    /// # Errors
    /// The tile that is missing.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Missing> {
        let (mut from, mut to, mut whole) = (0, new, true);
        let mut proof = Vec::new();
        while to != old {
            let split = from + largest_power_below(to - from);
            if old <= split {
                proof.push(self.range(split, to)?);
                to = split;
            } else {
                proof.push(self.range(from, split)?);
                from = split;
                whole = false;
            }
        }
        if !whole {
            proof.push(self.range(from, to)?);
        }
        proof.reverse();
        Ok(proof)
    }
}

/// A tree as somebody sees it who walks the log from its first leaf: the complete subtrees on its right edge.
#[derive(Clone, Debug, Default)]
pub struct Frontier {
    /// Height and hash, tallest first; heights are the one-bits of the size.
    subtrees: Vec<(u32, Hash)>,
}

impl Frontier {
    /// The next leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        let (mut height, mut hash) = (0, leaf);
        while let Some((_, left)) = self.subtrees.pop_if(|(of, _)| *of == height) {
            hash = node_hash(&left, &hash);
            height += 1;
        }
        self.subtrees.push((height, hash));
    }

    /// The root of the leaves so far.
    pub fn root(&self) -> Hash {
        let mut from_right = self.subtrees.iter().rev().map(|(_, hash)| *hash);
        match from_right.next() {
            None => empty_root(),
            Some(last) => from_right.fold(last, |right, left| node_hash(&left, &right)),
        }
    }
}

/// The largest power of two smaller than `n`, for `n > 1`.
fn largest_power_below(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// Whether `proof` shows that a leaf stands at `index` in the tree of `size` leaves with `root` (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut fn_, mut sn) = (index, size - 1);
    let mut hash = *leaf;
    for step in proof {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            hash = node_hash(step, &hash);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 9162
/// §2.1.4.2).
pub fn verify_consistency(old: u64, new: u64, old_root: &Hash, new_root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut steps = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut fn_, mut sn) = (old - 1, new - 1);
    while fn_ & 1 == 1 {
        fn_ >>= 1;
        sn >>= 1;
    }
    let (mut fr, mut sr) = (*first, *first);
    for step in steps {
        if sn == 0 {
            return false;
        }
        if fn_ & 1 == 1 || fn_ == sn {
            fr = node_hash(step, &fr);
            sr = node_hash(step, &sr);
            while fn_ & 1 == 0 && fn_ != 0 {
                fn_ >>= 1;
                sn >>= 1;
            }
        } else {
            sr = node_hash(&sr, step);
        }
        fn_ >>= 1;
        sn >>= 1;
    }
    sn == 0 && fr == *old_root && sr == *new_root
}

/// The roots of full tiles that `full` leaf-level or inner-level hashes make: one hash for 256.
pub fn tile_root(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| node_hash(&pair[0], pair.get(1).unwrap_or(&pair[0]))).collect();
    }
    row.first().copied().unwrap_or_else(empty_root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962 §2.1, word for word, over all leaves.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            many => {
                let (left, right) = many.split_at(largest_power_below(many.len() as u64) as usize);
                node_hash(&mth(left), &mth(right))
            }
        }
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn tiles(leaves: &[Hash]) -> Tiles {
        let mut tiles = Tiles::default();
        let (mut row, mut level) = (leaves.to_vec(), 0);
        while !row.is_empty() {
            for (tile, hashes) in row.chunks(256).enumerate() {
                tiles.put(level, tile as u64, hashes.to_vec());
            }
            row = row.chunks_exact(256).map(tile_root).collect();
            level += 1;
        }
        tiles
    }

    #[test]
    fn roots_and_proofs_of_every_small_tree_and_some_large_ones() {
        let all = leaves(65_600);
        let sizes = (1..=66).chain([127, 128, 129, 255, 256, 257, 511, 513, 65_537, 65_600]);
        let tiles = tiles(&all);
        for size in sizes {
            let root = mth(&all[..size]);
            let size = size as u64;
            assert_eq!(tiles.root(size), Ok(root), "{size}");
            for index in (0..size).step_by(1 + size as usize / 9) {
                let proof = tiles.inclusion(index, size).unwrap();
                let leaf = &all[index as usize];
                assert!(verify_inclusion(leaf, index, size, &proof, &root), "{index} in {size}");
                // The last two leaves of an odd tree prove differently, and no leaf proves another's place.
                assert!(!verify_inclusion(leaf, (index + 1) % (size + 1), size, &proof, &root) || size == 1);
                let mut wrong = proof.clone();
                wrong.push([0; 32]);
                assert!(!verify_inclusion(leaf, index, size, &wrong, &root));
            }
            for old in (1..=size).step_by(1 + size as usize / 9) {
                let old_root = mth(&all[..old as usize]);
                let proof = tiles.consistency(old, size).unwrap();
                assert!(verify_consistency(old, size, &old_root, &root, &proof), "{old} to {size}");
                assert!(
                    old == size || !verify_consistency(old, size, &root, &root, &proof),
                    "{old} to {size}"
                );
            }
        }
    }

    #[test]
    fn a_walker_sees_the_same_roots() {
        let all = leaves(700);
        let mut frontier = Frontier::default();
        assert_eq!(frontier.root(), empty_root());
        for (index, leaf) in all.iter().enumerate() {
            frontier.push(*leaf);
            assert_eq!(frontier.root(), mth(&all[..=index]), "{index}");
        }
    }

    #[test]
    fn rfc_6962_hashes_of_nothing_and_of_the_empty_leaf() {
        let hex = |hash: Hash| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }
}
