//! A cursor over the elements of one level.

use super::{Class, DEFAULT_DEPTH, Element, Error, Problem, Result, Rules, Tag};

/// Elements passed over in search of one end-of-contents. Producers write contents in pieces of 1,000 to 64,000 bytes:
/// a million of them are a gigabyte. Pieces of nothing at all would be walked over once for every level around them.
pub(super) const INDEFINITE_MEMBERS: usize = 1 << 20;

/// Reads elements one after the other. A copy of a reader is a bookmark.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The outermost input: offsets in errors and spans count from its start.
    input: &'a [u8],
    /// Next byte to read; `at <= end <= input.len()`.
    at: usize,
    /// End of the level being read.
    end: usize,
    rules: Rules,
    /// Levels that may still be entered.
    depth: u8,
}

impl<'a> Reader<'a> {
    /// A strict reader over the whole input.
    pub fn der(input: &'a [u8]) -> Self {
        Self::new(input, Rules::Der, DEFAULT_DEPTH)
    }

    /// A tolerant reader over the whole input.
    pub fn ber(input: &'a [u8]) -> Self {
        Self::new(input, Rules::Ber, DEFAULT_DEPTH)
    }

    /// A reader with a chosen limit of nesting.
    pub fn new(input: &'a [u8], rules: Rules, depth: u8) -> Self {
        Self { input, at: 0, end: input.len(), rules, depth }
    }

    /// A reader over `start..end` of an input, one level deeper.
    pub(super) fn inside(input: &'a [u8], start: usize, end: usize, rules: Rules, depth: u8) -> Self {
        Self { input, at: start, end, rules, depth }
    }

