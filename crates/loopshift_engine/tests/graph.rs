//! The call graph of small programs, each a folder of `tests/graph` with what is expected of it.
//!
//! `expected.json` says what really runs, as `tests/graph/trace.py` recorded it, with what stands in the
//! text but did not run that time. `LOOPSHIFT_BLESS=1 cargo test -p loopshift_engine --test graph` writes
//! the files anew; read every difference before keeping it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use loopshift_engine::externals::NoExternals;
use loopshift_engine::graph::{CallGraph, call_graph};
use loopshift_engine::program::{Input, analyse};
use loopshift_python::ast::PythonVersion;
use proptest::prelude::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graph")
}

/// The programs, by name.
fn programs() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root())
        .expect("tests/graph is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.is_dir() && !path.ends_with("__pycache__"))
        .collect();
    folders.sort();
    folders
}

fn collect(folder: &Path, dir: &Path, out: &mut Vec<Input>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("the folder can be read")
        .map(|entry| entry.expect("its entries, too").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(folder, &path, out);
        } else if path.extension().is_some_and(|extension| extension == "py") {
            let relative = path.strip_prefix(folder).expect("it is within");
            let mut parts: Vec<String> = relative
                .with_extension("")
                .iter()
                .map(|part| part.to_string_lossy().into_owned())
                .collect();
            let is_package = parts.last().is_some_and(|part| part == "__init__");
            if is_package {
                parts.pop();
            }
            out.push(Input {
                path: relative.to_string_lossy().into_owned(),
                module: parts.join("."),
                is_package,
                text: std::fs::read_to_string(&path).expect("the file is text"),
                lines: None,
            });
        }
    }
}

fn inputs(folder: &Path) -> Vec<Input> {
    let mut inputs = Vec::new();
    collect(folder, folder, &mut inputs);
    inputs
}

fn graph(inputs: &[Input]) -> CallGraph {
    call_graph(&analyse(inputs, PythonVersion::PY313, &NoExternals).flow)
}

/// The edges that only one of the two has.
fn difference(expected: &CallGraph, found: &CallGraph) -> String {
    let mut out = String::new();
    let mut compare = |left: &CallGraph, right: &CallGraph, sign: char| {
        for (caller, callees) in left {
            let Some(other) = right.get(caller) else {
                let _ = writeln!(out, "  {sign} {caller}");
                continue;
            };
            for callee in callees.difference(other) {
                let _ = writeln!(out, "  {sign} {caller} -> {callee}");
            }
        }
    };
    compare(expected, found, '-');
    compare(found, expected, '+');
    out
}

