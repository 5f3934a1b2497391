//! The typed content of a package. Texts are trimmed, line ends are LF; an absent element and an empty one are the
//! same (RULES E7). Field names are those of the standard (RULES 2.3, VXP 4.1).

use mail::AgencyCode;

use super::attachment::Attachment;
use super::warning::Warning;
use crate::document_id::DocumentIdentifier;
use crate::status::StatusCode;

/// One edXML file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Package {
    /// A document on its way to its receivers, or the recall, update or replacement of one.
    Document(Box<Document>),
    /// What became of a document.
    Status(Box<Status>),
}

impl Package {
    /// Who sends it.
    pub fn sender(&self) -> &Party {
        match self {
            Self::Document(document) => &document.from,
            Self::Status(status) => &status.from,
        }
    }

    /// The codes it is addressed to, repeats dropped: `To` of a document, `ResponseFor` of a status (VXP 3.8).
    pub fn receivers(&self) -> Vec<&AgencyCode> {
        let mut seen = std::collections::HashSet::new();
        let mut found: Vec<&AgencyCode> = match self {
            Self::Document(document) => document.to.iter().map(|party| &party.organ_id).collect(),
            Self::Status(status) => vec![&status.response_for.organ_id],
        };
        found.retain(|code| seen.insert(code.folded()));
        found
    }

    /// Whether it carries an XML signature, good or not (RULES E30). A status is not looked at.
    pub fn is_signed(&self) -> bool {
        matches!(self, Self::Document(document) if document.package_signed)
    }

    /// Lets go of what the files hold; what they are (names, sizes, digests) stays. For when they have been judged and only the
    /// package as it came is still wanted.
    pub(crate) fn forget_contents(&mut self) {
        if let Self::Document(document) = self {
            for attachment in &mut document.attachments {
                attachment.content = std::sync::Arc::default();
                attachment.encoded = None;
            }
        }
    }

    /// What is odd about it.
    pub fn warnings(&self) -> &[Warning] {
        match self {
            Self::Document(document) => &document.warnings,
            Self::Status(status) => &status.warnings,
        }
    }

    /// Whether manifest and attachments match (RULES R25, E11). A status has neither and is complete.
    pub fn completeness(&self) -> super::Completeness {
        match self {
            Self::Document(document) => document.completeness(),
            Self::Status(_) => super::Completeness::default(),
        }
    }
}

/// A sender or a receiver (`Organization`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The agency's code, in the spelling of the package.
    pub organ_id: AgencyCode,
    /// The superior body.
    pub organization_in_charge: String,
    /// The name.
    pub organ_name: String,
    /// The postal address.
    pub organ_add: String,
    /// The mail address, as written.
    pub email: String,
    /// Telephone.
    pub telephone: String,
    /// Fax.
    pub fax: String,
    /// Web site.
    pub website: String,
    /// A deadline for this receiver alone, which an older variant has (RULES 2.3).
    pub due_date: String,
}

/// Number and notation (`Code`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// The number, `05`.
    pub number: String,
    /// The notation, `QĐ-UBND`.
    pub notation: String,
}

impl Code {
    /// `number/notation`, as statuses name a document (VXP 4.1).
    pub fn full(&self) -> String {
        match (self.number.is_empty(), self.notation.is_empty()) {
            (false, false) => format!("{}/{}", self.number, self.notation),
            _ => format!("{}{}", self.number, self.notation),
        }
    }
}

/// Place and date of issue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromulgationInfo {
    /// The place.
    pub place: String,
    /// The date, as written; `yyyy/MM/dd` when the sender is careful.
    pub date: String,
}

/// The type of document. The number has no reliable meaning (RULES 2.6); the name counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentType {
    /// `Type`.
    pub number: Option<u32>,
    /// `TypeDetail`.
    pub detail: Option<u32>,
    /// `TypeName`, for instance `Công văn`.
    pub name: String,
}

/// Who signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignerInfo {
    /// `TM.`, `KT.`, `TL.` and so on, with the office represented (RULES R81).
    pub competence: String,
    /// The position.
    pub position: String,
    /// The name.
    pub full_name: String,
}

