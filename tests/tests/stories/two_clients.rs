//! One mailbox, two mail programs, one speaking IMAP and the other JMAP: they act at random, in turns, each keeping its own view by what
//! it is told, and both views are held against a plain model.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::{Engine, Imap, Jmap, Program};

use crate::on_both_engines;

on_both_engines! {
    two_clients_end_with_the_same_view => two_clients,
}

/// The folders; the first one is there, the others are made.
const FOLDERS: [&str; 3] = ["INBOX", "Ho so", "Luu tru"];
/// What is set and taken away: for IMAP and for JMAP.
const FLAGS: [(&str, &str); 4] =
    [("\\Seen", "$seen"), ("\\Flagged", "$flagged"), ("\\Answered", "$answered"), ("tam-xem", "tam-xem")];
const STEPS: u32 = 150;

/// Numbers that are the same for a seed (SplitMix64).
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn of_all<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { Some(all[self.below(all.len())].clone()) }
    }
}

/// A message as the model knows it: its keywords, and the folders it lies in, each with whether it is marked deleted there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Letter {
    keywords: BTreeSet<String>,
    places: BTreeMap<usize, bool>,
}

/// All messages by the number in their subject.
type Letters = BTreeMap<u32, Letter>;

/// The plain model.
#[derive(Default)]
struct Model {
    letters: Letters,
    next: u32,
}

impl Model {
    fn add(&mut self, folder: usize, keywords: BTreeSet<String>) -> u32 {
        self.next += 1;
        self.letters.insert(self.next, Letter { keywords, places: BTreeMap::from([(folder, false)]) });
        self.next
    }

    /// A message takes a place out; without places it is gone.
    fn leave(&mut self, number: u32, folder: usize) {
        let letter = self.letters.get_mut(&number).expect("a letter");
        letter.places.remove(&folder);
        if letter.places.is_empty() {
            self.letters.remove(&number);
        }
    }

    /// Messages in a folder that are not marked deleted there.
    fn kept_in(&self, folder: usize) -> Vec<u32> {
        let kept = |(number, letter): (&u32, &Letter)| {
            (letter.places.get(&folder) == Some(&false)).then_some(*number)
        };
        self.letters.iter().filter_map(kept).collect()
    }

    /// Folders that a message does not lie in.
    fn elsewhere(&self, number: u32) -> Vec<usize> {
        (0..FOLDERS.len()).filter(|folder| !self.letters[&number].places.contains_key(folder)).collect()
    }
}

fn message(number: u32) -> String {
    format!(
        "From: an@ngoai.test\r\nSubject: thu so {number} het\r\nMessage-ID: <{number}@hai.test>\r\n\r\nNội dung {number}\r\n"
    )
}

