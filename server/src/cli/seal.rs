//! `congvan seal FILE…`: the agency's seal, after the competent person (RULES D14, D23, D29.9, R82); its text-only forms
//! on attachments in files of their own (D15) and on copies (D17).

use std::path::Path;

use clap::{Args, ValueEnum};
use signer::make::{
    Appearance, Copy, Fill, Ink, Mark, PageChoice, Picture, Place, SEAL_MM, SealBasis, Signing,
    attachment_text, copy_text,
};

use super::desk::{Plan, Work};
use super::mark::MarkOptions;
use super::{Outcome, files};

/// A kind of copy (RULES D17).
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CopyWord {
    /// SAO Y
    SaoY,
    /// SAO LỤC
    SaoLuc,
    /// TRÍCH SAO
    TrichSao,
}

#[derive(Args)]
pub(super) struct Seal {
    #[command(flatten)]
    work: Work,
    #[command(flatten)]
    mark: MarkOptions,
    /// Đường kính thật của con dấu, milimét. / The seal's real diameter in millimetres.
    #[arg(long, default_value_t = SEAL_MM, value_name = "MM")]
    diameter: f64,
    /// Phụ lục trong tệp riêng của văn bản có số và ký hiệu này: ký không hình ảnh, hiển thị "Số: …; ngày; giờ". / An attachment in a
    /// file of its own, of the document with this number: no picture, the line "Số: …; date; time".
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["image", "copy", "without_leader"])]
    attachment: Option<String>,
    /// Bản sao điện tử từ bản giấy; cần --agency. / An electronic copy of paper; needs --agency.
    #[arg(long, value_name = "KIND", requires = "agency", conflicts_with_all = ["image", "without_leader"])]
    copy: Option<CopyWord>,
    /// Tên cơ quan sao văn bản. / Name of the agency that made the copy.
    #[arg(long, value_name = "NAME")]
    agency: Option<String>,
    /// Đóng dấu dù chữ ký của người có thẩm quyền thiếu hoặc chưa xác định, vì lý do này. / Seal although the competent person's
    /// signature is missing or undetermined, for this reason.
    #[arg(long, value_name = "REASON")]
    without_leader: Option<String>,
    /// Số, ký hiệu văn bản điền vào ô 3 của mẫu trước khi đóng dấu. / Number and notation for box 3 of the template, filled before
    /// the seal.
    #[arg(long)]
    number: Option<String>,
    /// Địa danh, ngày tháng năm điền vào ô 4. / Place and date for box 4.
    #[arg(long)]
    date: Option<String>,
    /// Tên trường của ô 3. / The form field of box 3.
    #[arg(long, default_value = "So", value_name = "FIELD")]
    number_field: String,
    /// Tên trường của ô 4. / The form field of box 4.
    #[arg(long, default_value = "Ngay", value_name = "FIELD")]
    date_field: String,
}

impl Seal {
    pub(super) fn run(self, config: &Path) -> Outcome {
        anyhow::ensure!(
            (10.0..=60.0).contains(&self.diameter),
            "--diameter is in millimetres, from 10 to 60 (đường kính con dấu tính bằng milimét)"
        );
        let picture = self.mark.picture(Ink::Seal)?;
        self.work.run(&Stamp { options: &self, picture }, config)
    }
}

struct Stamp<'s> {
    options: &'s Seal,
    picture: Option<Picture>,
}

impl Stamp<'_> {
    /// The line of an attachment or a copy.
    fn text(&self) -> Option<String> {
        let (options, now) = (self.options, files::now());
        let kind = options.copy.map(|word| match word {
            CopyWord::SaoY => Copy::True,
            CopyWord::SaoLuc => Copy::Again,
            CopyWord::TrichSao => Copy::Extract,
        });
        match (&options.attachment, kind, &options.agency) {
            (Some(number), ..) => Some(attachment_text(number, now)),
            (None, Some(kind), Some(agency)) => Some(copy_text(kind, agency, now)),
            _ => None,
        }
    }
}

impl Plan for Stamp<'_> {
    fn signing(&self, _: &[u8], mut signing: Signing) -> anyhow::Result<Signing> {
        let options = self.options;
        signing.appearance = match (self.text(), &self.picture) {
            (Some(text), _) => {
                Some(Appearance { page: PageChoice::First, place: Place::TopRight, mark: Mark::Text(text) })
            }
            (None, Some(picture)) => {
                let mark = Mark::Seal { picture: picture.clone(), diameter: options.diameter };
                Some(options.mark.appearance(mark, Place::OverSignature(None)))
            }
            (None, None) => None,
        };
        for (field, text) in [(&options.number_field, &options.number), (&options.date_field, &options.date)]
        {
            signing.fill.extend(text.iter().map(|text| Fill { field: field.clone(), text: text.clone() }));
        }
        Ok(signing)
    }

    fn basis(&self) -> Option<SealBasis> {
        let options = self.options;
        Some(match (&options.attachment, options.copy, &options.without_leader) {
            (Some(_), ..) => SealBasis::Attachment,
            (None, Some(_), _) => SealBasis::Copy,
            (None, None, Some(reason)) => SealBasis::Decision { reason: reason.clone() },
            (None, None, None) => SealBasis::Leader,
        })
    }
}
