//! When mail that could not be delivered is tried again (RFC 5321 §4.5.4.1), as pure data.

use std::time::Duration;

use mail::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The schedule of one lane of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Pauses after the first attempts; the last one repeats. Never empty.
    pauses: Vec<Duration>,
    give_up_after: Duration,
    warn_after: Duration,
    jitter_percent: u8,
}

/// What comes after an attempt that put the recipient off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again at this moment.
    Again(Timestamp),
    /// Too long: report a failure.
    GiveUp,
}

impl Schedule {
    /// The mail lane. First soon, for greylisting and restarts, then ever more rarely; five days in all, the upper end of RFC 5321
    /// §4.5.4.1 and the time that RULES M31 gives a full mailbox; the sender hears of a delay after four hours.
    pub fn mail() -> Self {
        let minutes = [1, 5, 15, 30, 60, 120];
        let mut pauses: Vec<Duration> = minutes.iter().map(|n| MINUTE * *n).collect();
        pauses.push(HOUR * 4);
        Self { pauses, give_up_after: HOUR * 24 * 5, warn_after: HOUR * 4, jitter_percent: 10 }
    }

    /// The same, given up after another time.
    pub fn giving_up_after(self, give_up_after: Duration) -> Self {
        Self { give_up_after, ..self }
    }

    /// What comes after attempt number `attempts` (1 = the first) of a mail accepted at `accepted_at`.
    ///
    /// `jitter` is a random byte: it moves the pause by up to a tenth, so that what failed together does not come back together.
    /// The last attempt falls on the last moment; only then is it given up.
    pub fn next(&self, accepted_at: Timestamp, now: Timestamp, attempts: u32, jitter: u8) -> Next {
        let last_moment = self.give_up_at(accepted_at);
        if now >= last_moment {
            return Next::GiveUp;
        }
        Next::Again(now.plus(self.pause(attempts, jitter)).min(last_moment))
    }

    /// How long to wait after failure number `failures` (1 = the first), moved by `jitter`.
    pub fn pause(&self, failures: u32, jitter: u8) -> Duration {
        let step = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        let pause = self.pauses.get(step).or(self.pauses.last()).copied().unwrap_or(HOUR);
        self.moved(pause, jitter)
    }

    /// `pause` ± the jitter: byte 0 is the shortest, 255 the longest.
    fn moved(&self, pause: Duration, jitter: u8) -> Duration {
        let spread = pause * u32::from(self.jitter_percent) / 100;
        pause - spread + spread * 2 * u32::from(jitter) / 255
    }

    /// When a mail accepted at `accepted_at` is given up.
    pub fn give_up_at(&self, accepted_at: Timestamp) -> Timestamp {
        accepted_at.plus(self.give_up_after)
    }

    /// Mail accepted at or before this moment is late at `now`: its sender has to hear of it.
    pub fn late_since(&self, now: Timestamp) -> Timestamp {
        now.minus(self.warn_after)
    }

    /// When its sender is told of the delay, once.
    pub fn warn_at(&self, accepted_at: Timestamp) -> Timestamp {
        accepted_at.plus(self.warn_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(jitter: u8) -> Vec<Timestamp> {
        let (schedule, start) = (Schedule::mail(), Timestamp::from_secs(0));
        let (mut now, mut all) = (start, vec![start]);
        while let Next::Again(at) = schedule.next(start, now, u32::try_from(all.len()).unwrap(), jitter) {
            assert!(at > now, "time goes on");
            now = at;
            all.push(at);
        }
        all
    }

    #[test]
    fn m31_a_deferred_mail_is_tried_for_five_days() {
        let day = 86_400;
        for jitter in [0, 128, 255] {
            let all = attempts(jitter);
            assert_eq!(all.last().unwrap().secs(), 5 * day);
            let first_hour = all.iter().filter(|at| at.secs() < 3_600).count();
            assert!((4..=6).contains(&first_hour), "{first_hour} attempts in the first hour");
            assert!((30..=45).contains(&all.len()), "{} attempts", all.len());
        }
    }

    #[test]
    fn jitter_moves_a_pause_by_a_tenth() {
        let schedule = Schedule::mail();
        assert_eq!(schedule.moved(HOUR, 0), MINUTE * 54);
        assert_eq!(schedule.moved(HOUR, 255), MINUTE * 66);
    }

    #[test]
    fn many_attempts_do_not_overflow() {
        let (start, schedule) = (Timestamp::from_secs(0), Schedule::mail());
        assert_eq!(
            schedule.next(start, start, u32::MAX, 255),
            Next::Again(start.plus(HOUR * 4 + MINUTE * 24))
        );
    }
}