#[test]
fn every_program_has_its_graph() {
    let bless = std::env::var_os("LOOPSHIFT_BLESS").is_some();
    let mut wrong = String::new();
    let programs = programs();
    assert!(programs.len() >= 60, "the corpus is missing");
    for folder in programs {
        let found = graph(&inputs(&folder));
        let path = folder.join("expected.json");
        if bless {
            let mut text = serde_json::to_string_pretty(&found).expect("a graph is plain data");
            text.push('\n');
            std::fs::write(&path, text).expect("the file can be written");
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        match serde_json::from_str::<CallGraph>(&text) {
            Ok(expected) if expected == found => {}
            Ok(expected) => {
                let _ = writeln!(wrong, "{}", folder.display());
                wrong.push_str(&difference(&expected, &found));
            }
            Err(error) => {
                let _ = writeln!(wrong, "{}: {error}", path.display());
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_order_of_files_changes_nothing() {
    for folder in programs() {
        let mut files = inputs(&folder);
        let first = graph(&files);
        for _ in 1..files.len() {
            files.rotate_left(1);
            assert_eq!(first, graph(&files), "{}", folder.display());
        }
        files.reverse();
        assert_eq!(first, graph(&files), "{}", folder.display());
    }
}

#[test]
fn programs_side_by_side_have_the_graphs_they_have_alone() {
    // Every program as a package of its own: one does not leak into another.
    let mut all = Vec::new();
    for folder in programs() {
        let name = folder
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        let files = inputs(&folder);
        if files.len() == 1 {
            all.push(Input {
                path: format!("{name}.py"),
                module: name,
                is_package: false,
                text: files[0].text.clone(),
                lines: None,
            });
        }
    }
    let together = graph(&all);
    for input in &all {
        let alone = graph(std::slice::from_ref(input));
        for (caller, callees) in &alone {
            if caller.split('.').next() == Some(input.module.as_str()) {
                assert_eq!(Some(callees), together.get(caller), "{caller}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let mut all = Vec::new();
    for folder in programs() {
        let name = folder
            .file_name()
            .expect("it has a name")
            .to_string_lossy()
            .into_owned();
        all.extend(inputs(&folder).into_iter().map(|mut input| {
            input.module = format!("{name}.{}", input.module);
            input
        }));
    }
    let graphs: Vec<CallGraph> = [1, 2, 5]
        .into_iter()
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("threads can be had");
            pool.install(|| graph(&all))
        })
        .collect();
    assert_eq!(graphs[0], graphs[1]);
    assert_eq!(graphs[0], graphs[2]);
}

fn single(text: String) -> CallGraph {
    graph(&[Input {
        path: "m.py".to_owned(),
        module: "m".to_owned(),
        is_package: false,
        text,
        lines: None,
    }])
}

#[test]
fn deep_and_long_programs_are_followed() {
    let n = 3000;
    let mut elifs = "def f(x):\n    if x == 0:\n        a()\n".to_owned();
    for index in 1..n {
        let _ = write!(elifs, "    elif x == {index}:\n        a()\n");
    }
    let mut nested = "def f():\n".to_owned();
    for depth in 1..90 {
        let _ = writeln!(nested, "{}if x:", " ".repeat(depth));
    }
    let _ = writeln!(nested, "{}a()", " ".repeat(90));
    let texts = [
        elifs,
        nested,
        format!("x = y{}\n", ".a".repeat(n)),
        format!("x = y{}\n", ".a()".repeat(n)),
        format!("x = {}1\n", "1 + ".repeat(n)),
        format!("x = {}1\n", "a and ".repeat(n)),
        format!("x = {}1{}\n", "(".repeat(150), ")".repeat(150)),
        format!("x = {}1{}\n", "[".repeat(150), "]".repeat(150)),
        format!("x = [{}]\n", "f, ".repeat(20 * n)),
        format!("x = {{{}}}\n", "'k': f, ".repeat(20 * n)),
        format!("f({})\n", "g, ".repeat(20 * n)),
        "def f(): f()\n".repeat(n),
        format!("x{}\n", "[0]".repeat(n)),
        format!("{}a\n", "not ".repeat(150)),
        format!("f = {}1\n", "lambda: ".repeat(150)),
    ];
    for text in texts {
        let start: String = text.chars().take(40).collect();
        assert!(single(text).contains_key("m"), "{start}");
    }
}

#[test]
fn calls_that_lead_back_to_themselves_end() {
    let own = single("class A:\n    pass\n\n\nA.__call__ = A()\nA()()\n".to_owned());
    assert!(own.contains_key("m"));
    let partial = "from functools import partial\n\n\ndef f(x): ...\n\n\np = f\n\n\n\
                   def g():\n    global p\n    p = partial(p, 1)\n\n\ng()\np()\n";
    let found = single(partial.to_owned());
    assert!(found["m"].contains("m.f"), "{found:?}");
    let meta = "class M(type):\n    pass\n\n\nclass C(metaclass=M):\n    pass\n\n\n\
                M.__call__ = C\nC()\n";
    assert!(single(meta.to_owned()).contains_key("m"));
}

#[test]
fn bases_are_searched_in_the_order_of_python() {
    let diamond = "class A:\n    def f(self): ...\n\n\nclass B(A): ...\n\n\n\
                   class C(A):\n    def f(self): ...\n\n\nclass D(B, C): ...\n\n\nD().f()\n";
    let found = single(diamond.to_owned());
    assert!(found["m"].contains("m.C.f"), "{found:?}");
    assert!(!found["m"].contains("m.A.f"), "{found:?}");
    // No order is consistent, and Python refuses it: the first base comes first.
    let broken = "class A:\n    def f(self): ...\n\n\nclass B(A):\n    def f(self): ...\n\n\n\
                  class C(A, B): ...\n\n\nC().f()\n";
    let found = single(broken.to_owned());
    assert!(found["m"].contains("m.A.f"), "{found:?}");
    // Long chains, from either end, and a cycle.
    let mut chain = "class C0:\n    def f(self): ...\n\n\n".to_owned();
    for index in 1..600 {
        let _ = write!(chain, "class C{index}(C{}): ...\n\n\n", index - 1);
    }
    chain.push_str("C599().f()\n");
    let found = single(chain);
    assert!(found["m"].contains("m.C0.f"), "{:?}", found["m"]);
    assert!(single("class A(B): ...\nclass B(A): ...\nA().f()\n".to_owned()).contains_key("m"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_is_too_much(text in "\\PC{0,200}") {
        prop_assert!(single(text).contains_key("m"));
    }

    #[test]
    fn no_soup_of_tokens_is_too_much(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..120)) {
        prop_assert!(single(tokens.join(" ")).contains_key("m"));
    }

    #[test]
    fn programs_in_one_file_are_followed(picks in prop::collection::vec(0..1000_usize, 1..6)) {
        let programs = programs();
        let mut text = String::new();
        for pick in picks {
            let files = inputs(&programs[pick % programs.len()]);
            let main = files.iter().find(|file| file.module == "main").expect("each has a main");
            if !main.text.contains("from __future__") {
                text.push_str(&main.text);
            }
        }
        // Two programs may have a function of the same name, or be the same.
        let names: BTreeSet<String> = (text.lines())
            .filter_map(|line| line.strip_prefix("async ").unwrap_or(line).strip_prefix("def "))
            .filter_map(|rest| Some(format!("m.{}", rest.split_once('(')?.0)))
            .collect();
        let found = single(text);
        prop_assert!(found.contains_key("m"));
        for name in names {
            prop_assert!(found.contains_key(&name), "{name}");
        }
    }

    #[test]
    fn broken_programs_are_followed(program in 0..1000_usize, cut in 0..4000_usize, drop in 0..60_usize) {
        let programs = programs();
        let files = inputs(&programs[program % programs.len()]);
        let text = &files[0].text;
        let kept: String = text
            .char_indices()
            .filter(|(at, _)| *at < cut || *at >= cut + drop)
            .map(|(_, c)| c)
            .collect();
        prop_assert!(single(kept).contains_key("m"));
    }
}

const TOKENS: &[&str] = &[
    "def",
    "class",
    "f",
    "g",
    "x",
    "(",
    ")",
    ":",
    "\n",
    "\n    ",
    "\n        ",
    "=",
    ".",
    ",",
    "*",
    "**",
    "[",
    "]",
    "{",
    "}",
    "return",
    "yield",
    "await",
    "async",
    "lambda",
    "for",
    "in",
    "if",
    "else",
    "elif",
    "while",
    "with",
    "as",
    "try",
    "except",
    "finally",
    "raise",
    "import",
    "from",
    "global",
    "nonlocal",
    "match",
    "case",
    "_",
    "@",
    "+",
    "-",
    "==",
    "isinstance",
    "super",
    "self",
    "1",
    "'a'",
    "f'{x}'",
    ":=",
    "None",
    "->",
    "del",
    "not",
    "and",
    "or",
    "|",
    "...",
    "type",
    "print",
    "property",
    "staticmethod",
];
