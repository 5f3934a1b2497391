//! Who may do what: one table (RULES A21, least privilege and separation of duties).
//!
//! A role may do an act within a reach: with its own, within its agency, within agencies below too. What is not in the
//! table is forbidden.

use mail::{AccountId, AgencyId, UnitId};
use store::{Account, Role};

use crate::{Said, Sentence};

/// Something that can be done. Every door asks with these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Read the mail of an account.
    ReadMail,
    /// Send mail as an account.
    SendMail,
    /// Read the documents of an agency.
    ReadDocuments,
    /// Register a document, coming or going, and report its status.
    RegisterDocument,
    /// Put the agency's seal (its signature) on a document.
    SealDocument,
    /// Send a document of an agency over the exchange.
    SendDocument,
    /// Recall, update or replace a document that was sent.
    RecallDocument,
    /// Speak, as one of two persons, for the release of a package refused as a state secret (RULES R13).
    ReleaseSecrecy,
    /// Speak, as one of two persons, for the reversal of a recall (RULES R43).
    ReverseRecall,
    /// Sign as the competent person.
    SignDocument,
    /// Add and change accounts, reset passwords, unlock.
    ManageAccounts,
    /// Add and change agencies, units, domains and routes.
    ManageAgencies,
    /// Admit systems to the exchange, register signers' certificates and trust anchors.
    ManageTrust,
    /// Set the rules of mail, and grant exceptions from them (RULES M7).
    ManagePolicy,
    /// Read the audit log.
    ReadAudit,
    /// Change one's own password and settings.
    ChangeOwnAccount,
}

impl Act {
    /// All acts, for pages that show the table.
    pub const ALL: [Self; 16] = [
        Self::ReadMail,
        Self::SendMail,
        Self::ReadDocuments,
        Self::RegisterDocument,
        Self::SealDocument,
        Self::SendDocument,
        Self::RecallDocument,
        Self::ReleaseSecrecy,
        Self::ReverseRecall,
        Self::SignDocument,
        Self::ManageAccounts,
        Self::ManageAgencies,
        Self::ManageTrust,
        Self::ManagePolicy,
        Self::ReadAudit,
        Self::ChangeOwnAccount,
    ];
}

/// How far a role reaches, each including the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nowhere.
    Nothing,
    /// To one's own account.
    Own,
    /// To one's own agency.
    Agency,
    /// To one's own agency and those below it.
    Below,
}

/// How far away what is acted upon lies, from the actor's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// One's own account.
    Own,
    /// One's own agency.
    Agency,
    /// An agency below one's own.
    Below,
    /// Anywhere else.
    Elsewhere,
}

/// The table (RULES A21): clerks register, seal and send; leaders sign; staff have their mail; administrators provision
/// and read nobody's content.
#[rustfmt::skip]
pub const fn reach(role: Role, act: Act) -> Reach {
    use Act::*;
    use Reach::{Agency, Below, Nothing, Own};
    let [clerk, leader, staff, admin] = match act {
        //                    clerk    leader   staff    admin
        ReadMail         => [Own,     Own,     Own,     Own],
        SendMail         => [Own,     Own,     Own,     Own],
        ReadDocuments    => [Agency,  Agency,  Nothing, Nothing],
        RegisterDocument => [Agency,  Nothing, Nothing, Nothing],
        SealDocument     => [Agency,  Nothing, Nothing, Nothing],
        SendDocument     => [Agency,  Nothing, Nothing, Nothing],
        RecallDocument   => [Agency,  Nothing, Nothing, Nothing],
        ReleaseSecrecy   => [Agency,  Agency,  Nothing, Nothing],
        ReverseRecall    => [Agency,  Agency,  Nothing, Nothing],
        SignDocument     => [Nothing, Agency,  Nothing, Nothing],
        ManageAccounts   => [Nothing, Nothing, Nothing, Below],
        ManageAgencies   => [Nothing, Nothing, Nothing, Below],
        ManageTrust      => [Nothing, Nothing, Nothing, Below],
        ManagePolicy     => [Nothing, Nothing, Nothing, Below],
        ReadAudit        => [Nothing, Nothing, Nothing, Below],
        ChangeOwnAccount => [Own,     Own,     Own,     Own],
    };
    match role {
        Role::Clerk => clerk,
        Role::Leader => leader,
        Role::Staff => staff,
        Role::Admin => admin,
    }
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The account.
    pub account_id: AccountId,
    /// Its agency.
    pub agency_id: AgencyId,
    /// Its unit, if any.
    pub unit_id: Option<UnitId>,
    /// Its role.
    pub role: Role,
}

