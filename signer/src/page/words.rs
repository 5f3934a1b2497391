//! The words of the pages, in both languages.

use crate::format::Format;
use crate::judge::{
    Class, Indication, Integrity, Report, Role, SignatureKind, SubIndication, TimeSource, Verdict,
};
use crate::message::Code;
use mail::Timestamp;

/// The language of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Lang {
    /// Vietnamese: what people here get unless they ask otherwise.
    #[default]
    Vi,
    /// English.
    En,
}

impl Lang {
    /// The word of this language.
    pub fn pick<'t>(self, vi: &'t str, en: &'t str) -> &'t str {
        match self {
            Self::Vi => vi,
            Self::En => en,
        }
    }

    /// As `lang` says it (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Vi => Self::En,
            Self::En => Self::Vi,
        }
    }

    /// From `?lang=`, or else from Accept-Language (RFC 9110 §12.5.4): English only for those who want it more than
    /// Vietnamese.
    pub fn choose(asked: Option<&str>, accept: Option<&str>) -> Self {
        match asked {
            Some("vi") => return Self::Vi,
            Some("en") => return Self::En,
            _ => {}
        }
        let (mut vi, mut en) = (0.0f32, 0.0f32);
        for range in accept.unwrap_or_default().split(',').take(32) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let weight = parts
                .find_map(|part| part.trim().strip_prefix("q=").map(|q| q.trim().parse().unwrap_or(0.0)))
                .unwrap_or(1.0);
            match tag.split('-').next() {
                Some("vi") => vi = vi.max(weight),
                Some("en") => en = en.max(weight),
                _ => {}
            }
        }
        if en > vi { Self::En } else { Self::Vi }
    }
}

/// What stands in large letters (UX.md §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headline {
    /// Every signature is in order.
    Valid,
    /// Evidence is missing.
    Indeterminate,
    /// Altered, or not in order.
    Invalid,
    /// No signature at all: nothing to be right or wrong.
    Unsigned,
    /// A kind of file that is not judged here.
    Unsupported,
}

impl Headline {
    /// The headline of a report.
    pub fn of(report: &Report) -> Self {
        let unsupported = report
            .reasons
            .iter()
            .any(|reason| matches!(reason.code, Code::FormatUnsupported | Code::FormatUnknown));
        match (report.verdict, report.class) {
            (Verdict::Valid, _) => Self::Valid,
            (_, Class::Unsigned) => Self::Unsigned,
            (Verdict::Indeterminate, _) if unsupported && report.signatures.is_empty() => Self::Unsupported,
            (Verdict::Indeterminate, _) => Self::Indeterminate,
            (Verdict::Invalid, _) => Self::Invalid,
        }
    }

    /// For one signature.
    pub(super) fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Valid => Self::Valid,
            Verdict::Indeterminate => Self::Indeterminate,
            Verdict::Invalid => Self::Invalid,
        }
    }

    /// The word.
    pub fn word(self, lang: Lang) -> &'static str {
        match self {
            Self::Valid => lang.pick("Hợp lệ", "Valid"),
            Self::Indeterminate => lang.pick("Chưa đủ căn cứ kết luận", "Cannot tell"),
            Self::Invalid => lang.pick("Không hợp lệ", "Invalid"),
            Self::Unsigned => lang.pick("Không có chữ ký số", "Not signed"),
            Self::Unsupported => lang.pick("Chưa hỗ trợ", "Unsupported"),
        }
    }

    /// What it means, in a sentence.
    pub fn sentence(self, lang: Lang) -> &'static str {
        match self {
            Self::Valid => lang.pick(
                "Tệp còn nguyên vẹn từ khi ký; chứng thư số của mọi người ký thuộc gốc tin cậy và còn hiệu lực khi ký.",
                "The file is unchanged since it was signed; every signer's certificate is trusted and was good at signing.",
            ),
            Self::Indeterminate => lang.pick(
                "Không phát hiện sai phạm chắc chắn, nhưng còn thiếu bằng chứng để kết luận. Đừng coi là hợp lệ; có thể kiểm tra lại sau.",
                "Nothing is certainly wrong, but evidence is missing. Do not take it for valid; checking again later may help.",
            ),
            Self::Invalid => lang.pick(
                "Tệp đã bị thay đổi sau khi ký, hoặc có chữ ký số không đúng. Đừng sử dụng văn bản này.",
                "The file was changed after signing, or a signature is wrong. Do not rely on this document.",
            ),
            Self::Unsigned => lang.pick(
                "Tệp không có chữ ký số nào để kiểm tra. Hình con dấu hay chữ ký nhìn thấy trên trang không chứng minh điều gì.",
                "There is no digital signature to check. A seal or signature seen on the page proves nothing.",
            ),
            Self::Unsupported => lang.pick(
                "Hệ thống chưa kiểm tra được loại tệp này. Điều đó không có nghĩa là văn bản giả.",
                "This kind of file cannot be checked here yet. That does not mean that the document is false.",
            ),
        }
    }

    /// The class in the style sheet.
    pub fn css(self) -> &'static str {
        match self {
            Self::Valid => "is-valid",
            Self::Indeterminate => "is-unclear",
            Self::Invalid => "is-invalid",
            Self::Unsigned | Self::Unsupported => "is-neutral",
        }
    }

    /// A drawing in the text's colour; the word beside it says the same.
    pub fn icon(self) -> String {
        const SHIELD: &str = "M24 4 8 10v12c0 10 6.500 17.500 16 22 9.500-4.500 16-12 16-22V10z";
        let mark = match self {
            Self::Valid => "<path d=\"m16 24 6 6 11-12\"/>",
            Self::Invalid => "<path d=\"m17 17 14 14m0-14L17 31\"/>",
            Self::Indeterminate => {
                "<path d=\"M19 19c0-3 2-5 5-5s5 2 5 5c0 4-5 4-5 8\"/><path d=\"M24 32.500v.500\"/>"
            }
            Self::Unsigned => "<path d=\"M17 24h14\"/>",
            Self::Unsupported => "<path d=\"m16 33 16-18\"/>",
        };
        format!(
            "<svg viewBox=\"0 0 48 48\" width=\"48\" height=\"48\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"3.500\" \
             stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\" focusable=\"false\"><path d=\"{SHIELD}\"/>{mark}</svg>\n"
        )
    }
}

