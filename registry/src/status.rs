//! What becomes of a document at one receiver: the codes of the exchange and the state they lead to (RULES 1.4, 2.6).
//!
//! A status is never rejected for coming at the wrong time: it is stored and shown, and this module says what it
//! changes. Products send 03 and 05 within one second, and the network turns them round (VXP 5).
//!
//! The history is append-only (RULES R49); a [`Progress`] is what the history adds up to.

use std::fmt;

/// A status code on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StatusCode {
    /// 01: arrived in the receiver's software, not yet looked at.
    Arrived,
    /// 02: refused, with a reason.
    Refused,
    /// 03: taken in and registered.
    Accepted,
    /// 04: being assigned.
    Assigned,
    /// 05: in work.
    InWork,
    /// 06: finished.
    Done,
    /// 13: the **sender** asks for the document back.
    TakeBack,
    /// 15: agrees to a recall or update.
    Agreed,
    /// 16: declines a recall or update.
    Declined,
    /// Anything else, as written. Refused at the exchange's door (VXP 5), yet older archives hold some (RULES 1.4).
    Unknown(Box<str>),
}

impl StatusCode {
    /// Every code of the list.
    pub const KNOWN: [Self; 9] = [
        Self::Arrived,
        Self::Refused,
        Self::Accepted,
        Self::Assigned,
        Self::InWork,
        Self::Done,
        Self::TakeBack,
        Self::Agreed,
        Self::Declined,
    ];

    /// Reads a code. Blanks around it do not count, and a single digit counts as with its zero (VXP 5).
    pub fn read(text: &str) -> Self {
        let text = text.trim();
        match text {
            "01" | "1" => Self::Arrived,
            "02" | "2" => Self::Refused,
            "03" | "3" => Self::Accepted,
            "04" | "4" => Self::Assigned,
            "05" | "5" => Self::InWork,
            "06" | "6" => Self::Done,
            "13" => Self::TakeBack,
            "15" => Self::Agreed,
            "16" => Self::Declined,
            other => Self::Unknown(mail::text::clip(other, 32).into()),
        }
    }

    /// The code on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Arrived => "01",
            Self::Refused => "02",
            Self::Accepted => "03",
            Self::Assigned => "04",
            Self::InWork => "05",
            Self::Done => "06",
            Self::TakeBack => "13",
            Self::Agreed => "15",
            Self::Declined => "16",
            Self::Unknown(text) => text,
        }
    }

    /// Whether it must come with a reason (RULES E20).
    pub fn needs_reason(&self) -> bool {
        matches!(self, Self::Refused | Self::TakeBack | Self::Declined)
    }

    /// What it means, for people (RULES 2.7).
    pub fn vi(&self) -> &str {
        match self {
            Self::Arrived => "Đã đến",
            Self::Refused => "Từ chối tiếp nhận",
            Self::Accepted => "Đã tiếp nhận",
            Self::Assigned => "Phân công xử lý",
            Self::InWork => "Đang xử lý",
            Self::Done => "Hoàn thành",
            Self::TakeBack => "Yêu cầu lấy lại",
            Self::Agreed => "Đồng ý cập nhật, lấy lại",
            Self::Declined => "Từ chối cập nhật, lấy lại",
            Self::Unknown(_) => "Trạng thái khác",
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a document stands at one receiver. Ordered along the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Handed over; nothing heard yet.
    #[default]
    Delivered,
    /// 01.
    Arrived,
    /// 03.
    Accepted,
    /// 04.
    Assigned,
    /// 05.
    InWork,
    /// 06.
    Done,
    /// 02: the end; the sender mends it and sends anew.
    Returned,
    /// Recalled and agreed: the end; a tombstone stays (RULES R39).
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Arrived,
        Self::Accepted,
        Self::Assigned,
        Self::InWork,
        Self::Done,
        Self::Returned,
        Self::Cancelled,
    ];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Arrived => "arrived",
            Self::Accepted => "accepted",
            Self::Assigned => "assigned",
            Self::InWork => "in-work",
            Self::Done => "done",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing moves it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Returned | Self::Cancelled)
    }

    /// The codes this state implies were or might as well have been sent, in order.
    fn implied(self) -> &'static [StatusCode] {
        match self {
            Self::Delivered => &[],
            Self::Arrived => &[StatusCode::Arrived],
            Self::Accepted => &[StatusCode::Arrived, StatusCode::Accepted],
            Self::Assigned | Self::InWork | Self::Done | Self::Cancelled => {
                &[StatusCode::Arrived, StatusCode::Accepted]
            }
            Self::Returned => &[StatusCode::Arrived],
        }
    }
}

