//! Mail read by modern clients and by our own web page.
