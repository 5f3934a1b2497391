//! Bytes to words and back: lines, commands, replies, message text. Knows nothing of conversations.

mod answer;
mod chunk;
mod command;
mod dot;
mod line;
pub mod proxy;
mod reply;
mod status;
pub mod table;
mod xclient;
pub mod xtext;

pub use answer::ReplyReader;
pub use chunk::{Chunk, ChunkDecoder};
pub use command::{By, Command, Hold, Mail};
pub use dot::{DotDecoder, DotEncoder, Fed, WrongText};
pub use line::Input;
pub use reply::Reply;
pub(crate) use reply::plain;
pub use status::{BadStatus, Status};
pub use xclient::{ATTRIBUTES as XCLIENT_ATTRIBUTES, XClient};