/// What the sender has asked the receiver for and not been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// To cancel the document: a recall (type 1). The receiver has no right to decline it (RULES R40).
    Recall,
    /// To give the document back: a status 13, which may be declined (RULES R41).
    TakeBack,
    /// To take over an update (type 2).
    Update,
}

impl Ask {
    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::TakeBack => "take-back",
            Self::Update => "update",
        }
    }

    /// The question of a name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Recall, Self::TakeBack, Self::Update].into_iter().find(|ask| ask.as_str() == name)
    }
}

/// Where a document stands, and what is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The current state.
    pub state: State,
    /// The open question.
    pub ask: Option<Ask>,
}

/// How an event fits into what was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// As the rules have it.
    InOrder,
    /// Ahead of what was heard: it implies the steps between.
    Ahead,
    /// Says again, or says late, what is known.
    Known,
    /// Contradicts what is known (02 after 03, anything after the end, 15 to no question): shown, changes nothing.
    Contradicts,
    /// A code outside the list: shown, changes nothing.
    Unknown,
}

/// What an event does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where the document stands now.
    pub now: Progress,
    /// How the event fits. Whatever it is, the event goes into the history.
    pub fit: Fit,
    /// Codes that were skipped and are implied, in order.
    pub implied: &'static [StatusCode],
}

impl Progress {
    /// What the store keeps of it.
    pub fn of(receiver: &store::Receiver) -> Self {
        Self { state: State::named(&receiver.state).unwrap_or_default(), ask: Ask::named(&receiver.ask) }
    }

    /// The sender asks: a recall or update package went out. An order to cancel is not weakened by a later request.
    pub fn ask(self, ask: Ask) -> Step {
        if self.state.is_final() {
            return self.unchanged(Fit::Contradicts);
        }
        match (self.ask, ask) {
            (Some(Ask::Recall), _) => return self.unchanged(Fit::Known),
            (Some(Ask::TakeBack), Ask::Update) => return self.unchanged(Fit::Contradicts),
            _ => {}
        }
        let now = Self { state: self.state, ask: Some(ask) };
        Step { now, fit: Fit::InOrder, implied: &[] }
    }

    /// A status was heard.
    pub fn hear(self, code: &StatusCode) -> Step {
        match code {
            StatusCode::Unknown(_) => self.unchanged(Fit::Unknown),
            StatusCode::TakeBack => self.ask(Ask::TakeBack),
            StatusCode::Agreed => self.agreed(),
            StatusCode::Declined => self.declined(),
            StatusCode::Refused => self.refused(),
            StatusCode::Arrived => self.forward(State::Arrived),
            StatusCode::Accepted => self.forward(State::Accepted),
            StatusCode::Assigned => self.forward(State::Assigned),
            StatusCode::InWork => self.forward(State::InWork),
            StatusCode::Done => self.forward(State::Done),
        }
    }

    fn unchanged(self, fit: Fit) -> Step {
        Step { now: self, fit, implied: &[] }
    }

    fn moved(self, state: State, ask: Option<Ask>, fit: Fit) -> Step {
        let known = self.state.implied().len();
        // What the new state implies, less what was known and less the event itself.
        let all = match state {
            State::Arrived => &[],
            State::Accepted => state.implied().get(..1).unwrap_or_default(),
            _ => state.implied(),
        };
        Step { now: Self { state, ask }, fit, implied: all.get(known..).unwrap_or_default() }
    }

