//! Finding agencies by code, beginning of a code, names and former names (UX: a clerk types, and sees).

use std::collections::HashMap;

use mail::text::{fold, spelled};
use mail::{AgencyCode, AgencyId, Timestamp};

use super::index::Entry;
use super::words::{Asked, Key, asked, folded_words, length_in, level};
use super::{Agency, KNOWN_NOW, hex_list, ids_in};
use crate::Tx;
use crate::error::Result;
use crate::sql::{Sql, values};

/// Bytes of a question that are looked at.
const QUERY_BYTES_MAX: usize = 400;
/// Agencies that are looked at for each one that is answered: they are put into their final order by what is true at the
/// moment asked about.
const LOOKED_AT: usize = 4;
/// Codes with one beginning that are looked at.
const CODES_MAX: i64 = 200;
/// Lists read for one beginning of a word. A beginning of three letters has some twenty words, each some thirty lists.
const LISTS_MAX: i64 = 2_000;

/// By what an agency was found; the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Matched {
    /// The whole code, of whatever scheme, now.
    Code,
    /// The whole name.
    Name,
    /// The code begins so.
    CodeBeginning,
    /// Words of the name, spelled so.
    Words,
    /// Words of the name, with other marks.
    FoldedWords,
    /// A code it had or will have.
    OtherCode,
    /// Words of a name it had or will have.
    OtherName,
}

/// An agency that was found.
#[derive(Clone, Debug)]
pub struct AgencyHit {
    /// As it is at the moment asked about.
    pub agency: Agency,
    /// By what.
    pub matched: Matched,
    /// The former or future code or name it was found by.
    pub other: Option<String>,
}

/// The entries that all lists have; each is in the order of numbers.
fn common(mut lists: Vec<Vec<Entry>>) -> Vec<Entry> {
    lists.sort_by_key(Vec::len);
    let mut lists = lists.into_iter();
    let mut found = lists.next().unwrap_or_default();
    for list in lists {
        let mut at = 0;
        found.retain(|entry| {
            at += list.get(at..).unwrap_or_default().partition_point(|other| other.no < entry.no);
            list.get(at).is_some_and(|other| other.no == entry.no)
        });
    }
    found
}

/// The `max` that rank first, those as long as the question before the others: they may be the very name that was asked for.
fn first(mut entries: Vec<Entry>, length: u32, max: usize) -> Vec<u32> {
    let order = |entry: &Entry| (length_in(entry.rank) != length, entry.rank, entry.no);
    if entries.len() > max {
        entries.select_nth_unstable_by_key(max, order);
        entries.truncate(max);
    }
    entries.iter().map(|entry| entry.no).collect()
}

impl Tx {
    /// Finds agencies: by code or its beginning, by words of a name in any order, with marks or without, the last of which may be
    /// unfinished. Whole codes and names come first, active agencies before closed ones, higher levels and shorter names
    /// before others. `limit` at most.
    pub async fn search_agencies(
        &mut self,
        query: &str,
        at: Timestamp,
        limit: usize,
    ) -> Result<Vec<AgencyHit>> {
        let query = mail::text::clip(query.trim(), QUERY_BYTES_MAX);
        let max = limit.saturating_mul(LOOKED_AT);
        let mut found: HashMap<AgencyId, Option<AgencyCode>> = HashMap::new();
        for (agency_id, code) in self.found_by_code(query).await? {
            found.entry(agency_id).or_insert(Some(code));
        }
        let asked = asked(query);
        let length = asked.words.iter().map(|word| word.len() + 1).sum::<usize>();
        let length = u32::try_from(length).unwrap_or(u32::MAX).min(1023);
        let numbers = self.found_by_words(&asked, length, max).await?;
        for agency_id in self.agencies_numbered(&numbers).await? {
            found.entry(agency_id).or_insert(None);
        }
        let ids: Vec<AgencyId> = found.keys().copied().collect();
        let mut names = self.names_through_time(&ids).await?;
        let question = Question::new(query, asked.words);
        let mut hits = Vec::with_capacity(ids.len());
        for agency in self.agencies_by_id(&ids, at).await? {
            let code = found.get(&agency.agency_id).cloned().flatten();
            let names = names.remove(&agency.agency_id).unwrap_or_default();
            hits.push(question.judge(agency, code, names));
        }
        let order = |hit: &AgencyHit| {
            let agency = &hit.agency;
            let is_whole = matches!(hit.matched, Matched::Code | Matched::Name);
            let class = if is_whole { hit.matched as u8 } else { u8::MAX };
            let name = agency.name.chars().count();
            (class, !agency.is_active, hit.matched, level(&agency.code), name, agency.code.folded())
        };
        hits.sort_by_cached_key(order);
        hits.truncate(limit);
        Ok(hits)
    }

    /// The agencies of the codes that begin with the question, if it may be one.
    async fn found_by_code(&mut self, query: &str) -> Result<Vec<(AgencyId, AgencyCode)>> {
        let Ok(code) = query.parse::<AgencyCode>() else { return Ok(Vec::new()) };
        let codes = self.codes_beginning(&code.folded(), CODES_MAX).await?;
        Ok(codes.into_iter().map(|known| (known.agency_id, known.code)).collect())
    }

