//! `Foo/queryChanges` (RFC 8620 §5.6) against a plain model: a client that applies what it is told to the list it has ends with the list it
//! would have been given.

use serde_json::{Value, json};

use crate::house::{House, account_id, letter, mailbox_id, stories};

/// A seeded while (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % most
    }

    fn pick<'l, T>(&mut self, list: &'l [T]) -> Option<&'l T> {
        (!list.is_empty()).then(|| &list[self.below(list.len())])
    }
}

/// A list that a client keeps.
struct Kept {
    of: &'static str,
    query: Value,
    state: Value,
    ids: Vec<Value>,
}

impl Kept {
    async fn new(house: &House, of: &'static str, query: Value) -> Self {
        let mut kept = Self { of, query, state: Value::Null, ids: Vec::new() };
        (kept.state, kept.ids) = kept.asked_again(house).await;
        kept
    }

    async fn asked_again(&self, house: &House) -> (Value, Vec<Value>) {
        let answer = house.one(&format!("{}/query", self.of), self.query.clone()).await;
        assert_eq!(answer["canCalculateChanges"], true, "{} {}: {answer}", self.of, self.query);
        (answer["queryState"].clone(), answer["ids"].as_array().unwrap().clone())
    }

    /// What RFC 8620 §5.6 tells a client to do.
    async fn follow(&mut self, house: &House) {
        let mut asked = self.query.clone();
        asked["sinceQueryState"] = self.state.clone();
        asked["calculateTotal"] = json!(true);
        let told = house.one(&format!("{}/queryChanges", self.of), asked).await;
        assert_eq!(told["oldQueryState"], self.state, "{} {}: {told}", self.of, self.query);
        let removed = told["removed"].as_array().unwrap();
        self.ids.retain(|id| !removed.contains(id));
        for added in told["added"].as_array().unwrap() {
            let index = usize::try_from(added["index"].as_u64().unwrap()).unwrap();
            assert!(!self.ids.contains(&added["id"]), "{} {}: twice in {told}", self.of, self.query);
            self.ids.insert(index, added["id"].clone());
        }
        let (state, ids) = self.asked_again(house).await;
        assert_eq!(self.ids, ids, "{} {}: {told}", self.of, self.query);
        assert_eq!((&told["newQueryState"], &told["total"]), (&state, &json!(ids.len())), "{}", self.query);
        self.state = state;
    }
}

/// Every list of messages that is common.
fn queries_of_messages() -> Vec<Value> {
    let filters = [
        json!(null),
        json!({ "inMailbox": mailbox_id(1, 1) }),
        json!({ "inMailbox": mailbox_id(1, 2), "notKeyword": "$seen" }),
        json!({ "inMailbox": mailbox_id(1, 1), "hasKeyword": "$flagged", "after": "2026-11-22T01:00:02Z" }),
        json!({ "hasKeyword": "$seen", "before": "2026-11-22T01:00:04Z" }),
    ];
    let mut queries = Vec::new();
    for filter in filters {
        for ascending in [false, true] {
            for collapse in [false, true] {
                queries.push(json!({
                    "filter": filter, "collapseThreads": collapse,
                    "sort": [{ "property": "receivedAt", "isAscending": ascending }],
                }));
            }
        }
    }
    queries
}

