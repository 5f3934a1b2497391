//! Whether somebody who signed in a while ago may still be here (RULES M20, M25): a connection that lives for hours asks again and again.
//!
//! Who signs in is judged once, by [`SignIn`](crate::sign_in::SignIn). What that judgement rested on is kept here, as a digest, and held
//! against what the memory knows now: the same account, in use, with the same password, or a token whose time is not over.

use mail::{AccountId, Secret, Timestamp};
use store::{Account, AccountState};

use crate::sign_in::SignedIn;
use crate::{Said, Sentence};

/// What a sign-in rests on. Thousands of idle connections hold one each, so it is small, and it holds no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    account_id: AccountId,
    basis: Basis,
}

/// What was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// A password: the digest of the hash it was verified against.
    Password([u8; 32]),
    /// A token of the single sign-on, or a certificate, good until a moment.
    Token(Timestamp),
    /// The word of a front end that is trusted: nothing was shown here.
    Word,
}

impl Basis {
    /// Of a password, by its stored hash.
    pub(crate) fn of_hash(stored: Option<&Secret<String>>) -> Self {
        let text = stored.map_or("", |hash| hash.expose_secret().as_str());
        Self::Password(blake3::hash(text.as_bytes()).into())
    }
}

/// Why somebody who was let in may not stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The account is suspended, locked, closed or gone (RULES M20).
    Disabled,
    /// It has another password now, or one that has to be changed first (RULES M25).
    PasswordChanged,
    /// The token's time is over.
    TokenExpired,
    /// The agency does not offer this protocol to its people any more.
    DoorClosed,
}

impl SignedIn {
    /// What this rests on, for a connection that asks later whether it still holds.
    pub fn standing(&self) -> Standing {
        Standing { account_id: self.account_id(), basis: self.basis }
    }
}

impl Standing {
    /// Who signed in.
    pub fn account_id(&self) -> AccountId {
        self.account_id
    }

    /// Holds what a sign-in rested on against the account as it is now; `None` when there is no such account any more.
    ///
    /// # Errors
    /// [`Over`], and then the connection ends.
    pub fn holds(&self, account: Option<&Account>, now: Timestamp) -> Result<(), Over> {
        let account =
            account.filter(|account| account.account_id == self.account_id).ok_or(Over::Disabled)?;
        if account.state != AccountState::Active {
            return Err(Over::Disabled);
        }
        match self.basis {
            Basis::Token(until) if until <= now => Err(Over::TokenExpired),
            Basis::Token(_) | Basis::Word => Ok(()),
            Basis::Password(_) => {
                let is_same = Basis::of_hash(account.password_hash.as_ref()) == self.basis;
                if is_same && !account.must_change_password { Ok(()) } else { Err(Over::PasswordChanged) }
            }
        }
    }
}

impl Said for Over {
    fn said(&self) -> Sentence {
        match self {
            Self::Disabled => Sentence::new(
                "sign_in_disabled",
                "Tài khoản đang tạm ngừng hoặc đã khóa. Hãy liên hệ quản trị của cơ quan.",
                "The account is suspended or locked. Ask your agency's administrator.",
            ),
            Self::PasswordChanged => Sentence::new(
                "sign_in_password_changed",
                "Mật khẩu đã đổi. Hãy đăng nhập lại.",
                "The password has changed. Sign in again.",
            ),
            Self::TokenExpired => Sentence::new(
                "sign_in_token_expired",
                "Phiên đăng nhập một lần đã hết hạn. Hãy đăng nhập lại.",
                "The single sign-on has run out. Sign in again.",
            ),
            Self::DoorClosed => Sentence::new(
                "sign_in_door_closed",
                "Cơ quan không mở cách truy cập này cho tài khoản.",
                "Your agency does not offer this way in.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use mail::{AgencyId, ModSeq};
    use store::{AccountKind, Role};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_309_200);

    fn account(change: impl FnOnce(&mut Account)) -> Account {
        let mut account = Account {
            account_id: AccountId::from_bytes([1; 16]),
            agency_id: AgencyId::from_bytes([1; 16]),
            unit_id: None,
            kind: AccountKind::Person,
            role: Role::Staff,
            state: AccountState::Active,
            display_name: "An".to_owned(),
            position: String::new(),
            password_hash: Some(Secret::from("$argon2id$one")),
            must_change_password: false,
            modseq: ModSeq(1),
            quota_bytes: 1,
            used_bytes: 0,
        };
        change(&mut account);
        account
    }

    #[test]
    #[rustfmt::skip]
    fn m20_m25_what_ends_a_connection() {
        let on = |basis| Standing { account_id: account(|_| ()).account_id, basis };
        let by_password = on(Basis::of_hash(account(|_| ()).password_hash.as_ref()));
        let by_token = on(Basis::Token(NOW));
        let (before, after) = (Timestamp::from_secs(NOW.secs() - 1), NOW);
        let other = |a: &mut Account| a.password_hash = Some(Secret::from("$argon2id$two"));
        let rows = [
            ("nothing happened",       Some(account(|_| ())),                                    Ok(()),                     Ok(())),
            ("suspended",              Some(account(|a| a.state = AccountState::Suspended)),     Err(Over::Disabled),        Err(Over::Disabled)),
            ("locked",                 Some(account(|a| a.state = AccountState::Locked)),        Err(Over::Disabled),        Err(Over::Disabled)),
            ("closed",                 Some(account(|a| a.state = AccountState::Closed)),        Err(Over::Disabled),        Err(Over::Disabled)),
            ("gone",                   None,                                                     Err(Over::Disabled),        Err(Over::Disabled)),
            ("somebody else's",        Some(account(|a| a.account_id = AccountId::from_bytes([2; 16]))), Err(Over::Disabled), Err(Over::Disabled)),
            ("another password",       Some(account(other)),                                     Err(Over::PasswordChanged), Ok(())),
            ("no password",            Some(account(|a| a.password_hash = None)),                Err(Over::PasswordChanged), Ok(())),
            ("a password to change",   Some(account(|a| a.must_change_password = true)),         Err(Over::PasswordChanged), Ok(())),
        ];
        for (what, account, password, token) in rows {
            assert_eq!(by_password.holds(account.as_ref(), after), password, "{what}");
            assert_eq!(by_token.holds(account.as_ref(), before), token, "{what}");
        }
        assert_eq!(by_token.holds(Some(&account(|_| ())), after), Err(Over::TokenExpired));
    }
}
