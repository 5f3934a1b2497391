//! `congvan package`: packs files as an edXML document, or writes a status, without asking any server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use mail::{AgencyCode, Chance, Clock, Timestamp};
use registry::document_id::{DocumentIdentifier, notation_key};
use registry::package::{
    BusinessType, Code, DocumentType, NewAttachment, NewBusiness, NewDocument, NewParty, NewStatus,
    OtherInfo, Packing, Priority, PromulgationInfo, Replacement, SignerInfo, Staff, StatusAddress,
    write_document, write_status,
};
use registry::status::StatusCode;

use super::Outcome;
use crate::config::Config;
use crate::house::House;
use crate::windows::{SystemChance, SystemClock};

#[derive(Args)]
pub(super) struct Package {
    /// Files, the main document first.
    #[arg(required_unless_present_any = ["status", "recalls"])]
    files: Vec<PathBuf>,
    /// Code of the sending agency.
    #[arg(long)]
    from: AgencyCode,
    /// Code of a receiving agency; repeat for more.
    #[arg(long, required = true)]
    to: Vec<AgencyCode>,
    /// Name of the sending agency, when there is no directory to look it up in.
    #[arg(long)]
    from_name: Option<String>,
    /// Name of a receiving agency, in the order of --to.
    #[arg(long)]
    to_name: Vec<String>,
    /// Number, "05".
    #[arg(long, required_unless_present = "status")]
    number: Option<String>,
    /// Notation, "QD-UBND".
    #[arg(long, default_value = "")]
    notation: String,
    /// Subject (trích yếu).
    #[arg(long, required_unless_present = "status")]
    subject: Option<String>,
    /// Full name of the person who signed.
    #[arg(long, default_value = "")]
    signer: String,
    /// Position of the person who signed.
    #[arg(long, default_value = "")]
    position: String,
    /// Number of the type of document.
    #[arg(long = "type", default_value_t = 18)]
    type_number: u32,
    /// Name of the type of document.
    #[arg(long, default_value = "Công văn")]
    type_name: String,
    /// Urgency: 0 normal, 1 urgent, 2 very urgent, 3 express, 4 express at a set hour.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=4))]
    priority: u8,
    /// Date of issue, yyyy/MM/dd; today when left out. For a status: the document's date.
    #[arg(long)]
    date: Option<String>,
    /// Place of issue.
    #[arg(long, default_value = "")]
    place: String,
    /// Legal identifier; made of code, date and number when left out. For a status: the document's, looked up when left
    /// out.
    #[arg(long)]
    document_id: Option<String>,
    /// Recall the document with this legal identifier instead of sending a new one (RULES R37); --reason says why.
    #[arg(long, requires = "reason", conflicts_with_all = ["replaces", "status"])]
    recalls: Option<String>,
    /// Replace the document with this legal identifier (RULES R45).
    #[arg(long, conflicts_with = "status")]
    replaces: Option<String>,
    /// Why it is recalled or replaced.
    #[arg(long, default_value = "")]
    reason: String,
    /// Write a status with this code (01 02 03 04 05 06 13 15 16) instead of a document.
    #[arg(long, requires = "code")]
    status: Option<String>,
    /// For a status: number/notation of the document it is about.
    #[arg(long)]
    code: Option<String>,
    /// For a status: the reason, in words.
    #[arg(long, default_value = "")]
    description: String,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
}

impl Package {
    pub(super) fn run(self, config: &Path) -> Outcome {
        let now = SystemClock.now();
        let out = self.out.clone();
        let package = super::runtime()?.block_on(async {
            let directory = Directory::open(config).await;
            let package = match self.status {
                Some(_) => self.status_package(&directory, now).await,
                None => self.document_package(&directory, now).await,
            };
            directory.close().await;
            package
        })?;
        std::fs::write(&out, package).with_context(|| format!("cannot write {}", out.display()))?;
        println!("{}", out.display());
        Ok(ExitCode::SUCCESS)
    }