pub(super) fn role(role: Role, lang: Lang) -> &'static str {
    match role {
        Role::Leader => lang.pick("Cá nhân: người có thẩm quyền", "A person: the competent signer"),
        Role::Agency => lang.pick("Cơ quan: con dấu số", "An agency: its seal"),
        Role::Timestamp => lang.pick("Dịch vụ cấp dấu thời gian", "A timestamp authority"),
        Role::Unknown => lang.pick(
            "Chưa xác định được là cá nhân hay cơ quan",
            "Whether a person or an agency could not be determined",
        ),
    }
}

pub(super) fn kind(kind: SignatureKind, lang: Lang) -> &'static str {
    match kind {
        SignatureKind::Approval => lang.pick("chữ ký", "signature"),
        SignatureKind::Certification => {
            lang.pick("chữ ký chứng thực của tác giả", "the author's certification")
        }
        SignatureKind::Timestamp => lang.pick("dấu thời gian tài liệu", "document timestamp"),
    }
}

pub(super) fn clock(source: TimeSource, lang: Lang) -> &'static str {
    match source {
        TimeSource::Timestamp => lang.pick(
            "Dấu thời gian của một dịch vụ tin cậy trên chữ ký này",
            "A trusted authority's timestamp over this signature",
        ),
        TimeSource::DocumentTimestamp => lang
            .pick("Dấu thời gian của tài liệu, đóng sau chữ ký này", "A later timestamp over the document"),
        TimeSource::Claimed => lang.pick(
            "Đồng hồ của người ký (tự khai, chưa được chứng minh)",
            "The signer's own clock (claimed, not proven)",
        ),
        TimeSource::None => lang.pick("Không rõ", "Unknown"),
    }
}

pub(super) fn integrity(integrity: Integrity, lang: Lang) -> &'static str {
    match integrity {
        Integrity::Intact => lang.pick("Nguyên vẹn", "Intact"),
        Integrity::Broken => lang.pick("Đã bị thay đổi hoặc hỏng", "Changed or damaged"),
        Integrity::None => lang.pick("Không so được", "Could not be compared"),
    }
}

pub(super) fn indication(indication: Indication) -> &'static str {
    match indication {
        Indication::TotalPassed => "TOTAL-PASSED",
        Indication::TotalFailed => "TOTAL-FAILED",
        Indication::Indeterminate => "INDETERMINATE",
    }
}

/// The standard's word, from the name of the variant: `HashFailure` is HASH_FAILURE.
pub(super) fn sub_indication(sub: SubIndication) -> String {
    let mut out = String::new();
    for c in format!("{sub:?}").chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

pub(super) fn format(format: Option<Format>, lang: Lang) -> &'static str {
    match format {
        Some(Format::Pdf) => "PDF",
        Some(Format::Cms) => lang.pick("Chữ ký CMS", "CMS signature"),
        Some(Format::CmsDetached) => lang.pick("Chữ ký CMS tách rời", "Detached CMS signature"),
        Some(Format::Xml) => lang.pick("Văn bản XML", "XML document"),
        Some(Format::Smime) => lang.pick("Thư S/MIME", "S/MIME message"),
        Some(Format::Tst) => lang.pick("Dấu thời gian", "Timestamp token"),
        Some(Format::Asic) => {
            lang.pick("Tệp nén (ASiC, tài liệu văn phòng)", "Container (ASiC, office document)")
        }
        None => lang.pick("Không nhận ra", "Not recognised"),
    }
}

/// `27/11/2029`, in Vietnam.
pub(super) fn day(time: Timestamp) -> String {
    let t = time.to_vietnam();
    format!("{:02}/{:02}/{:04}", t.day(), u8::from(t.month()), t.year())
}

/// `1.234.567 byte`, with the language's thousands.
pub(super) fn size(bytes: u64, lang: Lang) -> String {
    let digits = bytes.to_string();
    let mark = lang.pick(".", ",");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push_str(mark);
        }
        out.push(digit);
    }
    out + lang.pick(" byte", " bytes")
}
