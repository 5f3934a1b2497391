//! What tallies add up to, and the indicators of it (RULES 7.2).

use std::collections::BTreeMap;

use serde::Serialize;
use store::{FactKind, Tally};

use super::facts::{DELAYS, mark};

/// How often what happened. Everything is of the day it happened on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Documents sent.
    pub sent: i64,
    /// Deliveries of them: one for each receiver.
    pub deliveries: i64,
    /// Documents sent, by type (RULES R80).
    pub sent_by_type: BTreeMap<String, i64>,
    /// Of these, with the valid signatures of leader and agency.
    pub sent_original: i64,
    /// Of these, urgent.
    pub sent_urgent: i64,
    /// Urgent ones whose sealing is known.
    pub urgent_sealed: i64,
    /// Of these, sent within five minutes of it.
    pub urgent_prompt: i64,
    /// Documents that paper follows.
    pub sent_with_paper: i64,
    /// The same by the reason that was given (RULES R15).
    pub paper_reasons: BTreeMap<String, i64>,
    /// Deliveries of documents whose day of signing is known.
    pub deliveries_dated: i64,
    /// Of these, on the day of signing.
    pub deliveries_same_day: i64,
    /// Of these, after the deadline (RULES R19).
    pub deliveries_late: i64,
    /// Documents received.
    pub received: i64,
    /// Documents received, by type.
    pub received_by_type: BTreeMap<String, i64>,
    /// Of these, with the valid signatures of leader and agency.
    pub received_original: i64,
    /// Of these, urgent.
    pub received_urgent: i64,
    /// Of these, with paper.
    pub received_with_paper: i64,
    /// Taken in.
    pub accepted: i64,
    /// Taken in or refused on the day of arrival.
    pub answered_same_day: i64,
    /// Taken in or refused later.
    pub answered_later: i64,
    /// Refused.
    pub refused: i64,
    /// The same by reason (RULES R30).
    pub refused_reasons: BTreeMap<String, i64>,
    /// Own documents that a receiver refused.
    pub returned: i64,
    /// The same by reason.
    pub returned_reasons: BTreeMap<String, i64>,
    /// Work on a received document that was finished.
    pub done: i64,
    /// Received documents that were cancelled after a recall.
    pub cancelled: i64,
    /// Own documents recalled.
    pub recalled: i64,
    /// Own documents updated.
    pub updated: i64,
    /// Own documents replaced.
    pub replaced: i64,
    /// Times to acceptance: how many were shorter than so many minutes and no shorter than the one before ([`DELAYS`]); the last are
    /// longer than all.
    #[serde(skip)]
    delays: [i64; DELAYS.len() + 1],
}

fn more(map: &mut BTreeMap<String, i64>, key: &str, n: i64) {
    let count = map.entry(key.to_owned()).or_default();
    *count = count.saturating_add(n);
}

impl Figures {
    /// Adds a tally.
    pub(super) fn add(&mut self, tally: &Tally) {
        let Tally { fact, kind, n, weight, .. } = tally;
        let words: Vec<&str> = tally.marks.split(' ').collect();
        let is = |word: &str| words.contains(&word);
        let behind = |prefix: &str| words.iter().find_map(|word| word.strip_prefix(prefix));
        // Counts are of rows that are there, far below where a sum could end.
        let count = |field: &mut i64, holds: bool| *field = field.saturating_add(if holds { *n } else { 0 });
        match fact {
            FactKind::Sent => {
                count(&mut self.sent, true);
                count(&mut self.sent_original, is(mark::ORIGINAL));
                count(&mut self.sent_urgent, is(mark::URGENT));
                count(&mut self.urgent_sealed, is(mark::SEALED));
                count(&mut self.urgent_prompt, is(mark::PROMPT));
                more(&mut self.sent_by_type, kind, *n);
                if let Some(reason) = behind(mark::PAPER) {
                    count(&mut self.sent_with_paper, true);
                    more(&mut self.paper_reasons, reason, *n);
                }
                let carry = |field: &mut i64, holds: bool| *field += if holds { *weight } else { 0 };
                carry(&mut self.deliveries, true);
                carry(&mut self.deliveries_dated, is(mark::DATED));
                carry(&mut self.deliveries_same_day, is(mark::SAME_DAY));
                carry(&mut self.deliveries_late, is(mark::LATE));
            }
            FactKind::Received => {
                count(&mut self.received, true);
                count(&mut self.received_original, is(mark::ORIGINAL));
                count(&mut self.received_urgent, is(mark::URGENT));
                count(&mut self.received_with_paper, behind(mark::PAPER).is_some());
                more(&mut self.received_by_type, kind, *n);
            }
            FactKind::Accepted | FactKind::Refused => {
                count(&mut self.answered_same_day, is(mark::SAME_DAY));
                count(&mut self.answered_later, !is(mark::SAME_DAY));
                if *fact == FactKind::Refused {
                    count(&mut self.refused, true);
                    more(&mut self.refused_reasons, kind, *n);
                    return;
                }
                count(&mut self.accepted, true);
                let within = behind(mark::WITHIN).and_then(|end| end.parse::<i64>().ok());
                let place = DELAYS.iter().position(|end| Some(*end) == within).unwrap_or(DELAYS.len());
                if let Some(delay) = self.delays.get_mut(place) {
                    *delay = delay.saturating_add(*n);
                }
            }
            FactKind::Returned => {
                count(&mut self.returned, true);
                more(&mut self.returned_reasons, kind, *n);
            }
            FactKind::Done => count(&mut self.done, true),
            FactKind::Cancelled => count(&mut self.cancelled, true),
            FactKind::Recalled => count(&mut self.recalled, true),
            FactKind::Updated => count(&mut self.updated, true),
            FactKind::Replaced => count(&mut self.replaced, true),
        }
    }

