//! Signing in with address and password (RULES A15, M21, M25).
//!
//! Argon2 is slow on purpose, a guesser is fast on purpose, and a mail client asks again every minute. So:
//!
//! - failures are counted for each pair of account and source, and for each source; never for an account alone, or anybody
//!   could lock anybody out;
//! - what was verified a moment ago is remembered under a keyed digest, bound to the very hash it was verified against: a
//!   changed password or a locked account counts at once, on every node;
//! - an address that nobody has costs as much as one that somebody has, and is answered with the same words.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mail::{AccountId, AgencyId, Chance, EmailAddress, Secret, Timestamp};
use store::{Account, AccountState, Role, Store};

use crate::bounded::Bounded;
use crate::passwords::{self, PasswordHash};
use crate::policy::Actor;
use crate::standing::Basis;
use crate::{Limits, Said, Sentence};

/// Why somebody is not let in.
#[derive(Debug)]
pub enum Refusal {
    /// Address or password is wrong; which one is not said.
    Wrong,
    /// The password is right, but the account is suspended, locked or closed (RULES M20).
    Disabled(AccountState),
    /// The one-time password is right, but older than 72 hours (RULES M25).
    OneTimeExpired,
    /// Too many failures here; not before then (RULES A15).
    LockedUntil(Timestamp),
    /// Too many attempts at this moment; try again.
    Busy,
    /// The memory did not answer; try again.
    Store(store::Error),
}

impl Refusal {
    /// Whether the same attempt may succeed in a moment (a mail client is told 4xx, a browser 503).
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Busy | Self::Store(_))
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said().en)
    }
}

impl std::error::Error for Refusal {}

impl Said for Refusal {
    fn said(&self) -> Sentence {
        match self {
            Self::Wrong => Sentence::new(
                "sign_in_wrong",
                "Địa chỉ hoặc mật khẩu không đúng.",
                "Address or password is wrong.",
            ),
            Self::Disabled(_) => Sentence::new(
                "sign_in_disabled",
                "Tài khoản đang tạm ngừng hoặc đã khóa. Hãy liên hệ quản trị của cơ quan.",
                "The account is suspended or locked. Ask your agency's administrator.",
            ),
            Self::OneTimeExpired => Sentence::new(
                "sign_in_one_time_expired",
                "Mật khẩu dùng một lần đã hết hạn (72 giờ). Hãy xin cấp lại.",
                "The one-time password has run out (72 hours). Ask for a new one.",
            ),
            Self::LockedUntil(until) => Sentence::new(
                "sign_in_locked",
                format!("Nhập sai quá nhiều lần. Có thể thử lại sau {until}, hoặc nhờ quản trị mở khóa."),
                format!("Too many failures. Try again after {until}, or ask an administrator to unlock."),
            ),
            Self::Busy | Self::Store(_) => {
                Sentence::new("busy", "Hệ thống đang bận, hãy thử lại.", "Busy now; try again.")
            }
        }
    }
}

/// Proof that somebody signed in. Only this module makes one.
#[derive(Clone, Debug)]
pub struct SignedIn {
    account: Account,
    address: EmailAddress,
    must_change_password: bool,
    pub(crate) basis: Basis,
}

impl SignedIn {
    /// The account, without its password's hash.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Its id.
    pub fn account_id(&self) -> AccountId {
        self.account.account_id
    }

    /// Its agency.
    pub fn agency_id(&self) -> AgencyId {
        self.account.agency_id
    }

    /// Its role.
    pub fn role(&self) -> Role {
        self.account.role
    }

    /// The address that was signed in with: the first one or an alias.
    pub fn address(&self) -> &EmailAddress {
        &self.address
    }

    /// The password has to be changed before anything else is done (RULES M25): a door that cannot offer that refuses.
    pub fn must_change_password(&self) -> bool {
        self.must_change_password
    }

    /// The one to ask permissions for (RULES A21).
    pub fn actor(&self) -> Actor {
        Actor::from(&self.account)
    }
}

/// What somebody claims.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who they say they are.
    pub address: EmailAddress,
    /// What they say they know.
    pub password: Secret<String>,
    /// Where they come from.
    pub source: IpAddr,
}

type Digest = [u8; 32];

