//! Rules of mail as data, and what was known of letters.

use mail::{DocumentVerdict, Findings, OwnerId, PolicyRecord, RecognisedDocument, Timestamp, UnitId};
use store::{AccountState, PolicyException, PolicyRule, PolicyScope};

use crate::house::{
    NOW, account, account_id, agency_id, deliver, letter, read, stories, with_account, write,
};

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + seconds * 1000)
}

fn rule(parameters: &str, from: i64) -> PolicyRule {
    PolicyRule {
        scope: PolicyScope::Agency,
        owner: agency_id(1).into(),
        rule: "official-mail-only".into(),
        parameters: parameters.into(),
        valid_from: later(from),
        valid_to: None,
        decision: "12/QĐ-SNV".into(),
        decided_by: "cli".into(),
    }
}

fn record(outcome: &str) -> PolicyRecord {
    PolicyRecord {
        agency_id: Some(agency_id(1)),
        unit_id: Some(UnitId::from_bytes([9; 16])),
        outcome: outcome.into(),
        facts: "{}".into(),
    }
}

stories! {
    async fn m7_a_new_rule_ends_the_old_one_and_every_change_is_noticed(house: House) {
        let owner = OwnerId::from(agency_id(1));
        let (first, second) = (rule("{\"a\":1}", 0), rule("{\"a\":2}", 60));
        assert_eq!(read!(house, |tx| tx.policy_version().await?), 0);
        write!(house, first, |tx| tx.put_policy_rule(first).await?).unwrap();
        let one = read!(house, |tx| tx.policy_version().await?);
        assert_ne!(one, 0);
        write!(house, second, |tx| tx.put_policy_rule(second).await?).unwrap();
        assert_ne!(read!(house, |tx| tx.policy_version().await?), one);
        let rules = read!(house, |tx| tx.policy_rules(NOW).await?);
        let expected = PolicyRule { valid_to: Some(later(60)), ..first.clone() };
        assert_eq!(rules, [expected, second.clone()]);
        assert_eq!(read!(house, |tx| tx.policy_rules(later(60)).await?), vec![second.clone()]);
        // Taken back before it began: the one before is not there any more either, it was ended.
        assert!(write!(house, |tx| tx.end_policy_rule(owner, "official-mail-only", later(30)).await?).unwrap());
        let left = read!(house, |tx| tx.policy_rules(NOW).await?);
        assert_eq!(left, [PolicyRule { valid_to: Some(later(30)), ..first.clone() }]);
        assert!(!write!(house, |tx| tx.end_policy_rule(owner, "message-size", NOW).await?).unwrap());
        // The same moment again replaces.
        write!(house, first, |tx| tx.put_policy_rule(first).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.policy_rules(NOW).await?), vec![first.clone()]);
    }

    async fn m7_an_exception_has_an_end(house: House) {
        let granted = PolicyException {
            scope: PolicyScope::Account,
            owner: account_id(1).into(),
            rule: "official-mail-only".into(),
            granted_at: NOW,
            expires_at: later(60),
            reason: "hội nghị".into(),
            granted_by: "cli".into(),
        };
        write!(house, granted, |tx| tx.put_policy_exception(granted).await?).unwrap();
        assert_eq!(read!(house, |tx| tx.policy_exceptions(later(59)).await?), vec![granted.clone()]);
        assert!(read!(house, |tx| tx.policy_exceptions(later(60)).await?).is_empty());
        let endless = PolicyException { expires_at: NOW, ..granted.clone() };
        assert!(write!(house, endless, |tx| tx.put_policy_exception(endless).await?).is_err());
    }

    async fn r4_what_was_found_is_kept_once(house: House) {
        let document = RecognisedDocument {
            sha256: [5; 32],
            symbol: "05/QĐ-UBND".into(),
            verdict: DocumentVerdict::Valid,
            class: "VALID".into(),
            is_original: true,
            reasons: vec!["mail-channel".into(), "seal-missing".into()],
            judged_at: Some(NOW),
        };
        let unknown = RecognisedDocument { sha256: [6; 32], verdict: DocumentVerdict::Unknown, judged_at: None, reasons: vec![], ..document.clone() };
        let mut findings = Findings::default();
        findings.documents = vec![document.clone(), unknown.clone()];
        findings.policy = Some(record("accepted"));
        for _ in 0..2 {
            write!(house, findings, |tx| tx.put_findings(account_id(1), "abc", findings, NOW).await?).unwrap();
        }
        assert_eq!(read!(house, |tx| tx.mail_documents(account_id(1), "abc").await?), [document, unknown]);
        assert!(read!(house, |tx| tx.mail_documents(account_id(2), "abc").await?).is_empty());
        assert_eq!(read!(house, |tx| tx.policy_letters(NOW, 0, 10).await?).len(), 1);
    }

    async fn m9_letters_are_counted_by_unit_and_go(house: House) {
        let (one, two) = (record("accepted"), record("purpose_missing"));
        write!(house, one, two, |tx| {
            tx.put_policy_letter(account_id(1).into(), "a", one, NOW).await?;
            tx.put_policy_letter(account_id(1).into(), "b", one, later(1)).await?;
            tx.put_policy_letter(account_id(1).into(), "c", two, later(2)).await?
        })
        .unwrap();
        let counts = read!(house, |tx| tx.policy_counts(NOW).await?);
        let told: Vec<_> = counts.iter().map(|count| (count.outcome.as_str(), count.letters)).collect();
        assert_eq!(told, [("accepted", 2), ("purpose_missing", 1)]);
        assert_eq!(counts[0].unit_id, Some(UnitId::from_bytes([9; 16])));
        assert_eq!(read!(house, |tx| tx.policy_letters(later(1), 1, 10).await?)[0].outcome, "purpose_missing");
        assert_eq!(write!(house, |tx| tx.drop_policy_letters(later(2), 1).await?).unwrap(), 1);
        assert_eq!(write!(house, |tx| tx.drop_policy_letters(later(2), 10).await?).unwrap(), 1);
        assert_eq!(read!(house, |tx| tx.policy_letters(NOW, 0, 10).await?).len(), 1);
    }

    async fn m9_an_official_is_found_by_the_folded_name(house: House) {
        write!(house, |tx| tx.add_account(&account(1, "an@a.gov.vn"), NOW).await?).unwrap();
        let found = read!(house, |tx| tx.account_named("nguyen van an").await?);
        assert_eq!(found.unwrap().account_id, account_id(1));
        assert!(read!(house, |tx| tx.account_named("nguyen van").await?).is_none());
        assert!(read!(house, |tx| tx.account_named("").await?).is_none());
        // As an account of before this column is.
        house.run_sql("UPDATE account SET name_folded = NULL").await;
        assert!(read!(house, |tx| tx.account_named("nguyen van an").await?).is_none());
        assert_eq!(write!(house, |tx| tx.fold_names(10).await?).unwrap(), 1);
        assert_eq!(write!(house, |tx| tx.fold_names(10).await?).unwrap(), 0);
        assert!(read!(house, |tx| tx.account_named("nguyen van an").await?).is_some());
        write!(house, |tx| tx.set_account_state(account_id(1), AccountState::Closed, NOW).await?).unwrap();
        assert!(read!(house, |tx| tx.account_named("nguyen van an").await?).is_none());
    }

    async fn m31_an_account_that_fills_up_is_found_and_warned_once(house: House) {
        with_account(&house, 1).await;
        let nobody = mail::AccountId::from_bytes([0; 16]);
        assert!(read!(house, |tx| tx.filling_accounts(80, nobody, 10).await?).is_empty());
        deliver(&house, 1, &letter("a", "b", ""), 0).await.unwrap();
        house.run_sql("UPDATE account SET quota_bytes = used_bytes").await;
        let found = read!(house, |tx| tx.filling_accounts(80, nobody, 10).await?);
        assert_eq!((found[0].0.account_id, found[0].1), (account_id(1), 0));
        assert!(write!(house, |tx| tx.note_quota_warning(account_id(1), 0, 95).await?).unwrap());
        assert!(!write!(house, |tx| tx.note_quota_warning(account_id(1), 0, 95).await?).unwrap());
        // Found as long as it remembers a warning, so that it can be forgotten.
        house.run_sql("UPDATE account SET quota_bytes = 5000000").await;
        assert_eq!(read!(house, |tx| tx.filling_accounts(80, nobody, 10).await?)[0].1, 95);
    }
}