    async fn found_by_words(&mut self, asked: &Asked, length: u32, max: usize) -> Result<Vec<u32>> {
        if asked.folded.is_empty() {
            return Ok(Vec::new());
        }
        let folded = self.lists(&asked.folded).await?;
        let all = common(folded);
        let mut numbers = Vec::new();
        if !asked.marked.is_empty() && all.len() > max {
            // Those that are spelled as asked are not lost among the others.
            let mut marked = self.lists(&asked.marked).await?;
            marked.push(all.clone());
            numbers = first(common(marked), length, max);
        }
        numbers.extend(first(all, length, max));
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    async fn lists(&mut self, keys: &[Key]) -> Result<Vec<Vec<Entry>>> {
        let mut lists = Vec::with_capacity(keys.len());
        for key in keys {
            lists.push(match key {
                Key::Exact(word) => self.agencies_with(word).await?,
                Key::Range(from, to) => self.agencies_within(from, to, LISTS_MAX).await?,
            });
        }
        Ok(lists)
    }

    /// The names of some agencies at all times, as is known now.
    async fn names_through_time(&mut self, ids: &[AgencyId]) -> Result<HashMap<AgencyId, Vec<String>>> {
        let rows = self
            .rows(
                Sql {
                    sqlite: "SELECT v.agency_id, v.name FROM json_each($1) j CROSS JOIN agency_version v \
                             ON v.agency_id = unhex(j.value) WHERE v.superseded_at IS NULL AND v.recorded_at <= $2 \
                             ORDER BY v.valid_from DESC",
                    postgres: concat!(
                        "SELECT v.agency_id, v.name FROM agency_version v WHERE v.agency_id = ",
                        ids_in!("$1"),
                        " AND v.superseded_at IS NULL AND v.recorded_at <= $2 ORDER BY v.valid_from DESC"
                    ),
                },
                values![&hex_list(ids), KNOWN_NOW],
            )
            .await?;
        let mut names: HashMap<AgencyId, Vec<String>> = HashMap::new();
        for row in &rows {
            names.entry(row.id(0)?).or_default().push(row.text(1)?);
        }
        Ok(names)
    }
}

/// What was asked, in the forms answers are held against.
struct Question {
    code: Option<String>,
    words: Vec<String>,
    spelled: Vec<String>,
}

impl Question {
    fn new(query: &str, words: Vec<String>) -> Self {
        let code = query.parse::<AgencyCode>().ok().map(|code| code.folded());
        let spelled = spelled(query).split_whitespace().map(str::to_owned).collect();
        Self { code, words, spelled }
    }

    /// By what an agency was found: the best that is true of it.
    fn judge(&self, agency: Agency, found_code: Option<AgencyCode>, names: Vec<String>) -> AgencyHit {
        let now = [Some(&agency.code), agency.code102.as_ref(), agency.old_code.as_ref()];
        let mut by_code = None;
        if let Some(asked) = &self.code {
            let mut codes = now.into_iter().flatten().map(AgencyCode::folded);
            by_code = match codes.clone().any(|code| code == *asked) {
                true => Some(Matched::Code),
                false => codes.any(|code| code.starts_with(asked)).then_some(Matched::CodeBeginning),
            };
        }
        let by_name = self.of_name(&agency.name);
        let best = by_code.into_iter().chain(by_name).min();
        let (matched, other) = match best {
            Some(matched) => (matched, None),
            None => match found_code {
                Some(code) => (Matched::OtherCode, Some(code.to_string())),
                None => {
                    let other = names.into_iter().find(|name| self.of_name(name).is_some());
                    (Matched::OtherName, other)
                }
            },
        };
        AgencyHit { agency, matched, other }
    }

    /// How well a name fits, if it does.
    fn of_name(&self, name: &str) -> Option<Matched> {
        let words = folded_words(name);
        let (last, whole) = self.words.split_last()?;
        let fits = whole.iter().all(|word| words.contains(word))
            && words.iter().any(|word| word.starts_with(last.as_str()));
        if !fits {
            return None;
        }
        if words == self.words {
            return Some(Matched::Name);
        }
        let spelling = spelled(name);
        let mut spelling = spelling.split_whitespace();
        let (last, whole) = self.spelled.split_last()?;
        let is_spelled_so = whole.iter().all(|word| spelling.clone().any(|other| other == word))
            && (spelling.any(|word| word.starts_with(last.as_str())) || fold(last) == *last);
        Some(if is_spelled_so { Matched::Words } else { Matched::FoldedWords })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_common_is_in_every_list(
            sets in proptest::collection::vec(proptest::collection::btree_set(0u32..50, 0..40), 1..4)
        ) {
            let lists = sets.iter().map(|set| set.iter().map(|no| Entry { no: *no, rank: 0 }).collect()).collect();
            let found: Vec<u32> = common(lists).iter().map(|entry| entry.no).collect();
            let expected: Vec<u32> = sets[0].iter().copied().filter(|no| sets.iter().all(|set| set.contains(no))).collect();
            proptest::prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_question_fits_a_name_by_its_words() {
        let of = |query: &str, name: &str| Question::new(query, asked(query).words).of_name(name);
        for (query, name, expected) in [
            ("sở y tế", "Sở Y tế", Some(Matched::Name)),
            ("so y te", "Sở Y tế", Some(Matched::Name)),
            ("tế sở", "Sở Y tế", Some(Matched::Words)),
            ("sở y t", "Sở Y tế tỉnh H37", Some(Matched::Words)),
            ("so y te", "Sở Y tế tỉnh H37", Some(Matched::FoldedWords)),
            ("sơ y tê", "Sở Y tế tỉnh H37", Some(Matched::FoldedWords)),
            ("sở y tá", "Sở Y tế", None),
            ("hoà tân", "Xã Tân Hòa", Some(Matched::Words)),
            ("ubnd tân", "Ủy ban nhân dân xã Tân Hòa", Some(Matched::FoldedWords)),
            ("xã", "Sở Y tế", None),
        ] {
            assert_eq!(of(query, name), expected, "{query} {name}");
        }
    }
}
