//! Distribution lists: an address that leads to many. Who they are is asked in the transaction that takes a mail in, so that a member
//! added a moment before gets it and one removed does not.

use std::collections::{BTreeMap, HashSet};

use mail::envelope::{OutboundMail, OutboundRecipient};
use mail::{AccountId, AgencyId, BlobId, EmailAddress, ListId, OwnerId, Timestamp, UnitId};

use crate::accounts::words;
use crate::error::{Error, Result};
use crate::sql::{Row, values};
use crate::{Audit, Lane, NewOutbox, OutboxKind, Resolved, Tx};

/// Members of a list; ours. The whole of a large agency fits.
const MEMBERS_MAX: usize = 20_000;
/// Recipients in one row for another system: every server takes as many (RFC 5321 §4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;
/// Bytes of a name; ours.
const NAME_MAX: usize = 250;

words! {
    /// Who may send to a list.
    WhoMaySend, "who may send is members, unit, agency, house, anyone or named" {
        /// Those who receive from it.
        Members = "members",
        /// Accounts of its unit.
        Unit = "unit",
        /// Accounts of its agency.
        Agency = "agency",
        /// Every account here.
        House = "house",
        /// Everybody, strangers too.
        Anyone = "anyone",
        /// Accounts that were named for it.
        Named = "named",
    }
}

words! {
    /// What somebody is in a list.
    ListPart, "part is member or sender" {
        /// Receives from it.
        Member = "member",
        /// Was named as a sender.
        Sender = "sender",
    }
}

/// A list to add.
#[derive(Clone, Debug)]
pub struct NewList {
    /// Its address; the local part is letters, digits, `.`, `-` and `_`, for it becomes a List-Id (RFC 2919 §2).
    pub address: EmailAddress,
    /// Its agency.
    pub agency_id: AgencyId,
    /// Its unit, if any.
    pub unit_id: Option<UnitId>,
    /// Name in Vietnamese.
    pub name: String,
    /// Who may send to it.
    pub who_may_send: WhoMaySend,
    /// Whether every person of its unit, or of its agency, receives from it.
    pub is_everybody: bool,
    /// Who hears of copies that cannot be delivered.
    pub responsible: AccountId,
}

/// A list.
#[derive(Clone, Debug)]
pub struct List {
    /// Its id.
    pub list_id: ListId,
    /// Its address.
    pub address: EmailAddress,
    /// Its agency.
    pub agency_id: AgencyId,
    /// Its unit, if any.
    pub unit_id: Option<UnitId>,
    /// Name in Vietnamese.
    pub name: String,
    /// Who may send to it.
    pub who_may_send: WhoMaySend,
    /// Whether every person of its unit, or of its agency, receives from it.
    pub is_everybody: bool,
    /// Who hears of copies that cannot be delivered.
    pub responsible: AccountId,
}

/// Somebody in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMember {
    /// The account, if it is one of this house.
    pub account: Option<AccountId>,
    /// Where mail goes, and what reports say.
    pub address: EmailAddress,
}

/// What the copies for the members of a list have in common.
#[derive(Clone, Debug)]
pub struct ListCopy {
    /// The payload without recipients.
    pub mail: OutboundMail,
    /// Whose blob it is.
    pub owner: OwnerId,
    /// The bytes; in the store already.
    pub blob_id: BlobId,
}

fn list(row: &Row) -> Result<List> {
    Ok(List {
        list_id: row.id(0)?,
        address: row.text(1)?.parse().map_err(|_| Error::Damaged("an address"))?,
        agency_id: row.id(2)?,
        unit_id: row.opt_id(3)?,
        name: row.text(4)?,
        who_may_send: row.text(5)?.parse()?,
        is_everybody: row.flag(6)?,
        responsible: row.id(7)?,
    })
}

fn member(row: &Row) -> Result<ListMember> {
    let address = row.text(1)?.parse().map_err(|_| Error::Damaged("an address"))?;
    Ok(ListMember { account: row.opt_id(0)?, address })
}

/// A list's id in the place of an account's: an address leads to the one or the other.
fn as_account(list_id: ListId) -> AccountId {
    AccountId::from_bytes(*list_id.as_bytes())
}

/// The most rows that are read, one more than a list has.
fn limit() -> i64 {
    i64::try_from(MEMBERS_MAX + 1).unwrap_or(i64::MAX)
}