/// The number in a subject.
fn number_of(text: &str) -> u32 {
    let (_, rest) = text.split_once("thu so ").expect("a subject of ours");
    rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

/// What the IMAP program believes to see in the folder it has open, by sequence number: UID, number, flags. What it has not asked about yet
/// is `None`.
struct Classic {
    imap: Imap,
    folder: usize,
    seen: Vec<Option<(u32, u32, BTreeSet<String>)>>,
}

impl Classic {
    async fn open(&mut self, folder: usize) {
        self.folder = folder;
        self.seen.clear();
        self.does(&format!("SELECT \"{}\"", FOLDERS[folder])).await;
    }

    /// Gives a command and believes what it is told meanwhile.
    async fn does(&mut self, command: &str) {
        for response in self.imap.ask(command).await {
            let words: Vec<&str> = response.split_whitespace().take(3).collect();
            let Some(at) = words.get(1).and_then(|word| word.parse::<usize>().ok()) else { continue };
            match words.get(2) {
                Some(&"EXISTS") => {
                    assert!(at >= self.seen.len(), "EXISTS takes nothing away (RFC 9051 §7.4.1): {response}");
                    self.seen.resize(at, None);
                }
                Some(&"EXPUNGE") => drop(self.seen.remove(at - 1)),
                Some(&"FETCH") => self.believe(at, &response),
                _ => {}
            }
        }
    }

    fn believe(&mut self, at: usize, response: &str) {
        let between = |begin: &str, end: char| {
            let (_, rest) = response.split_once(begin)?;
            rest.split(end).next().map(str::to_owned)
        };
        let flags = between("FLAGS (", ')').map(|flags| {
            let named = |flag: &str| {
                FLAGS.iter().find(|(imap, _)| *imap == flag).map_or(flag, |(_, jmap)| jmap).to_owned()
            };
            flags.split_whitespace().filter(|flag| *flag != "\\Recent").map(named).collect::<BTreeSet<_>>()
        });
        let uid = between("UID ", ' ').map(|uid| uid.trim_end_matches(')').parse().expect("a UID"));
        let place = &mut self.seen[at - 1];
        match (place.as_mut(), flags) {
            (Some(known), Some(flags)) => known.2 = flags,
            (None, Some(flags)) if response.contains("thu so ") => {
                *place = Some((uid.expect("a UID"), number_of(response), flags));
            }
            // Flags of a message that is not known yet: it is asked about all the same.
            _ => {}
        }
    }

    /// Hears the news, and asks about what is new.
    async fn looks(&mut self) {
        self.does("NOOP").await;
        if let Some(first) = self.seen.iter().position(Option::is_none) {
            let fetch = format!("FETCH {}:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])", first + 1);
            self.does(&fetch).await;
        }
    }

    fn assert_sees(&self, model: &Model, seed: u64) {
        let theirs: BTreeMap<u32, BTreeSet<String>> =
            self.seen.iter().flatten().map(|(_, number, flags)| (*number, flags.clone())).collect();
        let ours = model.letters.iter().filter_map(|(number, letter)| {
            let deleted = letter.places.get(&self.folder)?.then(|| "\\Deleted".to_owned());
            Some((*number, letter.keywords.iter().cloned().chain(deleted).collect()))
        });
        assert_eq!(theirs, ours.collect(), "IMAP in {}, seed {seed}", FOLDERS[self.folder]);
        assert_eq!(self.seen.len(), theirs.len(), "nothing twice, seed {seed}");
        assert!(self.seen.iter().flatten().map(|(uid, ..)| uid).is_sorted(), "UIDs ascend");
    }

    fn uid(&self, number: u32) -> u32 {
        self.seen.iter().flatten().find(|(_, its, _)| *its == number).expect("a message that is seen").0
    }

    /// One thing that a mail program does.
    async fn acts(&mut self, model: &mut Model, drawn: &mut Drawn) {
        let chosen = drawn.of_all(&model.kept_in(self.folder));
        match (drawn.below(8), chosen) {
            (0, _) => self.open(drawn.below(FOLDERS.len())).await,
            (1, _) | (_, None) => {
                let (folder, flag) = (drawn.below(FOLDERS.len()), drawn.of_all(&FLAGS).expect("a flag"));
                let message = message(model.add(folder, BTreeSet::from([flag.1.to_owned()])));
                let (name, octets) = (FOLDERS[folder], message.len());
                self.does(&format!("APPEND \"{name}\" ({}) {{{octets}+}}\r\n{message}", flag.0)).await;
            }
            (2 | 3, Some(number)) => {
                let (flag, keyword) = drawn.of_all(&FLAGS).expect("a flag");
                let keywords = &mut model.letters.get_mut(&number).expect("a letter").keywords;
                let sign = if keywords.remove(keyword) { '-' } else { '+' };
                if sign == '+' {
                    keywords.insert(keyword.to_owned());
                }
                self.does(&format!("UID STORE {} {sign}FLAGS ({flag})", self.uid(number))).await;
            }
            (4, Some(number)) => {
                let places = &mut model.letters.get_mut(&number).expect("a letter").places;
                places.insert(self.folder, true);
                self.does(&format!("UID STORE {} +FLAGS.SILENT (\\Deleted)", self.uid(number))).await;
                self.looks().await;
                self.seen_deleted(number);
            }
            (5, Some(_)) => {
                let all: Vec<u32> = model.letters.keys().copied().collect();
                for number in all {
                    if model.letters[&number].places.get(&self.folder) == Some(&true) {
                        model.leave(number, self.folder);
                    }
                }
                self.does("EXPUNGE").await;
            }
            (verb, Some(number)) => {
                let Some(to) = drawn.of_all(&model.elsewhere(number)) else { return };
                let verb = if verb == 6 { "COPY" } else { "MOVE" };
                model.letters.get_mut(&number).expect("a letter").places.insert(to, false);
                if verb == "MOVE" {
                    model.leave(number, self.folder);
                }
                self.does(&format!("UID {verb} {} \"{}\"", self.uid(number), FOLDERS[to])).await;
            }
        }
    }

    /// Whoever says SILENT knows what it did.
    fn seen_deleted(&mut self, number: u32) {
        let known = self.seen.iter_mut().flatten().find(|(_, its, _)| *its == number);
        known.expect("a message that is seen").2.insert("\\Deleted".to_owned());
    }
}

/// What the JMAP program believes to see, kept up by what changed.
struct Modern {
    jmap: Jmap,
    folders: Vec<String>,
    state: String,
    seen: BTreeMap<String, (u32, Letter)>,
}

impl Modern {
    async fn sign_in(jmap: Jmap) -> Self {
        let list = jmap.call("Mailbox/get", json!({ "ids": null })).await;
        let list = list["list"].as_array().expect("mailboxes");
        let id = |name: &str| {
            let is_it =
                |mailbox: &&Value| mailbox["name"] == name || (name == "INBOX" && mailbox["role"] == "inbox");
            list.iter().find(is_it).expect("a mailbox")["id"].as_str().expect("an id").to_owned()
        };
        let folders = FOLDERS.map(id).to_vec();
        let got = jmap.call("Email/get", json!({ "ids": [] })).await;
        let state = got["state"].as_str().expect("a state").to_owned();
        Self { jmap, folders, state, seen: BTreeMap::new() }
    }

    /// Asks what changed and looks at that.
    async fn looks(&mut self) {
        loop {
            let changes =
                self.jmap.call("Email/changes", json!({ "sinceState": self.state, "maxChanges": 50 })).await;
            let ids = |name: &str| changes[name].as_array().expect("a list").clone();
            for gone in ids("destroyed") {
                self.seen.remove(gone.as_str().expect("an id"));
            }
            let changed = [ids("created"), ids("updated")].concat();
            let wanted = json!({ "ids": changed, "properties": ["id", "subject", "keywords", "mailboxIds"] });
            let got = self.jmap.call("Email/get", wanted).await;
            for email in got["list"].as_array().expect("a list") {
                self.believe(email);
            }
            self.state = changes["newState"].as_str().expect("a state").to_owned();
            if changes["hasMoreChanges"] == false {
                return;
            }
        }
    }

    fn believe(&mut self, email: &Value) {
        let names = |value: &Value| value.as_object().expect("a set").keys().cloned().collect::<Vec<_>>();
        let place =
            |id: &String| (self.folders.iter().position(|folder| folder == id).expect("a folder"), false);
        let places = names(&email["mailboxIds"]).iter().map(place).collect();
        let letter = Letter { keywords: names(&email["keywords"]).into_iter().collect(), places };
        let number = number_of(email["subject"].as_str().expect("a subject"));
        self.seen.insert(email["id"].as_str().expect("an id").to_owned(), (number, letter));
    }

    fn assert_sees(&self, model: &Model, seed: u64) {
        let theirs: Letters = self.seen.values().cloned().collect();
        // \Deleted is IMAP's alone.
        let mut ours = model.letters.clone();
        ours.values_mut().flat_map(|letter| letter.places.values_mut()).for_each(|deleted| *deleted = false);
        assert_eq!(theirs, ours, "JMAP, seed {seed}");
        assert_eq!(self.seen.len(), theirs.len(), "nothing twice, seed {seed}");
    }

    fn id(&self, number: u32) -> String {
        let found = self.seen.iter().find(|(_, (its, _))| *its == number);
        found.expect("a message that is seen").0.clone()
    }

    async fn set(&self, number: u32, patch: Value) {
        let id = self.id(number);
        let set = self.jmap.call("Email/set", json!({ "update": { &id: patch } })).await;
        assert!(set["updated"].get(&id).is_some(), "{set}");
    }

    /// One thing that a mail program does.
    async fn acts(&self, model: &mut Model, drawn: &mut Drawn) {
        let all: Vec<u32> = model.letters.keys().copied().collect();
        match (drawn.below(6), drawn.of_all(&all)) {
            (0, _) | (_, None) => {
                let folder = drawn.below(FOLDERS.len());
                let number = model.add(folder, BTreeSet::new());
                let blob = self.jmap.upload("message/rfc822", message(number).into_bytes()).await;
                let email = json!({ "blobId": blob, "mailboxIds": { &self.folders[folder]: true } });
                let import = self.jmap.call("Email/import", json!({ "emails": { "e": email } })).await;
                assert!(import["created"]["e"]["id"].is_string(), "{import}");
            }
            (1 | 2, Some(number)) => {
                let (_, keyword) = drawn.of_all(&FLAGS).expect("a flag");
                let keywords = &mut model.letters.get_mut(&number).expect("a letter").keywords;
                let had = keywords.remove(keyword);
                if !had {
                    keywords.insert(keyword.to_owned());
                }
                let value = if had { Value::Null } else { json!(true) };
                self.set(number, json!({ format!("keywords/{keyword}"): value })).await;
            }
            (3, Some(number)) => {
                let Some(to) = drawn.of_all(&model.elsewhere(number)) else { return };
                model.letters.get_mut(&number).expect("a letter").places = BTreeMap::from([(to, false)]);
                self.set(number, json!({ "mailboxIds": { &self.folders[to]: true } })).await;
            }
            (4, Some(number)) => {
                let Some(to) = drawn.of_all(&model.elsewhere(number)) else { return };
                model.letters.get_mut(&number).expect("a letter").places.insert(to, false);
                self.set(number, json!({ format!("mailboxIds/{}", self.folders[to]): true })).await;
            }
            (_, Some(number)) => {
                model.letters.remove(&number);
                let id = self.id(number);
                let set = self.jmap.call("Email/set", json!({ "destroy": [id] })).await;
                assert_eq!(set["destroyed"], json!([id]), "{set}");
            }
        }
    }
}

async fn two_clients(engine: Engine) {
    let seed = std::env::var("CONGVAN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_128);
    println!("two clients, {engine:?}: CONGVAN_SEED={seed}");
    let program = Program::demo(engine).await;
    let leader = program.account(&program.systems().0.agency, "leader");
    let jmap = Jmap::sign_in(&program, leader).await;
    for old in jmap.messages("inbox").await {
        jmap.call("Email/set", json!({ "destroy": [old["id"]] })).await;
    }
    let mut imap = Imap::login(program.ports.imaps, &leader.address, &leader.password).await;
    for folder in &FOLDERS[1..] {
        imap.run(&format!("CREATE \"{folder}\"")).await;
    }
    let mut classic = Classic { imap, folder: 0, seen: Vec::new() };
    classic.open(0).await;
    let mut modern = Modern::sign_in(jmap).await;
    let (mut model, mut drawn) = (Model::default(), Drawn(seed));
    for _ in 0..STEPS {
        // Whoever acts looks first, as a person does; the other hears of it when it looks.
        if drawn.below(2) == 0 {
            classic.looks().await;
            classic.assert_sees(&model, seed);
            classic.acts(&mut model, &mut drawn).await;
        } else {
            modern.looks().await;
            modern.assert_sees(&model, seed);
            modern.acts(&mut model, &mut drawn).await;
        }
    }
    modern.looks().await;
    modern.assert_sees(&model, seed);
    classic.looks().await;
    classic.assert_sees(&model, seed);
    for folder in 0..FOLDERS.len() {
        classic.open(folder).await;
        classic.looks().await;
        classic.assert_sees(&model, seed);
    }
    program.doctor().await;
}
