//! What a signature is over, and its digest. All signatures of a PDF cover the file from its first byte, each up to its
//! own hole: the work on the common beginning is done once for all of them, and for the digest of the whole file.

use crate::cms::digest_pieces;
use certs::algorithm::Digest;
use ring::digest::{Algorithm, Context};
use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;

/// Pieces of content, in order.
#[derive(Clone)]
pub(crate) struct Pieces<'a> {
    parts: Vec<&'a [u8]>,
    beginning: Option<Rc<Beginnings<'a>>>,
}

impl<'a> Pieces<'a> {
    /// Two pieces of a file, the first of them its beginning.
    pub(super) fn of_file(parts: [&'a [u8]; 2], beginning: Rc<Beginnings<'a>>) -> Self {
        Self { parts: parts.to_vec(), beginning: Some(beginning) }
    }

    /// Their digest, as if they were joined.
    pub(crate) fn digest(&self, digest: Digest) -> Vec<u8> {
        let shared = match (&self.beginning, self.parts.split_first()) {
            (Some(beginning), Some((first, rest))) => {
                beginning.up_to(digest, first.len()).map(|context| (context, rest))
            }
            _ => None,
        };
        let Some((mut context, rest)) = shared else { return digest_pieces(digest, &self.parts) };
        rest.iter().for_each(|piece| context.update(piece));
        context.finish().as_ref().to_vec()
    }
}

impl<'a> Deref for Pieces<'a> {
    type Target = [&'a [u8]];

    fn deref(&self) -> &Self::Target {
        &self.parts
    }
}

impl<'a> From<Vec<&'a [u8]>> for Pieces<'a> {
    fn from(parts: Vec<&'a [u8]>) -> Self {
        Self { parts, beginning: None }
    }
}

/// Digests of the beginnings of one file.
pub(crate) struct Beginnings<'a> {
    bytes: &'a [u8],
    /// Where the beginnings end, ascending.
    ends: Vec<usize>,
    /// The state of the digest at each end.
    states: RefCell<Vec<(Digest, Vec<Context>)>>,
}

impl<'a> Beginnings<'a> {
    /// `ends`: where the beginnings end that will be asked for.
    pub(super) fn new(bytes: &'a [u8], ends: impl Iterator<Item = usize>) -> Rc<Self> {
        let mut ends: Vec<usize> = ends.filter(|end| *end <= bytes.len()).collect();
        ends.sort_unstable();
        ends.dedup();
        Rc::new(Self { bytes, ends, states: RefCell::default() })
    }

    /// SHA-256 of the whole file.
    pub(super) fn sha256(&self) -> Option<[u8; 32]> {
        let last = self.ends.last().copied()?;
        let mut context = self.up_to(Digest::Sha256, last)?;
        context.update(self.bytes.get(last..)?);
        context.finish().as_ref().try_into().ok()
    }

    /// `None`: nobody said this end would be asked for, or this digest cannot be continued.
    fn up_to(&self, digest: Digest, end: usize) -> Option<Context> {
        let index = self.ends.binary_search(&end).ok()?;
        let mut states = self.states.borrow_mut();
        if !states.iter().any(|(known, _)| *known == digest) {
            let mut context = Context::new(algorithm(digest)?);
            let mut from = 0;
            let mut row = Vec::with_capacity(self.ends.len());
            for end in &self.ends {
                context.update(self.bytes.get(from..*end)?);
                row.push(context.clone());
                from = *end;
            }
            states.push((digest, row));
        }
        states.iter().find(|(known, _)| *known == digest)?.1.get(index).cloned()
    }
}

fn algorithm(digest: Digest) -> Option<&'static Algorithm> {
    match digest {
        Digest::Sha1 => Some(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY),
        Digest::Md5 | Digest::Sha224 => None,
        Digest::Sha256 => Some(&ring::digest::SHA256),
        Digest::Sha384 => Some(&ring::digest::SHA384),
        Digest::Sha512 => Some(&ring::digest::SHA512),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_beginning_changes_no_digest() {
        let file: Vec<u8> = (0..3_000u32).map(|n| (n % 251) as u8).collect();
        let holes = [(100, 200, 900), (1_000, 1_100, 1_900), (2_500, 2_600, 3_000)];
        let beginnings = Beginnings::new(&file, holes.iter().map(|(first, ..)| *first));
        for digest in [Digest::Sha1, Digest::Sha224, Digest::Sha256, Digest::Sha384, Digest::Sha512] {
            for (first, second, end) in holes.into_iter().rev() {
                let parts = [&file[..first], &file[second..end]];
                let shared = Pieces::of_file(parts, beginnings.clone());
                assert_eq!(shared.digest(digest), digest.of(&parts.concat()), "{digest:?} {first}");
            }
        }
        assert_eq!(beginnings.sha256().unwrap().to_vec(), Digest::Sha256.of(&file));
        // An end nobody announced is hashed the plain way.
        let parts = [&file[..7], &file[9..]];
        let own = Pieces::of_file(parts, beginnings);
        assert_eq!(own.digest(Digest::Sha256), Digest::Sha256.of(&parts.concat()));
    }
}
