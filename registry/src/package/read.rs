//! From a tree of elements to a typed package, refusing what VXP 4.2 refuses.

mod leaf;

use std::sync::Arc;

use mail::AgencyCode;

use super::attachment::{self, Attachment, Decoded, Naming};
use super::encoded::NoFile;
use super::model::*;
use super::refusal::{Reason, Refusal};
use super::skim::{Cut, Skimmed, skim};
use super::source::{Along, Room, Source};
use super::text::trimmed;
use super::trace::{self, Trace};
use super::warning::{Oddity, Warnings};
use super::xml::{Element, Tree};
use crate::document_id::{BadDocumentIdentifier, DocumentIdentifier};
use crate::status::StatusCode;
use crate::{Error, Limits};

/// A package that was read, and what was read on the way.
#[derive(Debug)]
pub struct Opened {
    /// What it says.
    pub package: Package,
    /// Through whose hands it went.
    pub trace: Trace,
}

/// Reads a package from its bytes, which stay as they are.
///
/// One bounded pass finds the elements, one walk over them finds the meaning; attachments are decoded and unwrapped
/// within [`Limits::unpacked_bytes_max`]. Nothing is looked up and nothing is remembered.
///
/// # Errors
/// A [`Refusal`] with the reason and the element, when the package is of a kind that receivers fail on (VXP 4.2).
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Package, Refusal> {
    let everything = Limits { held_bytes_max: usize::MAX, ..limits.clone() };
    match read_from(&bytes, bytes, &[], &everything, &mut Alone) {
        Ok(package) => Ok(package),
        Err(Error::Package(refusal)) => Err(refusal),
        // What is in memory can be read, and whoever reads alone has room.
        Err(_) => Err(Refusal::new(Reason::TooLarge, "")),
    }
}

/// The same of a package wherever its bytes lie: its markup is in memory, and of its files one at a time, as long as `along`
/// looks at it; those that are together larger than [`Limits::held_bytes_max`] are let go then.
///
/// # Errors
/// [`Error::Package`]; [`Error::Unavailable`] when the bytes cannot be read; what [`Along::room`] says.
pub fn open(source: &dyn Source, limits: &Limits, along: &mut dyn Along) -> Result<Opened, Error> {
    if source.len() > limits.package_bytes_max as u64 {
        return Err(Refusal::new(Reason::TooLarge, "").into());
    }
    let skimmed;
    let (text, cuts) = match source.held() {
        Some(bytes) => (bytes, &[][..]),
        None => {
            skimmed = skim(source, limits)?;
            if skimmed.is_beginning {
                return Err(too_much(&skimmed, limits).into());
            }
            (skimmed.text.as_slice(), skimmed.cuts.as_slice())
        }
    };
    let package = read_from(source, text, cuts, limits, along)?;
    Ok(Opened { package, trace: trace::read(text).unwrap_or_default() })
}

/// What is wrong with a package of which only the beginning was read: what is wrong with that, or that there is more.
fn too_much(skimmed: &Skimmed, limits: &Limits) -> Refusal {
    match Tree::read(&skimmed.text, &skimmed.cuts, limits) {
        Err(refusal) if refusal.reason() != Reason::NotWellFormed => refusal,
        _ => Refusal::new(Reason::TooLarge, ""),
    }
}

fn read_from(
    source: &dyn Source,
    text: &[u8],
    cuts: &[Cut],
    limits: &Limits,
    along: &mut dyn Along,
) -> Result<Package, Error> {
    if source.len() > limits.package_bytes_max as u64 {
        return Err(Refusal::new(Reason::TooLarge, "").into());
    }
    let tree = Tree::read(text, cuts, limits)?;
    let root = tree.root();
    let envelope = required(root, "edXMLEnvelope")?;
    let header = required(envelope, "edXMLHeader")?;
    let message = required(header, "MessageHeader")?;
    let mut reader = Reader { limits, warnings: Warnings::new(limits.warnings_max), source, along, held: 0 };
    let code = message.one("StatusCode")?;
    // VXP 5: a status has a StatusCode and no To.
    match code {
        Some(code) if message.all("To").next().is_none() => {
            let mut status = reader.status(message, code)?;
            status.warnings = reader.warnings.into_inner();
            Ok(Package::Status(Box::new(status)))
        }
        code => {
            if let Some(code) = code {
                reader.warnings.add(Oddity::StatusInDocument, || code.path());
            }
            let mut document = reader.document(root, envelope, header, message)?;
            document.warnings = reader.warnings.into_inner();
            Ok(Package::Document(Box::new(document)))
        }
    }
}