/// The urgency (RULES R22, 2.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// 0 thường; 5 in one older database.
    #[default]
    Normal,
    /// 1 khẩn.
    Urgent,
    /// 2 thượng khẩn.
    VeryUrgent,
    /// 3 hỏa tốc.
    Express,
    /// 4 hỏa tốc hẹn giờ.
    ExpressAtHour,
}

impl Priority {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::Urgent => 1,
            Self::VeryUrgent => 2,
            Self::Express => 3,
            Self::ExpressAtHour => 4,
        }
    }

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        match number {
            0 | 5 => Some(Self::Normal),
            1 => Some(Self::Urgent),
            2 => Some(Self::VeryUrgent),
            3 => Some(Self::Express),
            4 => Some(Self::ExpressAtHour),
            _ => None,
        }
    }
}

/// `OtherInfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherInfo {
    /// The urgency; normal when absent.
    pub priority: Priority,
    /// Sphere of promulgation, free text.
    pub sphere_of_promulgation: String,
    /// Typist's initials.
    pub typer_notation: String,
    /// Number of copies.
    pub promulgation_amount: Option<u32>,
    /// Number of pages.
    pub page_amount: Option<u32>,
    /// Documents this one answers; `;` separates them on the wire (RULES E8).
    pub reply_fors: Vec<String>,
    /// Whether it is a directive.
    pub direction: Option<bool>,
    /// Documents referred to.
    pub reference_codes: Vec<String>,
    /// Appendixes by name.
    pub appendixes: Vec<String>,
}

/// A document that this one answers (`ResponseFor` of a document).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// Whose document; as written.
    pub organ_id: String,
    /// `number/notation`.
    pub code: String,
    /// Its identifier.
    pub document_id: Option<DocumentIdentifier>,
    /// Its date, as written.
    pub promulgation_date: String,
}

/// One hop (`TraceHeader`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceHeader {
    /// Who; absent, or the word `null`, in some packages, which both are `None` here.
    pub organ_id: Option<String>,
    /// When, as written.
    pub timestamp: String,
}

/// The person behind a package (`StaffInfo`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staff {
    /// The unit.
    pub department: String,
    /// The unit's id.
    pub department_id: String,
    /// The name.
    pub staff: String,
    /// The person's id.
    pub staff_id: String,
    /// The mail address.
    pub email: String,
    /// The mobile number.
    pub mobile: String,
}

/// What a document does (`BussinessDocType`, VXP 4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BusinessType {
    /// 0: a new document.
    #[default]
    New,
    /// 1: a recall (thu hồi).
    Recall,
    /// 2: an update (cập nhật).
    Update,
    /// 3: a replacement (thay thế).
    Replacement,
}

impl BusinessType {
    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::New => 0,
            Self::Recall => 1,
            Self::Update => 2,
            Self::Replacement => 3,
        }
    }
}

/// One receiver removed or added by an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverChange {
    /// Which, as written.
    pub organ_id: String,
    /// `ReceiverType`: added (1) or removed (0).
    pub added: bool,
}

/// What an update changes (`BussinessDocumentInfo`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// The content changed.
    pub content_changed: bool,
    /// The receivers changed.
    pub receivers_changed: bool,
    /// Which receivers.
    pub receivers: Vec<ReceiverChange>,
}

/// A document that is replaced (`ReplacementInfo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Which.
    pub document_id: DocumentIdentifier,
    /// Who had it, as written.
    pub organ_ids: Vec<String>,
}

/// What a document does, and to which other document (`Bussiness`, sic).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Business {
    /// New, recall, update, replacement.
    pub kind: BusinessType,
    /// `Bussiness/DocumentId`, as far as given. For a new document it means nothing; see [`Document::target_ids`].
    pub document_id: Option<DocumentIdentifier>,
    /// Why.
    pub reason: String,
    /// What an update changes.
    pub updates: Vec<Update>,
    /// What a replacement replaces.
    pub replacements: Vec<Replacement>,
    /// Who does it.
    pub staff: Vec<Staff>,
}

