//! The answer to SORT (RFC 5256, RFC 5267 §3.1, RFC 9394).

use mail::UidSet;

use super::Session;
use super::fetch::partial;
use super::search::Searching;
use crate::codec::command::{SearchReturn, SortKey};
use crate::codec::response::{Esearch, Numbers};
use crate::order;

impl Session {
    pub(super) fn tell_sorted(&mut self, searching: &Searching, by: &[SortKey]) {
        let numbers = order::sort(&searching.rows, by);
        let highest = searching.highest();
        let Some(returns) = &searching.returns else {
            return self.out.sort(numbers.iter().copied(), highest);
        };
        if let Some(view) = self.view.as_mut().filter(|_| returns.contains(&SearchReturn::Save)) {
            view.saved = searching.found.clone();
        }
        let asks = |one: SearchReturn| returns.contains(&one);
        let page = searching.range().map(|range| (range, page_of(&numbers, range)));
        self.out.esearch(&Esearch {
            tag: &searching.tag,
            uid: searching.uid,
            // RFC 5267 §3.1: the first and last in the order that was asked for.
            min: numbers.first().copied().filter(|_| asks(SearchReturn::Min)),
            max: numbers.last().copied().filter(|_| asks(SearchReturn::Max)),
            all: (asks(SearchReturn::All) || returns.is_empty()).then_some(Numbers::Sorted(&numbers)),
            count: asks(SearchReturn::Count).then_some(numbers.len() as u32),
            partial: page.map(|(range, page)| (range, Numbers::Sorted(page))),
            modseq: highest,
        });
    }
}

fn page_of(numbers: &[u32], (first, last): (i64, i64)) -> &[u32] {
    let places = partial(&UidSet::run(1, numbers.len() as u32), (first, last));
    match (places.first(), places.last()) {
        (Some(low), Some(high)) => numbers.get(low as usize - 1..high as usize).unwrap_or_default(),
        _ => &[],
    }
}
