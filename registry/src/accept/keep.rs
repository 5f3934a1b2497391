//! The accepting transaction.

use mail::{AgencyId, DeliveryId, DocumentId, OwnerId, Timestamp};
use signer::Judged;
use store::{
    Audit, DocumentKind, Lane, NewDelivery, NewDocument, NewFile, NewOutbox, OutboxKind, Sealed, Tx,
    peer_of_way,
};

use super::leaves::Leaves;
use super::named::Asked;
use super::worth::{ORIGINAL, Worth};
use super::{
    Accepted, Arrived, Desk, Examined, Pending, SignatureFault, acts, describe, notice, package_signature,
    progress, repeated, route,
};
use crate::Error;
use crate::calendar::day_of;
use crate::package::{BusinessType, Oddity, Package, Priority, Status, Warning};
use crate::reasons::PaperReason;
use crate::receipt::{Act, Promised, moment, promise};
use crate::vxp::call::DeclaredPaper;
use crate::vxp::hash::full_hex;
use crate::{deadlines, office, upstream};

/// A notice ready to be enqueued: the sealed message, and a row for each clerk.
struct Notice {
    blob: Sealed,
    rows: Vec<NewOutbox>,
}

/// Everything the transaction writes. Plain data: the store may run the transaction twice.
pub(super) struct Intake {
    pub(super) arrived: Arrived,
    pub(super) routed: route::Routed,
    pub(super) document: NewDocument,
    pub(super) deliveries: Vec<NewDelivery>,
    promised: Promised,
    notices: Vec<Notice>,
    /// The judged files with their evidence, then the others.
    files: Vec<NewFile>,
    /// Normalised identifiers of the documents it is an act about.
    targets: Vec<String>,
    /// Makes the leaves of what it does to other documents.
    pub(super) leaves: Leaves,
    /// How long a cancelled copy is kept under its key (RULES R43).
    pub(super) shred_millis: i64,
    /// The words it is found by.
    pub(super) words: Vec<String>,
    pub(super) now: Timestamp,
}

/// What the transaction came to.
enum Written {
    /// Kept, with what its sender should know.
    Now(Vec<Oddity>),
    /// The same package had been accepted before.
    Before(Accepted),
}