/// One source: an IPv4 address, or the /64 a single IPv6 host can pick from at will.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Source([u8; 16]);

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => {
                let mut octets = v6.octets();
                octets[8..].fill(0);
                Self(octets)
            }
        }
    }
}

/// How many wrong passwords of a pair are remembered: a person has a phone, a desk and a tablet that may each go on with an
/// older one.
const WRONG_REMEMBERED: usize = 4;

/// An account as seen from one source.
///
/// `failures` counts different wrong passwords: a client that goes on with an old one has failed once. A success does not
/// wipe them, they only age: behind one address a guesser would otherwise be set free by every poll of the holder's phone.
struct Pair {
    account: Digest,
    failures: u32,
    in_flight: u32,
    since: Timestamp,
    locked_until: Option<Timestamp>,
    /// Digests of the latest wrong ones, newest first.
    wrong: [Digest; WRONG_REMEMBERED],
    last_success: Option<Timestamp>,
}

struct Tally {
    failures: u32,
    since: Timestamp,
}

/// A credential that was verified, and against which stored hash.
struct Verified {
    hash: Digest,
    until: Timestamp,
}

struct State {
    pairs: Bounded<Digest, Pair>,
    sources: Bounded<Source, Tally>,
    verified: Bounded<Digest, Verified>,
}

struct Shared {
    key: Secret<[u8; 32]>,
    limits: Limits,
    state: Mutex<State>,
}

/// The door. Cheap to clone; all clones count together. What it counts and remembers lives in this process only and
/// never outgrows [`Limits`].
#[derive(Clone)]
pub struct SignIn(Arc<Shared>);

/// One attempt under way; it counts as such until it is dropped.
pub(crate) struct Attempt {
    door: Arc<Shared>,
    pair: Digest,
    source: Source,
    credential: Digest,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut state = self.door.state();
        if let Some(pair) = state.pairs.get_mut(self.pair) {
            pair.in_flight = pair.in_flight.saturating_sub(1);
        }
    }
}

/// The slow part of an attempt, to be run where blocking is allowed.
#[must_use = "nothing is decided before it is run"]
pub struct HashWork {
    attempt: Attempt,
    claim: Claim,
    account: Option<Account>,
    hash: PasswordHash,
}

/// A [`HashWork`] that was run.
#[must_use = "nobody is let in before this is handed back"]
pub struct Checked {
    work: HashWork,
    matches: bool,
}

impl HashWork {
    /// Does it: some tens of milliseconds and 19 MiB.
    pub fn run(self) -> Checked {
        let matches = passwords::verify(&self.claim.password, &self.hash);
        Checked { work: self, matches }
    }
}

impl SignIn {
    /// A door with its own key.
    pub fn new(limits: Limits, chance: &dyn Chance) -> Self {
        let mut key = [0u8; 32];
        chance.fill(&mut key);
        let state = State {
            pairs: Bounded::new(limits.pairs_max),
            sources: Bounded::new(limits.sources_max),
            verified: Bounded::new(limits.verified_max),
        };
        Self(Arc::new(Shared { key: Secret::new(key), limits, state: Mutex::new(state) }))
    }