    /// The indicators of RULES 7.2 that the exchange's own history answers.
    pub fn indicators(&self) -> Indicators {
        Indicators {
            k2: Share::of(self.sent_original, self.sent),
            k4: Share::of(self.sent - self.sent_with_paper, self.sent),
            k5: Share::of(self.deliveries_same_day, self.deliveries_dated),
            k6: Share::of(self.deliveries_dated - self.deliveries_late, self.deliveries_dated),
            k7: Share::of(self.urgent_prompt, self.urgent_sealed),
            k8: Share::of(self.answered_same_day, self.received),
            k8b_median: self.delay(50),
            k8b_p95: self.delay(95),
            k9: Share::of(self.refused, self.received),
        }
    }

    /// The time under which so many of a hundred acceptances stay, in minutes; `None` when none was, or it is longer than all ends.
    fn delay(&self, percent: i64) -> Option<i64> {
        let all: i64 = self.delays.iter().sum();
        let wanted = all.saturating_mul(percent).saturating_add(99) / 100;
        let mut seen = 0;
        if all == 0 {
            return None;
        }
        for (end, n) in DELAYS.iter().zip(&self.delays) {
            seen += n;
            if seen >= wanted {
                return Some(*end);
            }
        }
        None
    }
}

/// A part of a whole, with both, so that shares can be added up further.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// The part.
    pub numerator: i64,
    /// The whole.
    pub denominator: i64,
    /// In percent, two digits behind the point; `None` of nothing.
    pub percent: Option<f64>,
}

impl Share {
    fn of(numerator: i64, denominator: i64) -> Self {
        let hundredths = || (numerator as f64 * 10_000.0 / denominator as f64).round();
        Self { numerator, denominator, percent: (denominator > 0).then(|| hundredths() / 100.0) }
    }
}

/// The indicators of RULES 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Indicators {
    /// Ký số đầy đủ: with the valid signatures of leader and agency, of all sent.
    pub k2: Share,
    /// Hoàn toàn điện tử: without paper, of all sent.
    pub k4: Share,
    /// Gửi trong ngày: deliveries on the day of signing.
    pub k5: Share,
    /// Gửi đúng hạn: deliveries until the deadline of R19.
    pub k6: Share,
    /// Văn bản khẩn gửi ngay: within five minutes of sealing.
    pub k7: Share,
    /// Phản hồi trong ngày: answered on the day of arrival, of all received.
    pub k8: Share,
    /// Thời gian tiếp nhận: half of the acceptances took less than so many minutes; nothing when longer than the last end.
    pub k8b_median: Option<i64>,
    /// The same of 95 in a hundred.
    pub k8b_p95: Option<i64>,
    /// Từ chối: refused, of all received.
    pub k9: Share,
}

#[cfg(test)]
mod tests {
    use mail::AgencyId;

    use super::*;

    fn tally(fact: FactKind, kind: &str, marks: &str, n: i64, weight: i64) -> Tally {
        let agency_id = AgencyId::from_bytes([1; 16]);
        Tally { agency_id, fact, kind: kind.to_owned(), marks: marks.to_owned(), n, weight }
    }

    fn figures(tallies: &[Tally]) -> Figures {
        let mut figures = Figures::default();
        tallies.iter().for_each(|tally| figures.add(tally));
        figures
    }

    #[test]
    fn k2_to_k9_indicators_are_their_formulas() {
        let of = figures(&[
            tally(FactKind::Sent, "Công văn", "dated original same-day", 6, 12),
            tally(FactKind::Sent, "Công văn", "dated late original prompt sealed urgent", 1, 3),
            tally(FactKind::Sent, "Quyết định (cá biệt)", "dated paper:GOV_PM sealed urgent", 1, 1),
            tally(FactKind::Sent, "khác", "", 2, 2),
            tally(FactKind::Received, "Công văn", "original", 3, 3),
            tally(FactKind::Accepted, "", "same-day within:5", 1, 1),
            tally(FactKind::Accepted, "", "within:2880", 1, 1),
            tally(FactKind::Refused, "DUPLICATE", "same-day", 1, 1),
        ]);
        assert_eq!((of.sent, of.deliveries, of.sent_by_type["Công văn"]), (10, 18, 7));
        assert_eq!(of.paper_reasons, BTreeMap::from([("GOV_PM".to_owned(), 1)]));
        let k = of.indicators();
        assert_eq!(k.k2, Share { numerator: 7, denominator: 10, percent: Some(70.0) });
        assert_eq!(k.k4.percent, Some(90.0));
        assert_eq!(k.k5, Share { numerator: 12, denominator: 16, percent: Some(75.0) });
        assert_eq!(k.k6, Share { numerator: 13, denominator: 16, percent: Some(81.25) });
        assert_eq!(k.k7.percent, Some(50.0));
        assert_eq!(k.k8, Share { numerator: 2, denominator: 3, percent: Some(66.67) });
        assert_eq!((k.k8b_median, k.k8b_p95), (Some(5), Some(2_880)));
        assert_eq!((k.k9.numerator, of.refused_reasons["DUPLICATE"]), (1, 1));
        let nothing = Figures::default().indicators();
        assert_eq!((nothing.k2.percent, nothing.k8b_median), (None, None));
        let slow = figures(&[tally(FactKind::Accepted, "", "within:more", 1, 1)]);
        assert_eq!(slow.indicators().k8b_median, None);
    }
}