    async fn document_package(&self, directory: &Directory, now: Timestamp) -> anyhow::Result<Vec<u8>> {
        let number = self.number.clone().unwrap_or_default();
        let date = self.date.clone().unwrap_or_else(|| today(now));
        // A recall repeats the original's identifier in its header (RULES E9).
        let document_id = match self.recalls.as_ref().or(self.document_id.as_ref()) {
            Some(id) => DocumentIdentifier::new(id),
            None => DocumentIdentifier::compose(&self.from, &date, &number, &self.notation),
        };
        let document = NewDocument {
            from: self.sender(directory).await,
            to: self.receivers(directory).await,
            document_id: document_id.context("--document-id")?,
            code: Code { number, notation: self.notation.clone() },
            promulgation_info: PromulgationInfo { place: self.place.clone(), date },
            document_type: DocumentType {
                number: Some(self.type_number),
                detail: None,
                name: self.type_name.clone(),
            },
            subject: self.subject.clone().unwrap_or_default(),
            signer_info: SignerInfo {
                competence: String::new(),
                position: self.position.clone(),
                full_name: self.signer.clone(),
            },
            due_date: String::new(),
            other_info: OtherInfo { priority: priority(self.priority), ..OtherInfo::default() },
            response_for: Vec::new(),
            steering_type: 0,
            tasks: Vec::new(),
            to_places: Vec::new(),
            business: self.business()?,
            staff: Staff::default(),
            attachments: self.attachments(directory.packing(&self.to).await)?,
            sent: now,
        };
        Ok(write_document(&document)?)
    }

    fn business(&self) -> anyhow::Result<NewBusiness> {
        let identifier = |text: &String| DocumentIdentifier::new(text).context("no legal identifier");
        let mut business = NewBusiness { reason: self.reason.clone(), ..NewBusiness::default() };
        if let Some(id) = &self.recalls {
            business.kind = BusinessType::Recall;
            business.document_id = Some(identifier(id)?);
        }
        if let Some(id) = &self.replaces {
            business.kind = BusinessType::Replacement;
            let organs = self.to.iter().map(|code| code.as_str().to_owned()).collect();
            business.replacements = vec![Replacement { document_id: identifier(id)?, organ_ids: organs }];
        }
        Ok(business)
    }

    fn attachments(&self, packing: Packing) -> anyhow::Result<Vec<NewAttachment>> {
        let chance = SystemChance::new();
        let attachments = self.files.iter().map(|file| {
            let content = std::fs::read(file)
                .with_context(|| format!("cannot read {} (không đọc được tệp)", file.display()))?;
            let name = file.file_name().and_then(|name| name.to_str()).context("a file without a name")?;
            let mut id = [0; 16];
            chance.fill(&mut id);
            Ok(NewAttachment {
                id,
                name: name.to_owned(),
                description: name.to_owned(),
                content: content.into(),
                packing,
            })
        });
        attachments.collect()
    }

    async fn status_package(&self, directory: &Directory, now: Timestamp) -> anyhow::Result<Vec<u8>> {
        let code = StatusCode::read(self.status.as_deref().unwrap_or_default());
        let organ_id = self.to.first().context("--to is missing")?.clone();
        let about = self.code.clone().unwrap_or_default();
        // The owner of the document: its sender, who asks for it back with 13 and hears everything else.
        let owner = if code == StatusCode::TakeBack { &self.from } else { &organ_id };
        let found = match &self.document_id {
            Some(_) => None,
            None => directory.document(owner, &about).await,
        };
        let (looked_up, looked_up_date) = found.unwrap_or_default();
        let document_id = self.document_id.clone().unwrap_or(looked_up);
        let document_id = DocumentIdentifier::new(&document_id).context(
            "--document-id is needed: the document is not in this data (cần mã định danh văn bản)",
        )?;
        let status = NewStatus {
            from: self.sender(directory).await,
            response_for: StatusAddress {
                organ_id,
                code: about,
                document_id: Some(document_id),
                promulgation_date: self.date.clone().unwrap_or(looked_up_date),
            },
            staff: Staff::default(),
            code,
            description: self.description.clone(),
            sent: now,
        };
        Ok(write_status(&status)?)
    }

    async fn sender(&self, directory: &Directory) -> NewParty {
        party(directory, &self.from, self.from_name.as_deref()).await
    }