impl From<&Account> for Actor {
    fn from(account: &Account) -> Self {
        Self {
            account_id: account.account_id,
            agency_id: account.agency_id,
            unit_id: account.unit_id,
            role: account.role,
        }
    }
}

/// The act is not within the actor's reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.said().en)]
pub struct Denied {
    /// Who asked.
    pub role: Role,
    /// For what.
    pub act: Act,
}

/// A permission that was asked for and given: the proof a verb can demand. Only this module makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct May {
    actor: Actor,
    act: Act,
}

impl May {
    /// Who may.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// What.
    pub fn act(&self) -> Act {
        self.act
    }
}

impl Actor {
    /// Asks to act upon something at a distance.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn may_at(self, act: Act, distance: Distance) -> Result<May, Denied> {
        let needed = match distance {
            Distance::Own => Reach::Own,
            Distance::Agency => Reach::Agency,
            Distance::Below => Reach::Below,
            Distance::Elsewhere => return Err(Denied { role: self.role, act }),
        };
        match reach(self.role, act) >= needed {
            true => Ok(May { actor: self, act }),
            false => Err(Denied { role: self.role, act }),
        }
    }

    /// Asks to act upon an account, of whatever agency. An agency below counts as elsewhere: who knows the tree asks
    /// with [`may_at`](Self::may_at).
    ///
    /// # Errors
    /// [`Denied`].
    pub fn may_on_account(self, act: Act, account_id: AccountId, agency_id: AgencyId) -> Result<May, Denied> {
        let distance = match () {
            () if account_id == self.account_id => Distance::Own,
            () if agency_id == self.agency_id => Distance::Agency,
            () => Distance::Elsewhere,
        };
        self.may_at(act, distance)
    }

    /// Asks to act for or upon an agency.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn may_on_agency(self, act: Act, agency_id: AgencyId) -> Result<May, Denied> {
        let own = agency_id == self.agency_id;
        self.may_at(act, if own { Distance::Agency } else { Distance::Elsewhere })
    }
}

