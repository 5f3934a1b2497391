//! A bounded number of sessions with one token, logged in once.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cryptoki::context::{Function, Pkcs11};
use cryptoki::error::{Error as Fault, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::Pin;
use crate::keys::TokenUri;
use crate::{Error, Limits};

pub(super) struct Pool {
    module: Pkcs11,
    uri: TokenUri,
    pin: Option<Pin>,
    most: usize,
    patience: Duration,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    slot: Option<Slot>,
    idle: Vec<Session>,
    /// Sessions that exist, lent ones included.
    open: usize,
    /// Grows when all sessions are forgotten; those of an older generation are closed when they come back.
    generation: u64,
    /// The token refused our PIN. It is never presented again.
    refused: Option<Error>,
}

/// A session for the time of one operation.
pub(super) struct Lent<'p> {
    pool: &'p Pool,
    session: Option<Session>,
    generation: u64,
}

impl Pool {
    pub(super) fn new(module: Pkcs11, uri: TokenUri, pin: Option<Pin>, limits: &Limits) -> Pool {
        let patience = Duration::from_millis(limits.token_wait_millis);
        let (most, state) = (limits.token_sessions.max(1), Mutex::default());
        Pool { module, uri, pin, most, patience, state, returned: Condvar::new() }
    }

    /// An idle session, or a new one while there may be more, or the next one that comes back.
    pub(super) fn take(&self) -> Result<Lent<'_>, Error> {
        let mut state = self.lock();
        loop {
            if let Some(error) = &state.refused {
                return Err(error.clone());
            }
            if let Some(session) = state.idle.pop() {
                return Ok(Lent { pool: self, session: Some(session), generation: state.generation });
            }
            if state.open < self.most {
                // Opened under the lock: two threads must not both present the PIN.
                match self.open(&mut state) {
                    Ok(session) => {
                        state.open += 1;
                        return Ok(Lent { pool: self, session: Some(session), generation: state.generation });
                    }
                    // The token bears fewer than we would open: the next one that comes back does.
                    Err(Error::TokenBusy) if state.open > 0 => {}
                    Err(error) => return Err(error),
                }
            }
            let (back, waited) =
                self.returned.wait_timeout(state, self.patience).unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() && back.idle.is_empty() && back.open > 0 {
                return Err(Error::TokenBusy);
            }
            state = back;
        }
    }

    pub(super) fn sessions(&self) -> usize {
        self.lock().open
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, state: &mut State) -> Result<Session, Error> {
        let opened = match self.open_at(state) {
            Err(Opening::Fault(fault)) if is_stale(&fault) => {
                // The slot is another one since the token was plugged in again, or the module was shut down.
                state.slot = None;
                super::initialize(&self.module).map_err(told)?;
                self.open_at(state)
            }
            other => other,
        };
        match opened {
            Ok(session) => Ok(session),
            Err(Opening::Fault(fault)) => Err(told(fault)),
            Err(Opening::Refused(error)) => {
                if matches!(error, Error::PinWrong | Error::PinLocked) {
                    state.refused = Some(error.clone());
                }
                Err(error)
            }
        }
    }

    fn open_at(&self, state: &mut State) -> Result<Session, Opening> {
        let slot = match state.slot {
            Some(slot) => slot,
            None => self.find_slot()?,
        };
        let session = self.module.open_ro_session(slot)?;
        self.log_in(slot, &session)?;
        state.slot = Some(slot);
        Ok(session)
    }

    fn find_slot(&self) -> Result<Slot, Opening> {
        for slot in self.module.get_slots_with_token()? {
            if self.uri.slot.is_some_and(|number| number != slot.id()) {
                continue;
            }
            // A slot whose token was pulled out this moment is not the one.
            let Ok(info) = self.module.get_token_info(slot) else { continue };
            if info.token_initialized() && self.fits(&info) {
                return Ok(slot);
            }
        }
        Err(Opening::Refused(Error::TokenAbsent))
    }

    fn fits(&self, info: &TokenInfo) -> bool {
        let uri = &self.uri;
        let fits =
            |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|text| text == has.trim_end());
        fits(&uri.token, info.label())
            && fits(&uri.serial, info.serial_number())
            && fits(&uri.manufacturer, info.manufacturer_id())
            && fits(&uri.model, info.model())
    }

    /// All sessions with a token share one login, so most find it done.
    fn log_in(&self, slot: Slot, session: &Session) -> Result<(), Opening> {
        if is_logged_in(session)? {
            return Ok(());
        }
        let info = self.module.get_token_info(slot)?;
        if !info.login_required() {
            return Ok(());
        }
        if info.user_pin_locked() {
            return Err(Opening::Refused(Error::PinLocked));
        }
        if info.user_pin_final_try() {
            return Err(Opening::Refused(Error::PinLastTry));
        }
        // A reader with its own keypad takes the PIN there.
        let pin = if info.protected_authentication_path() { None } else { self.pin() };
        if pin.is_none() && !info.protected_authentication_path() {
            return Err(Opening::Refused(Error::PinNeeded));
        }
        match session.login(UserType::User, pin) {
            Ok(()) | Err(Fault::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Fault::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                Err(Opening::Refused(Error::PinWrong))
            }
            Err(Fault::Pkcs11(RvError::PinLocked, _)) => Err(Opening::Refused(Error::PinLocked)),
            Err(fault) => Err(fault.into()),
        }
    }

    fn pin(&self) -> Option<&AuthPin> {
        self.pin.as_ref().map(|pin| &pin.0)
    }
}

