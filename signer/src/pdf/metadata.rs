//! Metadata a signer's software touches in passing: dates and its own name. A title or an author that appears
//! only after signing is not that.

use super::object::{Dict, Object, text_string};
use crate::message::{Code, Reason};
use std::collections::HashSet;

/// `/Info` keys that may change.
const INFO_KEYS: &[&[u8]] = &[b"ModDate", b"Producer"];

/// What a first `/Info`, written while signing, may say besides.
const INFO_FIRST: &[u8] = b"CreationDate";

/// XMP properties that may get a new value (XMP part 1 §8.4, part 2 §1.2).
const XMP_KEYS: &[&str] = &[
    "xmp:ModifyDate",
    "xmp:MetadataDate",
    "pdf:Producer",
    "x:xmptk",
    "xmp:CreatorTool",
    "rdf:about",
    "rdf:parseType",
    "xml:lang",
    "dc:format",
];

/// Prefixes of the same kind: which version of which file this is, and who made it.
const XMP_PREFIXES: &[&str] = &["xmlns", "xmpMM:", "stEvt:", "stRef:"];

/// What a first packet, written while signing, may say besides.
const XMP_FIRST: &str = "xmp:CreateDate";

/// Whether the document information differs in dates and producer only.
pub(crate) fn info_harmless(old: &Dict, new: &Dict) -> Result<(), Reason> {
    if new.ambiguous {
        return Err(Reason::of(Code::ChangedMetadata, "/Info"));
    }
    for (key, value) in new.iter() {
        let free = INFO_KEYS.contains(&key) || (old.is_empty() && key == INFO_FIRST);
        // The same text may be written in another encoding.
        let same = match (value, old.get(key)) {
            (Object::Text(new), Object::Text(old)) => text_string(&new.bytes) == text_string(&old.bytes),
            (new, old) => new == old,
        };
        if !free && !same {
            return Err(Reason::of(Code::ChangedMetadata, format_args!("/Info /{}", text_string(key))));
        }
    }
    Ok(())
}

/// Whether every value of the new packet was in the old one or in the document information, or belongs to a property
/// that may change.
pub(crate) fn xmp_harmless(old: &[u8], info: &Dict, new: &[u8]) -> Result<(), Reason> {
    let mut known: HashSet<String> = values(old).into_iter().map(|(_, value)| value).collect();
    known.extend(info.iter().filter_map(|(_, value)| value.text()).map(|text| text_string(&text.bytes)));
    for (name, value) in values(new) {
        let free = XMP_KEYS.contains(&name.as_str())
            || XMP_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || (old.is_empty() && name == XMP_FIRST);
        if !free && !known.contains(&value) {
            return Err(Reason::of(Code::ChangedMetadata, "XMP"));
        }
    }
    Ok(())
}

/// Texts and attribute values of an XML packet with the name they belong to. No entity is resolved: what differs
/// only in spelling counts as different, which is the safe side.
fn values(packet: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(packet);
    let mut found = Vec::new();
    let mut element = String::new();
    for piece in text.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap_or((piece, ""));
        if !tag.starts_with(['/', '?', '!']) {
            let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            element = name.trim_end_matches('/').to_owned();
            found.extend(attribute_values(attributes));
        } else if tag.starts_with("![CDATA") {
            found.push(("CDATA".to_owned(), tag.to_owned()));
        }
        let content = after.trim();
        if !content.is_empty() {
            found.push((element.clone(), content.to_owned()));
        }
    }
    found
}

fn attribute_values(mut rest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\'')) else { break };
        let Some((value, tail)) = after.get(1..).and_then(|a| a.split_once(quote)) else { break };
        found.push((name.trim().to_owned(), value.to_owned()));
        rest = tail;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_packet_repeats_what_the_information_says() {
        let text = |bytes: &[u8]| {
            Object::Text(super::super::object::Text { bytes: bytes.to_vec(), span: 0..0, hexadecimal: false })
        };
        let info = Dict::default().with(b"Title", text(b"Quyet dinh"));
        let packet = |title: &str| {
            format!(
                "<x:xmpmeta><rdf:Description xmp:CreateDate='2026' xmpMM:DocumentID='uuid:1'><dc:title><rdf:li \
                 xml:lang='x-default'>{title}</rdf:li></dc:title><stEvt:action>saved</stEvt:action></rdf:Description>\
                 </x:xmpmeta>"
            )
        };
        assert_eq!(xmp_harmless(b"", &info, packet("Quyet dinh").as_bytes()), Ok(()));
        assert!(xmp_harmless(b"", &info, packet("Quyet dinh khac").as_bytes()).is_err());
        // The information rewritten in UTF-16 is the same information.
        let wide: Vec<u8> =
            [0xFE, 0xFF].into_iter().chain("Quyet dinh".encode_utf16().flat_map(u16::to_be_bytes)).collect();
        let rewritten = Dict::default().with(b"Title", text(&wide));
        assert_eq!(info_harmless(&info, &rewritten), Ok(()));
        assert!(info_harmless(&info, &rewritten.with(b"Title", text(b"khac"))).is_err());
    }

    #[test]
    fn a_new_date_is_harmless_a_new_title_is_not() {
        let packet = |date: &str, title: &str| {
            format!(
                "<x:xmpmeta><rdf:Description rdf:about='' xmp:ModifyDate=\"{date}\"><dc:title><rdf:li xml:lang='vi'>{title}</rdf:li></dc:title></rdf:Description></x:xmpmeta>"
            )
        };
        let old = packet("2026-01-01", "Quyết định");
        let rows = [
            (packet("2026-01-01", "Quyết định"), true),
            (packet("2026-11-22", "Quyết định"), true),
            (packet("2026-11-22", "Quyết định khác"), false),
        ];
        for (new, harmless) in rows {
            assert_eq!(
                xmp_harmless(old.as_bytes(), &Dict::default(), new.as_bytes()).is_ok(),
                harmless,
                "{new}"
            );
        }
    }
}
