//! What is odd about an accepted package. The sender is told in the answer ("accepted, but …", VXP 4.2), the
//! operator in the log.

macro_rules! oddities {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $vi:literal, $en:literal;)*) => {
        /// What is odd, yet no reason to refuse.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Oddity {
            $($(#[$doc])* $name,)*
        }

        impl Oddity {
            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The half-sentence in Vietnamese.
            pub fn vi(self) -> &'static str {
                match self { $(Self::$name => $vi,)* }
            }

            /// The half-sentence in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$name => $en,)* }
            }
        }
    };
}

oddities! {
    /// A date that is not `yyyy/MM/dd`, or no day that exists (VXP 4.1).
    Date, "edxml.warn.date", "ngày không đúng dạng yyyy/MM/dd", "a date is not of the form yyyy/MM/dd";
    /// A `Timestamp` that is not `yyyy/MM/dd HH:mm:ss`.
    DateTime, "edxml.warn.timestamp", "thời điểm không đúng dạng yyyy/MM/dd HH:mm:ss",
        "a timestamp is not of the form yyyy/MM/dd HH:mm:ss";
    /// `Code/CodeNumber` is missing: statuses by number cannot be matched.
    CodeMissing, "edxml.warn.code-missing", "thiếu số, ký hiệu (Code)", "number and notation (Code) are missing";
    /// `Subject` is missing.
    SubjectMissing, "edxml.warn.subject-missing", "thiếu trích yếu (Subject)", "the Subject is missing";
    /// `From/OrganName` is missing: a widespread hub refuses such packages.
    OrganNameMissing, "edxml.warn.organ-name-missing", "thiếu tên cơ quan gửi (OrganName)",
        "the sender's OrganName is missing";
    /// `TraceHeaderList/Bussiness/BussinessDocType` is missing: read as 0; a widespread hub fails on it.
    BusinessMissing, "edxml.warn.business-missing", "thiếu BussinessDocType, coi như văn bản mới",
        "BussinessDocType is missing and read as a new document";
    /// A status without `StaffInfo`: a widespread hub fails on it.
    StaffMissing, "edxml.warn.staff-missing", "thiếu thông tin cán bộ (StaffInfo)", "StaffInfo is missing";
    /// A status 02, 13 or 16 without a reason (RULES E20).
    ReasonMissing, "edxml.warn.reason-missing", "thiếu lý do (Description)", "the reason (Description) is missing";
    /// A number that is none, or outside its list.
    Number, "edxml.warn.number", "giá trị số không hợp lệ, đã bỏ qua", "a number is not valid and was ignored";
    /// A text for people that was longer than what is stored.
    Clipped, "edxml.warn.clipped", "giá trị quá dài, chỉ lưu phần đầu", "a text was too long; only its beginning is stored";
    /// A text that is wider than the column receivers keep it in (RULES E37).
    TooWide, "edxml.warn.too-wide", "giá trị dài hơn độ dài quy định, nơi nhận có thể cắt bớt",
        "a text is longer than receivers' columns and may be cut there";
    /// The same receiver twice.
    ReceiverRepeated, "edxml.warn.receiver-repeated", "bên nhận bị lặp lại", "a receiver is named more than once";
    /// The code of a receiver is closed; the package goes to who follows (RULES I6). Its place names both codes.
    ReceiverForwarded, "edxml.warn.receiver-forwarded", "mã nơi nhận đã thay đổi, gói tin được chuyển tới mã mới",
        "the code of a receiver has changed; the package goes to the new one";
    /// Manifest and attachments do not match (RULES E11).
    Manifest, "edxml.warn.manifest", "danh mục tệp không khớp với tệp đính kèm",
        "the manifest does not match the attachments";
    /// Attachments stand where no reader looks for them (VXP 6).
    MisplacedAttachments, "edxml.warn.misplaced-attachments", "tệp đính kèm đặt sai chỗ nên không được đọc",
        "attachments stand where the standard has none and were not read";
    /// A declared wrapping with several files: receivers' readers take the first only (VXP 4.5).
    SeveralFiles, "edxml.warn.several-files", "tệp ZIP có nhiều tệp, nơi nhận chỉ đọc tệp đầu tiên",
        "a ZIP holds several files; receivers read the first only";
    /// An attachment without content.
    NoContent, "edxml.warn.no-content", "tệp đính kèm không có nội dung", "an attachment has no content";
    /// A PDF ruined by a trip through text (VXP 4.5).
    RuinedPdf, "edxml.warn.ruined-pdf", "tệp PDF có vẻ đã hỏng", "a PDF seems to have been ruined on its way";
    /// `StatusCode` in a document: ignored.
    StatusInDocument, "edxml.warn.status-in-document", "văn bản có StatusCode, đã bỏ qua",
        "a document has a StatusCode, which is ignored";
    /// `Paper` is 1; the wire has no place for the reason that must be there (RULES R15).
    PaperUnstated, "edxml.warn.paper-unstated", "có gửi bản giấy nhưng không nêu lý do",
        "paper follows and no reason is stated";
    /// A recall, update or replacement of a document of this sender that is not known here (VXP 4.4).
    TargetUnknown, "edxml.warn.target-unknown", "không biết văn bản gốc của bên gửi này, trạng thái không thay đổi",
        "the original is not known here as this sender's, nothing was changed";
    /// An update or replacement of a document that was recalled (RULES R38).
    TargetFrozen, "edxml.warn.target-frozen", "văn bản gốc đã bị thu hồi, trạng thái không thay đổi",
        "the original was recalled, nothing was changed";
    /// An update of a document that another one replaces (RULES R45).
    TargetReplaced, "edxml.warn.target-replaced", "văn bản gốc đã được thay thế, trạng thái không thay đổi",
        "the original was replaced, nothing was changed";
    /// An update with another urgency than the original's, which stays (RULES R22).
    UrgencyKept, "edxml.warn.urgency-kept", "mức độ khẩn của văn bản đã gửi không thay đổi",
        "the urgency of a document that was sent does not change";
    /// The sender's own time of sending is more than ten minutes from when the package came (RULES E38).
    ClockOff, "edxml.warn.clock-off", "giờ gửi ghi trong gói tin lệch quá 10 phút so với giờ nhận",
        "the time of sending in the package is more than ten minutes from when it came";
    /// A recall without a reason (RULES R37).
    OrderReasonMissing, "edxml.warn.order-reason-missing", "lệnh thu hồi không nêu lý do", "the recall states no reason";
}

/// One oddity, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What is odd.
    pub oddity: Oddity,
    /// At which element; names from the root.
    pub path: String,
}

impl Warning {
    /// The half-sentence in Vietnamese.
    pub fn vi(&self) -> String {
        self.said(self.oddity.vi())
    }

    /// The half-sentence in English.
    pub fn en(&self) -> String {
        self.said(self.oddity.en())
    }

    /// Which codes they are is what the sender has to know; elements are for the log.
    fn said(&self, text: &str) -> String {
        match self.oddity {
            Oddity::ReceiverForwarded => format!("{text} ({})", self.path),
            _ => text.to_owned(),
        }
    }
}

/// Warnings with a cap: a hostile package can be odd in ten thousand places.
#[derive(Debug)]
pub(crate) struct Warnings {
    kept: Vec<Warning>,
    max: usize,
}

impl Warnings {
    pub(crate) fn new(max: usize) -> Self {
        Self { kept: Vec::new(), max }
    }

    pub(crate) fn add(&mut self, oddity: Oddity, path: impl FnOnce() -> String) {
        if self.kept.len() < self.max {
            self.kept.push(Warning { oddity, path: path() });
        }
    }

    pub(crate) fn into_inner(self) -> Vec<Warning> {
        self.kept
    }
}
