//! What is remembered of a message: every step that was committed, and nothing that was not.

use mail::letter::Examination;
use mail::trace::{CameTo, Event, Goes};
use mail::{Examine, Findings, Letter, Refused};
use smtp::codec::Reply;
use smtp::receive::Role;
use smtp::send::Verdict;
use smtp::serve::Attempt;
use store::{OutboxKind, TraceQuery, Traced};

use super::house::{AN, BINH, NOW, Office, Welcome, arrived, dice, drop_after, stories};

impl Office {
    pub(crate) async fn traced(&self, name: &str) -> Vec<Traced> {
        let read =
            self.store.read(name.to_owned(), |tx, name| Box::pin(async move { tx.traced_as(name).await }));
        let traced: Result<_, store::Error> = read.await;
        traced.unwrap()
    }

    async fn found(&self, query: TraceQuery) -> Vec<String> {
        let read = self.store.read(query, |tx, query| Box::pin(async move { tx.find_traced(query).await }));
        let found: Result<_, store::Error> = read.await;
        found.unwrap()
    }
}

/// Says a word for the trace, and knows one secret.
struct Telling;

impl Examine for Telling {
    fn examine<'a>(&'a self, letter: &'a Letter<'a>) -> Examination<'a> {
        Box::pin(async move {
            if letter.facts.subject == "MẬT" {
                let (vi, en) = ("Có độ mật".to_owned(), "Classified".to_owned());
                return Err(Refused { code: 550, status: (5, 7, 1), name: "state_secret", vi, en });
            }
            let mut findings = Findings::default();
            findings.step("auth", "spf=pass");
            Ok(findings)
        })
    }
}

fn query(from: Option<&str>, to: Option<&str>) -> TraceQuery {
    let address = |text: &str| text.parse().unwrap();
    TraceQuery { from: from.map(address), to: to.map(address), limit: 10, ..TraceQuery::default() }
}

fn kinds(traced: &[Traced]) -> Vec<&'static str> {
    traced.iter().map(|traced| traced.event.kind()).collect()
}

