//! The index of words: which agencies have a word, as lists of small numbers (see `agency_word` in migration 5).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mail::{AgencyId, Timestamp};

use super::words::{keys, rank};
use super::{bytes_hex, code, hex, hex_list, ids_in};
use crate::Tx;
use crate::error::{Error, Result};
use crate::sql::{Sql, values};

/// Agencies of one chunk. A list of all of them is 16 KiB, so a change of one agency rewrites little.
const CHUNK: u32 = 4096;
/// Bits of an entry that hold the rank; above them stands the number within the chunk.
const RANK_BITS: u32 = 20;

/// An agency in a list: its number and its rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) no: u32,
    pub(super) rank: u32,
}

impl Entry {
    fn packed(self) -> u32 {
        ((self.no % CHUNK) << RANK_BITS) | self.rank
    }
}

fn damaged() -> Error {
    Error::Damaged("the index of agencies")
}

/// The entries of a list, in the order of their numbers.
fn unpack(chunk: i64, bytes: &[u8], into: &mut Vec<Entry>) -> Result<()> {
    let base = u32::try_from(chunk).ok().and_then(|chunk| chunk.checked_mul(CHUNK)).ok_or_else(damaged)?;
    let entries = bytes.chunks_exact(4);
    if !entries.remainder().is_empty() {
        return Err(damaged());
    }
    into.reserve(entries.len());
    for entry in entries {
        let packed = u32::from_le_bytes(entry.try_into().map_err(|_| damaged())?);
        into.push(Entry { no: base + (packed >> RANK_BITS), rank: packed & ((1 << RANK_BITS) - 1) });
    }
    Ok(())
}

/// What an agency's place in the index is, and what it is to be.
struct Move {
    no: u32,
    before: Option<(u32, BTreeSet<String>)>,
    rank: u32,
    keys: BTreeSet<String>,
}

/// What becomes of one list: numbers to take out, entries to put in.
#[derive(Default)]
struct Edit {
    out: Vec<u32>,
    put: Vec<Entry>,
}

impl Edit {
    fn apply(&self, chunk: i64, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut entries = Vec::with_capacity(bytes.len() / 4 + self.put.len());
        unpack(chunk, bytes, &mut entries)?;
        if !entries.is_empty() {
            let mut gone: Vec<u32> = self.out.iter().copied().chain(self.put.iter().map(|e| e.no)).collect();
            gone.sort_unstable();
            entries.retain(|entry| gone.binary_search(&entry.no).is_err());
        }
        entries.extend(&self.put);
        entries.sort_unstable_by_key(|entry| entry.no);
        let mut packed = Vec::with_capacity(entries.len() * 4);
        for entry in entries {
            packed.extend_from_slice(&entry.packed().to_le_bytes());
        }
        Ok(packed)
    }
}

/// The lists of one chunk that are touched, by word.
type Lists<'m> = HashMap<&'m str, Edit>;

/// The lists that some moves touch, by chunk.
fn edits(moves: &[Move]) -> BTreeMap<i64, Lists<'_>> {
    let mut chunks: BTreeMap<i64, Lists<'_>> = BTreeMap::new();
    for step in moves {
        let lists = chunks.entry(i64::from(step.no / CHUNK)).or_default();
        let entry = Entry { no: step.no, rank: step.rank };
        let Some((old_rank, old_keys)) = &step.before else {
            for key in &step.keys {
                lists.entry(key).or_default().put.push(entry);
            }
            continue;
        };
        for key in old_keys.difference(&step.keys) {
            lists.entry(key).or_default().out.push(step.no);
        }
        for key in step.keys.iter().filter(|key| *old_rank != step.rank || !old_keys.contains(*key)) {
            lists.entry(key).or_default().put.push(entry);
        }
    }
    chunks
}

impl Tx {
    /// Brings the index up to what is recorded of some agencies: names of all times, rank of this moment.
    pub(super) async fn index_agencies(&mut self, ids: &[AgencyId], now: Timestamp) -> Result<()> {
        let moves = self.moves(ids, now).await?;
        for (chunk, lists) in edits(&moves) {
            self.edit_lists(chunk, &lists).await?;
        }
        Ok(())
    }

