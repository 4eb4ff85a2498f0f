//! What relevance needs to know of a module: what it may import, and whether it binds anything.
//!
//! The exact outline comes from the module's facts. A rough one comes from its text, before anything is parsed: it holds at
//! least what the exact one holds, and what strings and comments seem to import beside.

use memchr::memmem;

use crate::ir::ModuleIr;
use crate::lower::{ModuleName, absolute};

/// Functions that import what a string names: every string of a module that has one may be such a name.
const BY_NAME: &[&str] = &["import_module", "__import__", "resolve_name", "locate"];

/// What a module may import, and whether it binds anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// Dotted names of modules, or of what is in them.
    pub(crate) imports: Vec<String>,
    /// Whether it has a module variable.
    pub(crate) binds: bool,
}

impl Outline {
    /// The exact one.
    pub(crate) fn of_facts(ir: &ModuleIr) -> Self {
        let text = |sym: crate::ir::Sym| &*ir.symbols[sym.0 as usize];
        let imports = ir.imports.iter().map(|import| match import.name {
            Some(name) => format!("{}.{}", text(import.module), text(name)),
            None => text(import.module).to_owned(),
        });
        let stars = ir.stars.iter().map(|star| text(*star).to_owned());
        let by_name = ir.symbols.iter().any(|name| BY_NAME.contains(&&**name));
        let named = ir.symbols.iter().filter(|_| by_name);
        Outline {
            imports: (imports.chain(stars))
                .chain(named.map(ToString::to_string))
                .collect(),
            binds: !ir.globals.is_empty(),
        }
    }

    /// The rough one; none where the text is too unusual to read this way.
    pub(crate) fn of_text(text: &str, module: ModuleName<'_>) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut imports = Vec::new();
        for at in memmem::find_iter(bytes, "import") {
            let end = at + "import".len();
            let before = bytes[..at].last().copied();
            // A byte order mark, or a letter.
            if before.is_some_and(|byte| !byte.is_ascii()) {
                return None;
            }
            if before.is_some_and(is_word) || bytes.get(end).is_some_and(|byte| is_word(*byte)) {
                continue;
            }
            let start = line_start(bytes, at)?;
            let before = text.get(start..at)?;
            if !before.is_ascii() {
                return None;
            }
            let mut found = |before: &str| match clause(before) {
                Clause::Import => names(bytes, end, true, |name| imports.push(name)),
                Clause::From(level, from) => {
                    let from = absolute(module, Some(&*from).filter(|it| !it.is_empty()), level);
                    names(bytes, end, false, |name| {
                        imports.push(if name == "*" {
                            from.clone()
                        } else {
                            format!("{from}.{name}")
                        });
                    })
                }
                Clause::Prose => Some(()),
            };
            let starts = matches!(
                bytes[..start].last(),
                None | Some(b'\n' | b'\r' | b';' | b':')
            );
            let line = before.rfind(['\n', '\r']);
            if starts || line.is_some() {
                found(before)?;
            }
            // A comment does not go on after a backslash.
            if let Some(line) = line {
                found(&before[line + 1..])?;
            }
        }
        let by_name = |name: &&str| memmem::find(bytes, name.as_bytes()).is_some();
        if BY_NAME.iter().any(by_name) {
            let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            let names = text.split(|c| !is_part(c)).filter(|it| !it.is_empty());
            imports.extend(names.map(str::to_owned));
        }
        Some(Outline {
            imports,
            binds: true,
        })
    }
}

/// A statement does not start further away from the word `import` in it.
const FAR: usize = 4096;

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c' | b'\\')
}

/// Whether the line that ends at `at` goes on after it.
fn continues(bytes: &[u8], at: usize) -> bool {
    match bytes[at] {
        b'\n' if at > 0 && bytes[at - 1] == b'\r' => at > 1 && bytes[at - 2] == b'\\',
        _ => at > 0 && bytes[at - 1] == b'\\',
    }
}

/// Where the statement may start in which `at` stands; none where that is far away.
fn line_start(bytes: &[u8], at: usize) -> Option<usize> {
    let mut start = at;
    while start > 0 {
        let inside = match bytes[start - 1] {
            b'\n' | b'\r' => continues(bytes, start - 1),
            b'.' => true,
            byte => is_word(byte) || is_space(byte),
        };
        if !inside {
            break;
        }
        start -= 1;
        if at - start > FAR {
            return None;
        }
    }
    Some(start)
}

/// What stands before the word `import`.
enum Clause {
    /// Nothing: modules are imported.
    Import,
    /// `from …`: the dots, and the name behind them.
    From(u32, String),
    /// Something else: no import at all.
    Prose,
}

fn clause(before: &str) -> Clause {
    let blank = |c: char| c.is_ascii_whitespace() || c == '\\';
    if before.chars().all(blank) {
        return Clause::Import;
    }
    let is_from = |at: &usize| {
        let around = (
            before[..*at].bytes().last(),
            before.as_bytes().get(at + "from".len()),
        );
        !around.0.is_some_and(is_word) && !around.1.is_some_and(|byte| is_word(*byte))
    };
    let Some(at) = before.rmatch_indices("from").map(|it| it.0).find(is_from) else {
        return Clause::Prose;
    };
    let module: String = before[at + "from".len()..]
        .chars()
        .filter(|c| !blank(*c))
        .collect();
    let name = module.trim_start_matches('.');
    let level = u32::try_from(module.len() - name.len()).unwrap_or(u32::MAX);
    if module.is_empty() {
        return Clause::Prose;
    }
    Clause::From(level, name.to_owned())
}

