//! How the parts of a log are named in addresses and in an export (C2SP tlog-tiles).

use std::fmt;

use super::merkle::TILE_WIDTH;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Hashes of a level, 0 to 63.
    Hashes(u32),
    /// The leaves themselves.
    Entries,
}

/// A tile or an entry bundle: `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileName {
    /// Hashes or leaves.
    pub kind: Kind,
    /// Its place in the level.
    pub number: u64,
    /// How many of the 256 it has.
    pub width: u64,
}

/// Levels of a log (tlog-tiles: "between 0 and 63").
const LEVEL_MAX: u64 = 63;

/// A decimal number without leading zeroes.
fn plain(text: &str, max: u64) -> Option<u64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number| is_plain && *number <= max)
}

impl TileName {
    /// A full tile.
    pub fn full(kind: Kind, number: u64) -> Self {
        Self { kind, number, width: TILE_WIDTH }
    }

    /// The tiles that make up the tree of `size` leaves, level by level, partial ones last in each.
    pub fn of_tree(size: u64) -> impl Iterator<Item = Self> {
        let levels = (0u32..).map_while(move |level| {
            let hashes = size.checked_shr(8 * level).unwrap_or(0);
            (hashes > 0).then_some((level, hashes))
        });
        levels.flat_map(|(level, hashes)| tiles_of(Kind::Hashes(level), hashes))
    }

    /// The entry bundles of `size` leaves.
    pub fn bundles_of(size: u64) -> impl Iterator<Item = Self> {
        tiles_of(Kind::Entries, size)
    }

    /// Reads what stands after `tile/`.
    pub fn read(text: &str) -> Option<Self> {
        let (level, rest) = text.split_once('/')?;
        let kind = match level {
            "entries" => Kind::Entries,
            level => Kind::Hashes(u32::try_from(plain(level, LEVEL_MAX)?).ok()?),
        };
        let (path, width) = match rest.split_once(".p/") {
            Some((path, width)) => (path, plain(width, TILE_WIDTH - 1).filter(|width| *width > 0)?),
            None => (rest, TILE_WIDTH),
        };
        let mut number: u64 = 0;
        let (before, last) =
            path.rsplit_once('/').map_or((None, path), |(before, last)| (Some(before), last));
        let before = before.into_iter().flat_map(|groups| groups.split('/'));
        for group in before.map(|group| group.strip_prefix('x')).chain([Some(last)]) {
            let group = group.filter(|g| g.len() == 3 && g.bytes().all(|b| b.is_ascii_digit()))?;
            number = number.checked_mul(1000)?.checked_add(group.parse().ok()?)?;
        }
        let name = Self { kind, number, width };
        // One tile has one name: no groups of zeroes before the number.
        (name.to_string() == format!("tile/{text}")).then_some(name)
    }
}

fn tiles_of(kind: Kind, count: u64) -> impl Iterator<Item = TileName> {
    let (full, rest) = (count / TILE_WIDTH, count % TILE_WIDTH);
    let partial = (rest > 0).then_some(TileName { kind, number: full, width: rest });
    (0..full).map(move |number| TileName::full(kind, number)).chain(partial)
}

impl fmt::Display for TileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Hashes(level) => write!(f, "tile/{level}/")?,
            Kind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.number % 1000];
        let mut rest = self.number / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (place, group) in groups.iter().enumerate().rev() {
            match place {
                0 => write!(f, "{group:03}")?,
                _ => write!(f, "x{group:03}/")?,
            }
        }
        match self.width {
            TILE_WIDTH => Ok(()),
            width => write!(f, ".p/{width}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn names_of_c2sp_tlog_tiles() {
        let hashes = |level, number, width| Some(TileName { kind: Kind::Hashes(level), number, width });
        let rows = [
            ("0/067",                   hashes(0, 67, 256)),
            ("1/x001/x234/067",         hashes(1, 1_234_067, 256)),
            ("63/000",                  hashes(63, 0, 256)),
            ("0/067.p/8",               hashes(0, 67, 8)),
            ("2/x001/000.p/255",        hashes(2, 1000, 255)),
            ("entries/x001/x234/067.p/1", Some(TileName { kind: Kind::Entries, number: 1_234_067, width: 1 })),
            ("64/000",                  None),
            ("00/000",                  None),
            ("-1/000",                  None),
            ("+1/000",                  None),
            ("0/067.p/0",               None),
            ("0/067.p/256",             None),
            ("0/067.p/08",              None),
            ("0/067.p/",                None),
            ("0/67",                    None),
            ("0/001/067",               None),
            ("0/x001/x067",             None),
            ("0/x000/067",              None),
            ("0/x999/x999/x999/x999/x999/x999/x999/999", None),
            ("0/",                      None),
            ("data/000",                None),
            ("",                        None),
        ];
        for (text, expected) in rows {
            assert_eq!(TileName::read(text), expected, "{text}");
            if let Some(name) = expected {
                assert_eq!(name.to_string(), format!("tile/{text}"));
            }
        }
    }

    /// "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of width 112, one full
    /// level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1. … a tree of size 256 will
    /// be represented by a full level 0 tile and a partial level 1 tile of width 1."
    #[test]
    fn the_trees_that_c2sp_tlog_tiles_describes() {
        let tree: Vec<TileName> = TileName::of_tree(70_000).collect();
        let count = |level, is_full: bool| {
            let of = |tile: &&TileName| tile.kind == Kind::Hashes(level) && (tile.width == 256) == is_full;
            tree.iter().filter(of).map(|tile| tile.width).collect::<Vec<_>>()
        };
        assert_eq!(count(0, true).len(), 273);
        assert_eq!(count(0, false), [112]);
        assert_eq!(count(1, true).len(), 1);
        assert_eq!(count(1, false), [17]);
        assert_eq!((count(2, true).len(), count(2, false)), (0, vec![1]));
        let small: Vec<String> = TileName::of_tree(256).map(|tile| tile.to_string()).collect();
        assert_eq!(small, ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(TileName::of_tree(0).count(), 0);
        assert_eq!(TileName::bundles_of(257).map(|tile| tile.width).collect::<Vec<_>>(), [256, 1]);
    }
}