    /// Finds where agencies are in the index and where they go, and writes the latter down.
    async fn moves(&mut self, ids: &[AgencyId], now: Timestamp) -> Result<Vec<Move>> {
        let text = hex_list(ids);
        let mut before: HashMap<AgencyId, (u32, u32, BTreeSet<String>)> = HashMap::new();
        let rows = self
            .rows(
                Sql {
                    sqlite: "SELECT i.agency_id, i.no, i.rank, i.names FROM json_each($1) j CROSS JOIN agency_index i \
                             ON i.agency_id = unhex(j.value)",
                    postgres: concat!(
                        "SELECT i.agency_id, i.no, i.rank, i.names FROM agency_index i WHERE i.agency_id = ",
                        ids_in!("$1")
                    ),
                },
                values![&text],
            )
            .await?;
        for row in &rows {
            let number = |n: i64| u32::try_from(n).map_err(|_| damaged());
            // Names have no line ends.
            let keys = keys(row.str(3)?.split('\n'));
            before.insert(row.id(0)?, (number(row.int(1)?)?, number(row.int(2)?)?, keys));
        }
        let mut moves = Vec::with_capacity(ids.len());
        let mut written = Vec::with_capacity(ids.len());
        let mut next = self.next_numbers(ids.len().saturating_sub(before.len())).await?;
        for (agency_id, names) in self.names_of(&text, now).await? {
            let keys = keys(names.all.iter().map(String::as_str));
            let there = before.remove(&agency_id);
            let no = match &there {
                Some((no, ..)) => *no,
                None => {
                    next += 1;
                    next - 1
                }
            };
            written.push(serde_json::json!([hex(&agency_id), no, names.rank, names.all.join("\n")]));
            moves.push(Move {
                no,
                before: there.map(|(_, rank, keys)| (rank, keys)),
                rank: names.rank,
                keys,
            });
        }
        self.exec(
            Sql {
                sqlite: "INSERT INTO agency_index (agency_id, no, rank, names) \
                         SELECT unhex(value->>0), value->>1, value->>2, value->>3 FROM json_each($1) WHERE true \
                         ON CONFLICT (agency_id) DO UPDATE SET rank = excluded.rank, names = excluded.names",
                postgres: "INSERT INTO agency_index (agency_id, no, rank, names) \
                           SELECT decode(value->>0, 'hex'), (value->>1)::bigint, (value->>2)::bigint, value->>3 \
                           FROM jsonb_array_elements($1::jsonb) \
                           ON CONFLICT (agency_id) DO UPDATE SET rank = excluded.rank, names = excluded.names",
            },
            values![&serde_json::Value::from(written).to_string()],
        )
        .await?;
        Ok(moves)
    }

    /// Takes numbers for agencies that are new to the index; answers the first.
    async fn next_numbers(&mut self, count: usize) -> Result<u32> {
        let count = i64::try_from(count).map_err(|_| Error::Refused("too many agencies at once"))?;
        let row = self
            .row("UPDATE agency_register SET next_no = next_no + $1 RETURNING next_no", values![count])
            .await?;
        let end = row.map_or(Ok(0), |row| row.int(0))?;
        u32::try_from(end.saturating_sub(count)).map_err(|_| damaged())
    }

    /// The names of agencies, of all times that are recorded now; the newest that has begun gives the rank.
    async fn names_of(&mut self, ids: &str, now: Timestamp) -> Result<BTreeMap<AgencyId, Names>> {
        let rows = self
            .rows(
                Sql {
                    sqlite: "SELECT v.agency_id, v.valid_from, v.code, v.name, v.state FROM json_each($1) j \
                             CROSS JOIN agency_version v ON v.agency_id = unhex(j.value) \
                             WHERE v.superseded_at IS NULL ORDER BY v.agency_id, v.valid_from",
                    postgres: concat!(
                        "SELECT v.agency_id, v.valid_from, v.code, v.name, v.state FROM agency_version v \
                         WHERE v.superseded_at IS NULL AND v.agency_id = ",
                        ids_in!("$1"),
                        " ORDER BY v.agency_id, v.valid_from"
                    ),
                },
                values![ids],
            )
            .await?;
        let mut found: BTreeMap<AgencyId, Names> = BTreeMap::new();
        for row in &rows {
            let names = found.entry(row.id(0)?).or_default();
            let name = row.text(3)?;
            if names.all.is_empty() || row.moment(1)? <= now {
                names.rank = rank(row.text(4)? == "active", &code(row.text(2)?)?, &name);
            }
            if !names.all.contains(&name) {
                names.all.push(name);
            }
        }
        Ok(found)
    }

    async fn edit_lists(&mut self, chunk: i64, lists: &Lists<'_>) -> Result<()> {
        let words = serde_json::Value::from_iter(lists.keys().copied()).to_string();
        let rows = self
            .rows(
                Sql {
                    sqlite: "SELECT w.word, w.entries FROM json_each($1) j CROSS JOIN agency_word w ON w.word = j.value \
                             WHERE w.chunk = $2",
                    postgres: "SELECT w.word, w.entries FROM agency_word w WHERE w.chunk = $2 \
                               AND w.word = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))",
                },
                values![&words, chunk],
            )
            .await?;
        let mut before: HashMap<String, Vec<u8>> = HashMap::new();
        for row in &rows {
            before.insert(row.text(0)?, row.bytes(1)?);
        }
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for (word, edit) in lists {
            let bytes = edit.apply(chunk, before.get(*word).map_or(&[], Vec::as_slice))?;
            match bytes.is_empty() {
                true => gone.push(*word),
                false => kept.push(serde_json::json!([word, bytes_hex(&bytes)])),
            }
        }
        self.exec(
            Sql {
                sqlite: "INSERT INTO agency_word (word, chunk, entries) \
                         SELECT value->>0, $2, unhex(value->>1) FROM json_each($1) WHERE true \
                         ON CONFLICT (word, chunk) DO UPDATE SET entries = excluded.entries",
                postgres: "INSERT INTO agency_word (word, chunk, entries) \
                           SELECT value->>0, $2, decode(value->>1, 'hex') FROM jsonb_array_elements($1::jsonb) \
                           ON CONFLICT (word, chunk) DO UPDATE SET entries = excluded.entries",
            },
            values![&serde_json::Value::from(kept).to_string(), chunk],
        )
        .await?;
        if !gone.is_empty() {
            self.exec(
                Sql {
                    sqlite: "DELETE FROM agency_word WHERE chunk = $2 AND word IN (SELECT value FROM json_each($1))",
                    postgres: "DELETE FROM agency_word WHERE chunk = $2 \
                               AND word = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))",
                },
                values![&serde_json::Value::from_iter(gone).to_string(), chunk],
            )
            .await?;
        }
        Ok(())
    }