    fn forward(self, to: State) -> Step {
        use State::{Accepted, Arrived, Assigned, Delivered, Done, InWork};
        match (self.state, to) {
            (from, _) if from.is_final() => self.unchanged(Fit::Contradicts),
            // Work may go back to another desk (RULES 1.4: 05 → 04).
            (InWork, Assigned) => self.moved(to, self.ask, Fit::InOrder),
            (from, to) if to <= from => self.unchanged(Fit::Known),
            (Delivered, Arrived) | (Arrived, Accepted) => self.moved(to, self.ask, Fit::InOrder),
            (Accepted | Assigned | InWork, Assigned | InWork | Done) => {
                self.moved(to, self.ask, Fit::InOrder)
            }
            _ => self.moved(to, self.ask, Fit::Ahead),
        }
    }

    fn refused(self) -> Step {
        match self.state {
            State::Arrived => self.moved(State::Returned, None, Fit::InOrder),
            State::Delivered => self.moved(State::Returned, None, Fit::Ahead),
            State::Returned => self.unchanged(Fit::Known),
            _ => self.unchanged(Fit::Contradicts),
        }
    }

    fn agreed(self) -> Step {
        match (self.ask, self.state) {
            (_, State::Cancelled) => self.unchanged(Fit::Known),
            (Some(Ask::Recall | Ask::TakeBack), State::Delivered) => {
                self.moved(State::Cancelled, None, Fit::Ahead)
            }
            (Some(Ask::Recall | Ask::TakeBack), _) => self.moved(State::Cancelled, None, Fit::InOrder),
            (Some(Ask::Update), state) => self.moved(state, None, Fit::InOrder),
            (None, _) => self.unchanged(Fit::Contradicts),
        }
    }

    /// RULES R40, R41: a request and an update may be declined; a genuine recall may not, so that one stays open.
    fn declined(self) -> Step {
        match self.ask {
            Some(Ask::TakeBack | Ask::Update) => self.moved(self.state, None, Fit::InOrder),
            Some(Ask::Recall) | None => self.unchanged(Fit::Contradicts),
        }
    }

    /// A recall was declined for one of the causes the law leaves (RULES R40): the question is closed.
    pub fn excused(self) -> Step {
        match self.ask {
            Some(_) => self.moved(self.state, None, Fit::InOrder),
            None => self.unchanged(Fit::Contradicts),
        }
    }

