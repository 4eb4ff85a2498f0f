//! Classes of which only those methods are written that a program uses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use loopshift_python::edit::Helper;

/// A class in parts.
pub(crate) struct Parts {
    /// The name it is given: `_Pool`.
    pub(crate) name: &'static str,
    /// Its first lines, down to the docstring.
    pub(crate) head: &'static str,
    /// Its methods, in the order in which they are written.
    pub(crate) methods: &'static [Part],
}

/// A method, or several that belong together.
pub(crate) struct Part {
    /// The name by which it is asked for; empty for what every class has.
    pub(crate) name: &'static str,
    /// The parts that it calls.
    pub(crate) needs: &'static [&'static str],
    /// Its text, in the class.
    pub(crate) source: &'static str,
}

/// The class with the parts that are wanted, and all that these need.
pub(crate) fn assembled(class: &Parts, wanted: impl Fn(&str) -> bool) -> &'static Helper {
    let mut chosen: BTreeSet<&str> = BTreeSet::new();
    let all = || class.methods.iter();
    let mut work: Vec<&Part> = all()
        .filter(|part| part.name.is_empty() || wanted(part.name))
        .collect();
    while let Some(part) = work.pop() {
        if chosen.insert(part.source) {
            work.extend(all().filter(|other| part.needs.contains(&other.name)));
        }
    }
    let mut source = class.head.to_owned();
    for part in all().filter(|part| chosen.contains(part.source)) {
        source.push('\n');
        source.push_str(part.source);
    }
    interned(class.name, source)
}

/// Helpers live as long as the program, and each text but once.
fn interned(name: &'static str, source: String) -> &'static Helper {
    static KNOWN: Mutex<BTreeMap<String, &'static Helper>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(source).or_insert_with_key(|source| {
        let source: &'static str = Box::leak(source.clone().into_boxed_str());
        Box::leak(Box::new(Helper { name, source }))
    })
}