    /// The agencies that have a word, for each of some words; in the order of their numbers.
    pub(super) async fn agencies_with(&mut self, words: &[&str]) -> Result<Vec<Vec<Entry>>> {
        let list = serde_json::Value::from_iter(words.iter().copied()).to_string();
        let rows = self
            .rows(
                Sql {
                    sqlite: "SELECT w.word, w.chunk, w.entries FROM json_each($1) j CROSS JOIN agency_word w ON w.word = j.value \
                             ORDER BY w.word, w.chunk",
                    postgres: "SELECT w.word, w.chunk, w.entries FROM agency_word w \
                               WHERE w.word = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb))) \
                               ORDER BY w.word, w.chunk",
                },
                values![&list],
            )
            .await?;
        let mut found: Vec<Vec<Entry>> = words.iter().map(|_| Vec::new()).collect();
        for row in &rows {
            let word = row.text(0)?;
            let place = words.iter().position(|asked| *asked == word);
            if let Some(list) = place.and_then(|place| found.get_mut(place)) {
                unpack(row.int(1)?, &row.bytes(2)?, list)?;
            }
        }
        Ok(found)
    }

    /// The agencies that have a word between two, `lists_max` lists at most; in the order of their numbers.
    pub(super) async fn agencies_within(
        &mut self,
        from: &str,
        to: &str,
        lists_max: i64,
    ) -> Result<Vec<Entry>> {
        let rows = self
            .rows(
                "SELECT chunk, entries FROM agency_word WHERE word >= $1 AND word < $2 ORDER BY word, chunk LIMIT $3",
                values![from, to, lists_max],
            )
            .await?;
        let mut found = Vec::new();
        for row in &rows {
            unpack(row.int(0)?, &row.bytes(1)?, &mut found)?;
        }
        found.sort_unstable_by_key(|entry| entry.no);
        found.dedup_by_key(|entry| entry.no);
        Ok(found)
    }

    /// The ids of agencies by their numbers in the index, in no order.
    pub(super) async fn agencies_numbered(&mut self, numbers: &[u32]) -> Result<Vec<AgencyId>> {
        let rows = self
            .rows(
                Sql {
                    sqlite: "SELECT i.agency_id FROM json_each($1) j CROSS JOIN agency_index i ON i.no = j.value",
                    postgres: "SELECT i.agency_id FROM agency_index i \
                               WHERE i.no = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint))",
                },
                values![&serde_json::Value::from_iter(numbers.iter().copied()).to_string()],
            )
            .await?;
        rows.iter().map(|row| row.id(0)).collect()
    }
}

/// The names an agency is found by, and its rank.
#[derive(Default)]
struct Names {
    all: Vec<String>,
    rank: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_list_holds_what_was_put_and_not_taken_out(
            first in proptest::collection::btree_map(0u32..CHUNK, 0u32..(1 << RANK_BITS), 0..60),
            second in proptest::collection::btree_map(0u32..CHUNK, 0u32..(1 << RANK_BITS), 0..60),
            out in proptest::collection::btree_set(0u32..CHUNK, 0..60),
        ) {
            let base = 3 * CHUNK;
            let shifted = |map: &BTreeMap<u32, u32>| -> BTreeMap<u32, u32> { map.iter().map(|(no, rank)| (no + base, *rank)).collect() };
            let entries = |map: &BTreeMap<u32, u32>| -> Vec<Entry> {
                shifted(map).into_iter().rev().map(|(no, rank)| Entry { no, rank }).collect()
            };
            let bytes = Edit { out: Vec::new(), put: entries(&first) }.apply(3, &[]).unwrap();
            proptest::prop_assert_eq!(bytes.len(), first.len() * 4);
            let out: Vec<u32> = out.iter().map(|no| no + base).collect();
            let bytes = Edit { out: out.clone(), put: entries(&second) }.apply(3, &bytes).unwrap();
            let mut expected = shifted(&first);
            expected.retain(|no, _| !out.contains(no));
            expected.extend(shifted(&second));
            let mut found = Vec::new();
            unpack(3, &bytes, &mut found).unwrap();
            let expected: Vec<Entry> = expected.into_iter().map(|(no, rank)| Entry { no, rank }).collect();
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
