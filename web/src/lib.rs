//! The pages in a browser.
//!
//! Here now: the front page, the page that changes a password, and the public page that checks a document ([`check`]);
//! server-rendered, working without JavaScript and without cookies. The webmail and the document desk come into this
//! room; they will speak JMAP and the same API that customers get.
//!
//! A page is a text. What a person typed is shown only through [`escape`].

pub mod check;
pub mod form;
pub mod fuzz;
mod page;

pub use page::{Notice, STYLE, front, password, plain};
pub use signer::page::{Lang, STYLE as REPORT_STYLE, escape};