impl Said for Denied {
    fn said(&self) -> Sentence {
        let (vi, en) = match self.role {
            Role::Clerk => ("văn thư", "a clerk"),
            Role::Leader => ("lãnh đạo", "a leader"),
            Role::Staff => ("chuyên viên", "staff"),
            Role::Admin => ("quản trị", "an administrator"),
        };
        Sentence::new(
            "not_permitted",
            format!("Vai trò {vi} không được làm việc này ở đây."),
            format!("The role of {en} does not permit this here."),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 4] = [Role::Clerk, Role::Leader, Role::Staff, Role::Admin];

    fn actor(role: Role) -> Actor {
        Actor {
            account_id: AccountId::from_bytes([1; 16]),
            agency_id: AgencyId::from_bytes([1; 16]),
            unit_id: None,
            role,
        }
    }

    /// The table once more, from the side of the law: act, distance, and who is let.
    #[test]
    #[rustfmt::skip]
    fn a21_every_permission_and_every_denial() {
        use Act::*;
        use Distance::*;
        use Role::*;
        let permitted: &[(Act, Distance, &[Role])] = &[
            (ReadMail, Own, &ROLES),            (ReadMail, Agency, &[]),               (ReadMail, Below, &[]),
            (SendMail, Own, &ROLES),            (SendMail, Agency, &[]),               (SendMail, Below, &[]),
            (ReadDocuments, Own, &[Clerk, Leader]), (ReadDocuments, Agency, &[Clerk, Leader]), (ReadDocuments, Below, &[]),
            (RegisterDocument, Own, &[Clerk]),  (RegisterDocument, Agency, &[Clerk]),  (RegisterDocument, Below, &[]),
            (SealDocument, Own, &[Clerk]),      (SealDocument, Agency, &[Clerk]),      (SealDocument, Below, &[]),
            (SendDocument, Own, &[Clerk]),      (SendDocument, Agency, &[Clerk]),      (SendDocument, Below, &[]),
            (RecallDocument, Own, &[Clerk]),    (RecallDocument, Agency, &[Clerk]),    (RecallDocument, Below, &[]),
            (ReleaseSecrecy, Own, &[Clerk, Leader]), (ReleaseSecrecy, Agency, &[Clerk, Leader]), (ReleaseSecrecy, Below, &[]),
            (ReverseRecall, Own, &[Clerk, Leader]), (ReverseRecall, Agency, &[Clerk, Leader]), (ReverseRecall, Below, &[]),
            (SignDocument, Own, &[Leader]),     (SignDocument, Agency, &[Leader]),     (SignDocument, Below, &[]),
            (ManageAccounts, Own, &[Admin]),    (ManageAccounts, Agency, &[Admin]),    (ManageAccounts, Below, &[Admin]),
            (ManageAgencies, Own, &[Admin]),    (ManageAgencies, Agency, &[Admin]),    (ManageAgencies, Below, &[Admin]),
            (ManageTrust, Own, &[Admin]),       (ManageTrust, Agency, &[Admin]),       (ManageTrust, Below, &[Admin]),
            (ManagePolicy, Own, &[Admin]),      (ManagePolicy, Agency, &[Admin]),      (ManagePolicy, Below, &[Admin]),
            (ReadAudit, Own, &[Admin]),         (ReadAudit, Agency, &[Admin]),         (ReadAudit, Below, &[Admin]),
            (ChangeOwnAccount, Own, &ROLES),    (ChangeOwnAccount, Agency, &[]),       (ChangeOwnAccount, Below, &[]),
        ];
        assert_eq!(permitted.len(), Act::ALL.len() * 3, "every act at every distance");
        for (act, distance, who) in permitted {
            for role in ROLES {
                let answer = actor(role).may_at(*act, *distance);
                assert_eq!(answer.is_ok(), who.contains(&role), "{role:?} {act:?} {distance:?}");
            }
        }
    }

    #[test]
    fn a21_nobody_reaches_elsewhere() {
        for act in Act::ALL {
            for role in ROLES {
                let denied = actor(role).may_at(act, Distance::Elsewhere);
                assert_eq!(denied, Err(Denied { role, act }));
            }
        }
    }

    #[test]
    fn a21_an_administrator_reads_nobodys_content() {
        let (own, other) = (AccountId::from_bytes([1; 16]), AccountId::from_bytes([2; 16]));
        let agency = AgencyId::from_bytes([1; 16]);
        let admin = actor(Role::Admin);
        assert!(admin.may_on_account(Act::ReadMail, own, agency).is_ok());
        assert!(admin.may_on_account(Act::ReadMail, other, agency).is_err());
        assert!(admin.may_on_account(Act::ManageAccounts, other, agency).is_ok());
        assert!(admin.may_on_agency(Act::ReadDocuments, agency).is_err());
        assert!(admin.may_on_agency(Act::SealDocument, agency).is_err());
    }

    #[test]
    fn a21_a_clerk_acts_for_no_other_agency_and_does_not_sign() {
        let clerk = actor(Role::Clerk);
        let (own, other) = (AgencyId::from_bytes([1; 16]), AgencyId::from_bytes([2; 16]));
        assert!(clerk.may_on_agency(Act::SendDocument, own).is_ok());
        assert_eq!(clerk.may_on_agency(Act::SendDocument, other).unwrap_err().said().code, "not_permitted");
        assert!(clerk.may_on_agency(Act::SignDocument, own).is_err());
        assert!(clerk.may_on_agency(Act::ManageAccounts, own).is_err());
    }

    #[test]
    fn a21_a_leader_signs_and_does_not_seal_or_send() {
        let leader = actor(Role::Leader);
        let own = AgencyId::from_bytes([1; 16]);
        assert!(leader.may_on_agency(Act::SignDocument, own).is_ok());
        assert!(leader.may_on_agency(Act::SealDocument, own).is_err());
        assert!(leader.may_on_agency(Act::SendDocument, own).is_err());
    }

    #[test]
    fn r13_r43_no_administrator_releases_or_reverses_anything() {
        let own = AgencyId::from_bytes([1; 16]);
        let other = AgencyId::from_bytes([2; 16]);
        for act in [Act::ReleaseSecrecy, Act::ReverseRecall] {
            for role in [Role::Admin, Role::Staff] {
                assert_eq!(actor(role).may_on_agency(act, own), Err(Denied { role, act }));
            }
            for role in [Role::Clerk, Role::Leader] {
                assert!(actor(role).may_on_agency(act, own).is_ok());
                assert!(actor(role).may_on_agency(act, other).is_err());
            }
        }
    }

    #[test]
    fn a21_staff_have_their_mail_and_nothing_else() {
        let staff = actor(Role::Staff);
        for act in Act::ALL {
            let own_only = matches!(act, Act::ReadMail | Act::SendMail | Act::ChangeOwnAccount);
            assert_eq!(staff.may_at(act, Distance::Own).is_ok(), own_only, "{act:?}");
            assert!(staff.may_at(act, Distance::Agency).is_err(), "{act:?}");
        }
    }
}
