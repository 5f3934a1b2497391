//! TLS on the way out: what is demanded, what destinations demand themselves, what connections came to (RULES M35).

use std::time::Duration;

use store::{MtaStsRow, TlsLevel, TlsOutcome, TlsPolicyRow};

use crate::house::{NOW, read, stories, write};

fn policy(domain: &str, level: TlsLevel, names: &[&str]) -> TlsPolicyRow {
    TlsPolicyRow {
        domain: domain.to_owned(),
        level,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        anchors: String::new(),
    }
}

fn outcome(day: i64, failure: &str, host: &str) -> TlsOutcome {
    TlsOutcome {
        domain: "b.vn".to_owned(),
        day,
        kind: "sts".to_owned(),
        failure: failure.to_owned(),
        host: host.to_owned(),
        policy: "version: STSv1".to_owned(),
        sessions: 2,
    }
}

stories! {
    async fn m35_the_nearest_demand_counts(house: House) {
        for row in [
            policy(".gov.vn", TlsLevel::Verify, &[]),
            policy(".bo.gov.vn", TlsLevel::Encrypt, &[]),
            policy("so.bo.gov.vn", TlsLevel::Verify, &["relay.gov.vn", "mx.gov.vn"]),
            policy("b.vn", TlsLevel::Encrypt, &[]),
            policy("b.vn", TlsLevel::May, &[]),
        ] {
            write!(house, row, |tx| tx.put_tls_policy(row, NOW).await?).unwrap();
        }
        for (domain, of) in [
            ("xa.gov.vn", Some(".gov.vn")),
            ("a.b.c.gov.vn", Some(".gov.vn")),
            ("so2.bo.gov.vn", Some(".bo.gov.vn")),
            ("so.bo.gov.vn", Some("so.bo.gov.vn")),
            ("gov.vn", None),
            ("b.vn", Some("b.vn")),
            ("a.b.vn", None),
            ("vn", None),
            ("", None),
        ] {
            let found = read!(house, |tx| tx.tls_policy(domain).await?);
            assert_eq!(found.map(|row| row.domain).as_deref(), of, "{domain}");
        }
        let all = read!(house, |tx| tx.tls_policies().await?);
        assert_eq!(all.len(), 4);
        let so = all.iter().find(|row| row.domain == "so.bo.gov.vn").unwrap();
        assert_eq!(*so, policy("so.bo.gov.vn", TlsLevel::Verify, &["relay.gov.vn", "mx.gov.vn"]));
        assert!(all.iter().any(|row| row.domain == "b.vn" && row.level == TlsLevel::May));
        for removed in [true, false] {
            let gone = write!(house, |tx| tx.remove_tls_policy("b.vn").await?).unwrap();
            assert_eq!(gone, removed);
        }
    }

    async fn rfc_8461_a_policy_is_kept_renewed_and_forgotten(house: House) {
        let hour = |hours: u64| NOW.plus(Duration::from_secs(hours * 3_600));
        let row = |domain: &str, expires, retry| MtaStsRow {
            domain: domain.to_owned(),
            policy_id: "1".to_owned(),
            policy: "version: STSv1".to_owned(),
            fetched_at: NOW,
            expires_at: expires,
            retry_at: retry,
        };
        for one in [row("a.vn", hour(10), NOW), row("b.vn", hour(50), NOW), row("c.vn", hour(5), hour(2)), row("d.vn", NOW, NOW)] {
            write!(house, one, |tx| tx.put_mta_sts(one).await?).unwrap();
        }
        let kept = read!(house, |tx| tx.mta_sts("b.vn").await?);
        assert_eq!(kept, Some(row("b.vn", hour(50), NOW)));
        let ending = read!(house, |tx| tx.mta_sts_ending(NOW, hour(24), 10).await?);
        // One ends later, one may not be fetched yet, one has ended.
        assert_eq!(ending, [row("a.vn", hour(10), NOW)]);
        let renewed = row("a.vn", hour(90), NOW);
        write!(house, renewed, |tx| tx.put_mta_sts(renewed).await?).unwrap();
        let ending = read!(house, |tx| tx.mta_sts_ending(NOW, hour(24), 10).await?);
        assert_eq!(ending, []);
        let gone = write!(house, |tx| tx.drop_mta_sts(hour(1)).await?).unwrap();
        assert_eq!(gone, 1);
    }

    async fn rfc_8460_connections_are_counted_and_a_day_is_told_once(house: House) {
        let some = vec![outcome(1, "", "mx"), outcome(1, "tlsa-invalid", "mx"), outcome(2, "", "mx")];
        for _ in 0..2 {
            write!(house, some, |tx| tx.add_tls_outcomes(some).await?).unwrap();
        }
        let day = read!(house, |tx| tx.tls_outcomes(1, Some("b.vn"), 10).await?);
        assert_eq!(day.iter().map(|one| one.sessions).collect::<Vec<_>>(), [4, 4]);
        let none = read!(house, |tx| tx.tls_outcomes(1, Some("c.vn"), 10).await?);
        assert_eq!(none, []);
        assert_eq!(read!(house, |tx| tx.tls_unreported(2, 10).await?), [("b.vn".to_owned(), 1)]);
        assert_eq!(read!(house, |tx| tx.tls_unreported(3, 10).await?).len(), 2);
        for first in [true, false] {
            let marked = write!(house, |tx| tx.mark_tls_reported("b.vn", 1, NOW).await?).unwrap();
            assert_eq!(marked, first);
        }
        assert_eq!(read!(house, |tx| tx.tls_unreported(3, 10).await?), [("b.vn".to_owned(), 2)]);
        let gone = write!(house, |tx| tx.drop_tls_outcomes(2).await?).unwrap();
        assert_eq!(gone, 2);
        assert_eq!(read!(house, |tx| tx.tls_unreported(3, 10).await?), [("b.vn".to_owned(), 2)]);
    }

    async fn ever_new_hosts_of_one_destination_are_counted_without_their_names(house: House) {
        let many: Vec<TlsOutcome> = (0..200).map(|n| outcome(1, "", &format!("mx{n}"))).collect();
        write!(house, many, |tx| tx.add_tls_outcomes(many).await?).unwrap();
        let rows = read!(house, |tx| tx.tls_outcomes(1, None, 1_000).await?);
        assert_eq!(rows.len(), 65);
        assert_eq!(rows.iter().map(|one| one.sessions).sum::<i64>(), 400);
    }
}
