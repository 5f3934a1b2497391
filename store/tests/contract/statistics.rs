//! Facts are kept once, and days that are over count to the same as their facts (RULES R53).

use mail::DocumentId;
use store::{FactKind, NewFact, Tally};

use crate::house::{House, agency_id, read, stories, write};

/// Something that happened to a document of an agency.
pub(crate) fn fact(agency: u8, document: u8, day: &str) -> NewFact {
    NewFact {
        agency_id: agency_id(agency),
        document_id: DocumentId::from_bytes([document; 16]),
        fact: FactKind::Sent,
        other_id: [0; 16],
        day: day.to_owned(),
        kind: "Công văn".to_owned(),
        marks: "dated original".to_owned(),
        weight: 2,
    }
}

async fn tallies(house: &House, from: &'static str, to: &'static str) -> Vec<Tally> {
    let mut found = read!(house, |tx| tx.tallies(&[agency_id(1), agency_id(2)], from, to).await?);
    found.sort_by_key(|tally| (tally.agency_id, tally.kind.clone()));
    found
}

stories! {
    async fn r53_a_fact_is_written_once(house: House) {
        let first = fact(1, 1, "2026-11-20");
        let again = NewFact { kind: "khác".to_owned(), day: "2026-11-21".to_owned(), ..first.clone() };
        let two = [first.clone(), again.clone()];
        assert_eq!(write!(house, two, |tx| tx.add_facts(two).await?).unwrap(), 1);
        assert_eq!(write!(house, |tx| tx.add_facts(&[]).await?).unwrap(), 0);
        let other = [NewFact { other_id: [7; 16], ..again }];
        assert_eq!(write!(house, other, |tx| tx.add_facts(other).await?).unwrap(), 1);
        let kept = read!(house, |tx| tx.facts_of(agency_id(1), DocumentId::from_bytes([1; 16])).await?);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0], first);
    }

    async fn k22_counts_are_their_facts_before_and_after_the_days_are_counted(house: House) {
        let facts: Vec<NewFact> = (0..40u8)
            .map(|n| NewFact {
                kind: ["Công văn", "Báo cáo"][usize::from(n % 2)].to_owned(),
                ..fact(1 + n % 3, n, ["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"][usize::from(n / 10)])
            })
            .collect();
        write!(house, facts, |tx| tx.add_facts(facts).await?).unwrap();
        let before = [
            tallies(&house, "2026-11-19", "2026-11-22").await,
            tallies(&house, "2026-11-20", "2026-11-20").await,
            tallies(&house, "2026-11-22", "2026-12-31").await,
            tallies(&house, "2026-12-01", "2026-12-31").await,
        ];
        assert_eq!(before[0].iter().map(|tally| (tally.n, tally.weight)).collect::<Vec<_>>(), [(7, 14), (7, 14), (7, 14), (6, 12)]);
        assert!(before[3].is_empty());
        assert_eq!(read!(house, |tx| tx.first_fact_day().await?).as_deref(), Some("2026-11-19"));
        let agencies = read!(house, |tx| tx.exchanging_agencies(None, 2).await?);
        assert_eq!(agencies, [agency_id(1), agency_id(2)]);
        assert_eq!(read!(house, |tx| tx.exchanging_agencies(Some(agency_id(2)), 9).await?), [agency_id(3)]);
        // The second time changes nothing.
        for day in ["2026-11-19", "2026-11-20", "2026-11-20", "2026-11-21"] {
            write!(house, |tx| {
                tx.count_day(day, &[agency_id(1), agency_id(2), agency_id(3)]).await?;
                tx.set_counted_through(day).await?;
            })
            .unwrap();
            assert_eq!(tallies(&house, "2026-11-19", "2026-11-22").await, before[0], "{day}");
            assert_eq!(tallies(&house, "2026-11-20", "2026-11-20").await, before[1], "{day}");
            assert_eq!(tallies(&house, "2026-11-22", "2026-12-31").await, before[2], "{day}");
        }
        assert_eq!(read!(house, |tx| tx.counted_through().await?), "2026-11-21");
        // What is counted does not go back.
        write!(house, |tx| tx.set_counted_through("2026-11-19").await?).unwrap();
        assert_eq!(read!(house, |tx| tx.counted_through().await?), "2026-11-21");
        write!(house, |tx| tx.forget_counts().await?).unwrap();
        assert_eq!(read!(house, |tx| tx.counted_through().await?), "");
        assert_eq!(tallies(&house, "2026-11-19", "2026-11-22").await, before[0]);
    }

    async fn k22_a_figure_leads_to_its_documents(house: House) {
        let facts: Vec<NewFact> = (1..=9u8).map(|n| fact(1, n, if n < 5 { "2026-11-20" } else { "2026-11-21" })).collect();
        write!(house, facts, |tx| tx.add_facts(facts).await?).unwrap();
        let mut found = Vec::new();
        let mut after = (String::new(), DocumentId::from_bytes([0; 16]));
        loop {
            let place = after.clone();
            let page = house.store.read(place, |tx, (day, id)| Box::pin(async move {
                tx.facts_between(agency_id(1), FactKind::Sent, ("2026-11-20", "2026-11-21"), (day, *id), 4).await
            }));
            let page: Vec<NewFact> = page.await.unwrap();
            let Some(last) = page.last() else { break };
            after = (last.day.clone(), last.document_id);
            found.extend(page.into_iter().map(|fact| fact.document_id.as_bytes()[0]));
        }
        assert_eq!(found, (1..=9).collect::<Vec<u8>>());
        let none = read!(house, |tx| {
            tx.facts_between(agency_id(1), FactKind::Refused, ("2026-01-01", "2026-12-31"), ("", DocumentId::from_bytes([0; 16])), 4).await?
        });
        assert!(none.is_empty());
    }
}
