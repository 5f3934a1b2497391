//! URI references as Canonical XML 1.1 joins them (appendix A): RFC 3986 §5.2 for bases that may be relative
//! themselves, keeping leading `..` and writing `//` in a path as `/`.

/// A reference taken apart (RFC 3986 appendix B), without its fragment.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

fn scheme_len(text: &str) -> Option<usize> {
    let end = text.find(':')?;
    let name = text.get(..end)?.as_bytes();
    let fits = name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    fits.then_some(end)
}

/// Whether a reference is absolute.
pub(super) fn has_scheme(text: &str) -> bool {
    scheme_len(text).is_some()
}

fn split(text: &str) -> Parts<'_> {
    let text = text.split('#').next().unwrap_or_default();
    let (scheme, rest) = match scheme_len(text) {
        Some(end) => (text.get(..end), text.get(end + 1..).unwrap_or_default()),
        None => (None, text),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            (Some(authority), path)
        }
        None => (None, rest),
    };
    Parts { scheme, authority, path, query }
}

/// `reference` as seen from `base`.
pub(super) fn join(base: &str, reference: &str) -> String {
    // A trailing `..` names a folder.
    let folder =
        |text: &str| if text == ".." || text.ends_with("/..") { format!("{text}/") } else { text.into() };
    let (base, reference): (String, String) = (folder(base), folder(reference));
    let (b, r) = (split(&base), split(&reference));
    let merged;
    let target = if r.scheme.is_some() {
        r
    } else if r.authority.is_some() {
        Parts { scheme: b.scheme, ..r }
    } else if r.path.is_empty() {
        Parts { query: r.query.or(b.query), ..b }
    } else if r.path.starts_with('/') {
        Parts { path: r.path, query: r.query, ..b }
    } else {
        let stem = match b.path.rfind('/') {
            Some(end) => b.path.get(..=end).unwrap_or_default(),
            None if b.authority.is_some() => "/",
            None => "",
        };
        merged = format!("{stem}{}", r.path);
        Parts { path: &merged, query: r.query, ..b }
    };
    let mut text = String::new();
    if let Some(scheme) = target.scheme {
        text.push_str(scheme);
        text.push(':');
    }
    if let Some(authority) = target.authority {
        text.push_str("//");
        text.push_str(authority);
    }
    text.push_str(&without_dots(target.path));
    if let Some(query) = target.query {
        text.push('?');
        text.push_str(query);
    }
    text
}

/// RFC 3986 §5.2.4 with the modifications of C14N 1.1: a leading `..` that has nothing to take away stays, unless the
/// path starts at the root.
fn without_dots(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    let mut folder = false;
    for segment in path.split('/') {
        folder = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => match kept.last() {
                Some(last) if *last != ".." => drop(kept.pop()),
                _ if rooted => {}
                _ => kept.push(".."),
            },
            other => kept.push(other),
        }
    }
    let mut text = String::from(if rooted { "/" } else { "" });
    text.push_str(&kept.join("/"));
    if folder && !kept.is_empty() {
        text.push('/');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c14n11_appendix_a_references_are_joined() {
        let rows = [
            ("http://x.vn/a/b", "c", "http://x.vn/a/c"),
            ("http://x.vn/a/b/", "../c", "http://x.vn/a/c"),
            ("http://x.vn", "c", "http://x.vn/c"),
            ("a/b", "../../c", "../c"),
            ("a/", "..", ""),
            ("..", "..", "../../"),
            ("a", "//y.vn/z", "//y.vn/z"),
            ("http://x.vn/a//b", "c", "http://x.vn/a/c"),
            ("http://x.vn/a?q", "", "http://x.vn/a?q"),
            ("/a/b", "/../c", "/c"),
            ("foo/bar#f", "x", "foo/x"),
            ("http://x.vn/a/", "./", "http://x.vn/a/"),
        ];
        for (base, reference, expected) in rows {
            assert_eq!(join(base, reference), expected, "{base} + {reference}");
        }
    }
}
