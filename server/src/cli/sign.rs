//! `congvan sign FILE…`: signs PDFs, with a timestamp and revocation evidence where they can be had, and judges each
//! result before anybody gets it (RULES D32).

use std::path::Path;

use clap::{Args, ValueEnum};
use signer::make::{Ink, MailForm, Mark, Picture, Place, SealBasis, Signing};
use signer::{Limits, pdf};

use super::Outcome;
use super::desk::{Plan, Work};
use super::mark::MarkOptions;
use super::release::said;
use super::sign_file::FileForm;

/// Whom the signature speaks for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleWord {
    /// Người có thẩm quyền. / The competent person: certifies a document nobody has signed yet.
    Leader,
    /// Cơ quan: chỉ trên văn bản đã có chữ ký hợp lệ của người có thẩm quyền; xem `congvan seal`. / The agency: only on a
    /// document with the competent person's good signature (RULES R82); see `congvan seal`.
    Seal,
}

/// What may follow a certification.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CertifyWord {
    /// Không chứng thực, chỉ ký phê duyệt. / No certification, an approval.
    None,
    /// Không cho phép gì nữa. / Nothing.
    Closed,
    /// Điền biểu mẫu và ký tiếp. / Form fields and signatures.
    Forms,
    /// Như trên và chú thích. / These and comments.
    Comments,
}

impl CertifyWord {
    fn level(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Closed => Some(1),
            Self::Forms => Some(2),
            Self::Comments => Some(3),
        }
    }
}

/// What is made.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FormWord {
    /// Chữ ký trong PDF. / A signature in a PDF.
    Pdf,
    /// CMS chứa tệp. / A CMS with the file inside.
    Cms,
    /// CMS tách rời. / A CMS beside the file.
    CmsDetached,
    /// Thư ai cũng đọc được, kèm chữ ký. / A mail everybody can read, with its signature.
    Smime,
    /// Thư nằm trong chữ ký. / A mail inside its signature.
    SmimeOpaque,
    /// XAdES trong tệp XML; gói edXML được ký theo từng phần. / XAdES in an XML file; an edXML package is signed by its parts.
    Xml,
}

impl FormWord {
    /// What is made of a file, and what is added to its name.
    fn form(self) -> Option<(FileForm, &'static str)> {
        Some(match self {
            Self::Pdf => return None,
            Self::Cms => (FileForm::Cms { detached: false }, ".p7m"),
            Self::CmsDetached => (FileForm::Cms { detached: true }, ".p7s"),
            Self::Smime => (FileForm::Mail(MailForm::Clear), ""),
            Self::SmimeOpaque => (FileForm::Mail(MailForm::Opaque), ""),
            Self::Xml => (FileForm::Xml, ""),
        })
    }
}

#[derive(Args)]
pub(super) struct Sign {
    #[command(flatten)]
    work: Work,
    /// Dạng chữ ký. / What is made.
    #[arg(long, value_enum, default_value_t = FormWord::Pdf)]
    format: FormWord,
    #[command(flatten)]
    mark: MarkOptions,
    /// Ký với tư cách gì. / Whom the signature speaks for.
    #[arg(long)]
    role: Option<RoleWord>,
    /// Chứng thực văn bản và cho phép gì sau đó; mặc định với --role leader là forms nếu chưa ai ký. / Certify the document, and
    /// what is permitted afterwards; forms for --role leader if nobody has signed yet.
    #[arg(long)]
    certify: Option<CertifyWord>,
}

impl Sign {
    pub(super) fn run(self, config: &Path) -> Outcome {
        let is_seal = self.role == Some(RoleWord::Seal);
        anyhow::ensure!(
            !is_seal || self.mark.image.is_none(),
            "an agency's seal is put on a page by `congvan seal` (đóng dấu bằng lệnh congvan seal)"
        );
        let is_plain = self.role.is_none() && self.certify.is_none() && self.mark.image.is_none();
        anyhow::ensure!(
            self.format == FormWord::Pdf || (is_plain && self.work.goes_with_any_file()),
            "with --format other than pdf only --key, --tsa, --trust and where the result goes (chỉ dùng cho PDF)"
        );
        let picture = self.mark.picture(Ink::Signature)?;
        self.work.run(&Signature { options: &self, picture }, config)
    }
}

struct Signature<'s> {
    options: &'s Sign,
    picture: Option<Picture>,
}

impl Plan for Signature<'_> {
    fn signing(&self, bytes: &[u8], mut signing: Signing) -> anyhow::Result<Signing> {
        signing.certify = match (self.options.certify, self.options.role) {
            (Some(word), _) => word.level(),
            (None, Some(RoleWord::Leader)) => {
                let facts = pdf::read(bytes, &Limits::default()).map_err(said)?;
                // A certification comes first or not at all.
                facts.signatures.is_empty().then_some(2)
            }
            _ => None,
        };
        let mark = self.picture.clone().map(Mark::Signature);
        signing.appearance = mark.map(|mark| self.options.mark.appearance(mark, Place::Box7c));
        Ok(signing)
    }

    fn basis(&self) -> Option<SealBasis> {
        (self.options.role == Some(RoleWord::Seal)).then_some(SealBasis::Leader)
    }

    fn form(&self) -> Option<(FileForm, &'static str)> {
        self.options.format.form()
    }
}
