//! What can go wrong in a conversation, whose turn it is then, and the one place that puts it into a reply.

use crate::codec::{Reply, table};

/// Who has to do something about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The other end of the connection.
    Peer,
    /// This house.
    Ours,
    /// Nobody: lines break.
    Network,
}

/// Everything that can go wrong in a conversation, receiving or sending.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A CR without LF. Fatal: the peer and we may see different lines (RFC 5321 §2.3.8).
    #[error("a CR without LF")]
    BareCr,
    /// An LF without CR. Fatal, as above.
    #[error("an LF without CR")]
    BareLf,
    /// A NUL in a command line.
    #[error("a NUL in a command")]
    Nul,
    /// A line beyond the limit.
    #[error("a line beyond the limit")]
    LineTooLong,
    /// More bytes were handed in than the session said it would take.
    #[error("more input than the session takes")]
    InputOverrun,
    /// HTTP on a mail port: a page in a browser is being used to talk to us. Fatal.
    #[error("not SMTP")]
    NotSmtp,
    /// No such command.
    #[error("unknown command")]
    UnknownCommand,
    /// A command of the standards that is not offered here.
    #[error("{0} is not implemented")]
    NotImplemented(&'static str),
    /// BDAT whose size cannot be read: a chunk follows that must not be read as commands. Fatal.
    #[error("a chunk of unknown size")]
    Bdat,
    /// A command whose arguments do not fit; the text is its syntax.
    #[error("syntax: {0}")]
    Syntax(&'static str),
    /// A parameter of MAIL or RCPT with a value it cannot have, or given twice.
    #[error("bad value of {0}")]
    BadParameter(&'static str),
    /// A parameter of MAIL or RCPT that was not offered.
    #[error("unknown parameter")]
    UnknownParameter,
    /// MAIL with an address that is none.
    #[error("bad sender address")]
    BadSender,
    /// RCPT with an address that is none.
    #[error("bad recipient address")]
    BadRecipient,
    /// An address beyond ASCII without SMTPUTF8.
    #[error("the address needs SMTPUTF8")]
    NeedsSmtpUtf8,
    /// XCLIENT from somebody who is no front end of ours, or of more than it may say.
    #[error("not a front end that is trusted")]
    NoFront,
    /// AUTH with a mechanism that is not offered.
    #[error("unknown authentication mechanism")]
    UnknownMechanism,
    /// A command at the wrong moment; the text says what is missing.
    #[error("out of sequence: {0}")]
    OutOfSequence(&'static str),
    /// Our driver answered a question that was not asked.
    #[error("an answer to a question that was not asked")]
    AnswerOutOfTurn,
    /// The peer was silent for too long.
    #[error("the peer was silent for too long")]
    Silence,
    /// The connection broke.
    #[error("the connection broke")]
    Lost,
    /// The peer's reply is none, or comes unasked.
    #[error("the peer's reply makes no sense")]
    BadReply,
    /// The peer greeted or answered our hello with a refusal.
    #[error("the peer does not take mail now: {0}")]
    Unwelcome(Reply),
    /// TLS is required and the peer does not offer it, refused it or failed at it.
    #[error("no secure connection to the peer")]
    NoTls,
    /// The peer's certificate is not one that policy wants.
    #[error("the peer's certificate is not to be trusted")]
    Untrusted,
    /// The mail asks for hosts that promise TLS, and this one does not (RFC 8689 §4.2.1).
    #[error("the peer does not offer REQUIRETLS")]
    NoRequireTls,
    /// The peer takes no sign-in that we can do.
    #[error("no usable authentication")]
    NoAuth,
    /// The peer refused our sign-in.
    #[error("the peer refused our sign-in: {0}")]
    AuthRefused(Reply),
}

impl Error {
    /// Whose turn it is.
    pub fn whose(&self) -> Whose {
        match self {
            Self::InputOverrun | Self::AnswerOutOfTurn => Whose::Ours,
            Self::Silence | Self::Lost => Whose::Network,
            _ => Whose::Peer,
        }
    }

    /// Whether the same thing may go well later. A host that turns us away says nothing final about the mail, whatever its code.
    pub fn worth_retrying(&self) -> bool {
        matches!(self, Self::Unwelcome(_) | Self::AuthRefused(_)) || self.to_reply().is_transient()
    }

    /// Whether the conversation is over: nothing that follows can be trusted to mean what the peer meant.
    pub fn ends_conversation(&self) -> bool {
        matches!(
            self,
            Self::BareCr
                | Self::BareLf
                | Self::NotSmtp
                | Self::Bdat
                | Self::InputOverrun
                | Self::AnswerOutOfTurn
                | Self::Silence
                | Self::Lost
        )
    }

    /// The one place where an error becomes a reply: said to the peer when receiving, reported about the peer when sending.
    pub fn to_reply(&self) -> Reply {
        match self {
            Self::BareCr | Self::BareLf | Self::Nul => table::WRONG_LINE_END.reply(),
            Self::LineTooLong => table::LINE_TOO_LONG.reply(),
            Self::InputOverrun | Self::AnswerOutOfTurn => table::OUR_FAULT_CLOSING.reply(),
            Self::NotSmtp | Self::UnknownCommand => table::UNKNOWN_COMMAND.reply(),
            Self::NotImplemented(name) => table::NOT_IMPLEMENTED.with(name),
            Self::Bdat => table::BAD_ARGUMENTS.with("BDAT size [LAST]"),
            Self::Syntax(usage) => table::BAD_ARGUMENTS.with(usage),
            Self::BadParameter(name) => table::BAD_ARGUMENTS.with(name),
            Self::UnknownParameter => table::UNKNOWN_PARAMETER.reply(),
            Self::BadSender => table::BAD_SENDER.reply(),
            Self::BadRecipient => table::BAD_RECIPIENT.reply(),
            Self::NeedsSmtpUtf8 => table::NEEDS_SMTPUTF8.reply(),
            Self::NoFront => table::NO_FRONT.reply(),
            Self::UnknownMechanism => table::UNKNOWN_MECHANISM.reply(),
            Self::OutOfSequence(missing) => table::OUT_OF_SEQUENCE.with(missing),
            Self::Silence => table::PEER_TOO_SLOW.reply(),
            Self::Lost => table::PEER_LOST.reply(),
            Self::BadReply => table::PEER_NONSENSE.reply(),
            Self::NoTls => table::PEER_WITHOUT_TLS.reply(),
            Self::Untrusted => table::PEER_UNTRUSTED.reply(),
            Self::NoRequireTls => table::PEER_WITHOUT_REQUIRETLS.reply(),
            Self::NoAuth => table::PEER_WITHOUT_AUTH.reply(),
            Self::Unwelcome(reply) | Self::AuthRefused(reply) => reply.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_turn_it_is() {
        let no = || Reply::new(554, None, ["no"]);
        let rows = [
            (Error::BareLf, Whose::Peer, false),
            (Error::UnknownParameter, Whose::Peer, false),
            (Error::AnswerOutOfTurn, Whose::Ours, true),
            (Error::Silence, Whose::Network, true),
            (Error::NoTls, Whose::Peer, true),
            (Error::Untrusted, Whose::Peer, true),
            (Error::NoRequireTls, Whose::Peer, false),
            (Error::Unwelcome(no()), Whose::Peer, true),
            (Error::AuthRefused(no()), Whose::Peer, true),
        ];
        for (error, whose, again) in rows {
            assert_eq!((error.whose(), error.worth_retrying()), (whose, again), "{error}");
        }
    }
}