    /// Two persons have reversed the recall (RULES R43): the document stands where it stood.
    pub fn reinstated(self, before: State) -> Self {
        match self.state {
            State::Cancelled => Self { state: before, ask: None },
            state => Self { state, ask: self.ask.filter(|ask| *ask != Ask::Recall) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r50_the_states_of_the_law_and_what_moves_a_document_into_them() {
        // QĐ 28/2018 Đ10.2.h, and the code of the exchange that says it.
        let rows = [
            ("01", "đã đến", State::Arrived),
            ("03", "đã tiếp nhận", State::Accepted),
            ("04", "đã chuyển xử lý", State::Assigned),
            ("05", "đang xử lý", State::InWork),
            ("06", "đã hoàn thành", State::Done),
            ("02", "từ chối nhận (trả lại)", State::Returned),
        ];
        for (code, law, state) in rows {
            let heard = Progress::default().hear(&StatusCode::read(code));
            assert_eq!(heard.now.state, state, "{law}");
        }
        let asked = Progress::default().ask(Ask::Recall).now;
        assert_eq!(asked.hear(&StatusCode::Agreed).now.state, State::Cancelled, "thu hồi");
    }

    #[test]
    fn r34_finished_is_said_and_never_inferred() {
        let states = State::ALL.into_iter().filter(|state| *state != State::Done);
        for state in states {
            for code in StatusCode::KNOWN.into_iter().filter(|code| *code != StatusCode::Done) {
                let heard = Progress { state, ask: None }.hear(&code);
                assert_ne!(heard.now.state, State::Done, "{code} in {state:?}");
            }
        }
        for (code, state) in [("04", State::Assigned), ("05", State::InWork), ("06", State::Done)] {
            let accepted = Progress { state: State::Accepted, ask: None };
            assert_eq!(accepted.hear(&StatusCode::read(code)).now.state, state);
        }
    }

    #[test]
    fn states_and_questions_are_found_by_their_names() {
        assert!(State::ALL.into_iter().all(|state| State::named(state.as_str()) == Some(state)));
        assert!(
            [Ask::Recall, Ask::TakeBack, Ask::Update]
                .into_iter()
                .all(|ask| Ask::named(ask.as_str()) == Some(ask))
        );
        assert_eq!((State::named(""), Ask::named("")), (None, None));
    }

    #[test]
    fn e19_codes_read_and_write() {
        for code in StatusCode::KNOWN {
            assert_eq!(StatusCode::read(code.as_str()), code);
        }
        assert_eq!(StatusCode::read(" 3\n"), StatusCode::Accepted);
        for text in ["14", "0", "7", "003", "", "done"] {
            assert_eq!(StatusCode::read(text), StatusCode::Unknown(text.into()), "{text}");
        }
    }

    /// Every code in every state, without an open question: the state it leads to and how it fits.
    #[test]
    #[rustfmt::skip]
    fn t5_status_machine() {
        use Fit::{Ahead, Contradicts as Contra, InOrder, Known};
        use State::*;
        let codes = ["01", "02", "03", "04", "05", "06", "15", "16", "14"];
        let unknown = Fit::Unknown;
        let table: [(State, [(State, Fit); 9]); 8] = [
            (Delivered, [(Arrived, InOrder), (Returned, Ahead), (Accepted, Ahead), (Assigned, Ahead), (InWork, Ahead), (Done, Ahead), (Delivered, Contra), (Delivered, Contra), (Delivered, unknown)]),
            (Arrived,   [(Arrived, Known), (Returned, InOrder), (Accepted, InOrder), (Assigned, Ahead), (InWork, Ahead), (Done, Ahead), (Arrived, Contra), (Arrived, Contra), (Arrived, unknown)]),
            (Accepted,  [(Accepted, Known), (Accepted, Contra), (Accepted, Known), (Assigned, InOrder), (InWork, InOrder), (Done, InOrder), (Accepted, Contra), (Accepted, Contra), (Accepted, unknown)]),
            (Assigned,  [(Assigned, Known), (Assigned, Contra), (Assigned, Known), (Assigned, Known), (InWork, InOrder), (Done, InOrder), (Assigned, Contra), (Assigned, Contra), (Assigned, unknown)]),
            (InWork,    [(InWork, Known), (InWork, Contra), (InWork, Known), (Assigned, InOrder), (InWork, Known), (Done, InOrder), (InWork, Contra), (InWork, Contra), (InWork, unknown)]),
            (Done,      [(Done, Known), (Done, Contra), (Done, Known), (Done, Known), (Done, Known), (Done, Known), (Done, Contra), (Done, Contra), (Done, unknown)]),
            (Returned,  [(Returned, Contra), (Returned, Known), (Returned, Contra), (Returned, Contra), (Returned, Contra), (Returned, Contra), (Returned, Contra), (Returned, Contra), (Returned, unknown)]),
            (Cancelled, [(Cancelled, Contra), (Cancelled, Contra), (Cancelled, Contra), (Cancelled, Contra), (Cancelled, Contra), (Cancelled, Contra), (Cancelled, Known), (Cancelled, Contra), (Cancelled, unknown)]),
        ];
        assert_eq!(table.map(|(state, _)| state), State::ALL);
        for (state, row) in table {
            for (code, (to, fit)) in codes.iter().zip(row) {
                let step = Progress { state, ask: None }.hear(&StatusCode::read(code));
                assert_eq!((step.now.state, step.fit), (to, fit), "{code} in {state:?}");
            }
        }
    }

    #[test]
    fn r40_a_recall_is_agreed_to_and_never_declined() {
        for state in State::ALL.into_iter().filter(|state| !state.is_final()) {
            let asked = Progress { state, ask: None }.ask(Ask::Recall).now;
            assert_eq!(asked, Progress { state, ask: Some(Ask::Recall) });
            assert_eq!(asked.hear(&StatusCode::Agreed).now, Progress { state: State::Cancelled, ask: None });
            let declined = asked.hear(&StatusCode::Declined);
            assert_eq!((declined.now, declined.fit), (asked, Fit::Contradicts), "the question stays open");
            assert_eq!(asked.excused().now, Progress { state, ask: None });
            // A request or an update that comes later does not make an order weaker.
            assert_eq!(asked.hear(&StatusCode::TakeBack).now, asked);
            assert_eq!(asked.ask(Ask::Update).now, asked);
        }
        for state in [State::Returned, State::Cancelled] {
            assert_eq!(Progress { state, ask: None }.ask(Ask::Recall).fit, Fit::Contradicts);
        }
    }

    #[test]
    fn r41_r44_a_request_and_an_update_are_agreed_to_or_declined() {
        for state in State::ALL.into_iter().filter(|state| !state.is_final()) {
            let asked = Progress { state, ask: None }.hear(&StatusCode::TakeBack).now;
            assert_eq!(asked, Progress { state, ask: Some(Ask::TakeBack) });
            assert_eq!(asked.hear(&StatusCode::Agreed).now, Progress { state: State::Cancelled, ask: None });
            assert_eq!(asked.hear(&StatusCode::Declined).now, Progress { state, ask: None });
            assert_eq!(asked.ask(Ask::Recall).now.ask, Some(Ask::Recall), "an order comes over a request");
            let update = Progress { state, ask: None }.ask(Ask::Update).now;
            assert_eq!(update.hear(&StatusCode::Agreed).now, Progress { state, ask: None });
            assert_eq!(update.hear(&StatusCode::Declined).now, Progress { state, ask: None });
        }
    }

    #[test]
    fn r43_a_reversed_recall_leaves_the_document_where_it_stood() {
        let cancelled = Progress { state: State::Cancelled, ask: None };
        assert_eq!(cancelled.reinstated(State::InWork), Progress { state: State::InWork, ask: None });
        let asked = Progress { state: State::Accepted, ask: Some(Ask::Recall) };
        assert_eq!(asked.reinstated(State::Arrived), Progress { state: State::Accepted, ask: None });
        let updated = Progress { state: State::Accepted, ask: Some(Ask::Update) };
        assert_eq!(updated.reinstated(State::Arrived), updated);
    }

    #[test]
    fn a_status_ahead_of_its_time_implies_the_earlier_ones() {
        let step = Progress::default().hear(&StatusCode::InWork);
        assert_eq!(step.implied, [StatusCode::Arrived, StatusCode::Accepted]);
        let step = Progress { state: State::Arrived, ask: None }.hear(&StatusCode::Done);
        assert_eq!(step.implied, [StatusCode::Accepted]);
        let step = Progress::default().hear(&StatusCode::Accepted);
        assert_eq!(step.implied, [StatusCode::Arrived]);
        let step = Progress::default().hear(&StatusCode::Refused);
        assert_eq!(step.implied, [StatusCode::Arrived]);
        assert!(Progress::default().hear(&StatusCode::Arrived).implied.is_empty());
        assert!(Progress { state: State::Accepted, ask: None }.hear(&StatusCode::Done).implied.is_empty());
    }

    proptest::proptest! {
        /// The end is the end, and hearing the same thing again changes nothing more.
        #[test]
        fn any_story_holds(codes in proptest::collection::vec(0usize..9, 0..12)) {
            let mut progress = Progress::default();
            for code in codes {
                let before = progress;
                let code = &StatusCode::KNOWN[code];
                progress = progress.hear(code).now;
                proptest::prop_assert!(!before.state.is_final() || progress.state == before.state);
                let again = progress.hear(code).now;
                proptest::prop_assert_eq!(again, progress);
            }
        }
    }
}