fn is_logged_in(session: &Session) -> Result<bool, Fault> {
    use cryptoki::session::SessionState::{RoUser, RwUser};
    Ok(matches!(session.get_session_info()?.session_state(), RoUser | RwUser))
}

/// Why no session was opened.
enum Opening {
    Fault(Fault),
    Refused(Error),
}

impl From<Fault> for Opening {
    fn from(fault: Fault) -> Opening {
        Opening::Fault(fault)
    }
}

impl Lent<'_> {
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// A PIN was presented, and somebody has logged out since.
    pub(super) fn is_logged_out(&self) -> Result<bool, Fault> {
        Ok(self.pin().is_some() && !is_logged_in(self)?)
    }

    /// For keys that want it at every signature.
    pub(super) fn pin(&self) -> Option<&AuthPin> {
        self.pool.pin()
    }

    /// This session and all of its time are of no use any more.
    pub(super) fn forget_all(&mut self) {
        let mut state = self.pool.lock();
        // Only the first of several that notice.
        if state.generation == self.generation {
            state.generation += 1;
            state.open -= state.idle.len();
            state.idle.clear();
        }
    }
}

impl Deref for Lent<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        // Taken only by `drop`.
        self.session.as_ref().expect("a lent session is there until it is given back")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        match self.session.take() {
            Some(session) if state.generation == self.generation => state.idle.push(session),
            _ => state.open -= 1,
        }
        drop(state);
        self.pool.returned.notify_one();
    }
}

/// The token has forgotten session, login or object; a fresh session may do better.
pub(super) fn is_stale(fault: &Fault) -> bool {
    use RvError::{
        CryptokiNotInitialized, DeviceRemoved, KeyHandleInvalid, ObjectHandleInvalid, SessionClosed,
        SessionHandleInvalid, SlotIdInvalid, TokenNotPresent, TokenNotRecognized, UserNotLoggedIn,
    };
    let Fault::Pkcs11(
        CryptokiNotInitialized
        | DeviceRemoved
        | KeyHandleInvalid
        | ObjectHandleInvalid
        | SessionClosed
        | SessionHandleInvalid
        | SlotIdInvalid
        | TokenNotPresent
        | TokenNotRecognized
        | UserNotLoggedIn,
        _,
    ) = fault
    else {
        return false;
    };
    true
}

/// A fault in this room's words.
pub(super) fn told(fault: Fault) -> Error {
    match fault {
        Fault::Pkcs11(RvError::TokenNotPresent | RvError::DeviceRemoved, _) => Error::TokenAbsent,
        Fault::Pkcs11(RvError::PinIncorrect, Function::Login) => Error::PinWrong,
        Fault::Pkcs11(RvError::PinLocked, _) => Error::PinLocked,
        Fault::Pkcs11(RvError::SessionCount, _) => Error::TokenBusy,
        Fault::NotSupported => Error::Unsupported("this algorithm with this token"),
        other => Error::TokenFailed(other.to_string()),
    }
}
