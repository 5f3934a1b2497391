//! What is there, held against what the world remembers.

use std::collections::{BTreeMap, BTreeSet};

use mail::trace::{CameTo, Event, Goes};
use mail::{AccountId, Timestamp};
use store::EmailQuery;

use super::{HERE, Letter, Simulation};

/// The subject of ours that a text is about.
fn subject(text: &str) -> Option<String> {
    let at = text.find("Subject: m-")? + "Subject: ".len();
    Some(text[at..at + 8].to_owned())
}

/// What a text says to whoever has it: itself to a recipient, or, when it is a report, of whom it says that they get nothing.
pub(super) fn about(text: &str, is_report: Option<()>, recipient: &str) -> Vec<(String, String)> {
    let Some(subject) = subject(text) else { return Vec::new() };
    if is_report.is_none() {
        return vec![(subject, recipient.to_owned())];
    }
    let failed = |block: &str| {
        let (address, rest) = block.split_once("\r\n")?;
        rest.starts_with("Action: failed").then(|| (subject.clone(), address.to_owned()))
    };
    text.split("Final-Recipient: rfc822;").skip(1).filter_map(failed).collect()
}

impl Simulation {
    pub(super) async fn check(&mut self) {
        let mut there: BTreeMap<(String, String), u32> = self.peers_have.clone();
        for (address, account) in HERE {
            for text in self.texts(account).await {
                let is_report = text.contains("Content-Type: multipart/report").then_some(());
                assert!(subject(&text).is_some(), "{address} has what nobody sent:\n{text}");
                for about in about(&text, is_report, address) {
                    *there.entry(about).or_default() += 1;
                }
            }
        }
        let mut known = BTreeSet::new();
        for letter in &self.letters {
            for to in &letter.to {
                let about = (letter.subject.clone(), (*to).to_owned());
                if known.insert(about.clone()) {
                    let found = there.remove(&about).unwrap_or_default();
                    self.check_one(&about, found);
                }
            }
        }
        assert_eq!(there, BTreeMap::new(), "came from nowhere");
        for letter in self.letters.iter().filter(|letter| letter.is_promised) {
            self.check_trace(letter).await;
        }
        let mut found = Vec::new();
        let now = Timestamp::from_secs(4_000_000_000);
        let tell = &mut |finding: store::doctor::Finding| found.push(finding);
        // A file may be left over where the power went before its row; none is so large here.
        self.office.store.examine(true, now, tell).await.unwrap();
        assert_eq!(found, [], "the doctor finds something");
    }

    /// Each promise is kept once; once more at most for each answer that was lost.
    fn check_one(&self, about: &(String, String), found: u32) {
        let same = |letter: &&Letter| letter.subject == about.0 && letter.to.contains(&about.1.as_str());
        let tries = self.letters.iter().filter(same);
        let (promised, unsure): (Vec<&Letter>, Vec<&Letter>) = tries.partition(|letter| letter.is_promised);
        let least = u32::try_from(promised.len()).unwrap();
        let unknown = self.unknown.get(about).copied().unwrap_or_default();
        let most = least + u32::try_from(unsure.len()).unwrap() + unknown;
        assert!(
            (least..=most).contains(&found),
            "{about:?}: {found} found, {least} promised, {} unanswered, {unknown} taken unheard",
            unsure.len()
        );
    }

    /// The trace tells of each recipient how it ended, and of the whole that it was taken.
    async fn check_trace(&self, letter: &Letter) {
        let traced = self.office.traced(&letter.name).await;
        assert!(matches!(&traced[0].event, Event::Accepted(_)), "{}: {traced:?}", letter.name);
        for to in &letter.to {
            let ends = traced.iter().map(|traced| match &traced.event {
                Event::Accepted(accepted) => {
                    let is_there = |one: &&mail::trace::Destination| {
                        one.goes == Goes::Mailbox && one.address.to_string() == *to
                    };
                    accepted.to.iter().filter(is_there).count()
                }
                Event::Settled(settled) if !settled.is_report || letter.from.is_empty() => {
                    let is_over = |one: &&mail::trace::Outcome| {
                        one.came_to != CameTo::Deferred && one.address.to_string() == *to
                    };
                    settled.outcomes.iter().filter(is_over).count()
                }
                _ => 0,
            });
            assert_eq!(ends.sum::<usize>(), 1, "{} to {to}: {traced:?}", letter.name);
        }
    }

    /// Every text in an account.
    async fn texts(&self, account: AccountId) -> Vec<String> {
        let read = self.office.store.read(account, |tx, account| {
            Box::pin(async move {
                let (ids, _) = tx.query_emails(*account, &EmailQuery::default(), 0, 10_000).await?;
                tx.emails(*account, &ids).await
            })
        });
        let emails: Result<Vec<store::Email>, store::Error> = read.await;
        let mut texts = Vec::new();
        for email in emails.unwrap() {
            let bytes = self.office.store.read_blob(account, email.blob_id).await.unwrap().unwrap();
            texts.push(String::from_utf8(bytes).unwrap());
        }
        texts
    }
}