    /// Lets somebody in, or says why not. `blocking` runs the slow part where that is allowed, for example
    /// `|work| async { tokio::task::spawn_blocking(|| work.run()).await.ok() }`; `None` says it could not be run.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn sign_in<F, Fut>(
        &self,
        store: &Store,
        claim: Claim,
        now: Timestamp,
        blocking: F,
    ) -> Result<SignedIn, Refusal>
    where
        F: FnOnce(HashWork) -> Fut,
        Fut: Future<Output = Option<Checked>>,
    {
        let password = claim.password.expose_secret().as_bytes();
        let attempt = self.0.begin(&claim.address, claim.source, password, now)?;
        let account = store
            .read((claim.address.clone(), now), |tx, (address, now)| {
                Box::pin(async move { tx.account_at(address, *now).await })
            })
            .await?;
        if let Some(account) = &account
            && self.0.is_remembered(&attempt, account, now)
        {
            self.0.succeeded(&attempt, None, now);
            return Ok(signed_in(account.clone(), claim.address));
        }
        let stored = account.as_ref().and_then(|account| account.password_hash.as_ref());
        let hash = stored.map_or_else(PasswordHash::decoy, PasswordHash::from_stored);
        let checked = blocking(HashWork { attempt, claim, account, hash }).await.ok_or(Refusal::Busy)?;
        self.finish(checked, now)
    }

    /// An attempt by a mechanism that tells no password; `credential` is something that does not repeat.
    pub(crate) fn attempt(
        &self,
        address: &EmailAddress,
        source: IpAddr,
        credential: &[u8],
        now: Timestamp,
    ) -> Result<Attempt, Refusal> {
        self.0.begin(address, source, credential, now)
    }

    /// Who proved to hold this account; `None` when nothing was proven.
    pub(crate) fn proven(
        &self,
        attempt: &Attempt,
        account: Option<Account>,
        address: EmailAddress,
        now: Timestamp,
    ) -> Result<SignedIn, Refusal> {
        let Some(account) = account else {
            self.0.failed(attempt, now);
            return Err(Refusal::Wrong);
        };
        let hash = account.password_hash.as_ref().map(PasswordHash::from_stored);
        opens(&account, hash.as_ref(), now)?;
        self.0.succeeded(attempt, None, now);
        Ok(signed_in(account, address))
    }

    /// Who holds this account by the word of the single sign-on, or of an authority of certificates, and until when; `None` when what was shown
    /// opened nothing.
    pub(crate) fn shown_token(
        &self,
        attempt: &Attempt,
        account: Option<(Account, Timestamp)>,
        address: EmailAddress,
        now: Timestamp,
    ) -> Result<SignedIn, Refusal> {
        let Some((account, until)) = account else {
            self.0.failed(attempt, now);
            return Err(Refusal::Wrong);
        };
        if account.state != AccountState::Active {
            return Err(Refusal::Disabled(account.state));
        }
        self.0.succeeded(attempt, None, now);
        let basis = Basis::Token(until);
        Ok(SignedIn { must_change_password: false, basis, ..signed_in(account, address) })
    }

    /// Who signed in at a front end that is trusted to say so (XCLIENT). Nothing is counted: nobody guesses there.
    ///
    /// # Errors
    /// [`Refusal::Wrong`] when nobody has that address, [`Refusal::Disabled`] (RULES M20), or the store's trouble.
    pub async fn vouched_for(
        &self,
        store: &Store,
        address: EmailAddress,
        now: Timestamp,
    ) -> Result<SignedIn, Refusal> {
        let found = store.read((address.clone(), now), |tx, (address, now)| {
            Box::pin(async move { tx.account_at(address, *now).await })
        });
        let account = found.await?.ok_or(Refusal::Wrong)?;
        if account.state != AccountState::Active {
            return Err(Refusal::Disabled(account.state));
        }
        Ok(SignedIn { must_change_password: false, basis: Basis::Word, ..signed_in(account, address) })
    }

    /// Bytes that look drawn, always the same for an address in this process.
    pub(crate) fn decoy(&self, address: &EmailAddress) -> [u8; 32] {
        self.0.digest(b"decoy", &[address.folded().as_bytes()])
    }

    fn finish(&self, checked: Checked, now: Timestamp) -> Result<SignedIn, Refusal> {
        let Checked { work: HashWork { attempt, claim, account, hash }, matches } = checked;
        let Some(account) = account.filter(|_| matches) else {
            self.0.failed(&attempt, now);
            return Err(Refusal::Wrong);
        };
        opens(&account, Some(&hash), now)?;
        let remember = !account.must_change_password && !hash.is_one_time();
        self.0.succeeded(&attempt, account.password_hash.as_ref().filter(|_| remember), now);
        Ok(signed_in(account, claim.address))
    }

    /// Forgets the failures of an address everywhere (RULES A15: unlocked by an administrator).
    pub fn unlock(&self, address: &EmailAddress) {
        let account = self.0.digest(b"account", &[address.folded().as_bytes()]);
        self.0.state().pairs.retain(|pair| pair.account != account);
    }
}

/// Whether an account whose password is known lets anybody in. Knowing it is no failure, but it may open nothing either.
fn opens(account: &Account, hash: Option<&PasswordHash>, now: Timestamp) -> Result<(), Refusal> {
    if account.state != AccountState::Active {
        return Err(Refusal::Disabled(account.state));
    }
    match hash {
        Some(hash) if hash.is_expired(now) => Err(Refusal::OneTimeExpired),
        Some(_) => Ok(()),
        // A verifier outlives no password.
        None => Err(Refusal::Wrong),
    }
}

