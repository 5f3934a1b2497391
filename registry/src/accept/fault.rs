//! What can be wrong with the signatures of a document, each with a stable code and a sentence in both languages, and
//! how a judgement is sorted into it.

use signer::{Class, Code, Integrity, Judged, Refusal, Role, Verdict};

/// Why a document's signatures do not carry it (RULES R14, D29, D30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureFault {
    /// There is no main document whose signatures could be judged.
    NoDocument,
    /// The main document is no PDF.
    NotPdf,
    /// No signature at all.
    Unsigned,
    /// Something was changed after it was signed, or the signature is damaged.
    Integrity,
    /// A certificate was revoked before its owner signed.
    Revoked,
    /// A certificate under no trusted root.
    Untrusted,
    /// A certificate of enterprises and citizens, where one of public service is needed (RULES D26).
    NotPublicService,
    /// A certificate that was not valid then, or not for signing documents, or another defect of a signature.
    Invalid,
    /// The competent person's signature is missing.
    LeaderMissing,
    /// The agency's signature (its seal) is missing.
    SealMissing,
    /// The seal does not come last, or does not cover the leader's signature.
    SealOrder,
    /// Signed by certificates that the sending agency has not registered (RULES D25, D29(8)).
    NotRegistered,
    /// The leader who signed is not the one the package names (RULES D29(8)).
    SignerName,
    /// Signed by authorisation (TUQ.), and no written authorisation of the signer covers the day of signing (RULES R81).
    NotAuthorised,
    /// An algorithm below what is allowed.
    Weak,
    /// The file cannot be judged: encrypted, too large or too complex.
    Unreadable,
    /// Nobody could say now whether a certificate is revoked. Nobody holds the package; send it again later.
    Undecided,
}

impl SignatureFault {
    /// Every fault, for manuals and tests.
    pub const ALL: [Self; 17] = [
        Self::NoDocument,
        Self::NotPdf,
        Self::Unsigned,
        Self::Integrity,
        Self::Revoked,
        Self::Untrusted,
        Self::NotPublicService,
        Self::Invalid,
        Self::LeaderMissing,
        Self::SealMissing,
        Self::SealOrder,
        Self::NotRegistered,
        Self::SignerName,
        Self::NotAuthorised,
        Self::Weak,
        Self::Unreadable,
        Self::Undecided,
    ];

    /// Whether the same package may be accepted later.
    pub fn ask_again(self) -> bool {
        self == Self::Undecided
    }