    async fn receivers(&self, directory: &Directory) -> Vec<NewParty> {
        let mut parties = Vec::with_capacity(self.to.len());
        for (index, code) in self.to.iter().enumerate() {
            parties.push(party(directory, code, self.to_name.get(index).map(String::as_str)).await);
        }
        parties
    }
}

fn priority(number: u8) -> Priority {
    match number {
        1 => Priority::Urgent,
        2 => Priority::VeryUrgent,
        3 => Priority::Express,
        4 => Priority::ExpressAtHour,
        _ => Priority::Normal,
    }
}

/// Today in Vietnam, `yyyy/MM/dd`.
fn today(now: Timestamp) -> String {
    now.to_edxml().split(' ').next().unwrap_or_default().to_owned()
}

/// A party by the name that was given, or the directory's, or its code.
async fn party(directory: &Directory, code: &AgencyCode, name: Option<&str>) -> NewParty {
    let known = directory.agency(code).await;
    let known_name = known.as_ref().map(|agency| agency.name.clone());
    let name = name.map(str::to_owned).or(known_name).unwrap_or_else(|| code.as_str().to_owned());
    NewParty {
        organ_id: code.clone(),
        organization_in_charge: String::new(),
        organ_name: name,
        organ_add: String::new(),
        email: known.map(|agency| agency.mail).unwrap_or_default(),
        telephone: String::new(),
        fax: String::new(),
        website: String::new(),
    }
}

/// The installation's data, where there is one.
struct Directory(Option<Arc<House>>);

impl Directory {
    /// Packing works without an installation; one that cannot be opened is said, and done without.
    async fn open(file: &Path) -> Self {
        if !file.exists() {
            return Self(None);
        }
        let opened = match Config::read(file) {
            Ok(config) => House::open(config).await,
            Err(error) => Err(error),
        };
        Self(opened.inspect_err(|error| eprintln!("congvan: names are not looked up: {error:#}")).ok())
    }

    async fn close(self) {
        if let Some(house) = self.0 {
            let writer = house.writer.clone();
            drop(house);
            writer.wait().await;
        }
    }

    async fn agency(&self, code: &AgencyCode) -> Option<store::Agency> {
        let read = self.0.as_ref()?.store.read((code.clone(), SystemClock.now()), |tx, (code, now)| {
            Box::pin(async move { tx.agency_by_code(code, *now).await })
        });
        read.await.ok().flatten()
    }

    /// As they are when all receivers lie behind peers that want it so (RULES E13), else in a ZIP.
    async fn packing(&self, to: &[AgencyCode]) -> Packing {
        let Some(house) = self.0.as_ref() else { return Packing::default() };
        let now = house.now();
        let bare = house.store.read(to.to_vec(), |tx, to| {
            Box::pin(async move {
                for code in to {
                    let Some(agency) = tx.agency_by_code(code, now).await? else { return Ok(false) };
                    let way = tx.way_to(&agency).await?;
                    let peer = match way.as_deref().and_then(store::peer_of_way) {
                        Some(name) => tx.peer(name).await?,
                        None => None,
                    };
                    if peer.is_none_or(|peer| peer.wrap != store::PeerWrap::Bare) {
                        return Ok(false);
                    }
                }
                Ok::<_, store::Error>(!to.is_empty())
            })
        });
        if bare.await.unwrap_or(false) { Packing::Bare } else { Packing::default() }
    }

    /// Identifier and date of the newest document of an agency with that number and notation.
    async fn document(&self, owner: &AgencyCode, code: &str) -> Option<(String, String)> {
        let read = self.0.as_ref()?.store.read(
            (owner.clone(), notation_key(code), SystemClock.now()),
            |tx, (owner, notation, now)| {
                Box::pin(async move {
                    let Some(agency) = tx.agency_by_code(owner, *now).await? else { return Ok(None) };
                    let found = tx.documents_by_notation(agency.agency_id, notation).await?;
                    Ok::<_, store::Error>(found.into_iter().next())
                })
            },
        );
        let document = read.await.ok().flatten()?;
        let facts: serde_json::Value = serde_json::from_str(&document.facts).ok()?;
        let text = |member: &str| facts.get(member).and_then(|value| value.as_str()).map(str::to_owned);
        Some((text("documentId")?, text("promulgationDate").unwrap_or_default()))
    }
}
