//! The trace of a package: through which hands it went, and our own line in it (RULES R66, R67).
//!
//! Whoever forwards a package may add one thing, a `TraceHeader` with its code and the time. It is put in as text at one place;
//! every other byte stays where it was, so what was signed by reference to its parts (RULES E34) verifies as before.

use mail::Timestamp;
use quick_xml::events::Event;
use store::Spool;

use super::refusal::{Reason, Refusal};
use super::skim::skim;
use crate::transport::Chain;
use crate::{Error, Limits};

/// What forwarding needs to know of a package. Taken from one that was read before, so nothing here is judged anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The codes of the hops, in order; `None` where there is none, or the word `null`.
    pub hops: Vec<Option<String>>,
    /// A signature covers the whole of the package (`URI=""`) and would break with any change.
    pub signed_whole: bool,
    place: Option<Place>,
}

/// Where our line goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// After the last line, or at the end of the list.
    In { at: usize, prefix: String },
    /// The list is there and empty: `<TraceHeaderList/>`, whose slash is at `slash`.
    Empty { slash: usize, after: usize, name: String, prefix: String },
    /// There is no list: after the message header.
    None { at: usize, prefix: String },
}

/// One element that is open.
struct Open {
    local: String,
    prefix: String,
}

/// Reads the trace of a package wherever it lies.
///
/// # Errors
/// [`Error::Unavailable`] when it cannot be read.
pub fn find(package: &Spool, limits: &Limits) -> Result<Trace, Error> {
    if let Some(bytes) = package.held() {
        return Ok(read(bytes).unwrap_or_default());
    }
    let skimmed = skim(package, limits)?;
    let mut trace = read(&skimmed.text).unwrap_or_default();
    if let Some(place) = &mut trace.place {
        place.move_by(|at| {
            let before = skimmed.cuts.iter().take_while(|cut| cut.at <= at);
            before.map(|cut| usize::try_from(cut.source.end - cut.source.start).unwrap_or(usize::MAX)).sum()
        });
    }
    Ok(trace)
}

impl Place {
    /// Puts it where it is in the source: `left_out` says how many bytes before a place of the text are not in the text.
    fn move_by(&mut self, left_out: impl Fn(usize) -> usize) {
        match self {
            Self::In { at, .. } | Self::None { at, .. } => *at += left_out(*at),
            Self::Empty { slash, after, .. } => {
                *slash += left_out(*slash);
                *after += left_out(*after);
            }
        }
    }
}

/// Reads the trace of a package.
///
/// # Errors
/// A [`Refusal`] when it is no package: one that was read before always has a trace, if an empty one.
pub fn read(bytes: &[u8]) -> Result<Trace, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::new(Reason::Encoding, ""))?;
    let skipped = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
    let text = text.get(skipped..).unwrap_or_default();
    let mut reader = quick_xml::Reader::from_str(text);
    let mut scan = Scan::default();
    loop {
        let before = position(&reader);
        let event = reader.read_event().map_err(|_| Refusal::new(Reason::NotWellFormed, ""))?;
        let after = position(&reader);
        let markup = text.get(before..after).unwrap_or_default();
        match event {
            Event::Eof => break,
            Event::Start(_) => scan.start(markup),
            Event::Empty(_) => scan.empty(markup, skipped + before, skipped + after),
            Event::End(_) => {
                scan.end(skipped + before, skipped + after);
                if scan.over {
                    break;
                }
            }
            Event::Text(_) | Event::CData(_) => scan.text(markup),
            _ => {}
        }
    }
    let Scan { mut trace, in_list, none, .. } = scan;
    trace.place = in_list.or(none);
    Ok(trace)
}

