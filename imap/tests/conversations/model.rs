//! Clients that keep a list of their own, from nothing but what they are told, act on one mailbox at random; in the end every list is
//! the same, and is what a client that comes anew sees.

use crate::house::{House, Talk, stories};

const LETTER: &str = "Subject: a\r\n\r\nb\r\n";
const SEEDS: [u64; 4] = [1, 2, 3, 2026];
const STEPS: usize = 120;

/// Numbers that repeat with their seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % count.max(1) as u64) as usize
    }
}

/// What a client knows of a message: its UID and its flags.
type Known = Option<(u32, String)>;

struct Client<'h> {
    talk: Talk<'h>,
    list: Vec<Known>,
}

impl<'h> Client<'h> {
    async fn new(house: &'h House, qresync: bool) -> Self {
        let mut client = Self { talk: house.talk_as(1).await, list: Vec::new() };
        if qresync {
            client.say("enable qresync").await;
        }
        client.say("select inbox").await;
        client
    }

    /// Says a command, believes what it hears, and asks about what it does not know.
    async fn say(&mut self, command: &str) {
        let heard = self.talk.say(command).await.0;
        self.believe(&heard);
        self.ask().await;
    }

    async fn news(&mut self) {
        let mut heard = self.talk.raw(b"i idle\r\n").await;
        heard.push_str(&self.talk.news().await);
        heard.push_str(&self.talk.raw(b"done\r\n").await);
        self.believe(&heard);
        self.ask().await;
    }

    async fn ask(&mut self) {
        if let Some(first) = self.list.iter().position(Option::is_none) {
            let heard = self.talk.say("uid fetch 1:* (flags)").await.0;
            assert!(first < self.list.len());
            self.believe(&heard);
            assert!(self.list.iter().all(Option::is_some), "{heard}");
        }
    }

    fn believe(&mut self, heard: &str) {
        for line in heard.lines().filter_map(|line| line.strip_prefix("* ")) {
            let words: Vec<&str> = line.split(' ').collect();
            let number: usize = words[0].parse().unwrap_or(0);
            match words.get(1).copied().unwrap_or_default() {
                "EXISTS" => {
                    assert!(number >= self.list.len(), "only EXPUNGE takes away: {heard}");
                    self.list.resize(number, None);
                }
                "EXPUNGE" => drop(self.list.remove(number - 1)),
                "FETCH" => {
                    let uid = words.iter().position(|word| *word == "(UID").map(|at| words[at + 1]);
                    let flags = line.split("FLAGS (").nth(1).and_then(|rest| rest.split(')').next());
                    if let (Some(uid), Some(flags)) = (uid, flags) {
                        self.list[number - 1] =
                            Some((uid.trim_end_matches(')').parse().unwrap(), flags.to_owned()));
                    } else if let (Some(flags), Some((uid, _))) = (flags, self.list[number - 1].clone()) {
                        self.list[number - 1] = Some((uid, flags.to_owned()));
                    }
                }
                set if words[0] == "VANISHED" => {
                    for range in set.split(',') {
                        let (first, last) = range.split_once(':').unwrap_or((range, range));
                        let gone = first.parse::<u32>().unwrap()..=last.parse().unwrap();
                        self.list.retain(|known| known.as_ref().is_none_or(|(uid, _)| !gone.contains(uid)));
                    }
                }
                _ => {}
            }
        }
    }

    /// Something, at random.
    async fn act(&mut self, dice: &mut Dice) {
        let number = dice.below(self.list.len()) + 1;
        let flag = ["\\Seen", "\\Flagged", "\\Deleted", "work"][dice.below(4)];
        match dice.below(9) {
            0 | 1 => {
                let heard = self.talk.append("inbox", "", LETTER).await.0;
                self.believe(&heard);
                self.ask().await;
            }
            2 if !self.list.is_empty() => self.say(&format!("store {number} +flags ({flag})")).await,
            3 if !self.list.is_empty() => self.say(&format!("store {number} -flags.silent ({flag})")).await,
            4 => self.say("expunge").await,
            5 if !self.list.is_empty() => self.say(&format!("copy {number} inbox")).await,
            6 if !self.list.is_empty() => self.say(&format!("move {number} other")).await,
            7 => self.news().await,
            _ => self.say("noop").await,
        }
        // What it silently took away, it knows.
        if let Some(Some((_, flags))) = self.list.get_mut(number - 1)
            && flags.contains(flag)
        {
            let heard = self.talk.say(&format!("fetch {number} (uid flags)")).await.0;
            self.believe(&heard);
        }
    }
}

stories! {
    /// Three clients, one of them with QRESYNC, a seed at a time.
    async fn every_list_ends_as_what_there_is(house: House) {
        house.talk_as(1).await.say("create other").await.ok();
        for seed in SEEDS {
            let mut dice = Dice(seed);
            let mut clients = [Client::new(house, false).await, Client::new(house, true).await, Client::new(house, false).await];
            for _ in 0..STEPS {
                let who = dice.below(clients.len());
                clients[who].act(&mut dice).await;
            }
            let mut fresh = Client::new(house, false).await;
            fresh.say("noop").await;
            for (who, client) in clients.iter_mut().enumerate() {
                client.say("noop").await;
                assert_eq!(client.list, fresh.list, "seed {seed}, client {who}");
            }
            fresh.say("store 1:* +flags.silent (\\Deleted)").await;
            fresh.say("expunge").await;
        }
    }
}
