//! What a file has in it that could make it show something else later, or to others: remarks at intake, never a
//! refusal. Shadow attacks (Mainka, Mladenov, Rohlmann, NDSS 2021) are prepared before anybody signs, so the time to
//! notice is when the file comes in.

use super::document::View;
use super::form;
use super::object::{Dict, Object, Stream, text_string};
use super::xref::Entry;
use crate::message::{Code, Reason};
use std::collections::{BTreeMap, HashSet};

/// Kinds of remark, each told once with how often and where first.
type Found = BTreeMap<Code, (usize, u32)>;

/// Looks at every object of the newest view once.
pub(crate) fn look(view: &View<'_>) -> Result<Vec<Reason>, Reason> {
    let (root, catalog) = view.catalog()?;
    let mut survey = Survey::default();
    for number in view.numbers().filter(|number| view.entry(*number) != Entry::Free) {
        survey.object(view, number)?;
    }
    let info = view.trailer()?.get(b"Info").reference().map(|id| id.number);
    let reached = survey.reach([root.number].into_iter().chain(info));
    let mut found = Found::new();
    survey.tell(&reached, &mut found);
    hidden_layers(view, &catalog, root.number, &mut found)?;
    names_and_values(view, &mut found)?;
    let all = found.into_iter();
    Ok(all
        .map(|(code, (times, first))| Reason::of(code, format_args!("object {first} 0, {times} in all")))
        .collect())
}

/// What each object is and where it leads.
#[derive(Default)]
struct Survey {
    /// Number, where its links begin and end, what was noticed in it; by number.
    objects: Vec<(u32, u32, u32, Noticed)>,
    links: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Noticed {
    script: bool,
    launch: bool,
    opens: bool,
    embeds: bool,
    outside: bool,
    tree: bool,
    content: bool,
    ambiguous: bool,
}

impl Survey {
    fn object(&mut self, view: &View<'_>, number: u32) -> Result<(), Reason> {
        let object = match view.load(number) {
            Ok(loaded) => loaded.object,
            Err(reason) if reason.code == Code::Budget => return Err(reason),
            Err(_) => return Ok(()),
        };
        let from = self.links.len();
        let mut noticed = Noticed::default();
        let mut stack = vec![&*object];
        while let Some(value) = stack.pop() {
            match value {
                Object::Ref(id) => self.links.push(id.number),
                Object::Array(items) => stack.extend(items),
                Object::Dict(dict) => {
                    noticed.dict(dict);
                    stack.extend(dict.iter().map(|(_, value)| value));
                }
                Object::Stream(Stream { dict, .. }) => {
                    noticed.dict(dict);
                    noticed.outside |= dict.has(b"F");
                    stack.extend(dict.iter().map(|(_, value)| value));
                }
                _ => {}
            }
        }
        if let Some(dict) = object.dict() {
            let kind = dict.get(b"Type").name().unwrap_or_default();
            noticed.tree = matches!(kind, b"Catalog" | b"Pages");
            let form = dict.get(b"Subtype").name() == Some(b"Form");
            noticed.content = matches!(kind, b"Page" | b"Font") || form;
        }
        let place = |at: usize| u32::try_from(at).map_err(|_| Reason::of(Code::Budget, "graph"));
        self.objects.push((number, place(from)?, place(self.links.len())?, noticed));
        match self.links.len() > view.file.limits.steps {
            true => Err(Reason::of(Code::Budget, "graph")),
            false => Ok(()),
        }
    }

    /// Numbers that lead from these, whether or not anything is there.
    fn reach(&self, from: impl Iterator<Item = u32>) -> HashSet<u32> {
        let mut stack: Vec<u32> = from.collect();
        let mut reached: HashSet<u32> = stack.iter().copied().collect();
        while let Some(number) = stack.pop() {
            let Some((_, from, to, _)) = self.find(number) else { continue };
            let links = self.links.get(*from as usize..*to as usize).unwrap_or_default();
            stack.extend(links.iter().copied().filter(|link| reached.insert(*link)));
        }
        reached
    }

    fn find(&self, number: u32) -> Option<&(u32, u32, u32, Noticed)> {
        let index = self.objects.binary_search_by_key(&number, |(number, ..)| *number).ok()?;
        self.objects.get(index)
    }