/// One act of somebody upon the messages.
async fn act(house: &House, dice: &mut Dice, made: &mut Vec<String>, count: usize) {
    let chosen = dice.pick(made).cloned();
    match (dice.below(8), chosen) {
        (0..=2, _) | (_, None) => {
            let thread = dice.below(6);
            let refers = format!("<root-{thread}@x>");
            let raw = letter(&format!("{count}@x"), &format!("Thư {thread}"), &refers);
            let seconds = i64::try_from(dice.below(6)).unwrap();
            made.push(house.deliver(1, &raw, seconds).await);
        }
        (3, Some(id)) => {
            house.one("Email/set", json!({ "destroy": [id] })).await;
            made.retain(|other| *other != id);
        }
        (4, Some(id)) => {
            let to = if dice.below(2) == 0 { 1 } else { 2 };
            let patch = json!({ "mailboxIds": { mailbox_id(1, to).to_string(): true } });
            house.one("Email/set", json!({ "update": { id: patch } })).await;
        }
        (5, Some(id)) => {
            let both = [1, 2].map(|n| (mailbox_id(1, n).to_string(), json!(true)));
            let patch = json!({ "mailboxIds": Value::Object(both.into_iter().collect()) });
            house.one("Email/set", json!({ "update": { id: patch } })).await;
        }
        (n, Some(id)) => {
            let keyword = if n == 6 { "keywords/$seen" } else { "keywords/$flagged" };
            let value = if dice.below(2) == 0 { json!(true) } else { Value::Null };
            house.one("Email/set", json!({ "update": { id: { keyword: value } } })).await;
        }
    }
}

/// One act upon the tree of mailboxes.
async fn act_on_tree(house: &House, dice: &mut Dice, made: &mut Vec<String>, count: usize) {
    let (one, other) = (dice.pick(made).cloned(), dice.pick(made).cloned());
    let call = match (dice.below(5), one, other) {
        (0 | 1, _, parent) | (_, None, parent) => {
            let object = json!({ "name": format!("{} {count}", dice.below(9)), "parentId": parent });
            json!({ "create": { "m": object } })
        }
        (2, Some(id), _) => json!({ "update": { id: { "name": format!("{} {count}", dice.below(9)) } } }),
        (3, Some(id), parent) => json!({ "update": { id: { "parentId": parent } } }),
        (_, Some(id), _) => json!({ "destroy": [id] }),
    };
    let answer = house.one("Mailbox/set", call).await;
    made.extend(answer["created"]["m"]["id"].as_str().map(str::to_owned));
    let gone = answer["destroyed"].as_array().cloned().unwrap_or_default();
    made.retain(|id| !gone.contains(&json!(id)));
}