impl Tx {
    /// Adds a list.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the address is or was somebody's (RULES M23); [`Error::Refused`] when it cannot be a list's.
    pub async fn add_list(&mut self, new: &NewList, actor: &str, now: Timestamp) -> Result<ListId> {
        let local = new.address.local().as_str();
        if !local.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
            return Err(Error::Refused("the address of a list has letters, digits, '.', '-' and '_' only"));
        }
        if local.eq_ignore_ascii_case("postmaster") {
            return Err(Error::Refused("postmaster is a person's (RFC 5321 §4.5.1)"));
        }
        if !self.is_local_domain(new.address.domain()).await? {
            return Err(Error::Refused("mail for the domain of the list does not end here"));
        }
        if new.name.trim().is_empty() || new.name.len() > NAME_MAX {
            return Err(Error::Refused("the name of a list has 1 to 250 bytes"));
        }
        if new.who_may_send == WhoMaySend::Unit && new.unit_id.is_none() {
            return Err(Error::Refused("the list has no unit whose people may send"));
        }
        let list_id = ListId::new(now, &*self.shared.chance);
        self.put_address(as_account(list_id), &new.address, "list", now).await?;
        self.exec(
            "INSERT INTO list (list_id, agency_id, unit_id, address, name, who_may_send, is_everybody, \
             responsible_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            values![
                &list_id,
                &new.agency_id,
                new.unit_id.as_ref(),
                &new.address.to_string(),
                &new.name,
                new.who_may_send.as_str(),
                new.is_everybody,
                &new.responsible,
                now
            ],
        )
        .await?;
        self.audit_list(new.agency_id, list_id, actor, "added", now).await?;
        Ok(list_id)
    }

    /// Removes a list. Its address ends and is never given away (RULES M23).
    pub async fn remove_list(&mut self, list: &List, actor: &str, now: Timestamp) -> Result<()> {
        self.exec(
            "UPDATE address SET valid_to = $2 WHERE account_id = $1 AND kind = 'list'",
            values![&as_account(list.list_id), now],
        )
        .await?;
        self.exec("DELETE FROM list_member WHERE list_id = $1", values![&list.list_id]).await?;
        self.exec("DELETE FROM list WHERE list_id = $1", values![&list.list_id]).await?;
        self.audit_list(list.agency_id, list.list_id, actor, "removed", now).await
    }

    async fn audit_list(
        &mut self,
        agency: AgencyId,
        id: ListId,
        actor: &str,
        act: &str,
        now: Timestamp,
    ) -> Result<()> {
        let detail = serde_json::json!({ "act": act }).to_string();
        self.audit(agency, now, actor, Audit::ListChanged, &id.to_string(), &detail).await
    }

    /// The list whose id stands where an address has its account's.
    pub(crate) async fn list_in_place_of(&mut self, account_id: AccountId) -> Result<Option<List>> {
        let row = self
            .row(
                "SELECT list_id, address, agency_id, unit_id, name, who_may_send, is_everybody, responsible_id \
                 FROM list WHERE list_id = $1",
                values![&account_id],
            )
            .await?;
        row.as_ref().map(list).transpose()
    }

    /// Puts somebody into a list; `false` when they are in it already.
    ///
    /// # Errors
    /// [`Error::Refused`] when the address is a list's, leads nowhere or, for a sender, to no account here; or the list is full.
    pub async fn add_to_list(
        &mut self,
        list: &List,
        part: ListPart,
        address: &EmailAddress,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let account = match self.resolve_address(address, now).await? {
            Resolved::Here(account) => Some(account.account_id),
            Resolved::Moved(_) => return Err(Error::Refused("the address has moved; name the new one")),
            Resolved::Elsewhere(_) if part == ListPart::Member => None,
            Resolved::Elsewhere(_) => {
                return Err(Error::Refused("only an account here is named as a sender"));
            }
            Resolved::List(_) => return Err(Error::Refused("a list is no member of a list")),
            Resolved::Closed(_) | Resolved::Unknown => {
                return Err(Error::Refused("the address leads nowhere"));
            }
        };
        if self.listed(list.list_id, part).await?.len() >= MEMBERS_MAX {
            return Err(Error::Refused("a list has 20000 members at most"));
        }
        let key = account.map_or_else(|| address.folded(), |account| account.to_string());
        let added = self
            .exec(
                "INSERT INTO list_member (list_id, part, member, account_id, address, added_at) \
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (list_id, part, member) DO NOTHING",
                values![&list.list_id, part.as_str(), &key, account.as_ref(), &address.to_string(), now],
            )
            .await?;
        if added == 1 {
            let act = format!("{} added", part.as_str());
            self.audit_list(list.agency_id, list.list_id, actor, &act, now).await?;
        }
        Ok(added == 1)
    }

    /// Takes somebody out of a list; `false` when they are not in it. Whoever is in it because everybody is stays.
    pub async fn remove_from_list(
        &mut self,
        list: &List,
        part: ListPart,
        address: &EmailAddress,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool> {
        // An address that ended leads to its account for this purpose.
        let account = self.address(address).await?.map(|found| found.account_id.to_string());
        let removed = self
            .exec(
                "DELETE FROM list_member WHERE list_id = $1 AND part = $2 AND (member = $3 OR member = $4)",
                values![
                    &list.list_id,
                    part.as_str(),
                    &address.folded(),
                    &account.unwrap_or_else(|| address.folded())
                ],
            )
            .await?;
        if removed > 0 {
            let act = format!("{} removed", part.as_str());
            self.audit_list(list.agency_id, list.list_id, actor, &act, now).await?;
        }
        Ok(removed > 0)
    }

    /// Who was put into a list, in the order of their keys.
    pub async fn listed(&mut self, list_id: ListId, part: ListPart) -> Result<Vec<ListMember>> {
        let rows = self
            .rows(
                "SELECT account_id, address FROM list_member WHERE list_id = $1 AND part = $2 \
                 ORDER BY member LIMIT $3",
                values![&list_id, part.as_str(), limit()],
            )
            .await?;
        rows.iter().map(member).collect()
    }

    /// Everybody who receives from a list now, each once; accounts by their first address.
    ///
    /// # Errors
    /// [`Error::Refused`] when they are too many.
    pub async fn list_receivers(&mut self, list: &List) -> Result<Vec<ListMember>> {
        let mut rows = self
            .rows(
                "SELECT m.account_id, a.address FROM list_member m \
                 JOIN account c ON c.account_id = m.account_id \
                 JOIN address a ON a.account_id = m.account_id AND a.kind = 'primary' \
                 WHERE m.list_id = $1 AND m.part = 'member' AND c.state <> 'closed' ORDER BY m.member LIMIT $2",
                values![&list.list_id, limit()],
            )
            .await?;
        rows.extend(self.everybody(list).await?);
        rows.extend(
            self.rows(
                "SELECT account_id, address FROM list_member \
                 WHERE list_id = $1 AND part = 'member' AND account_id IS NULL ORDER BY member LIMIT $2",
                values![&list.list_id, limit()],
            )
            .await?,
        );
        let mut receivers = rows.iter().map(member).collect::<Result<Vec<_>>>()?;
        let mut seen = HashSet::new();
        receivers.retain(|one| one.account.is_none_or(|account| seen.insert(account)));
        match receivers.len() > MEMBERS_MAX {
            true => Err(Error::Refused("a list has 20000 members at most")),
            false => Ok(receivers),
        }
    }

    /// The people of its unit, or of its agency, when it is for everybody.
    async fn everybody(&mut self, list: &List) -> Result<Vec<Row>> {
        match (list.is_everybody, list.unit_id) {
            (false, _) => Ok(Vec::new()),
            (true, Some(unit)) => {
                self.rows(
                    "SELECT c.account_id, a.address FROM account c \
                     JOIN address a ON a.account_id = c.account_id AND a.kind = 'primary' \
                     WHERE c.agency_id = $1 AND c.unit_id = $2 AND c.kind = 'person' AND c.state <> 'closed' \
                     ORDER BY c.account_id LIMIT $3",
                    values![&list.agency_id, &unit, limit()],
                )
                .await
            }
            (true, None) => {
                self.rows(
                    "SELECT c.account_id, a.address FROM account c \
                     JOIN address a ON a.account_id = c.account_id AND a.kind = 'primary' \
                     WHERE c.agency_id = $1 AND c.kind = 'person' AND c.state <> 'closed' \
                     ORDER BY c.account_id LIMIT $2",
                    values![&list.agency_id, limit()],
                )
                .await
            }
        }
    }

    /// Whether somebody may send to a list: an account that signed in, or a stranger.
    pub async fn may_send_to_list(&mut self, list: &List, sender: Option<AccountId>) -> Result<bool> {
        if list.who_may_send == WhoMaySend::Anyone {
            return Ok(true);
        }
        let Some(sender) = sender else { return Ok(false) };
        let Some(account) = self.account(sender).await? else { return Ok(false) };
        let of_agency = account.agency_id == list.agency_id;
        let of_unit = of_agency && account.unit_id.is_some() && account.unit_id == list.unit_id;
        match list.who_may_send {
            WhoMaySend::Anyone | WhoMaySend::House => Ok(true),
            WhoMaySend::Agency => Ok(of_agency),
            WhoMaySend::Unit => Ok(of_unit),
            WhoMaySend::Named => self.is_listed(list.list_id, ListPart::Sender, sender).await,
            WhoMaySend::Members => {
                let is_person = account.kind == crate::AccountKind::Person;
                let computed = is_person && if list.unit_id.is_some() { of_unit } else { of_agency };
                let by_rule = list.is_everybody && computed;
                Ok(by_rule || self.is_listed(list.list_id, ListPart::Member, sender).await?)
            }
        }
    }

    async fn is_listed(&mut self, list_id: ListId, part: ListPart, account: AccountId) -> Result<bool> {
        let row = self
            .row(
                "SELECT 1 FROM list_member WHERE list_id = $1 AND part = $2 AND member = $3",
                values![&list_id, part.as_str(), &account.to_string()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Enqueues a copy for everybody of a list: a row for each account that is not among those `seen`, and rows by domain. Failures are told
    /// to whoever is responsible for the list, not to the author (RFC 5321 §3.9.2); the author's wishes about reports end here
    /// (RFC 3461 §5.2.7.3).
    pub async fn enqueue_list(
        &mut self,
        list: &List,
        copy: &ListCopy,
        seen: &mut HashSet<AccountId>,
        now: Timestamp,
    ) -> Result<usize> {
        let responsible = self.addresses(list.responsible).await?.into_iter().next();
        let mail = OutboundMail {
            reverse_path: responsible.map(|found| found.address),
            submission: None,
            envid: None,
            ret: None,
            list: Some(list.address.clone()),
            ..copy.mail.clone()
        };
        let mut rows = Vec::new();
        let mut elsewhere: BTreeMap<String, Vec<OutboundRecipient>> = BTreeMap::new();
        for receiver in self.list_receivers(list).await? {
            match receiver.account {
                Some(account) if seen.insert(account) => {
                    rows.push(local(copy, &mail, account, receiver, now)?)
                }
                Some(_) => {}
                None => {
                    let domain = receiver.address.domain().as_str().to_owned();
                    elsewhere.entry(domain).or_default().push(OutboundRecipient::plain(receiver.address));
                }
            }
        }
        for (domain, recipients) in &elsewhere {
            for some in recipients.chunks(RECIPIENTS_MAX) {
                let smtputf8 = mail.smtputf8 || some.iter().any(|one| one.address.needs_smtputf8());
                let mail = OutboundMail {
                    recipients: some.to_vec(),
                    smtputf8,
                    keywords: Vec::new(),
                    ..mail.clone()
                };
                rows.push(row(copy, OutboxKind::Mail, domain.clone(), &mail, now)?);
            }
        }
        if !rows.is_empty() {
            self.refer_to_blob_times(copy.owner, copy.blob_id, rows.len()).await?;
        }
        for row in &rows {
            self.enqueue_referring(row, now).await?;
        }
        Ok(rows.len())
    }
}

fn local(
    copy: &ListCopy,
    mail: &OutboundMail,
    account: AccountId,
    receiver: ListMember,
    now: Timestamp,
) -> Result<NewOutbox> {
    let recipient = OutboundRecipient::in_account(account, receiver.address);
    let mail = OutboundMail { recipients: vec![recipient], ..mail.clone() };
    row(copy, OutboxKind::Local, account.to_string(), &mail, now)
}

fn row(
    copy: &ListCopy,
    kind: OutboxKind,
    destination: String,
    mail: &OutboundMail,
    now: Timestamp,
) -> Result<NewOutbox> {
    Ok(NewOutbox {
        kind,
        owner: copy.owner,
        lane: if mail.is_urgent() { Lane::Urgent } else { Lane::Normal },
        destination,
        payload: serde_json::to_string(mail).map_err(|error| Error::Internal(error.to_string()))?,
        blob_id: Some(copy.blob_id),
        // What is to leave later leaves a list later too (RFC 4865).
        due_at: mail.not_before.unwrap_or(now),
    })
}