fn signed_in(mut account: Account, address: EmailAddress) -> SignedIn {
    let basis = Basis::of_hash(account.password_hash.take().as_ref());
    SignedIn { must_change_password: account.must_change_password, account, address, basis }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A keyed digest of parts, each with its length before it.
    fn digest(&self, what: &[u8], parts: &[&[u8]]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(self.key.expose_secret());
        for part in [what].iter().chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    fn begin(
        self: &Arc<Self>,
        address: &EmailAddress,
        source: IpAddr,
        credential: &[u8],
        now: Timestamp,
    ) -> Result<Attempt, Refusal> {
        let address = address.folded();
        let source = Source::of(source);
        let account = self.digest(b"account", &[address.as_bytes()]);
        let pair_key = self.digest(b"pair", &[address.as_bytes(), &source.0]);
        let credential = self.digest(b"credential", &[address.as_bytes(), credential]);
        let limits = &self.limits;
        let mut state = self.state();
        let State { pairs, sources, .. } = &mut *state;
        let pair = pairs.entry(pair_key, || Pair {
            account,
            failures: 0,
            in_flight: 0,
            since: now,
            locked_until: None,
            wrong: [[0; 32]; WRONG_REMEMBERED],
            last_success: None,
        });
        if pair.locked_until.is_some_and(|until| until <= now) || now.since(pair.since) >= limits.locked_for {
            (pair.failures, pair.since, pair.locked_until) = (0, now, None);
        }
        if let Some(until) = pair.locked_until {
            return Err(Refusal::LockedUntil(until));
        }
        // Attempts under way might all fail: together with the failures they stay within the limit, so that a burst
        // gains nothing.
        if pair.failures + pair.in_flight >= limits.failures_per_account {
            return Err(Refusal::Busy);
        }
        let is_known = pair.last_success.is_some_and(|at| now.since(at) < limits.known_for);
        let tally = sources.entry(source, || Tally { failures: 0, since: now });
        if now.since(tally.since) >= limits.source_window {
            *tally = Tally { failures: 0, since: now };
        }
        if tally.failures >= limits.failures_per_source && !is_known {
            return Err(Refusal::LockedUntil(tally.since.plus(limits.source_window)));
        }
        pair.in_flight += 1;
        drop(state);
        Ok(Attempt { door: self.clone(), pair: pair_key, source, credential })
    }

    fn is_remembered(&self, attempt: &Attempt, account: &Account, now: Timestamp) -> bool {
        let Some(hash) = &account.password_hash else { return false };
        let hash = self.digest(b"hash", &[hash.expose_secret().as_bytes()]);
        let mut state = self.state();
        let alive =
            state.verified.get_mut(attempt.credential).is_some_and(|v| v.hash == hash && v.until > now);
        if !alive {
            state.verified.remove(attempt.credential);
        }
        alive && account.state == AccountState::Active && !account.must_change_password
    }

    fn succeeded(&self, attempt: &Attempt, remember: Option<&Secret<String>>, now: Timestamp) {
        let hash = remember.map(|hash| self.digest(b"hash", &[hash.expose_secret().as_bytes()]));
        let mut state = self.state();
        if let Some(pair) = state.pairs.get_mut(attempt.pair) {
            pair.last_success = Some(now);
        }
        if let Some(hash) = hash {
            let until = now.plus(self.limits.verified_for);
            *state.verified.entry(attempt.credential, || Verified { hash, until }) = Verified { hash, until };
        }
    }

    fn failed(&self, attempt: &Attempt, now: Timestamp) {
        let mut state = self.state();
        if let Some(tally) = state.sources.get_mut(attempt.source) {
            tally.failures = tally.failures.saturating_add(1);
        }
        let Some(pair) = state.pairs.get_mut(attempt.pair) else { return };
        if !pair.wrong.contains(&attempt.credential) {
            pair.wrong.rotate_right(1);
            pair.wrong[0] = attempt.credential;
            pair.failures += 1;
        }
        if pair.failures >= self.limits.failures_per_account {
            pair.locked_until = Some(now.plus(self.limits.locked_for));
        }
    }
}
