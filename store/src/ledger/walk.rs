//! A tree as an auditor grows it, leaf by leaf: every tile it must have, and the root at every size.

use super::merkle::{Frontier, Hash, TILE_WIDTH, tile_root};
use super::names::{Kind, TileName};

/// Leaves pushed so far, and what their tree looks like.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    frontier: Frontier,
    size: u64,
    /// What of each level is in no full tile yet, and the number of the tile it will be in.
    edge: Vec<(u64, Vec<Hash>)>,
}

impl Walk {
    /// The next leaf's hash. Answers the tiles that are full with it, lowest level first.
    pub fn push(&mut self, leaf: Hash) -> Vec<(TileName, Vec<Hash>)> {
        self.frontier.push(leaf);
        self.size += 1;
        let mut full = Vec::new();
        let mut carried = Some(leaf);
        let mut level = 0;
        while let Some(hash) = carried.take() {
            if self.edge.len() == level {
                self.edge.push((0, Vec::new()));
            }
            let Some((number, row)) = self.edge.get_mut(level) else { break };
            row.push(hash);
            if row.len() as u64 == TILE_WIDTH {
                carried = Some(tile_root(row));
                let kind = Kind::Hashes(u32::try_from(level).unwrap_or(u32::MAX));
                full.push((TileName::full(kind, *number), std::mem::take(row)));
                *number += 1;
            }
            level += 1;
        }
        full
    }

    /// The tiles on the right edge that are not full.
    pub fn partial(&self) -> impl Iterator<Item = (TileName, &[Hash])> {
        (0u32..).zip(&self.edge).filter(|(_, (_, row))| !row.is_empty()).map(|(level, (number, row))| {
            let name = TileName { kind: Kind::Hashes(level), number: *number, width: row.len() as u64 };
            (name, row.as_slice())
        })
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the leaves so far.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
}

/// The leaves of an entry bundle (C2SP tlog-tiles), each behind its length; `None` when it is cut or there are more than 256.
pub fn read_bundle(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if entries.len() as u64 == TILE_WIDTH {
            return None;
        }
        entries.push(entry);
        bytes = rest;
    }
    bytes.is_empty().then_some(entries)
}

/// An entry bundle of leaves; `None` for a leaf of more than 65,535 bytes.
pub fn write_bundle<'l>(leaves: impl IntoIterator<Item = &'l [u8]>) -> Option<Vec<u8>> {
    let mut bundle = Vec::new();
    for leaf in leaves {
        bundle.extend_from_slice(&u16::try_from(leaf.len()).ok()?.to_be_bytes());
        bundle.extend_from_slice(leaf);
    }
    Some(bundle)
}

#[cfg(test)]
mod tests {
    use super::super::merkle::{Tiles, leaf_hash};
    use super::*;

    #[test]
    fn a_walk_grows_the_tiles_of_the_tree() {
        let mut walk = Walk::default();
        let mut tiles = Tiles::default();
        let mut names = Vec::new();
        for n in 0..66_000u64 {
            for (name, hashes) in walk.push(leaf_hash(&n.to_be_bytes())) {
                let Kind::Hashes(level) = name.kind else { panic!("{name}") };
                tiles.put(level, name.number, hashes);
                names.push(name);
            }
        }
        for (name, hashes) in walk.partial() {
            let Kind::Hashes(level) = name.kind else { panic!("{name}") };
            assert_eq!(hashes.len() as u64, name.width);
            tiles.put(level, name.number, hashes.to_vec());
            names.push(name);
        }
        assert_eq!(tiles.root(66_000), Ok(walk.root()));
        let mut expected: Vec<String> = TileName::of_tree(66_000).map(|name| name.to_string()).collect();
        let mut names: Vec<String> = names.iter().map(ToString::to_string).collect();
        expected.sort();
        names.sort();
        assert_eq!(names, expected);
    }

    #[test]
    fn bundles_there_and_back() {
        let leaves: [&[u8]; 3] = [b"one", b"", b"three"];
        let bundle = write_bundle(leaves).unwrap();
        assert_eq!(bundle, b"\x00\x03one\x00\x00\x00\x05three");
        assert_eq!(read_bundle(&bundle).unwrap(), leaves);
        assert_eq!(read_bundle(b"").unwrap(), Vec::<&[u8]>::new());
        for cut in [1, 2, 4, 6, bundle.len() - 1] {
            assert!(read_bundle(&bundle[..cut]).is_none_or(|entries| entries.len() < 3), "{cut}");
        }
        assert!(read_bundle(b"\x00\x02a").is_none());
        assert!(read_bundle(&[0; 2 * 257]).is_none(), "more than a bundle holds");
        assert!(write_bundle([[0u8; 65_536].as_slice()]).is_none());
    }
}