fn position(reader: &quick_xml::Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

#[derive(Default)]
struct Scan {
    open: Vec<Open>,
    trace: Trace,
    in_list: Option<Place>,
    none: Option<Place>,
    /// The code of the hop that is being read.
    organ: Option<String>,
    signature_is_whole: bool,
    /// The header is behind us.
    over: bool,
}

const HEADER: [&str; 3] = ["edXML", "edXMLEnvelope", "edXMLHeader"];

impl Scan {
    /// The names below the header that are open now; `None` outside of it.
    fn below(&self) -> Option<Vec<&str>> {
        let (head, rest) = self.open.split_at_checked(HEADER.len())?;
        let is_header = head.iter().zip(HEADER).all(|(open, name)| open.local == name);
        is_header.then(|| rest.iter().map(|open| open.local.as_str()).collect())
    }

    fn start(&mut self, markup: &str) {
        let (prefix, local) = name_of(markup);
        self.open.push(Open { local: local.to_owned(), prefix: prefix.to_owned() });
        if self.below().as_deref() == Some(&["TraceHeaderList", "TraceHeader"]) {
            self.organ = None;
        }
        self.reference(markup);
    }

    fn empty(&mut self, markup: &str, before: usize, after: usize) {
        let (prefix, local) = name_of(markup);
        match self.below().as_deref() {
            Some([]) if local == "TraceHeaderList" => {
                let name = if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") };
                self.in_list =
                    Some(Place::Empty { slash: after - 2, after, name, prefix: prefix.to_owned() });
            }
            Some([]) if local == "MessageHeader" => {
                self.none = Some(Place::None { at: after, prefix: prefix.to_owned() });
            }
            Some(["TraceHeaderList"]) if local == "TraceHeader" => {
                self.trace.hops.push(None);
                self.in_list = Some(Place::In { at: after, prefix: prefix.to_owned() });
            }
            _ => {}
        }
        debug_assert!(before < after);
        self.open.push(Open { local: local.to_owned(), prefix: prefix.to_owned() });
        self.reference(markup);
        self.open.pop();
    }

    /// A reference of a signature over the whole document; an XPath that leaves the trace out makes it harmless (RULES E34).
    fn reference(&mut self, markup: &str) {
        let Some(below) = self.below() else { return };
        let in_signature = below.first() == Some(&"Signature");
        if in_signature && below.last() == Some(&"Reference") {
            let whole = attribute(markup, "URI").is_some_and(str::is_empty);
            self.signature_is_whole = whole;
            self.trace.signed_whole |= whole;
        }
    }

    fn text(&mut self, markup: &str) {
        match self.below().as_deref() {
            Some(["TraceHeaderList", "TraceHeader", "OrganId"]) => {
                let text = markup.trim();
                let text = text.strip_prefix("<![CDATA[").and_then(|t| t.strip_suffix("]]>")).unwrap_or(text);
                let organ = text.trim();
                if !organ.is_empty() && organ != "null" {
                    self.organ.get_or_insert_with(String::new).push_str(mail::text::clip(organ, 128));
                }
            }
            Some(["Signature", .., "XPath"])
                if self.signature_is_whole && markup.contains("TraceHeaderList") =>
            {
                self.trace.signed_whole = false;
            }
            _ => {}
        }
    }

    fn end(&mut self, before: usize, after: usize) {
        let below = self.below();
        let prefix = self.open.last().map(|open| open.prefix.clone()).unwrap_or_default();
        match below.as_deref() {
            Some(["MessageHeader"]) => self.none = Some(Place::None { at: after, prefix }),
            Some(["TraceHeaderList", "TraceHeader"]) => {
                self.trace.hops.push(self.organ.take());
                self.in_list = Some(Place::In { at: after, prefix });
            }
            Some(["TraceHeaderList"]) if self.in_list.is_none() => {
                self.in_list = Some(Place::In { at: before, prefix });
            }
            Some([]) => self.over = true,
            _ => {}
        }
        self.open.pop();
    }
}

/// Prefix and local name of a tag.
fn name_of(markup: &str) -> (&str, &str) {
    let name = markup.trim_start_matches('<');
    let name =
        name.split(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/')).next().unwrap_or_default();
    name.split_once(':').unwrap_or(("", name))
}

/// The value of an attribute, as it is written.
fn attribute<'m>(markup: &'m str, name: &str) -> Option<&'m str> {
    let mut rest = markup;
    while let Some(at) = rest.find(name) {
        let before = rest.get(..at)?.chars().next_back()?;
        rest = rest.get(at + name.len()..)?;
        if !before.is_ascii_whitespace() {
            continue;
        }
        let value = rest.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        return value.get(1..)?.split(quote).next();
    }
    None
}

impl Trace {
    /// Whether it came over another axis: a second hop that is not its sender. One hop says nothing: products write what they
    /// like into their own line.
    pub fn was_forwarded(&self, sender: &str) -> bool {
        let last = self.hops.get(1..).and_then(<[_]>::last);
        last.is_some_and(|hop| hop.as_deref().is_some_and(|hop| !hop.eq_ignore_ascii_case(sender)))
    }

    /// Whether an axis is among the hops.
    pub fn has(&self, organ_id: &str) -> bool {
        self.hops.iter().flatten().any(|hop| hop.eq_ignore_ascii_case(organ_id))
    }