/// An entry of the manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// What binds it to an attachment, without blanks and without any leading `cid:`. May be empty.
    pub content_id: String,
    /// The declared type.
    pub content_type: String,
    /// What it is.
    pub description: String,
    /// The file's name.
    pub name: String,
}

/// A document package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Who sends.
    pub from: Party,
    /// Who receives, at least one, in the order of the package, repeats included.
    pub to: Vec<Party>,
    /// The identifier, never taken apart.
    pub document_id: DocumentIdentifier,
    /// Number and notation.
    pub code: Code,
    /// Place and date of issue.
    pub promulgation_info: PromulgationInfo,
    /// The type of document.
    pub document_type: DocumentType,
    /// Trích yếu.
    pub subject: String,
    /// Summary.
    pub content: String,
    /// Who signed.
    pub signer_info: SignerInfo,
    /// The deadline, as written; may be empty.
    pub due_date: String,
    /// Urgency and other things.
    pub other_info: OtherInfo,
    /// Which documents it answers; empty ones left out.
    pub response_for: Vec<Answered>,
    /// 1 not steering, 2 steering, 3 report on steering; 0 or `None` unset.
    pub steering_type: Option<i32>,
    /// Codes of steering tasks it belongs to.
    pub tasks: Vec<String>,
    /// `ApplicationType`, opaque.
    pub application_type: String,
    /// "Nơi nhận", free text.
    pub to_places: Vec<String>,
    /// One per hop.
    pub trace_headers: Vec<TraceHeader>,
    /// Whether a paper copy follows, as written; opaque beyond `0` and `1` (VXP 4.1).
    pub paper: String,
    /// What it does; `None` when the package does not say, which means new (VXP 4.4).
    pub business: Option<Business>,
    /// The manifest.
    pub manifest: Vec<Reference>,
    /// The files.
    pub attachments: Vec<Attachment>,
    /// Whether a `Signature` element is there; it is not judged here (VXP 4.6, RULES E30).
    pub package_signed: bool,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
}

impl Document {
    /// What it does; new when the package does not say.
    pub fn business_type(&self) -> BusinessType {
        self.business.as_ref().map_or(BusinessType::New, |business| business.kind)
    }

    /// Which documents a recall, update or replacement is about (VXP 4.4): none for a new document.
    pub fn target_ids(&self) -> Vec<&DocumentIdentifier> {
        let Some(business) = &self.business else { return Vec::new() };
        match business.kind {
            BusinessType::New => Vec::new(),
            // The vendor's own recall sample has no id there and repeats the original's in the header (RULES E9).
            BusinessType::Recall | BusinessType::Update => {
                vec![business.document_id.as_ref().unwrap_or(&self.document_id)]
            }
            BusinessType::Replacement => business.replacements.iter().map(|r| &r.document_id).collect(),
        }
    }

    /// The main document: the attachment of the first reference, or the first attachment (RULES E16).
    pub fn main_attachment(&self) -> Option<&Attachment> {
        let first = self.manifest.first();
        let referred = first.and_then(|reference| {
            self.attachments.iter().find(|a| !a.content_id.is_empty() && a.content_id == reference.content_id)
        });
        referred.or_else(|| self.attachments.first())
    }
}

/// To whom a status goes and which document it is about (`ResponseFor` of a status).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusAddress {
    /// The address: who is to hear it.
    pub organ_id: AgencyCode,
    /// `number/notation` of the document; may be empty when the id is there.
    pub code: String,
    /// The document's identifier.
    pub document_id: Option<DocumentIdentifier>,
    /// The document's date, as written.
    pub promulgation_date: String,
}

/// A status package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Who reports.
    pub from: Party,
    /// Who is to hear it, and about what.
    pub response_for: StatusAddress,
    /// The person behind it.
    pub staff: Option<Staff>,
    /// What became of the document; [`StatusCode::Unknown`] only where the limits let it in.
    pub code: StatusCode,
    /// In words; the reason for 02, 13 and 16.
    pub description: String,
    /// When, as written.
    pub timestamp: String,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
}
