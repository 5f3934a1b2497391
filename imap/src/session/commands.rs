//! Which command may be said when (RFC 9051 §6), and who does it.

use super::job::{Job, Simple};
use super::{Grant, Session, Wish};
use crate::Error;
use crate::codec::Refusal;
use crate::codec::command::{Body, Command};
use crate::codec::response::{Code, Condition};

impl Session {
    pub(super) fn command(&mut self, command: Command) {
        let Command { tag, body } = command;
        match body {
            Body::Capability => self.capability(tag),
            Body::Noop | Body::Check => self.noop(tag),
            Body::Logout => {
                self.out.untagged(Condition::Bye, None, "Good bye");
                self.ok(&tag, "LOGOUT completed");
                self.close();
            }
            Body::Id(_) => {
                self.out.id(&[("name", "congvan")]);
                self.finish(tag, "ID completed");
            }
            Body::StartTls => self.start_tls(&tag),
            Body::Login { user, password } => self.login(tag, &user, &password),
            Body::Authenticate { mechanism, initial } => self.authenticate(tag, &mechanism, initial),
            _ if self.account.is_none() => {
                self.bad(&tag, "Sign in first");
                self.refused_input();
            }
            body => self.command_signed_in(tag, body),
        }
    }

    /// Commands of who has signed in.
    fn command_signed_in(&mut self, tag: String, body: Body) {
        match body {
            Body::Unauthenticate => self.unauthenticate(&tag),
            Body::Enable(names) => self.enable(tag, &names),
            Body::Select { mailbox, is_read_only, condstore, qresync } => {
                self.select(tag, mailbox, is_read_only, condstore, qresync);
            }
            Body::Create { mailbox, special_use } => {
                self.simple(tag, Simple::Create, Wish::Create { mailbox, special_use });
            }
            Body::Delete(mailbox) => self.simple(tag, Simple::Done("DELETE"), Wish::Delete(mailbox)),
            Body::Rename { from, to } => {
                self.simple(tag, Simple::Done("RENAME"), Wish::Rename { from, to });
            }
            Body::Subscribe(mailbox) => {
                let wish = Wish::Subscribe { mailbox, is_subscribed: true };
                self.simple(tag, Simple::Done("SUBSCRIBE"), wish);
            }
            Body::Unsubscribe(mailbox) => {
                let wish = Wish::Subscribe { mailbox, is_subscribed: false };
                self.simple(tag, Simple::Done("UNSUBSCRIBE"), wish);
            }
            Body::List(list) => self.list(tag, list),
            Body::Lsub { reference, pattern } => self.lsub(tag, reference, pattern),
            Body::Namespace => {
                self.out.namespace();
                self.finish(tag, "NAMESPACE completed");
            }
            Body::Status { mailbox, items } => self.status(tag, mailbox, items),
            Body::Append { mailbox, messages } => {
                self.simple(tag, Simple::Append, Wish::Append { mailbox, messages });
            }
            Body::Idle => self.idle(tag),
            Body::GetQuota(root) if root.is_empty() => self.simple(tag, Simple::Quota, Wish::Quota),
            Body::GetQuota(_) => self.no(&tag, Some(Code::NonExistent), "No such quota root"),
            Body::GetQuotaRoot(mailbox) => self.simple(tag, Simple::QuotaRoot(mailbox), Wish::Quota),
            Body::Compress => self.compress(&tag),
            Body::Notify(notify) => self.notify(tag, notify),
            _ if self.view.is_none() => {
                self.bad(&tag, "Select a mailbox first");
                self.refused_input();
            }
            body => self.command_selected(tag, body),
        }
    }

    /// Commands about the mailbox that is selected.
    fn command_selected(&mut self, tag: String, body: Body) {
        match body {
            Body::Close => self.close_mailbox(tag),
            Body::Unselect => {
                self.view = None;
                self.ok(&tag, "UNSELECT completed");
            }
            Body::Expunge(only) => self.expunge(tag, only.as_ref()),
            Body::Search { uid, search, returns } => self.search(tag, uid, search, returns),
            Body::Sort { uid, order, search, returns } => self.sort(tag, uid, order, search, returns),
            Body::Thread { uid, algorithm, search } => self.thread(tag, uid, algorithm, search),
            Body::Fetch { uid, set, items, changed_since, vanished, partial } => {
                let how = super::fetch::How { uid, changed_since, vanished, partial };
                self.fetch(tag, how, &set, items);
            }
            Body::Store { uid, set, unchanged_since, change, silent, flags } => {
                let how = super::flags::How { uid, unchanged_since, change, silent };
                self.store(tag, how, &set, flags);
            }
            Body::Copy { uid, set, mailbox, moves } => self.copy(tag, uid, &set, mailbox, moves),
            // All others were answered before.
            _ => self.bad(&tag, "Not now"),
        }
    }

