//! The pages in a browser.
//!
//! Here now: the front page and the page that changes a password, server-rendered, in Vietnamese with English beside
//! it, working without JavaScript and without cookies. The webmail, the document desk and the public verification page
//! come into this room; they will speak JMAP and the same API that customers get.
//!
//! A page is a text. What a person typed is shown only through [`escape`].

mod page;

pub use page::{Notice, STYLE, escape, front, password};