stories! {
    async fn rfc_8620_5_6_lists_of_messages_follow_every_act(house: House) {
        let mut kept = Vec::new();
        for query in queries_of_messages() {
            kept.push(Kept::new(&house, "Email", query).await);
        }
        let (mut dice, mut made) = (Dice(20_261_122), Vec::new());
        for turn in 0..60 {
            for step in 0..=dice.below(4) {
                act(&house, &mut dice, &mut made, turn * 10 + step).await;
            }
            for list in &mut kept {
                // Not all of them every time: some fall behind by many acts.
                if dice.below(3) > 0 {
                    list.follow(&house).await;
                }
            }
        }
        assert!(made.len() > 20, "the acts leave something to list: {}", made.len());
    }

    async fn rfc_8621_2_4_lists_of_mailboxes_follow_every_act(house: House) {
        let mut kept = Vec::new();
        for filter in [json!(null), json!({ "hasAnyRole": false }), json!({ "name": "1" })] {
            for as_tree in [false, true] {
                for filter_as_tree in [false, true] {
                    let sort = json!([{ "property": "name", "isAscending": filter_as_tree }]);
                    let query = json!({ "filter": filter, "sort": sort, "sortAsTree": as_tree, "filterAsTree": filter_as_tree });
                    kept.push(Kept::new(&house, "Mailbox", query).await);
                }
            }
        }
        let (mut dice, mut made) = (Dice(8_621), Vec::new());
        for turn in 0..60 {
            for step in 0..=dice.below(3) {
                act_on_tree(&house, &mut dice, &mut made, turn * 10 + step).await;
            }
            for list in &mut kept {
                if dice.below(3) > 0 {
                    list.follow(&house).await;
                }
            }
        }
        assert!(made.len() > 5, "{}", made.len());
    }

    async fn rfc_8621_7_4_lists_of_submissions_follow_every_act(house: House) {
        let identity = house.one("Identity/get", json!({})).await["list"][0]["id"].clone();
        let mut kept = Vec::new();
        for filter in [json!(null), json!({ "identityIds": [identity] }), json!({ "emailIds": [] })] {
            for ascending in [false, true] {
                let query = json!({ "filter": filter, "sort": [{ "property": "sentAt", "isAscending": ascending }] });
                kept.push(Kept::new(&house, "EmailSubmission", query).await);
            }
        }
        let (mut dice, mut made) = (Dice(7_4), Vec::<String>::new());
        for turn in 0..12 {
            let draft = json!({
                "mailboxIds": { mailbox_id(1, 2).to_string(): true }, "from": [{ "email": "an@a.gov.vn" }],
                "to": [{ "email": "x@b.vn" }], "subject": format!("Thư {turn}"),
            });
            let answers = house.ask(1, json!([
                ["Email/set", { "accountId": account_id(1), "create": { "d": draft } }, "0"],
                ["EmailSubmission/set", { "accountId": account_id(1), "create": { "s": { "identityId": identity, "emailId": "#d" } } }, "1"],
            ])).await;
            made.push(answers[1][1]["created"]["s"]["id"].as_str().unwrap().to_owned());
            if let (0, Some(id)) = (dice.below(3), dice.pick(&made).cloned()) {
                house.one("EmailSubmission/set", json!({ "destroy": [id] })).await;
                made.retain(|other| *other != id);
            }
            for list in &mut kept {
                if dice.below(3) > 0 {
                    list.follow(&house).await;
                }
            }
        }
        for query in [json!({ "filter": { "undoStatus": "final" } }), json!({ "sort": [{ "property": "emailId" }] })] {
            assert_eq!(house.one("EmailSubmission/query", query.clone()).await["canCalculateChanges"], false, "{query}");
            let mut asked = query;
            asked["sinceQueryState"] = json!("1");
            assert_eq!(house.one("EmailSubmission/queryChanges", asked).await["type"], "cannotCalculateChanges");
        }
    }

    async fn faults_of_rfc_8620_5_6(house: House) {
        let before = house.one("Email/query", json!({})).await["queryState"].clone();
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(house.deliver(1, &letter(&format!("{n}@x"), "Thư", ""), n).await);
        }
        for method in ["Email/queryChanges", "Mailbox/queryChanges", "EmailSubmission/queryChanges"] {
            let rows = [
                (json!({}), "invalidArguments"),
                (json!({ "sinceQueryState": "1", "maxChanges": 0 }), "invalidArguments"),
                (json!({ "sinceQueryState": "1", "filter": 1 }), "invalidArguments"),
                (json!({ "sinceQueryState": "01" }), "cannotCalculateChanges"),
                (json!({ "sinceQueryState": "999999" }), "cannotCalculateChanges"),
                (json!({ "sinceQueryState": "1", "sort": [{ "property": "x" }] }), "unsupportedSort"),
            ];
            for (arguments, expected) in rows {
                assert_eq!(house.one(method, arguments.clone()).await["type"], expected, "{method} {arguments}");
            }
        }
        let few = house.one("Email/queryChanges", json!({ "sinceQueryState": before, "maxChanges": 2 })).await;
        assert_eq!(few["type"], "tooManyChanges");
        // What lies behind the last message of interest is not told where nothing that changes is asked for.
        let near = house.one("Email/queryChanges", json!({ "sinceQueryState": before, "upToId": ids[1] })).await;
        assert_eq!(near["added"], json!([{ "id": ids[2], "index": 0 }, { "id": ids[1], "index": 1 }]));
        // A flag is no news for a list without one.
        let state = near["newQueryState"].clone();
        house.one("Email/set", json!({ "update": { &ids[0]: { "keywords/$seen": true } } })).await;
        let nothing = house.one("Email/queryChanges", json!({ "sinceQueryState": state })).await;
        assert_eq!((&nothing["removed"], &nothing["added"]), (&json!([]), &json!([])));
    }
}