    /// A command that is one wish.
    fn simple(&mut self, tag: String, simple: Simple, wish: Wish) {
        self.job = Job::Simple(tag, simple);
        self.wish(wish);
    }

    /// A line that the session asked for.
    pub(super) fn line(&mut self, line: Vec<u8>) {
        match std::mem::take(&mut self.job) {
            Job::SignIn(tag) => self.sign_in_line(tag, line),
            Job::Idling(tag) => self.idle_line(tag, &line),
            other => {
                self.job = other;
                self.say_bye("A line out of turn");
            }
        }
    }

    /// A wish was granted.
    pub(super) fn granted(&mut self, grant: Grant) {
        match (std::mem::take(&mut self.job), grant) {
            (Job::Simple(tag, simple), grant) => self.simple_granted(tag, simple, grant),
            (Job::List(listing), grant) => self.list_granted(listing, grant),
            (Job::Select(selecting), grant) => self.select_granted(selecting, grant),
            (Job::Fetch(fetching), grant) => self.fetch_granted(fetching, grant),
            (Job::Store(storing), Grant::Edited(edited)) => self.stored(storing, edited),
            (Job::Copy(copying), Grant::Copied { uid_validity, copied }) => {
                self.copied(copying, uid_validity, copied);
            }
            (Job::Search(searching), grant) => self.search_granted(searching, grant),
            (Job::Expunge(expunging), Grant::Expunged(expunged)) => self.expunged(expunging, expunged),
            (Job::Closing(closing), Grant::Changes(changes)) => self.closing_changes(closing, changes),
            (Job::News(back), Grant::Changes(changes)) => self.news_changes(back, changes),
            (Job::Round(round), grant) => self.round_granted(round, grant),
            _ => self.say_bye("An answer out of turn"),
        }
    }

    fn simple_granted(&mut self, tag: String, simple: Simple, grant: Grant) {
        match (simple, grant) {
            (Simple::Done(command), Grant::Done) => self.finish(tag, &format!("{command} completed")),
            (Simple::Create, Grant::Created(mailbox_id)) => {
                let code = Code::MailboxId(mailbox_id);
                self.out.tagged(&tag, Condition::Ok, Some(code), "CREATE completed");
            }
            (Simple::Append, Grant::Appended { uid_validity, uids }) => {
                self.appended(tag, uid_validity, &uids);
            }
            (Simple::Quota, Grant::Quota { used, limit }) => {
                self.tell_quota(used, limit);
                self.finish(tag, "GETQUOTA completed");
            }
            (Simple::QuotaRoot(mailbox), Grant::Quota { used, limit }) => {
                self.out.quota_root(mailbox.as_str(), &[""]);
                self.tell_quota(used, limit);
                self.finish(tag, "GETQUOTAROOT completed");
            }
            _ => self.say_bye("An answer out of turn"),
        }
    }

    /// RFC 9208 §5.1: STORAGE counts in units of 1024 bytes.
    fn tell_quota(&mut self, used: u64, limit: u64) {
        self.out.quota("", &[("STORAGE", used.div_ceil(1024), limit / 1024)]);
    }

    /// A wish was not granted: the command ends with NO.
    pub(super) fn failed(&mut self, error: &Error) {
        let job = std::mem::take(&mut self.job);
        let words = self.said(&error.vi(), &error.to_string());
        let code = match (&job, error) {
            (Job::Simple(_, Simple::Append) | Job::Copy(_), Error::NoMailbox) => Code::TryCreate,
            _ => error.code(),
        };
        match job {
            // The command itself went well; what happened meanwhile is told another time, and stays to be told.
            Job::Closing(closing) => {
                self.has_news = true;
                self.close_command(&closing);
            }
            job if job.tag().is_none() => self.say_bye("Not available now; come again"),
            job => {
                if matches!(job, Job::Select(_)) {
                    // RFC 9051 §6.3.2: whatever was selected before is not any more.
                    self.view = None;
                }
                self.no(job.tag().unwrap_or_default(), Some(code), &words);
            }
        }
    }

    /// A command whose words are right and whose wish is not understood.
    pub(super) fn not_understood(&mut self, tag: &str, why: Refusal) {
        let (code, words) = match why {
            Refusal::Charset => (Code::BadCharset, "That charset is not read here"),
            Refusal::Event => (Code::BadEvent, "That event is not told here"),
            Refusal::Use => (Code::UseAttr, "No mailbox can be made for that use"),
        };
        self.no(tag, Some(code), words);
    }

    /// A sentence for a person: Vietnamese first.
    fn said(&self, vi: &str, en: &str) -> String {
        format!("{vi} / {en}")
    }
}