/// Whoever reads a package for himself.
struct Alone;

impl Along for Alone {
    fn room(&self, _: usize) -> Result<Room, Error> {
        Ok(Box::new(()))
    }

    fn file(&mut self, _: &Attachment) {}
}

fn required<'t, 'a>(parent: Element<'t, 'a>, name: &'static str) -> Result<Element<'t, 'a>, Refusal> {
    parent.one(name)?.ok_or_else(|| parent.refuse_missing(Reason::Envelope, name))
}

struct Reader<'l> {
    limits: &'l Limits,
    warnings: Warnings,
    source: &'l dyn Source,
    along: &'l mut dyn Along,
    /// Bytes of files that stay in memory.
    held: usize,
}

impl Reader<'_> {
    fn document(
        &mut self,
        root: Element<'_, '_>,
        envelope: Element<'_, '_>,
        header: Element<'_, '_>,
        message: Element<'_, '_>,
    ) -> Result<Document, Error> {
        let from = self.sender(message)?;
        let to = self.receivers(message)?;
        let document_id = message
            .one("DocumentId")?
            .map(|element| self.identifier(element))
            .transpose()?
            .flatten()
            .ok_or_else(|| message.refuse_missing(Reason::DocumentIdMissing, "DocumentId"))?;
        let trace = header.one("TraceHeaderList")?;
        let (trace_headers, business, paper) = self.trace(trace)?;
        if business.is_none() {
            self.warnings.add(Oddity::BusinessMissing, || header.path());
        }
        let mut document = Document {
            from,
            to,
            document_id,
            code: self.code(message)?,
            promulgation_info: self.promulgation_info(message)?,
            document_type: self.document_type(message)?,
            subject: self.text_in(message, "Subject")?,
            content: self.text_in(message, "Content")?,
            signer_info: self.signer_info(message)?,
            due_date: self.date_in(message, "DueDate")?,
            other_info: self.other_info(message)?,
            response_for: self.answered(message)?,
            steering_type: steering_type(message)?,
            tasks: self.texts_below(message, "ResponseForTask", "TaskCode")?,
            application_type: self.text_in(message, "ApplicationType")?,
            to_places: self.texts_below(message, "ToPlaces", "Place")?,
            trace_headers,
            paper,
            business,
            manifest: self.manifest(envelope)?,
            attachments: self.attachments(root)?,
            package_signed: header.all("Signature").next().is_some(),
            warnings: Vec::new(),
        };
        self.look_over(&mut document, envelope, message);
        Ok(document)
    }

    /// What a widespread receiver stumbles over although the exchange does not (VXP 4.2).
    fn look_over(&mut self, document: &mut Document, envelope: Element<'_, '_>, message: Element<'_, '_>) {
        if document.code.number.is_empty() {
            self.warnings.add(Oddity::CodeMissing, || message.path());
        }
        if document.subject.is_empty() {
            self.warnings.add(Oddity::SubjectMissing, || message.path());
        }
        if document.from.organ_name.is_empty() {
            self.warnings.add(Oddity::OrganNameMissing, || message.path());
        }
        if !document.completeness().is_complete() {
            self.warnings.add(Oddity::Manifest, || envelope.path());
        }
        let misplaced = |parent: Element<'_, '_>| {
            parent
                .elements()
                .any(|e| matches!(e.local(), "edXMLAttachments" | "AttachmentEncoded" | "Attachment"))
        };
        if misplaced(envelope) || envelope.elements().any(misplaced) {
            self.warnings.add(Oddity::MisplacedAttachments, || envelope.path());
        }
    }

    fn status(&mut self, message: Element<'_, '_>, code: Element<'_, '_>) -> Result<Status, Refusal> {
        let from = self.sender(message)?;
        let address = message
            .one("ResponseFor")?
            .ok_or_else(|| message.refuse_missing(Reason::ResponseForMissing, "ResponseFor"))?;
        let organ_id = self
            .organ_id(address)?
            .ok_or_else(|| address.refuse_missing(Reason::ResponseForMissing, "OrganId"))?;
        let document_id =
            address.one("DocumentId")?.map(|element| self.identifier(element)).transpose()?.flatten();
        let response_for = StatusAddress {
            organ_id,
            code: self.short_in(address, "Code")?,
            document_id,
            promulgation_date: self.date_in(address, "PromulgationDate")?,
        };
        if response_for.code.is_empty() && response_for.document_id.is_none() {
            return Err(address.refuse(Reason::StatusOfNothing));
        }
        let status_code = match StatusCode::read(code.raw_text()) {
            StatusCode::Unknown(_) if !self.limits.unknown_status_codes => {
                return Err(code.refuse(Reason::StatusCode));
            }
            known => known,
        };
        let description = self.text_in(message, "Description")?;
        if status_code.needs_reason() && description.is_empty() {
            self.warnings.add(Oddity::ReasonMissing, || message.path());
        }
        let staff = message.one("StaffInfo")?.map(|element| self.staff(element)).transpose()?;
        if staff.is_none() {
            self.warnings.add(Oddity::StaffMissing, || message.path());
        }
        let timestamp = self.date_time_in(message, "Timestamp")?;
        Ok(Status {
            from,
            response_for,
            staff,
            code: status_code,
            description,
            timestamp,
            warnings: Vec::new(),
        })
    }

    fn sender(&mut self, message: Element<'_, '_>) -> Result<Party, Refusal> {
        let from = message.one("From")?.ok_or_else(|| message.refuse_missing(Reason::FromMissing, "From"))?;
        self.party(from)
    }

    fn receivers(&mut self, message: Element<'_, '_>) -> Result<Vec<Party>, Refusal> {
        let mut found = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for element in message.all("To") {
            if found.len() >= self.limits.receivers_max {
                return Err(element.refuse(Reason::TooMany));
            }
            let party = self.party(element)?;
            if !seen.insert(party.organ_id.folded()) {
                self.warnings.add(Oddity::ReceiverRepeated, || element.path());
            }
            found.push(party);
        }
        match found.is_empty() {
            true => Err(message.refuse_missing(Reason::ToMissing, "To")),
            false => Ok(found),
        }
    }

    fn party(&mut self, element: Element<'_, '_>) -> Result<Party, Refusal> {
        let organ_id = self
            .organ_id(element)?
            .ok_or_else(|| element.refuse_missing(Reason::OrganIdMissing, "OrganId"))?;
        Ok(Party {
            organ_id,
            organization_in_charge: self.text_in(element, "OrganizationInCharge")?,
            organ_name: self.text_in(element, "OrganName")?,
            organ_add: self.text_in(element, "OrganAdd")?,
            email: self.text_in(element, "Email")?,
            telephone: self.text_in(element, "Telephone")?,
            fax: self.text_in(element, "Fax")?,
            website: self.text_in(element, "Website")?,
            due_date: self.date_in(element, "DueDate")?,
        })
    }

    fn organ_id(&self, party: Element<'_, '_>) -> Result<Option<AgencyCode>, Refusal> {
        let Some(element) = party.one("OrganId")? else { return Ok(None) };
        match trimmed(element.raw_text()).as_str() {
            "" => Ok(None),
            code => code.parse().map(Some).map_err(|_| element.refuse(Reason::OrganIdShape)),
        }
    }

    fn identifier(&self, element: Element<'_, '_>) -> Result<Option<DocumentIdentifier>, Refusal> {
        match DocumentIdentifier::new(element.raw_text()) {
            Ok(id) => Ok(Some(id)),
            Err(BadDocumentIdentifier::Empty) => Ok(None),
            Err(BadDocumentIdentifier::TooLong) => Err(element.refuse(Reason::TooLong)),
        }
    }

    fn code(&mut self, message: Element<'_, '_>) -> Result<Code, Refusal> {
        let Some(code) = message.one("Code")? else { return Ok(Code::default()) };
        Ok(Code {
            number: self.short_in(code, "CodeNumber")?,
            notation: self.short_in(code, "CodeNotation")?,
        })
    }

    fn promulgation_info(&mut self, message: Element<'_, '_>) -> Result<PromulgationInfo, Refusal> {
        let Some(info) = message.one("PromulgationInfo")? else { return Ok(PromulgationInfo::default()) };
        Ok(PromulgationInfo {
            place: self.text_in(info, "Place")?,
            date: self.date_in(info, "PromulgationDate")?,
        })
    }

    fn document_type(&mut self, message: Element<'_, '_>) -> Result<DocumentType, Refusal> {
        let Some(kind) = message.one("DocumentType")? else { return Ok(DocumentType::default()) };
        Ok(DocumentType {
            number: self.number_in(kind, "Type")?,
            detail: self.number_in(kind, "TypeDetail")?,
            name: self.text_in(kind, "TypeName")?,
        })
    }

    fn signer_info(&mut self, message: Element<'_, '_>) -> Result<SignerInfo, Refusal> {
        let Some(info) = message.one("SignerInfo")? else { return Ok(SignerInfo::default()) };
        Ok(SignerInfo {
            competence: self.text_in(info, "Competence")?,
            position: self.text_in(info, "Position")?,
            full_name: self.text_in(info, "FullName")?,
        })
    }

    fn other_info(&mut self, message: Element<'_, '_>) -> Result<OtherInfo, Refusal> {
        let Some(info) = message.one("OtherInfo")? else { return Ok(OtherInfo::default()) };
        let priority = match self.number_in(info, "Priority")? {
            None => Priority::Normal,
            Some(number) => Priority::from_number(number).unwrap_or_else(|| {
                self.warnings.add(Oddity::Number, || format!("{}/Priority", info.path()));
                Priority::Normal
            }),
        };
        let direction = match self.text_in(info, "Direction")?.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        Ok(OtherInfo {
            priority,
            sphere_of_promulgation: self.text_in(info, "SphereOfPromulgation")?,
            typer_notation: self.text_in(info, "TyperNotation")?,
            promulgation_amount: self.number_in(info, "PromulgationAmount")?,
            page_amount: self.number_in(info, "PageAmount")?,
            reply_fors: separated(&self.text_in(info, "ReplyFors")?),
            direction,
            reference_codes: separated(&self.text_in(info, "ReferenceCodes")?),
            appendixes: self.texts_below(info, "Appendixes", "Appendix")?,
        })
    }

    fn answered(&mut self, message: Element<'_, '_>) -> Result<Vec<Answered>, Refusal> {
        let mut found = Vec::new();
        for element in message.all("ResponseFor") {
            let document_id = element.one("DocumentId")?.map(|id| self.identifier(id)).transpose()?.flatten();
            let answered = Answered {
                organ_id: self.short_in(element, "OrganId")?,
                code: self.short_in(element, "Code")?,
                document_id,
                promulgation_date: self.date_in(element, "PromulgationDate")?,
            };
            // `<ResponseFor/>` says nothing (VXP 6).
            if answered != Answered::default() {
                self.push(&mut found, answered, element)?;
            }
        }
        Ok(found)
    }

    #[allow(clippy::type_complexity)] // three parts of one element, taken apart by the one caller
    fn trace(
        &mut self,
        list: Option<Element<'_, '_>>,
    ) -> Result<(Vec<TraceHeader>, Option<Business>, String), Refusal> {
        let Some(list) = list else { return Ok((Vec::new(), None, String::new())) };
        let mut headers = Vec::new();
        for element in list.all("TraceHeader") {
            let organ_id = self.short_in(element, "OrganId")?;
            let header = TraceHeader {
                organ_id: Some(organ_id).filter(|id| !id.is_empty() && id != "null"),
                timestamp: self.date_time_in(element, "Timestamp")?,
            };
            self.push(&mut headers, header, element)?;
        }
        let outer_paper = self.text_in(list, "Paper")?;
        let Some(element) = list.one("Bussiness")? else { return Ok((headers, None, outer_paper)) };
        let inner_paper = self.text_in(element, "Paper")?;
        let paper = if inner_paper.is_empty() { outer_paper } else { inner_paper };
        Ok((headers, Some(self.business(element)?), paper))
    }

    fn business(&mut self, element: Element<'_, '_>) -> Result<Business, Refusal> {
        let kind = match element.one("BussinessDocType")? {
            Some(kind) => match kind.raw_text().trim() {
                "0" => BusinessType::New,
                "1" => BusinessType::Recall,
                "2" => BusinessType::Update,
                "3" => BusinessType::Replacement,
                "" => self.business_type_missing(element),
                _ => return Err(kind.refuse(Reason::BusinessType)),
            },
            None => self.business_type_missing(element),
        };
        let document_id = element.one("DocumentId")?.map(|id| self.identifier(id)).transpose()?.flatten();
        let mut business = Business {
            kind,
            document_id,
            reason: self.text_in(element, "BussinessDocReason")?,
            ..Business::default()
        };
        for info in element.all("BussinessDocumentInfo") {
            let update = self.update(info)?;
            self.push(&mut business.updates, update, info)?;
        }
        for list in element.all("ReplacementInfoList") {
            for info in list.all("ReplacementInfo") {
                if let Some(replacement) = self.replacement(info)? {
                    self.push(&mut business.replacements, replacement, info)?;
                }
            }
        }
        for staff in element.all("StaffInfo") {
            let person = self.staff(staff)?;
            self.push(&mut business.staff, person, staff)?;
        }
        Ok(business)
    }

    fn business_type_missing(&mut self, element: Element<'_, '_>) -> BusinessType {
        self.warnings.add(Oddity::BusinessMissing, || element.path());
        BusinessType::New
    }

    fn update(&mut self, info: Element<'_, '_>) -> Result<Update, Refusal> {
        let mut update = Update {
            content_changed: self.text_in(info, "DocumentInfo")? == "1",
            receivers_changed: self.text_in(info, "DocumentReceiver")? == "1",
            receivers: Vec::new(),
        };
        for list in info.all("ReceiverList") {
            for receiver in list.all("Receiver") {
                let change = ReceiverChange {
                    organ_id: self.short_in(receiver, "OrganId")?,
                    added: self.text_in(receiver, "ReceiverType")? == "1",
                };
                self.push(&mut update.receivers, change, receiver)?;
            }
        }
        Ok(update)
    }

    fn replacement(&mut self, info: Element<'_, '_>) -> Result<Option<Replacement>, Refusal> {
        let document_id = info.one("DocumentId")?.map(|id| self.identifier(id)).transpose()?.flatten();
        let mut organ_ids = Vec::new();
        for list in info.all("OrganIdList") {
            for organ in list.all("OrganId") {
                let organ_id = self.short(organ)?;
                self.push(&mut organ_ids, organ_id, organ)?;
            }
        }
        Ok(document_id.map(|document_id| Replacement { document_id, organ_ids }))
    }

    fn staff(&mut self, element: Element<'_, '_>) -> Result<Staff, Refusal> {
        Ok(Staff {
            department: self.text_in(element, "Department")?,
            department_id: self.text_in(element, "DepartmentId")?,
            staff: self.text_in(element, "Staff")?,
            staff_id: self.text_in(element, "StaffId")?,
            email: self.text_in(element, "Email")?,
            mobile: self.text_in(element, "Mobile")?,
        })
    }

    fn manifest(&mut self, envelope: Element<'_, '_>) -> Result<Vec<Reference>, Refusal> {
        let Some(body) = envelope.one("edXMLBody")? else { return Ok(Vec::new()) };
        // The vendor's reader takes both names (VXP 4.1).
        let manifest = match body.one("edXMLManifest")? {
            Some(manifest) => manifest,
            None => match body.one("Manifest")? {
                Some(manifest) => manifest,
                None => return Ok(Vec::new()),
            },
        };
        let mut found = Vec::new();
        for element in manifest.all("Reference") {
            let reference = Reference {
                content_id: content_id(&self.short_in(element, "ContentId")?),
                content_type: self.text_in(element, "ContentType")?,
                description: self.text_in(element, "Description")?,
                name: self.text_in(element, "AttachmentName")?,
            };
            self.push(&mut found, reference, element)?;
        }
        Ok(found)
    }

    fn attachments(&mut self, root: Element<'_, '_>) -> Result<Vec<Attachment>, Error> {
        let Some(list) = root.one("AttachmentEncoded")? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let mut budget = self.limits.unpacked_bytes_max;
        for element in list.all("Attachment") {
            if found.len() >= self.limits.attachments_max {
                return Err(element.refuse(Reason::TooMany).into());
            }
            let attachment = self.attachment(element, budget)?;
            budget = budget.saturating_sub(attachment.size);
            found.push(attachment);
        }
        Ok(found)
    }

    fn attachment(&mut self, element: Element<'_, '_>, budget: usize) -> Result<Attachment, Error> {
        let name = self.short_in(element, "AttachmentName")?;
        if name.is_empty() {
            return Err(element.refuse_missing(Reason::AttachmentName, "AttachmentName").into());
        }
        let format = format_of(element)?;
        let content_type = self.text_in(element, "ContentType")?;
        let encoded = element.one("ContentTransferEncoded")?;
        let naming = Naming { name: &name, format: &format, content_type: &content_type };
        let at = encoded.unwrap_or(element);
        let (decoded, _room) = self.decoded(at, encoded.is_some(), &naming, budget)?;
        let (kind, ruined) = attachment::look_at(&decoded.content);
        let oddities = [
            (decoded.several_files, Oddity::SeveralFiles),
            (decoded.content.is_empty(), Oddity::NoContent),
            (ruined, Oddity::RuinedPdf),
        ];
        for (_, oddity) in oddities.into_iter().filter(|(found, _)| *found) {
            self.warnings.add(oddity, || at.path());
        }
        let mut attachment = Attachment {
            content_id: content_id(&self.short_in(element, "ContentId")?),
            description: self.text_in(element, "Description")?,
            present: encoded.is_some(),
            wrapping: decoded.wrapping,
            kind,
            sha256: attachment::sha256(&decoded.content),
            size: decoded.content.len(),
            content: decoded.content,
            encoded: None,
            name,
            content_type,
            format,
        };
        self.along.file(&attachment);
        match self.held.saturating_add(attachment.size) {
            held if held <= self.limits.held_bytes_max => self.held = held,
            _ => {
                attachment.encoded = encoded.map(|encoded| Arc::new(encoded.encoded()));
                attachment.content = Arc::default();
            }
        }
        Ok(attachment)
    }

    /// The file that an element holds, and its place in memory. An attachment without the element has no content.
    fn decoded(
        &mut self,
        at: Element<'_, '_>,
        is_present: bool,
        naming: &Naming<'_>,
        budget: usize,
    ) -> Result<(Decoded, Room), Error> {
        if is_present && at.is_cut() {
            let room = |bytes| self.along.room(bytes);
            let file = at.encoded().file(self.source, naming, budget, self.limits, &room);
            return file.map_err(|no_file| match no_file {
                NoFile::Refused(reason) => at.refuse(reason).into(),
                NoFile::Trouble(error) => error,
            });
        }
        let text = if is_present { at.raw_text() } else { "" };
        let bytes = attachment::decode_base64(text).map_err(|reason| at.refuse(reason))?;
        if bytes.len() > budget {
            return Err(at.refuse(Reason::ZipBomb).into());
        }
        let decoded = attachment::unwrap(bytes, naming, budget, self.limits);
        Ok((decoded.map_err(|reason| at.refuse(reason))?, Box::new(())))
    }
}

fn format_of(attachment: Element<'_, '_>) -> Result<String, Refusal> {
    let Some(found) = attachment.one("Format")? else { return Ok(String::new()) };
    let format = trimmed(found.raw_text());
    match !found.is_cut() && format.chars().all(|c| c.is_ascii_alphanumeric()) {
        true => Ok(format),
        false => Err(found.refuse(Reason::AttachmentFormat)),
    }
}

/// Bare digits, nothing around them: receivers hand the text to a number reader as it is (VXP 4.2).
fn steering_type(message: Element<'_, '_>) -> Result<Option<i32>, Refusal> {
    let Some(element) = message.one("SteeringType")? else { return Ok(None) };
    let text = element.raw_text();
    let bare = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| bare).map(Some).ok_or_else(|| element.refuse(Reason::SteeringType))
}

/// `;` separates (RULES E8).
fn separated(text: &str) -> Vec<String> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Without blanks and all leading `cid:` (VXP 4.5).
fn content_id(text: &str) -> String {
    let mut id: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    while let Some(rest) = id.strip_prefix("cid:") {
        id = rest.to_owned();
    }
    id
}
