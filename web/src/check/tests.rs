use mail::Timestamp;
use registry::known::Known;
use registry::receipt::{Trouble as ReceiptTrouble, Verdict};
use signer::{Evidence, Judged, Policy};

use super::*;

const AT: Timestamp = Timestamp::from_secs(1_795_309_200);
fn paper() -> Judged {
    signer::judge(signer::make::blank_pdf("t", &[]), &Policy::default(), &Evidence::default(), AT)
}

fn every_page(lang: Lang) -> Vec<String> {
    let judged = paper();
    let hostile = "\"><script>alert(1)</script>.pdf".to_owned();
    let replaced = Known::Replaced { by: "H01,2026/11/22,<b>06</b>/QĐ".to_owned(), at: AT };
    let knowns =
        [None, Some(Known::Unknown), Some(Known::Active), Some(Known::Recalled { at: AT }), Some(replaced)];
    let mut pages: Vec<String> = knowns
        .iter()
        .map(|known| {
            result(
                lang,
                &Checked {
                    judged: &judged,
                    known: known.as_ref(),
                    holders: &[],
                    file_name: Some(hostile.clone()),
                },
            )
        })
        .collect();
    pages.push(form(lang, None));
    pages.extend(Trouble::ALL.iter().map(|trouble| form(lang, Some(*trouble))));
    pages.push(receipt(lang, &Verdict::NotProven(ReceiptTrouble::Leaf), None, AT));
    pages.push(receipt(lang, &Verdict::CannotTell(ReceiptTrouble::OtherLog), None, AT));
    let anchor = AnchorRow {
        name: hostile,
        fingerprint: "ab".repeat(32),
        purposes: vec!["document".to_owned(), "timestamp".to_owned()],
        hierarchy: "public-service".to_owned(),
        source: "<i>văn bản số 1</i>".to_owned(),
        until: AT,
    };
    pages.push(guide(lang, &[anchor], Some(AT)));
    pages.push(guide(lang, &[], None));
    pages
}

#[test]
fn pages_keep_to_the_content_security_policy_and_show_nothing_unescaped() {
    for page in [Lang::Vi, Lang::En].into_iter().flat_map(every_page) {
        for never in [
            "<script",
            "<style",
            "style=\"",
            "<b>06",
            "<i>văn",
            " onclick",
            "javascript:",
            "http://",
            "https://",
        ] {
            assert!(!page.contains(never), "{never} in {page}");
        }
    }
}

#[test]
fn every_page_says_its_language_once_and_has_one_main_heading_and_labels() {
    for lang in [Lang::Vi, Lang::En] {
        for page in every_page(lang) {
            assert!(page.contains(&format!("<html lang=\"{}\">", lang.tag())));
            assert_eq!(page.matches("<h1>").count(), 1, "{page}");
            assert_eq!(page.matches("<main").count(), 1);
            assert_eq!(page.matches("<input").count(), page.matches("<label for=").count());
            for element in
                ["section", "div", "ul", "li", "dl", "dt", "dd", "p", "a", "article", "form", "svg"]
            {
                let opened = page.matches(&format!("<{element}>")).count()
                    + page.matches(&format!("<{element} ")).count();
                assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}\n{page}");
            }
        }
    }
}

#[test]
fn a_recalled_or_replaced_document_is_told_before_the_verdict() {
    let judged = paper();
    let page = |known: &Known| {
        result(Lang::Vi, &Checked { judged: &judged, known: Some(known), holders: &[], file_name: None })
    };
    let at = |page: &str, text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not in {page}"));
    let recalled = page(&Known::Recalled { at: AT });
    assert!(at(&recalled, ">Đã thu hồi<") < at(&recalled, "id=\"verdict\""));
    let replaced = page(&Known::Replaced { by: "06/QĐ".to_owned(), at: AT });
    assert!(at(&replaced, ">Đã được thay thế<") < at(&replaced, "id=\"verdict\""));
    assert!(replaced.contains("06/QĐ"));
    assert!(page(&Known::Unknown).contains("không có nghĩa là văn bản giả"));
    assert!(!page(&Known::Active).contains("role=\"alert\""));
}

#[test]
fn every_trouble_has_a_status_a_code_and_a_sentence() {
    let mut codes = std::collections::HashSet::new();
    for trouble in Trouble::ALL {
        assert!((400..600).contains(&trouble.status()) && codes.insert(trouble.code()));
        let page = form(Lang::Vi, Some(trouble));
        assert!(page.contains(trouble.code()) && page.contains("role=\"alert\""), "{page}");
        assert_ne!(trouble.text(Lang::Vi), trouble.text(Lang::En));
        assert_eq!(matches!(trouble.status(), 429 | 503), trouble.retry_after().is_some());
    }
    assert!(Trouble::Busy { ahead: 12 }.text(Lang::Vi).contains("12"));
}
