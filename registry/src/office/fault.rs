//! What is wrong with something that is to be recorded, each with a stable code and a sentence in both languages.

/// Why it is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OfficeFault {
    /// An authorisation names nobody, or the one who gives it himself.
    Holder,
    /// An authorisation without its own document: it has to be in writing (NĐ 30/2020 Đ13.3).
    Writing,
    /// An authorisation does not say what may be signed.
    Content,
    /// An authorisation without end, or that ends before it begins: it has to be for a time.
    Period,
    /// Whoever signs by authorisation does not authorise others.
    Redelegated,
    /// A regulation without number, title, or signer.
    Text,
    /// A regulation that ends before it begins.
    TextPeriod,
    /// A list without items, with too many, or with one twice.
    Items,
    /// There is nothing of that number, or it has ended before.
    Unknown,
}

impl OfficeFault {
    /// Every fault, for manuals and tests.
    pub const ALL: [Self; 9] = [
        Self::Holder,
        Self::Writing,
        Self::Content,
        Self::Period,
        Self::Redelegated,
        Self::Text,
        Self::TextPeriod,
        Self::Items,
        Self::Unknown,
    ];

    /// The stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::Holder => "authorisation.holder",
            Self::Writing => "authorisation.writing",
            Self::Content => "authorisation.content",
            Self::Period => "authorisation.period",
            Self::Redelegated => "authorisation.redelegated",
            Self::Text => "regulation.text",
            Self::TextPeriod => "regulation.period",
            Self::Items => "regulation.items",
            Self::Unknown => "office.unknown",
        }
    }

    /// The sentence in Vietnamese.
    pub fn vi(self) -> &'static str {
        match self {
            Self::Holder => "Phải nêu người được ủy quyền, khác với người ủy quyền",
            Self::Writing => "Việc ủy quyền ký phải bằng văn bản: nêu số, ký hiệu văn bản ủy quyền",
            Self::Content => "Phải nêu nội dung được ủy quyền ký",
            Self::Period => "Việc ủy quyền ký phải có thời hạn: ngày bắt đầu không sau ngày kết thúc",
            Self::Redelegated => {
                "Người được ký thừa ủy quyền không được ủy quyền lại cho người khác (NĐ 30/2020 Đ13.3)"
            }
            Self::Text => "Phải nêu số, ký hiệu, trích yếu và người ký",
            Self::TextPeriod => "Ngày hết hiệu lực không được trước ngày có hiệu lực",
            Self::Items => "Danh mục phải có từ 1 đến 1000 mục, mỗi mục một lần",
            Self::Unknown => "Không có mục mang số này còn hiệu lực",
        }
    }

    /// The sentence in English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Holder => "It needs the name of who is authorised, and that is not who authorises",
            Self::Writing => {
                "An authorisation is in writing: it needs the number and notation of its document"
            }
            Self::Content => "It needs to say what may be signed",
            Self::Period => "An authorisation is for a time: its first day is not after its last",
            Self::Redelegated => {
                "Whoever signs by authorisation does not authorise others (NĐ 30/2020 Đ13.3)"
            }
            Self::Text => "It needs number and notation, what it is about, and who signed it",
            Self::TextPeriod => "It does not end before it begins",
            Self::Items => "A list has 1 to 1000 items, each once",
            Self::Unknown => "There is nothing of that number that still holds",
        }
    }
}

impl std::fmt::Display for OfficeFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.en())
    }
}

impl std::error::Error for OfficeFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_code_of_its_own_and_says_it_in_both_languages() {
        let codes: std::collections::BTreeSet<&str> =
            OfficeFault::ALL.iter().map(|fault| fault.code()).collect();
        assert_eq!(codes.len(), OfficeFault::ALL.len());
        for fault in OfficeFault::ALL {
            assert!(!fault.vi().is_ascii() && !fault.en().is_empty(), "{fault:?}");
        }
    }
}