/// Gives the names behind `import`; none where one has letters that Python would normalise.
fn names(bytes: &[u8], from: usize, dotted: bool, mut give: impl FnMut(String)) -> Option<()> {
    let mut at = from;
    let mut inside = false;
    loop {
        skip_space(bytes, &mut at, inside);
        if bytes.get(at) == Some(&b'(') && !inside {
            inside = true;
            at += 1;
            continue;
        }
        let mut name = String::new();
        while let Some(byte) = bytes.get(at).copied() {
            if !byte.is_ascii() {
                return None;
            }
            if is_word(byte) || (byte == b'.' && dotted) || (byte == b'*' && name.is_empty()) {
                name.push(char::from(byte));
                at += 1;
            } else if dotted && is_space(byte) {
                // `import a . b`
                let mut next = at;
                skip_space(bytes, &mut next, inside);
                if bytes.get(next) != Some(&b'.') && !name.ends_with('.') {
                    break;
                }
                at = next;
            } else {
                break;
            }
        }
        if name.is_empty() {
            return Some(());
        }
        give(name);
        skip_space(bytes, &mut at, inside);
        if bytes[at..].starts_with(b"as") && bytes.get(at + 2).is_some_and(|it| !is_word(*it)) {
            at += 2;
            skip_space(bytes, &mut at, inside);
            while bytes.get(at).is_some_and(|byte| is_word(*byte)) {
                at += 1;
            }
            skip_space(bytes, &mut at, inside);
        }
        if bytes.get(at) != Some(&b',') {
            return Some(());
        }
        at += 1;
    }
}

/// Skips spaces and continued lines; in brackets line ends and comments, too.
fn skip_space(bytes: &[u8], at: &mut usize, inside: bool) {
    while let Some(byte) = bytes.get(*at) {
        match byte {
            b'\n' | b'\r' if inside || continues(bytes, *at) => *at += 1,
            b'#' if inside => {
                let rest = &bytes[*at..];
                *at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            }
            byte if is_space(*byte) => *at += 1,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use loopshift_python::PythonVersion;
    use loopshift_python::parse::parse_module;
    use proptest::prelude::*;

    use super::*;
    use crate::lower::lower;

    const NAME: ModuleName<'_> = ModuleName {
        name: "pkg.sub.mod",
        is_package: false,
    };

    fn is_covered(text: &str) -> bool {
        let Ok(parsed) = parse_module(text, PythonVersion::PY311) else {
            return true;
        };
        let exact = Outline::of_facts(&lower(parsed.syntax(), text, NAME));
        let Some(rough) = Outline::of_text(text, NAME) else {
            return true;
        };
        // The names on the way to a dotted one come along with it.
        exact.imports.iter().all(|name| {
            rough
                .imports
                .iter()
                .any(|it| it == name || it.starts_with(&format!("{name}.")))
        })
    }

    #[test]
    fn finds_every_form_of_import() {
        let text = "import a.b as c, d\nfrom e import f, g as h\nfrom . import i\nfrom ..j.k import (l, # m\n    n,\n)\n\
                    if x: import o; from p import *\nfrom .import q\nfrom.r import(s)\nfrom \\\n    t \\\n  import \\\n u, \\\n v\n\
                    import w . x\nfrom y . z import aa\nimport bb ,cc\r\nfrom dd \\\r\n import ee\r\n";
        assert!(is_covered(text));
        let rough = Outline::of_text(text, NAME).unwrap();
        let expected = [
            "a.b",
            "d",
            "e.f",
            "e.g",
            "pkg.sub.i",
            "pkg.j.k.l",
            "pkg.j.k.n",
            "o",
            "p",
            "pkg.sub.q",
            "pkg.sub.r.s",
            "t.u",
            "t.v",
            "w.x",
            "y.z.aa",
            "bb",
            "cc",
            "dd.ee",
        ];
        for name in expected {
            assert!(rough.imports.iter().any(|it| it == name), "{name}");
        }
    }

    #[test]
    fn leaves_prose_alone() {
        let text = "# we import a\nx = 'from b import c'\n# d, import e\n# a \\\nimport f\n";
        let rough = Outline::of_text(text, NAME).unwrap();
        assert_eq!(rough.imports, ["f"]);
        let long = "import, ".repeat(100_000);
        assert!(Outline::of_text(&long, NAME).unwrap().imports.is_empty());
        assert_eq!(Outline::of_text(&"import ".repeat(100_000), NAME), None);
    }

    #[test]
    fn gives_up_where_names_may_be_normalised() {
        assert_eq!(Outline::of_text("import ﬁle\n", NAME), None);
        assert_eq!(Outline::of_text("from ﬁle import a\n", NAME), None);
        assert_eq!(Outline::of_text("\u{feff}import a\n", NAME), None);
        assert!(Outline::of_text("é = important\n", NAME).is_some());
    }

    proptest! {
        #[test]
        fn misses_no_import(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "import", "from", " ", "  ", "\\\n", "\\\r\n", "\n", "\r\n", "a", "b.c", ".", "..", "(", ")", ",",
                    "as", "*", ";", ":", "if x", "# from d\n", "\t", "x = 1", "'", "\"\"\"", "pass", "import e",
                    "from f import g",
                ]),
                0..16,
            ),
        ) {
            let text = parts.concat();
            prop_assert!(is_covered(&text), "{text:?}");
        }
    }
}