stories! {
    async fn a_message_is_followed_from_the_door_to_both_mailboxes(office: Office) {
        let mut message = arrived("x@b.vn", &["an@a.gov.vn", "binh@a.gov.vn"], "y", None);
        message.message.splice(..0, b"Message-ID: <1@b.vn>\r\n".iter().copied());
        office.desk.accept(Role::Mx, message, &Telling, NOW).await.unwrap();
        for row in office.claim(OutboxKind::Local, "h", NOW).await {
            office.desk.deliver_here(&row, &dice(), NOW).await.unwrap().unwrap();
        }
        let traced = office.traced("s1.1").await;
        assert_eq!(kinds(&traced), ["accepted", "settled"]);
        let Event::Accepted(accepted) = &traced[0].event else { panic!() };
        assert_eq!(accepted.arrival.message_id.as_deref(), Some("1@b.vn"));
        assert_eq!(accepted.arrival.peer.as_ref().unwrap().ip.to_string(), "192.0.2.1");
        assert_eq!(accepted.steps, [("auth".to_owned(), "spf=pass".to_owned())]);
        let ways: Vec<_> = accepted.to.iter().map(|to| (to.account, to.goes)).collect();
        assert_eq!(ways, [(Some(AN), Goes::Mailbox), (Some(BINH), Goes::Here)]);
        let Event::Settled(settled) = &traced[1].event else { panic!() };
        assert_eq!((settled.outcomes[0].came_to, settled.attempt), (CameTo::Delivered, 1));
        assert_eq!((traced[0].owner, traced[1].owner), (AN.into(), BINH.into()));
        let read = office.store.read((), |tx, ()| Box::pin(async move { tx.traced_message("1@b.vn", 10).await }));
        let names: Result<_, store::Error> = read.await;
        assert_eq!(names.unwrap(), ["s1.1"]);
        for (from, to, count) in [
            (Some("X@B.vn"), None, 1),
            (None, Some("binh@a.gov.vn"), 1),
            (None, Some("AN@a.gov.vn"), 1),
            (Some("x@b.vn"), Some("an@a.gov.vn"), 1),
            (Some("x@b.vn"), Some("van.thu@a.gov.vn"), 0),
            (Some("y@b.vn"), None, 0),
            (None, None, 1),
        ] {
            assert_eq!(office.found(query(from, to)).await.len(), count, "{from:?} {to:?}");
        }
        let later = TraceQuery { since: Some(NOW.plus(std::time::Duration::from_secs(1))), ..query(None, None) };
        assert!(office.found(later).await.is_empty());
    }

    async fn every_attempt_and_the_report_are_told_under_one_name(office: Office) {
        office.an_sends(&["one@b.vn", "two@b.vn"], "hai").await.unwrap();
        let words = |text: &'static str| Reply::new(text[..3].parse().unwrap(), None, [&text[4..]]);
        let row = office.claim(OutboxKind::Mail, "h1", NOW).await.remove(0);
        let verdicts = vec![Verdict::Deferred(words("451 Later")), Verdict::Refused(words("550 No"))];
        let attempt = Attempt { verdicts, remote: "mx.b.vn".parse().ok(), peer_reports: true, keeps_time: true, taken_at: None };
        office.desk.settle(&row, &attempt, &dice(), NOW).await.unwrap().unwrap();
        let later = NOW.plus(std::time::Duration::from_secs(3_600));
        let row = office.claim(OutboxKind::Mail, "h2", later).await.remove(0);
        let attempt = Attempt::same(&row, &Verdict::Delivered(words("250 OK")));
        office.desk.settle(&row, &attempt, &dice(), later).await.unwrap().unwrap();
        let traced = office.traced("s1.1").await;
        assert_eq!(kinds(&traced), ["accepted", "settled", "settled"]);
        let came_to = |n: usize| match &traced[n].event {
            Event::Settled(settled) => settled.outcomes.iter().map(|outcome| outcome.came_to).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(came_to(1), [CameTo::Deferred, CameTo::Bounced]);
        assert_eq!(came_to(2), [CameTo::Relayed]);
        let Event::Settled(first) = &traced[1].event else { panic!() };
        assert_eq!(first.remote.as_deref(), Some("mx.b.vn"));
        assert_eq!((first.report, first.next_at.is_some()), (Some(Goes::Mailbox), true));
        assert_eq!(office.found(query(None, Some("two@b.vn"))).await, ["s1.1"]);
    }

    async fn a_refused_message_is_remembered_without_its_content(office: Office) {
        let secret = arrived("x@b.vn", &["an@a.gov.vn"], "MẬT", None);
        office.desk.accept(Role::Mx, secret, &Telling, NOW).await.unwrap_err();
        let traced = office.traced("s1.1").await;
        let Event::Refused(refused) = &traced[0].event else { panic!("{traced:?}") };
        assert!(refused.reply.starts_with("550 5.7.1"), "{}", refused.reply);
        assert_eq!((traced.len(), traced[0].owner), (1, store::NOBODY));
        assert!(!serde_json::to_string(&traced[0].event).unwrap().contains("MẬT"));
    }

    /// The row stands in the transaction of what it tells: dropped anywhere, both are there or neither is.
    async fn nothing_is_told_that_was_not_committed(office: Office) {
        for polls in 0..30 {
            let message = arrived("x@b.vn", &["an@a.gov.vn"], "y", None);
            drop_after(polls, office.desk.accept(Role::Mx, message, &Welcome, NOW)).await;
            // The writer may finish what was handed to it; one view of the data shows both or none.
            let read = office.store.read((), |tx, ()| Box::pin(async move {
                let (_, letters) = tx.query_emails(AN, &store::EmailQuery::default(), 0, 1).await?;
                Ok::<_, store::Error>((letters, tx.traced_as("s1.1").await?.len() as i64))
            }));
            let (letters, told) = read.await.unwrap();
            assert_eq!(letters, told, "after {polls} polls");
        }
    }

    async fn what_is_old_is_forgotten_and_the_rest_stays(office: Office) {
        office.arrives("x@b.vn", &["an@a.gov.vn"], "cũ").await.unwrap();
        let later = NOW.plus(std::time::Duration::from_secs(86_400));
        let message = arrived("x@b.vn", &["an@a.gov.vn"], "mới", None);
        office.desk.accept(Role::Mx, message, &Welcome, later).await.unwrap();
        assert_eq!(office.write(move |tx| Box::pin(async move { tx.drop_traces(later, 100).await })).await, 1);
        let traced = office.traced("s1.1").await;
        assert_eq!((traced.len(), traced[0].at), (1, later));
    }
}