    /// The stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoDocument => "signature.no-document",
            Self::NotPdf => "signature.not-pdf",
            Self::Unsigned => "signature.unsigned",
            Self::Integrity => "signature.integrity",
            Self::Revoked => "signature.revoked",
            Self::Untrusted => "signature.untrusted",
            Self::NotPublicService => "signature.not-public-service",
            Self::Invalid => "signature.invalid",
            Self::LeaderMissing => "signature.leader-missing",
            Self::SealMissing => "signature.seal-missing",
            Self::SealOrder => "signature.seal-order",
            Self::NotRegistered => "signature.not-registered",
            Self::SignerName => "signature.signer-name",
            Self::NotAuthorised => "signature.not-authorised",
            Self::Weak => "signature.weak",
            Self::Unreadable => "signature.unreadable",
            Self::Undecided => "signature.undecided",
        }
    }

    /// The sentence in Vietnamese, with the code, which people can search for.
    pub fn vi(self) -> String {
        let said = match self {
            Self::NoDocument => "Gói tin không có văn bản chính",
            Self::NotPdf => "Văn bản chính không phải là tệp PDF đã ký số",
            Self::Unsigned => "Văn bản chưa được ký số",
            Self::Integrity => "Văn bản đã bị thay đổi sau khi ký số hoặc chữ ký số bị hỏng",
            Self::Revoked => "Chứng thư số đã bị thu hồi trước thời điểm ký",
            Self::Untrusted => "Chứng thư số không thuộc gốc tin cậy",
            Self::NotPublicService => "Chữ ký không phải chữ ký số chuyên dùng công vụ",
            Self::Invalid => "Chữ ký số không hợp lệ",
            Self::LeaderMissing => "Thiếu chữ ký số của người có thẩm quyền",
            Self::SealMissing => "Thiếu chữ ký số của cơ quan",
            Self::SealOrder => "Chữ ký số của cơ quan phải ký sau và bao phủ chữ ký của người có thẩm quyền",
            Self::NotRegistered => "Chứng thư số ký văn bản chưa được cơ quan gửi đăng ký",
            Self::SignerName => "Người ký số không phải là người ký ghi trong gói tin",
            Self::NotAuthorised => {
                "Người ký thừa ủy quyền (TUQ.) không có văn bản ủy quyền còn hiệu lực vào ngày ký"
            }
            Self::Weak => "Chữ ký số dùng thuật toán yếu",
            Self::Unreadable => "Không thể kiểm tra chữ ký số của tệp này (bị mã hóa hoặc vượt giới hạn)",
            Self::Undecided => {
                "Chưa xác định được tình trạng thu hồi của chứng thư số; văn bản chưa được nhận, hãy gửi lại sau"
            }
        };
        format!("{said} ({})", self.code())
    }

    /// The sentence in English.
    pub fn en(self) -> String {
        let said = match self {
            Self::NoDocument => "The package has no main document",
            Self::NotPdf => "The main document is no signed PDF",
            Self::Unsigned => "The document is not signed",
            Self::Integrity => "The document was changed after signing, or a signature is damaged",
            Self::Revoked => "A certificate was revoked before the time of signing",
            Self::Untrusted => "A certificate does not chain to a trusted root",
            Self::NotPublicService => "A signature is not a specialised public-service signature",
            Self::Invalid => "A signature is not valid",
            Self::LeaderMissing => "The competent person's signature is missing",
            Self::SealMissing => "The agency's signature is missing",
            Self::SealOrder => "The agency's signature must come last and cover the competent person's",
            Self::NotRegistered => "Signed by a certificate that the sending agency has not registered",
            Self::SignerName => "The person who signed is not the signer named in the package",
            Self::NotAuthorised => {
                "The signer by authorisation (TUQ.) has no written authorisation that covers the day of signing"
            }
            Self::Weak => "A signature uses a weak algorithm",
            Self::Unreadable => "The signatures of this file cannot be judged (encrypted, or beyond a limit)",
            Self::Undecided => {
                "Revocation could not be determined now; the document was not accepted, send it again later"
            }
        };
        format!("{said} ({})", self.code())
    }

    /// The fault of a row of the table of roles that is not met.
    pub(crate) fn of_role(code: Code) -> Self {
        match code {
            Code::LeaderMissing => Self::LeaderMissing,
            Code::SealMissing => Self::SealMissing,
            Code::SealOrder => Self::SealOrder,
            Code::NotPublicService => Self::NotPublicService,
            Code::SealNotRegistered | Code::LeaderNotRegistered => Self::NotRegistered,
            Code::SignerNameDiffers => Self::SignerName,
            _ => Self::Invalid,
        }
    }

    /// Sorts the refused judgement of a copy, which has no leader to miss (RULES D17).
    pub(crate) fn of_copy(judged: &Judged, refusal: &Refusal) -> Self {
        match Self::of(judged, refusal) {
            Self::LeaderMissing => match judged.report().class {
                Class::Weak => Self::Weak,
                Class::UnknownRevocation => Self::Undecided,
                _ if refusal.ask_again() => Self::Undecided,
                _ => Self::SealMissing,
            },
            fault => fault,
        }
    }

    /// Sorts a refused judgement: what is broken comes before what is missing, and what is certain before what may
    /// still turn out well.
    pub(crate) fn of(judged: &Judged, refusal: &Refusal) -> Self {
        let report = judged.report();
        if report.format != Some(signer::Format::Pdf) {
            return Self::NotPdf;
        }
        if report.integrity == Integrity::Broken {
            return Self::Integrity;
        }
        if report.signatures.is_empty() {
            return match (report.class, report.verdict) {
                (Class::Unsigned, _) => Self::Unsigned,
                (_, Verdict::Indeterminate) => Self::Unreadable,
                _ => Self::Integrity,
            };
        }
        let invalid = report.signatures.iter().filter_map(|signature| match signature.class {
            Class::Invalid(code) => Some(sorted(code)),
            _ => None,
        });
        if let Some(worst) = invalid.min_by_key(|fault| Self::ALL.iter().position(|known| known == fault)) {
            return worst;
        }
        let has = |role: Role| report.signatures.iter().any(|signature| signature.role == role);
        if !has(Role::Leader) {
            return Self::LeaderMissing;
        }
        if !has(Role::Agency) {
            return Self::SealMissing;
        }
        match report.class {
            Class::Weak => Self::Weak,
            Class::UnknownRevocation => Self::Undecided,
            _ if refusal.reasons.iter().any(|reason| reason.code == Code::SealOrder) => Self::SealOrder,
            _ if refusal.reasons.iter().any(|reason| reason.code == Code::NotPublicService) => {
                Self::NotPublicService
            }
            _ if refusal.ask_again() => Self::Undecided,
            _ => Self::Invalid,
        }
    }
}

/// The reasons of `signer` by their stable ids: those about bytes, those about trust, and the rest.
fn sorted(code: impl std::fmt::Display) -> SignatureFault {
    let id = code.to_string();
    match id.as_str() {
        "certificate-revoked" | "certificate-revoked-no-proof" => SignatureFault::Revoked,
        "untrusted" | "path-invalid" => SignatureFault::Untrusted,
        "not-public-service" => SignatureFault::NotPublicService,
        "digest-mismatch" | "signature-wrong" => SignatureFault::Integrity,
        _ if ["pdf-", "byterange-", "changed-", "cms-"].iter().any(|kind| id.starts_with(kind)) => {
            SignatureFault::Integrity
        }
        _ => SignatureFault::Invalid,
    }
}

impl std::fmt::Display for SignatureFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
