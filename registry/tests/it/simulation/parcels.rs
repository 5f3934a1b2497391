//! What comes next, by the dice.

use std::time::Duration;

use registry::document_id::DocumentIdentifier;
use registry::package::{
    BusinessType, NewDocument, NewParty, NewStatus, Replacement, Staff, StatusAddress, write_document,
    write_status,
};
use registry::status::StatusCode;

use super::Simulation;
use super::model::{AFAR, Agency, Parcel, Version, Word, code};
use crate::house::{act, document};
use crate::world::NOW;

const SENDERS: [Agency; 3] = [1, 4, AFAR];
const EVERYBODY: [Agency; 5] = [1, 2, 3, 4, AFAR];
const CODES: [&str; 8] = ["01", "02", "03", "04", "05", "06", "15", "16"];

fn identifier(sender: Agency, number: u32) -> DocumentIdentifier {
    DocumentIdentifier::new(&format!("{},2026/11/22,{number}/SNV-VP", code(sender))).unwrap()
}

fn from(sender: Agency, number: u32, document: NewDocument) -> NewDocument {
    let mut document = document;
    document.from.organ_id = code(sender).parse().unwrap();
    document.document_id = identifier(sender, number);
    document
}

impl Simulation {
    pub(super) fn parcel(&mut self) -> Parcel {
        let repeated = self.dice.below(6) == 0;
        if repeated && !self.model.kept.is_empty() {
            return self.dice.one(&self.model.kept).parcel.clone();
        }
        if self.model.papers.len() < 3 || self.dice.below(5) == 0 {
            return self.new_document();
        }
        let number = self.a_number();
        match self.dice.below(10) {
            0 => self.act_upon(number, Word::Recall),
            1 => self.act_upon(number, Word::Update),
            2 => self.act_upon(number, Word::Replacement(number)),
            _ => self.status(number),
        }
    }

    /// Two different acts about one document.
    pub(super) fn pair(&mut self) -> Option<(Parcel, Parcel)> {
        if self.model.papers.is_empty() {
            return None;
        }
        let number = self.a_number();
        let one = self.status(number);
        let other = match self.dice.below(4) {
            0 => self.act_upon(number, Word::Recall),
            1 => self.act_upon(number, Word::Update),
            _ => self.status(number),
        };
        // What was said before is another story.
        let is_new = |parcel: &Parcel| !self.model.is_said(parcel) && self.model.before(parcel).is_none();
        (is_new(&one) && is_new(&other)).then_some((one, other))
    }

    fn a_number(&mut self) -> u32 {
        let numbers: Vec<u32> = self.model.papers.keys().copied().collect();
        *self.dice.one(&numbers)
    }

    fn original(&self, number: u32) -> &Version {
        &self.model.papers[&number][0]
    }

    fn some_of(&mut self, agencies: &[Agency]) -> Vec<Agency> {
        let mut some: Vec<Agency> = agencies.iter().copied().filter(|_| self.dice.below(2) == 0).collect();
        if some.is_empty() {
            some.push(*self.dice.one(agencies));
        }
        some
    }

    fn new_document(&mut self) -> Parcel {
        let sender = *self.dice.one(&SENDERS);
        let others: Vec<Agency> = EVERYBODY.into_iter().filter(|agency| *agency != sender).collect();
        let to = self.some_of(&others);
        let number = self.take_number();
        let codes: Vec<String> = to.iter().map(|agency| code(*agency)).collect();
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let new =
            from(sender, number, document(&number.to_string(), &codes, &[("van-ban.pdf", b"%PDF-1.7")]));
        let bytes = write_document(&new).unwrap();
        Parcel { from: sender, to, number, word: Word::Document, said_at: 0, bytes }
    }

    fn take_number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number
    }

    fn act_upon(&mut self, of: u32, word: Word) -> Parcel {
        let original = self.original(of).clone();
        let receivers: Vec<Agency> = original.at.keys().copied().collect();
        let to = self.some_of(&receivers);
        let codes: Vec<String> = to.iter().map(|agency| code(*agency)).collect();
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let number = if matches!(word, Word::Replacement(_)) { self.take_number() } else { of };
        let text = number.to_string();
        let mut new = match word {
            Word::Recall => act(BusinessType::Recall, &text, &codes, &[]),
            Word::Update => act(BusinessType::Update, &text, &codes, &[]),
            _ => act(BusinessType::Replacement, &text, &codes, &[("van-ban.pdf", b"%PDF-1.7")]),
        };
        if let Word::Replacement(of) = word {
            let organ_ids = codes.iter().map(|code| (*code).to_owned()).collect();
            let document_id = identifier(original.sender, of);
            new.business.replacements = vec![Replacement { document_id, organ_ids }];
        }
        self.next_second += 1;
        new.subject = format!("V/v {word:?} lần {}", self.next_second);
        let bytes = write_document(&from(original.sender, number, new)).unwrap();
        Parcel { from: original.sender, to, number, word, said_at: 0, bytes }
    }

    fn status(&mut self, number: u32) -> Parcel {
        let original = self.original(number).clone();
        let receivers: Vec<Agency> = original.at.keys().copied().collect();
        let receiver = *self.dice.one(&receivers);
        let (sender, to, said) = match self.dice.below(8) {
            0 => (original.sender, receiver, "13"),
            _ => (receiver, original.sender, *self.dice.one(&CODES)),
        };
        self.next_second += 1;
        // Now and then the same is said in other words.
        let said_at = if self.dice.below(6) == 0 { 0 } else { self.next_second };
        let party = |code: String| NewParty {
            organ_id: code.parse().unwrap(),
            organization_in_charge: String::new(),
            organ_name: "Tên".to_owned(),
            organ_add: String::new(),
            email: String::new(),
            telephone: String::new(),
            fax: String::new(),
            website: String::new(),
        };
        let status = NewStatus {
            from: party(code(sender)),
            response_for: StatusAddress {
                organ_id: code(to).parse().unwrap(),
                code: format!("{number}/SNV-VP"),
                document_id: Some(identifier(original.sender, number)),
                promulgation_date: "2026/11/22".to_owned(),
            },
            staff: Staff::default(),
            code: StatusCode::read(said),
            description: format!("lý do {}", self.next_second),
            sent: NOW.plus(Duration::from_secs(u64::try_from(said_at).unwrap())),
        };
        let bytes = write_status(&status).unwrap();
        Parcel { from: sender, to: vec![to], number, word: Word::Status(said), said_at, bytes }
    }
}