    /// The package with one more line. The same `at` gives the same bytes, so a repeat is the same package (VXP 3.8 step 6). Nothing of
    /// it is copied.
    pub fn append(&self, package: &Spool, organ_id: &str, at: Timestamp) -> Chain {
        let line = |prefix: &str| {
            let p = if prefix.is_empty() { String::new() } else { format!("{prefix}:") };
            let time = at.to_edxml();
            format!(
                "<{p}TraceHeader><{p}OrganId>{organ_id}</{p}OrganId><{p}Timestamp>{time}</{p}Timestamp></{p}TraceHeader>"
            )
        };
        let (from, to, text) = match &self.place {
            Some(Place::In { at, prefix }) => (*at, *at, line(prefix)),
            Some(Place::Empty { slash, after, name, prefix }) => {
                (*slash, *after, format!(">{}</{name}>", line(prefix)))
            }
            Some(Place::None { at, prefix }) => {
                let p = if prefix.is_empty() { String::new() } else { format!("{prefix}:") };
                (*at, *at, format!("<{p}TraceHeaderList>{}</{p}TraceHeaderList>", line(prefix)))
            }
            None => return package.clone().into(),
        };
        let (from, to) = (from as u64, to as u64);
        let behind = package.part(to, package.len().saturating_sub(to));
        Chain::from(package.part(0, from)).then(text.into_bytes()).then(behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_secs(1_795_309_200);
    const LINE: &str = "<edXML:TraceHeader><edXML:OrganId>truc.h41</edXML:OrganId><edXML:Timestamp>2026/11/22 08:00:00</edXML:Timestamp></edXML:TraceHeader>";

    fn hops(bytes: &[u8]) -> Vec<Option<String>> {
        read(bytes).unwrap().hops
    }

    fn minimal() -> String {
        include_str!("tests/minimal.edxml")
            .replace("application/zip", "application/pdf")
            .replace("@CONTENT@", "JVBERi0xLjc=")
    }

    fn appended(trace: &Trace, package: &[u8]) -> Vec<u8> {
        trace.append(&package.to_vec().into(), "truc.h41", AT).whole().unwrap()
    }

    /// Every place our line can have, and every byte around it.
    #[test]
    fn r66_one_line_is_added_and_nothing_else() {
        let with = minimal();
        let start = with.find("<edXML:TraceHeaderList>").unwrap();
        let end = with.find("</edXML:TraceHeaderList>").unwrap() + "</edXML:TraceHeaderList>".len();
        let list = |text: &str| format!("{}{text}{}", &with[..start], &with[end..]);
        let line = LINE.to_owned();
        let rows = [
            // the package, what is put in, where it is put before
            (
                with.clone(),
                line.clone(),
                "</edXML:TraceHeader>".len() + with.find("</edXML:TraceHeader>").unwrap(),
            ),
            (
                list("<edXML:TraceHeaderList></edXML:TraceHeaderList>"),
                line.clone(),
                start + "<edXML:TraceHeaderList>".len(),
            ),
            (
                list("<edXML:TraceHeaderList id='a'><edXML:TraceHeader/></edXML:TraceHeaderList>"),
                line.clone(),
                start + "<edXML:TraceHeaderList id='a'><edXML:TraceHeader/>".len(),
            ),
            (
                list(""),
                format!("<edXML:TraceHeaderList>{line}</edXML:TraceHeaderList>"),
                "</edXML:MessageHeader>".len() + with.find("</edXML:MessageHeader>").unwrap(),
            ),
            (
                format!("\u{FEFF}{with}"),
                line.clone(),
                3 + "</edXML:TraceHeader>".len() + with.find("</edXML:TraceHeader>").unwrap(),
            ),
        ];
        for (package, put_in, at) in rows {
            let trace = read(package.as_bytes()).unwrap();
            let after = appended(&trace, package.as_bytes());
            let expected = format!("{}{put_in}{}", &package[..at], &package[at..]);
            assert_eq!(String::from_utf8(after.clone()).unwrap(), expected);
            assert_eq!(appended(&trace, package.as_bytes()), after, "a repeat is the same package");
            assert_eq!(hops(&after).last().unwrap().as_deref(), Some("truc.h41"));
            assert_eq!(hops(&after).len(), trace.hops.len() + 1);
            assert_eq!(read(&after).unwrap().was_forwarded("000.00.01.H07"), !trace.hops.is_empty());
            // It says what it said.
            let limits = Limits::default();
            let (before, after) =
                (super::super::read(package.as_bytes(), &limits), super::super::read(&after, &limits));
            let said = |package| match package {
                Ok(super::super::Package::Document(mut document)) => {
                    document.trace_headers.clear();
                    document
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(said(before), said(after));
        }
        // The slash of an empty list is the one byte that makes room.
        let empty = list("<edXML:TraceHeaderList mustUnderstand='1' />");
        let after = appended(&read(empty.as_bytes()).unwrap(), empty.as_bytes());
        let expected =
            list(&format!("<edXML:TraceHeaderList mustUnderstand='1' >{LINE}</edXML:TraceHeaderList>"));
        assert_eq!(String::from_utf8(after).unwrap(), expected);
    }

    #[test]
    fn r66_a_package_without_prefixes_gets_a_line_without() {
        let ns = super::super::xml::NAMESPACE;
        let package = format!(
            "<edXML xmlns=\"{ns}\"><edXMLEnvelope><edXMLHeader><MessageHeader><From/></MessageHeader></edXMLHeader></edXMLEnvelope></edXML>"
        );
        let after = appended(&read(package.as_bytes()).unwrap(), package.as_bytes());
        let after = String::from_utf8(after).unwrap();
        assert!(
            after.contains("</MessageHeader><TraceHeaderList><TraceHeader><OrganId>truc.h41</OrganId>"),
            "{after}"
        );
    }

    #[test]
    fn r66_hops_are_read_in_any_dress() {
        let ns = super::super::xml::NAMESPACE;
        let package = |list: &str| {
            format!(
                "<edXML xmlns=\"{ns}\"><edXMLEnvelope><edXMLHeader><MessageHeader/>{list}</edXMLHeader><edXMLBody>\
                 <TraceHeaderList><TraceHeader><OrganId>no</OrganId></TraceHeader></TraceHeaderList></edXMLBody></edXMLEnvelope></edXML>"
            )
        };
        let rows = [
            ("", vec![]),
            (
                "<TraceHeaderList><x:TraceHeader><OrganId> a </OrganId></x:TraceHeader><TraceHeader/></TraceHeaderList>",
                vec![Some("a"), None],
            ),
            (
                "<TraceHeaderList><TraceHeader><OrganId><![CDATA[b]]></OrganId></TraceHeader></TraceHeaderList>",
                vec![Some("b")],
            ),
            (
                "<TraceHeaderList><TraceHeader><OrganId>null</OrganId></TraceHeader><!-- <TraceHeader/> --></TraceHeaderList>",
                vec![None],
            ),
        ];
        for (list, expected) in rows {
            let expected: Vec<Option<String>> =
                expected.into_iter().map(|hop: Option<&str>| hop.map(str::to_owned)).collect();
            assert_eq!(hops(package(list).as_bytes()), expected, "{list}");
        }
        let trace = read(
            package(
                "<TraceHeaderList><TraceHeader><OrganId>H41.01</OrganId></TraceHeader></TraceHeaderList>",
            )
            .as_bytes(),
        )
        .unwrap();
        assert!(!trace.was_forwarded("h41.01") && !trace.was_forwarded("H41.02"), "one hop says nothing");
        assert!(trace.has("h41.01") && !trace.has("H41"));
    }

    #[test]
    fn r67_a_signature_over_everything_is_seen() {
        let with = |signature: &str| {
            minimal().replacen("</edXML:edXMLHeader>", &format!("{signature}</edXML:edXMLHeader>"), 1)
        };
        let xpath = "<Transforms><Transform><XPath>not(ancestor-or-self::TraceHeaderList)</XPath></Transform></Transforms>";
        let rows = [
            ("<Signature><SignedInfo><Reference URI=\"\"/></SignedInfo></Signature>".to_owned(), true),
            ("<ds:Signature><ds:SignedInfo><ds:Reference Id='r' URI = ''></ds:Reference></ds:SignedInfo></ds:Signature>".to_owned(), true),
            ("<Signature><SignedInfo><Reference URI=\"#header\"/><Reference URI='cid:1'/></SignedInfo></Signature>".to_owned(), false),
            (format!("<Signature><SignedInfo><Reference URI=\"\">{xpath}</Reference></SignedInfo></Signature>"), false),
            ("<Signature/>".to_owned(), false),
            (String::new(), false),
        ];
        for (signature, whole) in rows {
            assert_eq!(read(with(&signature).as_bytes()).unwrap().signed_whole, whole, "{signature}");
        }
    }

    proptest::proptest! {
        /// Cut, doubled and moved pieces of a package: whatever the reader still takes has one line more afterwards.
        #[test]
        fn r66_holds_for_whatever_is_still_a_package(from in 0usize..4000, len in 0usize..400, to in 0usize..4000) {
            let package = minimal();
            let at = |n: usize| (0..=n.min(package.len())).rev().find(|n| package.is_char_boundary(*n)).unwrap_or(0);
            let (start, end, to) = (at(from), at(from + len), at(to));
            let piece = &package[start.min(end)..end];
            for mangled in [
                format!("{}{piece}{}", &package[..to], &package[to..]),
                format!("{}{}", &package[..start.min(end)], &package[end..]),
            ] {
                crate::fuzz::edxml(mangled.as_bytes());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), text in "[<>/a-zA-Z:='\" !\\[\\]-]{0,120}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                if let Ok(trace) = read(bytes) {
                    let after = appended(&trace, bytes);
                    proptest::prop_assert!(after.len() >= bytes.len());
                }
            }
        }
    }
}
