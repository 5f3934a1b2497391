use super::*;
use crate::judge::{Integrity, Verdict};
use crate::{Evidence, Policy};
use mail::Timestamp;

fn judged(bytes: &[u8]) -> Report {
    crate::judge(
        bytes.to_vec(),
        &Policy::default(),
        &Evidence::default(),
        Timestamp::from_secs(1_795_309_200),
    )
    .report()
    .clone()
}

#[test]
fn the_language_is_asked_for_or_negotiated() {
    let rows = [
        (None, None, Lang::Vi),
        (None, Some("en-GB,en;q=0.9"), Lang::En),
        (None, Some("vi-VN,vi;q=0.9,en;q=0.8"), Lang::Vi),
        (None, Some("en,vi"), Lang::Vi),
        (None, Some("fr-FR, en;q=0.5"), Lang::En),
        (None, Some("fr"), Lang::Vi),
        (None, Some("en;q=nonsense"), Lang::Vi),
        (Some("en"), Some("vi"), Lang::En),
        (Some("vi"), Some("en"), Lang::Vi),
        (Some("xx"), Some("en"), Lang::En),
    ];
    for (asked, accept, expected) in rows {
        assert_eq!(Lang::choose(asked, accept), expected, "{asked:?} {accept:?}");
    }
}

#[test]
fn every_kind_of_answer_has_its_own_word() {
    let paper = crate::make::blank_pdf("t", &[]);
    let mut valid = judged(&paper);
    (valid.verdict, valid.class, valid.integrity) = (Verdict::Valid, Class::Valid, Integrity::Intact);
    let mut unclear = judged(&paper);
    (unclear.verdict, unclear.class) = (Verdict::Indeterminate, Class::UnknownRevocation);
    let rows = [
        (judged(&paper), Headline::Unsigned, "Không có chữ ký số", "Not signed"),
        (judged(b"hello"), Headline::Unsupported, "Chưa hỗ trợ", "Unsupported"),
        (judged(b"%PDF-1.7 but no more"), Headline::Invalid, "Không hợp lệ", "Invalid"),
        (valid, Headline::Valid, "Hợp lệ", "Valid"),
        (unclear, Headline::Indeterminate, "Chưa đủ căn cứ kết luận", "Cannot tell"),
    ];
    for (report, headline, vi, en) in rows {
        assert_eq!(Headline::of(&report), headline);
        for (lang, word) in [(Lang::Vi, vi), (Lang::En, en)] {
            let page = document(&report, lang, &Extra::default());
            assert!(page.contains(&format!("<h2 id=\"verdict\">{word}</h2>")), "{page}");
            assert!(page.contains(&report.sha256) && page.contains(&reference(&report)));
            assert!(page.starts_with(&format!("<!doctype html>\n<html lang=\"{}\">", lang.tag())));
        }
    }
}

#[test]
fn nothing_in_a_report_can_act() {
    let hostile = "</code><script>alert(1)</script>\" onload='x'\u{202E}gpj.exe\u{0007}";
    let mut report = judged(b"hello");
    report.reasons.push(Reason::of(Code::PdfObject, hostile));
    report.empty_fields.push(hostile.to_owned());
    let extra = Extra { file_name: Some(hostile.to_owned()), ..Extra::default() };
    for lang in [Lang::Vi, Lang::En] {
        let page = document(&report, lang, &extra);
        assert!(!page.contains("<script") && !page.contains("onload='"), "{page}");
        assert!(!page.contains('\u{202E}') && !page.contains('\u{0007}'));
        assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("style=\""));
    }
    assert_eq!(shown(&"a".repeat(400)).chars().count(), 301);
}

#[test]
fn every_element_is_closed() {
    let mut report = judged(&crate::make::blank_pdf("t", &[]));
    report.empty_fields.push("Ô 1".to_owned());
    let because = vec![Reason::new(Code::LeaderMissing), Reason::new(Code::NotByExchange)];
    let extra = Extra { legal: Some(LegalValue::ForInformation { because }), ..Extra::default() };
    let page = fragment(&report, Lang::Vi, &extra);
    for element in ["section", "div", "ul", "li", "dl", "dt", "dd", "h2", "p", "svg", "code"] {
        let opened =
            page.matches(&format!("<{element}>")).count() + page.matches(&format!("<{element} ")).count();
        assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}\n{page}");
    }
    assert!(page.contains("leader-signature-missing") && !page.contains("not-by-exchange"));
}

#[test]
fn r51_moments_are_vietnamese_time() {
    assert_eq!(moment(Timestamp::from_secs(1_795_309_200)), "22/11/2026 08:00:00 +07:00");
}

/// Relative luminance (WCAG 2.2) of `#rrggbb` or `#rgb`.
fn luminance(colour: &str) -> f64 {
    let hex = colour.trim_start_matches('#');
    let channel = |at: usize| {
        let digits = match hex.len() {
            3 => hex[at..=at].repeat(2),
            _ => hex[at * 2..at * 2 + 2].to_owned(),
        };
        let value = f64::from(u8::from_str_radix(&digits, 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
}

#[test]
fn wcag_1_4_3_text_can_be_read_on_screen_in_the_dark_and_on_paper() {
    let mut colours: std::collections::HashMap<&str, &str> = std::collections::HashMap::new();
    let mut schemes = 0;
    for scheme in STYLE.split(":root {").skip(1) {
        let scheme = scheme.split('}').next().unwrap();
        for pair in scheme.split(';') {
            if let Some((name, value)) = pair.split_once(':')
                && name.trim().starts_with("--")
            {
                colours.insert(name.trim(), value.trim());
            }
        }
        let mut pairs = vec![("ink", "paper"), ("ink", "ground"), ("soft", "paper"), ("soft", "ground")];
        pairs.extend([("link", "paper"), ("link", "ground"), ("paper", "link")]);
        for tone in ["valid", "invalid", "unclear", "neutral"] {
            for text in [tone, "ink", "soft"] {
                pairs.push((text, tone));
            }
        }
        for (text, ground) in pairs {
            let tones = ["valid", "invalid", "unclear", "neutral"];
            let ground =
                if tones.contains(&ground) { format!("--{ground}-bg") } else { format!("--{ground}") };
            let (text, ground) = (format!("--{text}"), ground);
            let (a, b) = (luminance(colours[text.as_str()]), luminance(colours[ground.as_str()]));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{text} on {ground} in scheme {schemes}: {contrast:.2}");
        }
        schemes += 1;
    }
    assert_eq!(schemes, 3, "light, dark, paper");
}
