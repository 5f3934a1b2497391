//! The leaves of a package: texts, numbers and dates, each within its limit.

use super::super::refusal::{Reason, Refusal};
use super::super::text::{is_date, is_date_time, trimmed};
use super::super::warning::Oddity;
use super::super::xml::Element;
use super::Reader;

/// Characters that receivers' columns hold (RULES 2.3, and NĐ 30/2020 PL VI part II where that is narrower). What is wider
/// arrives whole, and the sender is told that some receiver will cut it (RULES E37, class R).
const WIDTHS: &[(&str, usize)] = &[
    ("Subject", 500),
    ("Content", 500),
    ("OrganName", 200),
    ("OrganizationInCharge", 500),
    ("OrganAdd", 500),
    ("Email", 100),
    ("Telephone", 20),
    ("Fax", 20),
    ("Website", 100),
    ("TypeName", 100),
    ("Position", 100),
    ("FullName", 50),
    ("Place", 150),
];

fn width_of(local: &str) -> Option<usize> {
    WIDTHS.iter().find(|(name, _)| *name == local).map(|(_, width)| *width)
}

impl Reader<'_> {
    pub(super) fn push<T>(&self, list: &mut Vec<T>, item: T, at: Element<'_, '_>) -> Result<(), Refusal> {
        if list.len() >= self.limits.list_max {
            return Err(at.refuse(Reason::TooMany));
        }
        list.push(item);
        Ok(())
    }

    /// A text for people, clipped to what is stored.
    pub(super) fn text(&mut self, element: Element<'_, '_>) -> String {
        let text = trimmed(element.raw_text());
        let is_wide = |width: usize| element.is_cut() || text.chars().nth(width).is_some();
        if width_of(element.local()).is_some_and(is_wide) {
            self.warnings.add(Oddity::TooWide, || element.path());
        }
        match text.char_indices().nth(self.limits.text_chars_max) {
            Some((end, _)) => {
                self.warnings.add(Oddity::Clipped, || element.path());
                text.get(..end).unwrap_or_default().to_owned()
            }
            None if element.is_cut() => {
                self.warnings.add(Oddity::Clipped, || element.path());
                text
            }
            None => text,
        }
    }

    pub(super) fn text_in(&mut self, parent: Element<'_, '_>, name: &'static str) -> Result<String, Refusal> {
        Ok(parent.one(name)?.map(|element| self.text(element)).unwrap_or_default())
    }

    /// A text that is compared with others: clipping it would make two things one.
    pub(super) fn short(&self, element: Element<'_, '_>) -> Result<String, Refusal> {
        let text = trimmed(element.raw_text());
        match text.chars().nth(self.limits.text_chars_max) {
            None if !element.is_cut() => Ok(text),
            _ => Err(element.refuse(Reason::TooLong)),
        }
    }

    pub(super) fn short_in(&self, parent: Element<'_, '_>, name: &'static str) -> Result<String, Refusal> {
        parent.one(name)?.map(|element| self.short(element)).transpose().map(Option::unwrap_or_default)
    }

    pub(super) fn texts_below(
        &mut self,
        parent: Element<'_, '_>,
        list: &'static str,
        item: &'static str,
    ) -> Result<Vec<String>, Refusal> {
        let Some(list) = parent.one(list)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for element in list.all(item) {
            let text = self.text(element);
            if !text.is_empty() {
                self.push(&mut found, text, element)?;
            }
        }
        Ok(found)
    }

    pub(super) fn number_in(
        &mut self,
        parent: Element<'_, '_>,
        name: &'static str,
    ) -> Result<Option<u32>, Refusal> {
        let Some(element) = parent.one(name)? else { return Ok(None) };
        let text = trimmed(element.raw_text());
        let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        if number.is_none() && !text.is_empty() {
            self.warnings.add(Oddity::Number, || element.path());
        }
        Ok(number)
    }

    pub(super) fn date_in(&mut self, parent: Element<'_, '_>, name: &'static str) -> Result<String, Refusal> {
        self.shaped_in(parent, name, is_date, Oddity::Date)
    }

    pub(super) fn date_time_in(
        &mut self,
        parent: Element<'_, '_>,
        name: &'static str,
    ) -> Result<String, Refusal> {
        self.shaped_in(parent, name, is_date_time, Oddity::DateTime)
    }

    /// A date is never rewritten; one that is not of the form gets a warning (VXP 4.1).
    pub(super) fn shaped_in(
        &mut self,
        parent: Element<'_, '_>,
        name: &'static str,
        fits: fn(&str) -> bool,
        oddity: Oddity,
    ) -> Result<String, Refusal> {
        let Some(element) = parent.one(name)? else { return Ok(String::new()) };
        let text = self.text(element);
        if !text.is_empty() && !fits(&text) {
            self.warnings.add(oddity, || element.path());
        }
        Ok(text)
    }
}
