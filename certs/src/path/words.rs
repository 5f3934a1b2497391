//! What a person reads about a verdict.

use std::fmt;

use super::{Defect, Lack, Reason};

impl Defect {
    /// Stable code for logs, APIs and translations.
    pub fn code(&self) -> &'static str {
        self.words().0
    }

    /// The sentence in English.
    pub fn english(&self) -> &'static str {
        self.words().1
    }

    /// The sentence in Vietnamese (RULES D10).
    pub fn vietnamese(&self) -> &'static str {
        self.words().2
    }

    #[rustfmt::skip]
    fn words(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Defect::NotYetValid(_) => ("not-yet-valid", "The certificate was not yet valid.", "Chứng thư chưa có hiệu lực."),
            Defect::Expired(_) => ("expired", "The certificate had expired.", "Chứng thư đã hết hạn."),
            Defect::Signature => ("signature", "The certificate was not signed by its stated issuer.", "Chữ ký trên chứng thư không phải của cơ quan cấp."),
            Defect::Algorithm => ("algorithm", "The certificate uses an algorithm that is not accepted.", "Chứng thư dùng thuật toán không được chấp nhận."),
            Defect::Weak => ("weak", "The certificate uses SHA-1 or a key that is too short.", "Chứng thư dùng SHA-1 hoặc khóa quá ngắn."),
            Defect::NotAuthority => ("not-authority", "The issuer is not a certificate authority.", "Bên cấp không phải là tổ chức chứng thực."),
            Defect::MayNotSignCertificates => ("may-not-sign-certificates", "The issuer's key may not sign certificates.", "Khóa của bên cấp không được phép ký chứng thư."),
            Defect::PathLength => ("path-length", "There are more authorities in between than the issuer allows.", "Số cấp chứng thực vượt quá giới hạn do bên cấp đặt ra."),
            Defect::TooDeep => ("too-deep", "There are more authorities in between than asked for.", "Đường dẫn chứng thực dài quá mức cho phép."),
            Defect::KeyUsage => ("key-usage", "The key may not be used for this.", "Khóa không được phép dùng cho mục đích này."),
            Defect::ExtendedKeyUsage => ("extended-key-usage", "The certificate is not meant for this.", "Chứng thư không được cấp cho mục đích này."),
            Defect::NameConstraints => ("name-constraints", "The issuer may not vouch for this name.", "Bên cấp không được phép xác nhận tên này."),
            Defect::UnknownCritical(_) => ("unknown-critical", "The certificate has a critical part this program does not know.", "Chứng thư có phần mở rộng bắt buộc mà hệ thống không hiểu."),
            Defect::Unreadable(_) => ("unreadable", "A part of the certificate is damaged.", "Một phần của chứng thư bị hỏng."),
            Defect::Policy => ("policy", "The certificate was not issued under an accepted policy.", "Chứng thư không được cấp theo chính sách được chấp nhận."),
            Defect::NameMismatch => ("name-mismatch", "The certificate belongs to somebody else.", "Chứng thư thuộc về đối tượng khác."),
            Defect::Revoked(_) => ("revoked", "The certificate had been revoked.", "Chứng thư đã bị thu hồi."),
            Defect::NotTrusted => ("not-trusted", "The path does not end at a trusted authority.", "Đường dẫn chứng thực không dẫn tới tổ chức được tin cậy."),
            Defect::AnchorPurpose => ("anchor-purpose", "The authority is not trusted for this purpose.", "Tổ chức chứng thực không được tin cậy cho mục đích này."),
            Defect::AnchorWindow(_) => ("anchor-window", "The authority is not trusted for this moment.", "Tổ chức chứng thực không được tin cậy vào thời điểm này."),
            Defect::AnchorHierarchy(_) => ("anchor-hierarchy", "The signature is not a specialised public-service signature.", "Chữ ký không phải chữ ký số chuyên dùng công vụ."),
            Defect::Profile(_) => ("profile", "The certificate breaks a rule of RFC 5280.", "Chứng thư vi phạm quy định của RFC 5280."),
            Defect::Budget => ("budget", "Too many possible paths.", "Có quá nhiều đường dẫn chứng thực cần kiểm tra."),
        }
    }
}

impl fmt::Display for Reason {
    /// One line in English. No UID is printed (RULES D25).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reason { defect, certificate, depth } = self;
        write!(f, "{} [{}", defect.english(), defect.code())?;
        match defect {
            Defect::NotYetValid(moment) | Defect::Expired(moment) => write!(f, " {moment}")?,
            Defect::UnknownCritical(oid) | Defect::Unreadable(oid) => write!(f, " {oid}")?,
            Defect::Revoked(facts) => write!(f, " at {}, {:?}", facts.revoked_at, facts.reason)?,
            Defect::Profile(departure) => write!(f, " {}: {}", departure.code, departure.rule)?,
            _ => {}
        }
        write!(f, "] at depth {depth}: {}", certificate.subject())
    }
}

impl Lack {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Lack::Issuer { .. } => "lacks-issuer",
            Lack::Revocation { .. } => "lacks-revocation",
        }
    }

    /// The sentence in Vietnamese (RULES D10).
    pub fn vietnamese(&self) -> &'static str {
        match self {
            Lack::Issuer { .. } => "Thiếu chứng thư của tổ chức cấp nên chưa thể kết luận.",
            Lack::Revocation { .. } => "Không có thông tin thu hồi nên chưa thể kết luận.",
        }
    }
}

impl fmt::Display for Lack {
    /// One line in English.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lack::Issuer { of, urls } => {
                write!(f, "The certificate of {} is missing (issuer of {}", of.issuer(), of.subject())?;
                urls.iter().try_for_each(|url| write!(f, ", {url}"))?;
            }
            Lack::Revocation { of, crl_urls, ocsp_urls, shortfalls, .. } => {
                write!(f, "No usable revocation information about {} (serial {}", of.subject(), of.serial())?;
                ocsp_urls.iter().chain(crl_urls).try_for_each(|url| write!(f, ", {url}"))?;
                shortfalls.iter().try_for_each(|shortfall| write!(f, "; {shortfall}"))?;
            }
        }
        f.write_str(")")
    }
}