    /// Offset of the next byte from the start of the outermost input.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The rules in force.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Nothing is left on this level.
    pub fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// What has not been read yet on this level.
    pub fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..self.end).unwrap_or_default()
    }

    /// Says that nothing may be left. Errors: [`Problem::Trailing`].
    pub fn finish(self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(self.error(Problem::Trailing)) }
    }

    /// The next element's tag, without moving. `None` at the end or when the tag cannot be read.
    pub fn peek(&self) -> Option<Tag> {
        let mut look = *self;
        look.identifier().ok().map(|(tag, _)| tag)
    }

    /// The next element.
    pub fn element(&mut self) -> Result<Element<'a>> {
        let start = self.at;
        let result = self.element_inner(start);
        if result.is_err() {
            self.at = start;
        }
        result
    }

    fn element_inner(&mut self, start: usize) -> Result<Element<'a>> {
        let (tag, constructed) = self.identifier()?;
        if tag == Tag::universal(0) {
            // End-of-contents belongs to its parent's frame; a bare one is damage (X.690 §8.1.5).
            return Err(Error { at: start, problem: Problem::BadTag });
        }
        let length = self.length(constructed)?;
        let content_start = self.at;
        let (content_end, end) = match length {
            Some(length) => {
                let end = content_start.checked_add(length).filter(|&end| end <= self.end);
                let end = end.ok_or(Error { at: start, problem: Problem::Truncated })?;
                (end, end)
            }
            None => {
                let content_end = self.skip_indefinite()?;
                (content_end, content_end + 2)
            }
        };
        self.at = end;
        Ok(Element::new(
            self.input,
            tag,
            constructed,
            [start, content_start, content_end, end],
            self.rules,
            self.depth,
        ))
    }

    /// The next element, which must have this tag.
    pub fn expect(&mut self, tag: Tag) -> Result<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.element()?;
        if element.tag() != tag {
            return Err(self.error(Problem::WrongTag { expected: tag, found: element.tag() }));
        }
        *self = ahead;
        Ok(element)
    }

    /// The next element if it has this tag; otherwise the reader stays where it is.
    pub fn optional(&mut self, tag: Tag) -> Result<Option<Element<'a>>> {
        if self.is_empty() || self.peek() != Some(tag) { Ok(None) } else { self.element().map(Some) }
    }

    /// The members of the SEQUENCE that comes next.
    pub fn sequence(&mut self) -> Result<Reader<'a>> {
        self.expect(Tag::SEQUENCE)?.children()
    }

    /// The members of the SET that comes next.
    pub fn set(&mut self) -> Result<Reader<'a>> {
        self.expect(Tag::SET)?.children()
    }

    /// The single element inside the explicit field `[number]`, when the field is there.
    pub fn explicit(&mut self, number: u32) -> Result<Option<Element<'a>>> {
        let Some(field) = self.optional(Tag::context(number))? else { return Ok(None) };
        let mut inside = field.children()?;
        let element = inside.element()?;
        inside.finish()?;
        Ok(Some(element))
    }

    /// Reads one element that must be the whole input, such as a certificate file.
    pub fn only(mut self) -> Result<Element<'a>> {
        let element = self.element()?;
        self.finish()?;
        Ok(element)
    }

    pub(super) fn error(&self, problem: Problem) -> Error {
        Error { at: self.at, problem }
    }

    fn byte(&mut self) -> Result<u8> {
        if self.at >= self.end {
            return Err(self.error(Problem::Truncated));
        }
        let byte = *self.input.get(self.at).ok_or(self.error(Problem::Truncated))?;
        self.at += 1;
        Ok(byte)
    }

    /// Identifier octets, X.690 §8.1.2.
    fn identifier(&mut self) -> Result<(Tag, bool)> {
        let first = self.byte()?;
        let class = match first >> 6 {
            0 => Class::Universal,
            1 => Class::Application,
            2 => Class::Context,
            _ => Class::Private,
        };
        let constructed = first & 0x20 != 0;
        let mut number = u32::from(first & 0x1f);
        if number == 0x1f {
            number = 0;
            for place in 0.. {
                let byte = self.byte()?;
                // Four octets carry 28 bits; no structure we know uses more than one.
                if place == 4 || (place == 0 && byte == 0x80) {
                    return Err(self.error(Problem::BadTag));
                }
                number = number << 7 | u32::from(byte & 0x7f);
                if byte & 0x80 == 0 {
                    break;
                }
            }
            if number < 0x1f {
                return Err(self.error(Problem::BadTag));
            }
        }
        Ok((Tag { class, number }, constructed))
    }

    /// Length octets, X.690 §8.1.3; `None` is the indefinite form.
    fn length(&mut self, constructed: bool) -> Result<Option<usize>> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(Some(usize::from(first)));
        }
        if first == 0x80 {
            let allowed = self.rules == Rules::Ber && constructed;
            return if allowed { Ok(None) } else { Err(self.error(Problem::BadLength)) };
        }
        let count = first & 0x7f;
        if count > 8 {
            return Err(self.error(Problem::BadLength));
        }
        let mut length: u64 = 0;
        for place in 0..count {
            let byte = self.byte()?;
            if self.rules == Rules::Der && place == 0 && byte == 0 {
                return Err(self.error(Problem::BadLength));
            }
            length = length << 8 | u64::from(byte);
        }
        if self.rules == Rules::Der && length < 0x80 {
            return Err(self.error(Problem::BadLength));
        }
        usize::try_from(length).map(Some).map_err(|_| self.error(Problem::BadLength))
    }

    /// Finds the end-of-contents octets that close the indefinite element whose contents start here; returns where
    /// they stand. Only indefinite children are entered, by counting, so the work is linear and nothing recurses.
    fn skip_indefinite(&self) -> Result<usize> {
        let mut look = *self;
        let mut open: u8 = 1;
        for _ in 0..INDEFINITE_MEMBERS {
            let here = look.at;
            let (tag, constructed) = look.identifier()?;
            match look.length(constructed)? {
                Some(0) if tag == Tag::universal(0) && !constructed => {
                    open -= 1;
                    if open == 0 {
                        return Ok(here);
                    }
                }
                Some(length) => {
                    let end = look.at.checked_add(length).filter(|&end| end <= look.end);
                    look.at = end.ok_or(look.error(Problem::Truncated))?;
                }
                None => {
                    if open > look.depth {
                        return Err(look.error(Problem::TooDeep));
                    }
                    open += 1;
                }
            }
        }
        Err(self.error(Problem::TooLarge))
    }
}
