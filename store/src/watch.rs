//! Waiting for news of one account: what an idle connection does. Ten thousand of them wait, and a commit wakes only those
//! it concerns.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use mail::AccountId;
use tokio::sync::watch;

/// Who waits for which account.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<HashMap<AccountId, watch::Sender<()>>>);

impl Watches {
    /// Wakes whoever waits for an account.
    pub(crate) fn wake(&self, account_id: AccountId) {
        let watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = watches.get(&account_id) {
            sender.send_replace(());
        }
    }

    /// Wakes everybody: something may have been missed.
    pub(crate) fn wake_all(&self) {
        let watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in watches.values() {
            sender.send_replace(());
        }
    }

    pub(crate) fn watch(self: &Arc<Self>, account_id: AccountId) -> AccountWatch {
        let mut watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = watches.entry(account_id).or_default().subscribe();
        AccountWatch { watches: self.clone(), account_id, receiver: Some(receiver) }
    }
}

/// News of one account, from the moment this was made on. Several pieces of news may arrive as one.
#[derive(Debug)]
pub struct AccountWatch {
    watches: Arc<Watches>,
    account_id: AccountId,
    /// `None` only while being dropped.
    receiver: Option<watch::Receiver<()>>,
}

impl AccountWatch {
    /// Returns when something has changed since this was made or last returned. Look at the account after it, not
    /// before. Cancelling loses nothing.
    pub async fn changed(&mut self) {
        let told = match &mut self.receiver {
            Some(receiver) => receiver.changed().await.is_ok(),
            None => false,
        };
        // Not so while this is alive: the sender stays as long as somebody watches.
        if !told {
            std::future::pending().await
        }
    }
}

impl Drop for AccountWatch {
    fn drop(&mut self) {
        let mut watches = self.watches.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.receiver = None;
        if let Entry::Occupied(entry) = watches.entry(self.account_id)
            && entry.get().receiver_count() == 0
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_watch_hears_of_its_account_alone_and_leaves_nothing_behind() {
        let watches = Arc::new(Watches::default());
        let (one, two) = (AccountId::from_bytes([1; 16]), AccountId::from_bytes([2; 16]));
        let (mut first, mut second, mut other) = (watches.watch(one), watches.watch(one), watches.watch(two));
        watches.wake(one);
        watches.wake(one);
        first.changed().await;
        second.changed().await;
        let again = tokio::time::timeout(Duration::from_millis(5), first.changed()).await;
        assert!(again.is_err(), "two pieces of news arrive as one");
        assert!(tokio::time::timeout(Duration::from_millis(5), other.changed()).await.is_err());
        drop((first, second));
        watches.wake(one);
        assert_eq!(watches.0.lock().unwrap().len(), 1);
    }
}