/// What stops the transaction.
enum Stop {
    Store(store::Error),
    Refused(Error),
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Desk {
    /// Accepts a screened package whose files have been judged, in the order of [`Pending::files`]; `package` is the
    /// judgement of [`Pending::signed_package`], where there is one. When this returns `Ok`, the package survives a
    /// power cut and its receivers will get it.
    ///
    /// # Errors
    /// [`Error::Signature`]; what [`Desk::screen`] says, if that has changed meanwhile; or the store's trouble. Then
    /// nothing was delivered to anybody.
    pub async fn keep(
        &self,
        pending: Pending,
        examined: &[Examined],
        package: Option<&Judged>,
        now: Timestamp,
    ) -> Result<Accepted, Error> {
        let judged: Vec<Judged> = examined.iter().map(|file| file.judged.clone()).collect();
        let worth = self.weigh(&pending, &judged)?;
        let package = package.filter(|judged| judged.sha256() == &pending.arrived.sha256);
        let mut intake = self.prepare(pending, &worth, package, now).await?;
        (intake.files, intake.targets) = self.files(&intake, examined, now).await?;
        let (key, first) = {
            let key =
                (intake.document.agency_id, intake.document.system_folded.clone(), intake.arrived.sha256);
            let first = Accepted {
                document_id: intake.document.document_id,
                receipt: intake.document.receipt.clone(),
                is_repeat: false,
                warnings: intake.routed.warnings.clone(),
            };
            (key, first)
        };
        let written = self
            .store
            .write("accept a package", intake, |tx, intake| Box::pin(async move { write(tx, intake).await }))
            .await;
        match written {
            Ok(Written::Now(marks)) => {
                let found = marks.into_iter().map(|oddity| Warning { oddity, path: String::new() });
                let warnings = first.warnings.iter().cloned().chain(found).collect();
                Ok(Accepted { warnings, ..first })
            }
            Ok(Written::Before(before)) => Ok(before),
            Err(Stop::Refused(error)) => Err(error),
            // The same package was accepted at the same moment by somebody else: its receipt is ours too.
            Err(Stop::Store(store::Error::Conflict(_))) => self.accepted_before(key, first.warnings).await,
            Err(Stop::Store(error)) => Err(error.into()),
        }
    }

    /// Only what `signer` has proven comes out as an original.
    fn weigh(&self, pending: &Pending, judged: &[Judged]) -> Result<Worth, Error> {
        let Package::Document(document) = &pending.arrived.package else { return Ok(Worth::nothing(true)) };
        // A recall, or a change of receivers, may come without the document (VXP 4.4).
        let may_lack = matches!(document.business_type(), BusinessType::Recall | BusinessType::Update);
        if pending.files.is_empty() && (may_lack || !self.signatures_required) {
            return Ok(Worth::nothing(false));
        }
        let same = judged.len() == pending.files.len()
            && judged.iter().zip(&pending.files).all(|(judged, file)| *judged.sha256() == file.sha256);
        if !same {
            return Err(Error::Signature(SignatureFault::NoDocument));
        }
        if describe::is_copy(&pending.arrived, document) {
            return Worth::weigh_copy(judged, &pending.signers).map_err(Error::Signature);
        }
        let name = &document.signer_info.full_name;
        Worth::weigh(judged, &pending.signers, name, self.signatures_required).map_err(Error::Signature)
    }

    async fn accepted_before(
        &self,
        key: (AgencyId, String, [u8; 32]),
        warnings: Vec<Warning>,
    ) -> Result<Accepted, Error> {
        let before = self
            .store
            .read(key, |tx, (sender, system, sha256)| {
                Box::pin(async move { tx.document_sent_before(*sender, system, sha256).await })
            })
            .await?;
        before.map(|before| repeated(before, warnings)).ok_or(Error::Unavailable)
    }

    async fn prepare(
        &self,
        pending: Pending,
        worth: &Worth,
        package: Option<&Judged>,
        now: Timestamp,
    ) -> Result<Intake, Error> {
        let Pending { mut arrived, routed, clerks, signers, files } = pending;
        // Judged and weighed: from here on only the package as it came is wanted.
        drop(files);
        arrived.package.forget_contents();
        let document_id = DocumentId::new(now, &*self.chance);
        let sender = &routed.sender;
        let blob = self.store.seal_spool_apart(sender.agency_id, &arrived.bytes).await?;
        let act = act(&self.log, &arrived, &routed, document_id, worth, now);
        let promised = promise(act, &*self.chance, &*self.sign).ok_or(Error::Internal)?;
        let notices = self.notices(&arrived, &routed, &clerks, document_id, worth, now).await?;
        let mut document = NewDocument {
            document_id,
            agency_id: sender.agency_id,
            system_folded: arrived.system.system_folded.clone(),
            kind: DocumentKind::Edoc,
            from_code: sender.code.clone(),
            package_sha256: arrived.sha256,
            blob,
            identifier: String::new(),
            notation: String::new(),
            promulgated_on: String::new(),
            subject: String::new(),
            business_type: 0,
            priority: 0,
            class: worth.class.clone(),
            legal_value: worth.legal_value.to_owned(),
            verdict: worth.verdict.clone(),
            facts: String::new(),
            receipt: promised.receipt.clone(),
        };
        match &arrived.package {
            Package::Document(read) => {
                describe::document(&mut document, &arrived, read, &worth.warnings);
                package_signature::describe(&mut document, read.package_signed, package, &signers);
            }
            Package::Status(status) => describe::status(&mut document, status),
        }
        let deliveries = self.deliveries(&routed, now);
        let (files, targets) = (Vec::new(), Vec::new());
        let leaves = Leaves::new(&self.log, &*self.chance);
        let shred_millis = self.lifecycle.shred_millis();
        let words = match &arrived.package {
            Package::Document(read) => crate::words::of_document(read),
            Package::Status(_) => Vec::new(),
        };
        Ok(Intake {
            arrived,
            routed,
            document,
            deliveries,
            promised,
            notices,
            files,
            targets,
            leaves,
            shred_millis,
            words,
            now,
        })
    }

    /// By which files the document is known, with the evidence of those that were judged (RULES D31); and which documents it
    /// speaks of.
    async fn files(
        &self,
        intake: &Intake,
        examined: &[Examined],
        now: Timestamp,
    ) -> Result<(Vec<NewFile>, Vec<String>), Error> {
        let Package::Document(document) = &intake.arrived.package else { return Ok(Default::default()) };
        let owner = intake.document.agency_id;
        let mut files: Vec<NewFile> = Vec::with_capacity(document.attachments.len());
        for file in examined {
            let evidence = match &file.bundle {
                Some(bundle) => Some(self.store.seal(owner, bundle, now).await?),
                None => None,
            };
            files.push(NewFile { sha256: *file.judged.sha256(), evidence });
        }
        for attachment in &document.attachments {
            let sha256 = attachment.sha256;
            if files.iter().all(|file| file.sha256 != sha256) {
                files.push(NewFile { sha256, evidence: None });
            }
        }
        let targets = document.target_ids().iter().map(|id| id.key().to_owned()).collect();
        Ok((files, targets))
    }

    /// One delivery for each receiving system (VXP 7).
    fn deliveries(&self, routed: &route::Routed, now: Timestamp) -> Vec<NewDelivery> {
        let mut deliveries: Vec<NewDelivery> = Vec::new();
        for receiver in &routed.receivers {
            let code = receiver.agency.code.clone();
            match deliveries.iter_mut().find(|d| d.system_folded == receiver.system_folded) {
                Some(delivery) => delivery.to_codes.push(code),
                None => deliveries.push(NewDelivery {
                    delivery_id: DeliveryId::new(now, &*self.chance),
                    agency_id: receiver.agency.agency_id,
                    system_folded: receiver.system_folded.clone(),
                    to_codes: vec![code],
                }),
            }
        }
        deliveries
    }

    async fn notices(
        &self,
        arrived: &Arrived,
        routed: &route::Routed,
        clerks: &[notice::Clerks],
        document_id: DocumentId,
        worth: &Worth,
        now: Timestamp,
    ) -> Result<Vec<Notice>, Error> {
        let Package::Document(document) = &arrived.package else { return Ok(Vec::new()) };
        let doc_id = document_id.to_string();
        let owner = routed.sender.agency_id;
        let lane = if document.other_info.priority > Priority::Normal { Lane::Urgent } else { Lane::Normal };
        let mut notices = Vec::new();
        for to in clerks {
            let receiver = routed.receivers.iter().find(|r| r.agency.agency_id == to.agency_id);
            let Some(receiver) = receiver else { continue };
            let facts = notice::Facts {
                document,
                doc_id: &doc_id,
                sender: &routed.sender,
                receiver: &receiver.agency,
                legal_value: worth.legal_value,
                hostname: &self.hostname,
                now,
            };
            let blob = self.store.seal(owner, &notice::message(&facts, to), now).await?;
            let mut rows = Vec::new();
            for (account_id, address) in &to.boxes {
                rows.push(NewOutbox {
                    kind: OutboxKind::Local,
                    owner: OwnerId::from(owner),
                    lane,
                    destination: account_id.to_string(),
                    payload: notice::payload(*account_id, address, now)?,
                    blob_id: Some(blob.blob_id()),
                    due_at: now,
                });
            }
            notices.push(Notice { blob, rows });
        }
        Ok(notices)
    }
}

fn act(
    log: &str,
    arrived: &Arrived,
    routed: &route::Routed,
    document_id: DocumentId,
    worth: &Worth,
    now: Timestamp,
) -> Act {
    let (kind, identifier, status) = match &arrived.package {
        Package::Document(document) => (DocumentKind::Edoc, document.document_id.as_str(), ""),
        Package::Status(status) => {
            let about = status.response_for.document_id.as_ref();
            (DocumentKind::Status, about.map_or("", |id| id.as_str()), status.code.as_str())
        }
    };
    Act {
        act: "package-accepted".to_owned(),
        log: log.to_owned(),
        doc_id: document_id.to_string(),
        kind: kind.as_str().to_owned(),
        package_sha256: full_hex(&arrived.sha256),
        document_sha256: worth.document_sha256.map(|digest| full_hex(&digest)).unwrap_or_default(),
        identifier: identifier.to_owned(),
        from: routed.sender.code.as_str().to_owned(),
        to: routed.codes(),
        system: arrived.system.system_id.clone(),
        status: status.to_owned(),
        class: worth.class.clone(),
        legal_value: worth.legal_value.to_owned(),
        at: moment(now),
    }
}

/// Keeps a package and does what it says.
async fn write(tx: &mut Tx, intake: &Intake) -> Result<Written, Stop> {
    let Intake { arrived, document, now, .. } = intake;
    let now = *now;
    let sender = document.agency_id;
    // Evidence was fetched meanwhile; what was looked up before must still hold.
    if !intake.routed.holds(tx, now).await? {
        let routed = route::find(tx, arrived, Asked { at: now, ..intake.routed.asked }).await?;
        if !routed.is_same(&intake.routed) {
            return Err(Error::Unavailable.into());
        }
    }
    let routed = &intake.routed;
    // From here on nobody else accepts anything under these identifiers before we are done.
    tx.hold_identifiers(sender, &route::identifiers(&arrived.package)).await?;
    route::check_conflict(tx, arrived, routed).await?;
    let marks = match &arrived.package {
        Package::Document(_) => write_document(tx, intake).await?,
        Package::Status(status) => match write_status(tx, intake, status, routed).await? {
            Some(before) => {
                return Ok(Written::Before(repeated(before, intake.routed.warnings.clone())));
            }
            None => Vec::new(),
        },
    };
    upstream::enqueue(tx, arrived, document, &intake.deliveries, now).await?;
    let Promised { leaf, record, .. } = &intake.promised;
    tx.append_leaf(sender, document.document_id.as_bytes(), leaf, record, now).await?;
    audit(tx, intake, matches!(arrived.package, Package::Status(_)), now).await?;
    for notice in &intake.notices {
        tx.enqueue_with(&notice.blob, &notice.rows, now).await?;
    }
    Ok(Written::Now(marks))
}

/// What the head of the sending agency has decided holds (RULES R62, R81). What another axis hands over was accepted there.
async fn check_office(tx: &mut Tx, intake: &Intake) -> Result<(), Stop> {
    let Intake { arrived, document, now, .. } = intake;
    let Package::Document(read) = &arrived.package else { return Ok(()) };
    if peer_of_way(&arrived.system.system_folded).is_some() {
        return Ok(());
    }
    let sender = document.agency_id;
    if let DeclaredPaper::Asked(Some(PaperReason::AgencyList(item))) = &arrived.parameters.declared.paper
        && acts::paper_follows(read)
        && !office::is_item_listed(tx, sender, item, *now).await?
    {
        return Err(Error::PaperItem.into());
    }
    // A copy states who signed the paper; a recall states who signed what it recalls.
    let is_signed = document.legal_value == ORIGINAL && read.business_type() != BusinessType::Recall;
    if is_signed && !describe::is_copy(arrived, read) {
        let signed = deadlines::signed_on(&document.verdict, &read.promulgation_info.date);
        let signed = signed.unwrap_or_else(|| day_of(*now));
        let (competence, name) = (&read.signer_info.competence, &read.signer_info.full_name);
        if !office::is_signer_authorised(tx, sender, competence, name, signed).await? {
            return Err(Error::Signature(SignatureFault::NotAuthorised).into());
        }
    }
    Ok(())
}

async fn write_document(tx: &mut Tx, intake: &Intake) -> Result<Vec<Oddity>, Stop> {
    let Intake { document, now, .. } = intake;
    check_office(tx, intake).await?;
    let plan = acts::plan(tx, intake).await?;
    let mut kept = document.clone();
    if !plan.marks.is_empty() {
        let mut facts: serde_json::Value = serde_json::from_str(&kept.facts).unwrap_or_default();
        if let Some(warnings) = facts["warnings"].as_array_mut() {
            warnings.extend(plan.marks.iter().map(|mark| mark.code().into()));
        }
        if let Some(priority) = plan.priority {
            kept.priority = priority;
            facts["priority"] = priority.into();
        }
        kept.facts = facts.to_string();
    }
    tx.add_document(&kept, &intake.deliveries, *now).await?;
    tx.add_files(document.agency_id, document.document_id, &intake.files, &intake.targets, *now).await?;
    progress::begin(tx, intake).await?;
    acts::perform(tx, intake, &plan).await?;
    Ok(plan.marks)
}

/// `Some`: the same had been said before (RULES E23).
async fn write_status(
    tx: &mut Tx,
    intake: &Intake,
    status: &Status,
    routed: &route::Routed,
) -> Result<Option<store::Document>, Stop> {
    let Intake { document, now, .. } = intake;
    let (reporter, package_id) = (document.agency_id, document.document_id);
    let addressee = routed.receivers.first().map(|to| to.agency.agency_id);
    let linked = route::hold_linked(tx, status, routed).await?;
    if let Some(key) = addressee.and_then(|addressee| route::once_key(status, addressee))
        && let Some(before) = tx.status_said_before(reporter, &key, package_id).await?
        && let Some(before) = tx.document(reporter, before).await?
        // An answer to a question that is open is no repeat of one that was answered before.
        && !progress::answers_question(tx, status, &linked, reporter).await?
    {
        return Ok(Some(before));
    }
    let about = linked.documents.first();
    let facts = serde_json::json!({
        "code": status.response_for.code,
        "status": status.code.as_str(),
        "linkedTo": about.map(|found| found.document_id.to_string()),
        "linkedBy": linked.rung.map(route::Rung::as_str),
    });
    let marked = NewDocument { facts: facts.to_string(), ..document.clone() };
    tx.add_document(&marked, &intake.deliveries, *now).await?;
    progress::hear(tx, intake, status, &linked).await?;
    Ok(None)
}

async fn audit(tx: &mut Tx, intake: &Intake, is_status: bool, now: Timestamp) -> Result<(), store::Error> {
    let document = &intake.document;
    let mut detail = serde_json::json!({
        "package": full_hex(&document.package_sha256),
        "class": document.class,
        "deliveries": intake.deliveries.len(),
    });
    if !intake.routed.warnings.is_empty() {
        let forwarded = intake.routed.warnings.iter().map(|warning| warning.path.as_str());
        detail["forwarded"] = forwarded.collect::<Vec<_>>().into();
    }
    let act = if is_status { Audit::StatusReported } else { Audit::DocumentAccepted };
    let subject = document.document_id.to_string();
    let actor = &document.system_folded;
    tx.audit(document.agency_id, now, actor, act, &subject, &detail.to_string()).await
}