    fn tell(&self, reached: &HashSet<u32>, found: &mut Found) {
        for (number, _, _, noticed) in &self.objects {
            match reached.contains(number) {
                true => {
                    note(found, Code::NoteScript, *number, noticed.script);
                    note(found, Code::NoteLaunch, *number, noticed.launch);
                    note(found, Code::NoteOpenAction, *number, noticed.opens);
                    note(found, Code::NoteEmbedded, *number, noticed.embeds);
                    note(found, Code::NoteOutside, *number, noticed.outside);
                    note(found, Code::NoteDuplicateKey, *number, noticed.ambiguous);
                }
                false => {
                    note(found, Code::NotePageTrees, *number, noticed.tree);
                    note(found, Code::NoteUnused, *number, noticed.content);
                }
            }
        }
        let open = reached.iter().filter(|number| self.find(**number).is_none());
        open.for_each(|number| note(found, Code::NoteDangling, *number, true));
    }
}

impl Noticed {
    fn dict(&mut self, dict: &Dict) {
        self.ambiguous |= dict.ambiguous;
        for (key, value) in dict.iter() {
            match key {
                b"JS" => self.script = true,
                b"OpenAction" => {
                    self.opens |= dict.get(b"Type").name() == Some(b"Catalog") && is_action(value)
                }
                b"AA" => self.opens = true,
                b"EF" => self.embeds = true,
                b"S" => match value.name() {
                    Some(b"JavaScript") => self.script = true,
                    Some(b"Launch" | b"ImportData" | b"SubmitForm" | b"GoToE") => self.launch = true,
                    _ => {}
                },
                _ => {}
            }
        }
    }
}

/// A destination is an array or a name; anything else acts when the file is opened.
fn is_action(value: &Object) -> bool {
    !matches!(value, Object::Array(_) | Object::Name(_) | Object::Text(_))
}

fn note(found: &mut Found, code: Code, number: u32, noticed: bool) {
    if noticed {
        let (times, first) = found.entry(code).or_insert((0, number));
        *times += 1;
        *first = (*first).min(number);
    }
}

/// Optional content that is off at first, or differs between screen and print (ISO 32000-1 §8.11.4.3).
fn hidden_layers(view: &View<'_>, catalog: &Dict, root: u32, found: &mut Found) -> Result<(), Reason> {
    let Some(layers) = view.dict_at(catalog, b"OCProperties")? else { return Ok(()) };
    let mut settings = vec![view.dict_at(&layers, b"D")?.unwrap_or_default()];
    for other in view.array_at(&layers, b"Configs")? {
        settings.extend(view.resolve(&other)?.dict().cloned());
    }
    for one in settings {
        let off = one.get(b"BaseState").name().is_some_and(|state| state != b"ON");
        let some_off = !view.array_at(&one, b"OFF")?.is_empty();
        let usage = !view.array_at(&one, b"AS")?.is_empty();
        note(found, Code::NoteHiddenLayer, root, off || some_off || usage);
    }
    Ok(())
}

/// Fields of one name, and texts whose look says something else than their value.
fn names_and_values(view: &View<'_>, found: &mut Found) -> Result<(), Reason> {
    let mut names = HashSet::new();
    for field in form::tree(view)?.into_iter().filter(|field| field.terminal) {
        let Some(id) = field.id else { continue };
        note(
            found,
            Code::NoteSameName,
            id.number,
            !field.name.is_empty() && !names.insert(field.name.clone()),
        );
        let value = view.resolve(&field.value)?;
        let value = match &*value {
            Object::Text(text) if field.text => text_string(&text.bytes),
            Object::Null if field.text => String::new(),
            _ => continue,
        };
        for part in field.pictures.iter().cloned().chain([Object::Ref(id)]) {
            let part = view.resolve(&part)?;
            let Some(part) = part.dict() else { continue };
            let Some(looks) = view.dict_at(part, b"AP")? else { continue };
            let Object::Stream(look) = &*view.resolve(looks.get(b"N"))? else { continue };
            match view.decode(look) {
                Ok(drawn) => note(found, Code::NoteValueDiffers, id.number, !may_say(&drawn, &value)),
                Err(reason) if reason.code == Code::Budget => return Err(reason),
                Err(_) => {}
            }
        }
    }
    Ok(())
}

/// Whether a look could show this value. Only plain ASCII in `(…)` is read; what is written in glyph numbers could
/// say anything, so it is given the benefit.
fn may_say(drawn: &[u8], value: &str) -> bool {
    let mut said = Vec::new();
    let mut rest = drawn;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'(' | b'<')) {
        let Some((open, tail)) = rest.get(at..).and_then(<[u8]>::split_first) else { break };
        if *open == b'<' {
            if tail.first() == Some(&b'<') {
                rest = tail.get(1..).unwrap_or_default();
                continue;
            }
            return true;
        }
        let end = tail.iter().position(|b| *b == b')').unwrap_or(tail.len());
        let text = tail.get(..end).unwrap_or_default();
        if text.contains(&b'\\') || text.contains(&b'(') {
            return true;
        }
        said.extend(text.iter().filter(|b| !b.is_ascii_whitespace()));
        rest = tail.get(end..).unwrap_or_default();
    }
    let value: Vec<u8> = value.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    !said.is_ascii() || !value.is_ascii() || said == value
}
