//! Why a package is refused: one stable code per row of VXP 4.2, and a plain sentence in two languages.

use std::fmt;

/// The kind of a size or range fault, as a gateway in the field reports it (RULES E37).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `N`: something that must be there is not.
    Null,
    /// `R`: outside the permitted range, number or size.
    Range,
    /// `M`: not of the right form.
    Malformed,
}

impl Class {
    /// The letter of RULES E37.
    pub fn letter(self) -> char {
        match self {
            Self::Null => 'N',
            Self::Range => 'R',
            Self::Malformed => 'M',
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $code:literal, $class:ident, $vi:literal, $en:literal;)*) => {
        /// Why a package is refused. The codes are stable: receivers' operators search for them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason, for tables and manuals.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The kind of fault (RULES E37).
            pub fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }

            fn vi(self) -> &'static str {
                match self { $(Self::$name => $vi,)* }
            }

            fn en(self) -> &'static str {
                match self { $(Self::$name => $en,)* }
            }
        }
    };
}

reasons! {
    /// The package is larger than the limit.
    TooLarge, "edxml.too-large", Range,
        "gói tin vượt quá dung lượng cho phép", "the package is larger than allowed";
    /// Nothing at all.
    Empty, "edxml.empty", Null,
        "gói tin rỗng", "the package is empty";
    /// `<!DOCTYPE` in any form: receivers' readers resolve external entities.
    Doctype, "edxml.doctype", Malformed,
        "gói tin chứa khai báo DOCTYPE", "the package holds a DOCTYPE declaration";
    /// Anything before the declaration or the root.
    Leading, "edxml.leading", Malformed,
        "có ký tự đứng trước khai báo XML", "characters before the XML declaration";
    /// Anything but white space after the root.
    Trailing, "edxml.trailing", Malformed,
        "có nội dung sau phần tử gốc", "content after the root element";
    /// Not well-formed.
    NotWellFormed, "edxml.not-well-formed", Malformed,
        "XML không đúng cú pháp", "the XML is not well-formed";
    /// A character, or a reference to one, that XML forbids.
    ForbiddenCharacter, "edxml.forbidden-character", Malformed,
        "có ký tự mà XML không cho phép", "a character that XML forbids";
    /// An entity other than the five of XML itself.
    Entity, "edxml.entity", Malformed,
        "có tham chiếu thực thể lạ", "a reference to an unknown entity";
    /// Deeper than the limit.
    TooDeep, "edxml.too-deep", Range,
        "phần tử lồng nhau quá sâu", "elements are nested too deeply";
    /// More elements or attributes than the limit.
    TooMany, "edxml.too-many", Range,
        "quá nhiều phần tử", "too many elements";
    /// Not UTF-8, or another encoding declared.
    Encoding, "edxml.encoding", Malformed,
        "gói tin không phải UTF-8", "the package is not UTF-8";
    /// The root is not `edXML` of the right namespace.
    Root, "edxml.root", Malformed,
        "phần tử gốc không phải edXML của QCVN 102:2016", "the root is not edXML of QCVN 102:2016";
    /// The envelope, its header or the message header is missing or in another namespace.
    Envelope, "edxml.envelope", Null,
        "thiếu hoặc sai phần phong bì của gói tin", "the envelope is missing or in another namespace";
    /// A document without `DocumentId`: every reader would invent another one.
    DocumentIdMissing, "edxml.document-id-missing", Null,
        "văn bản không có mã định danh (DocumentId)", "the document has no DocumentId";
    /// An element that may stand once stands more often: two readers would see two truths.
    Repeated, "edxml.repeated", Range,
        "phần tử chỉ được có một lần lại xuất hiện nhiều lần", "an element that may stand once stands more often";
    /// `From` is missing.
    FromMissing, "edxml.from-missing", Null,
        "thiếu bên gửi (From)", "the sender (From) is missing";
    /// No `To` at all.
    ToMissing, "edxml.to-missing", Null,
        "không có bên nhận (To)", "there is no receiver (To)";
    /// A party without `OrganId`.
    OrganIdMissing, "edxml.organ-id-missing", Null,
        "bên gửi hoặc bên nhận không có mã định danh (OrganId)", "a party has no OrganId";
    /// An `OrganId` that is no code (VXP 4.3).
    OrganIdShape, "edxml.organ-id-shape", Malformed,
        "mã định danh cơ quan (OrganId) sai dạng", "an OrganId is not of the form of a code";
    /// `SteeringType` is not bare digits.
    SteeringType, "edxml.steering-type", Malformed,
        "SteeringType không phải là số", "SteeringType is not a bare number";
    /// `BussinessDocType` other than 0 to 3.
    BusinessType, "edxml.business-type", Range,
        "BussinessDocType phải từ 0 đến 3", "BussinessDocType must be 0 to 3";
    /// An attachment without a name.
    AttachmentName, "edxml.attachment-name", Null,
        "tệp đính kèm không có tên (AttachmentName)", "an attachment has no AttachmentName";
    /// An attachment's `Format` with anything but letters and digits: it becomes part of a path.
    AttachmentFormat, "edxml.attachment-format", Malformed,
        "Format của tệp đính kèm chỉ được có chữ và số", "the Format of an attachment may hold letters and digits only";
    /// Declared as a ZIP wrapping, and no ZIP that can be read.
    BrokenZip, "edxml.attachment-zip-broken", Malformed,
        "tệp đính kèm khai là ZIP nhưng không đọc được", "an attachment declared as ZIP cannot be read as one";
    /// Declared as a ZIP wrapping, and the ZIP is empty.
    EmptyZip, "edxml.attachment-zip-empty", Null,
        "tệp đính kèm khai là ZIP nhưng không có gì bên trong", "an attachment declared as ZIP holds no file";
    /// An entry name that would be written outside the receiver's folder.
    ZipEntryName, "edxml.attachment-zip-name", Malformed,
        "tên tệp bên trong ZIP có thể ghi ra ngoài thư mục", "a name inside the ZIP would be written outside its folder";
    /// Unpacks to far more than it is.
    ZipBomb, "edxml.attachment-zip-bomb", Range,
        "tệp nén bung ra quá lớn", "a packed attachment unpacks to far too much";
    /// `ContentTransferEncoded` is no base64.
    Base64, "edxml.attachment-base64", Malformed,
        "nội dung tệp đính kèm không phải base64", "the content of an attachment is not base64";
    /// A status without the address it is for.
    ResponseForMissing, "edxml.response-for-missing", Null,
        "trạng thái không nói gửi cho ai (ResponseFor/OrganId)", "the status does not say whom it is for (ResponseFor/OrganId)";
    /// A status that names no document.
    StatusOfNothing, "edxml.status-of-nothing", Null,
        "trạng thái không nói về văn bản nào (cần Code hoặc DocumentId)", "the status names no document (Code or DocumentId is needed)";
    /// A status code outside the list.
    StatusCode, "edxml.status-code", Range,
        "mã trạng thái phải là 01-06, 13, 15 hoặc 16", "the status code must be 01-06, 13, 15 or 16";
    /// A text that is compared with others is longer than the limit.
    TooLong, "edxml.too-long", Range,
        "giá trị quá dài", "a value is too long";
}

/// A refused package: the reason and the element it was found at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    path: Box<str>,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, path: impl Into<String>) -> Self {
        Self { reason, path: path.into().into_boxed_str() }
    }

    /// The reason.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The stable code, for instance `edxml.doctype`.
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// Where: names of elements from the root, `To[2]` for the second of its kind; empty when no element is meant.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The sentence in Vietnamese. Never holds a value from the package.
    pub fn vi(&self) -> String {
        self.sentence("Gói tin không được nhận: ", self.reason.vi(), "tại")
    }

    /// The sentence in English. Never holds a value from the package.
    pub fn en(&self) -> String {
        self.sentence("The package is refused: ", self.reason.en(), "at")
    }

    fn sentence(&self, head: &str, what: &str, at: &str) -> String {
        match self.path.is_empty() {
            true => format!("{head}{what}."),
            false => format!("{head}{what} ({at} {}).", self.path),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code(), self.en())
    }
}

impl std::error::Error for Refusal {}
