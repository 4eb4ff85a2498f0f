//! Parsing, and what is refused.
#![allow(missing_docs)]

mod support;

use loopshift_python::parse::{MAX_NESTING, SyntaxErrorKind, line_index, parse_module};
use loopshift_python::scope::Scopes;
use loopshift_python::tree::Tree;
use loopshift_python::{PythonVersion, Ranged, TextSize};
use proptest::prelude::*;

#[test]
fn errors_have_a_place() {
    let error = parse_module("x = 1\r\né = = 2\n", PythonVersion::PY311).unwrap_err();
    assert_eq!(error.kind, SyntaxErrorKind::Syntax);
    assert_eq!((error.line, error.column), (2, 5));
    assert_eq!(error.offset, TextSize::new(12));
    assert!(error.to_string().starts_with("2:5: "), "{error}");
}

#[test]
fn python_2_is_told_apart() {
    let old = [
        ("x = 1\nprint \"x\"\n", 2),
        ("if x:\n    print x\n", 2),
        ("exec \"x = 1\"\n", 1),
        ("try:\n    x\nexcept A, e:\n    y\n", 3),
        ("try:\n    x\nexcept (A, B), e:\n    y\n", 3),
        ("x = `y`\n", 1),
        ("if a <> b: pass\n", 1),
        ("x = ur\"a\"\n", 1),
    ];
    for (source, line) in old {
        let error = parse_module(source, PythonVersion::PY313).unwrap_err();
        assert_eq!(
            (error.kind, error.line),
            (SyntaxErrorKind::Python2, line),
            "{source}: {error}"
        );
        assert!(error.message.contains("Python 2"));
    }
    for source in [
        "print >>x, y\n",
        "print\n",
        "exec(x)\n",
        "x < (y > z)\n",
        "try:\n    x\nexcept (A, B): y\n",
    ] {
        assert!(
            parse_module(source, PythonVersion::PY313).is_ok(),
            "{source}"
        );
    }
    assert!(parse_module("try: x\nexcept A, B: y\n", PythonVersion::PY314).is_ok());
    let broken = parse_module("x = (\nprint(x\n", PythonVersion::PY313).unwrap_err();
    assert_eq!(broken.kind, SyntaxErrorKind::Syntax);
}

/// Texts nested `depth` deep, one of each kind.
fn nested(depth: usize) -> Vec<(&'static str, String)> {
    let n = |it: &str| it.repeat(depth);
    let blocks: String = (0..depth)
        .flat_map(|it| [" ".repeat(it), "if x:\n".to_owned()])
        .collect();
    vec![
        ("parentheses", format!("{}1{}", n("("), n(")"))),
        ("lists", format!("{}1{}", n("["), n("]"))),
        ("dicts", format!("{}1{}", n("{1:"), n("}"))),
        ("calls", format!("{}1{}", n("f("), n(")"))),
        ("open brackets", n("([{")),
        ("call chain", format!("f{}", n("()"))),
        ("subscripts", format!("f{}", n("[0]"))),
        ("attributes", format!("f{}", n(".a"))),
        ("minus", format!("{}1", n("-"))),
        ("mixed unary", format!("{}1", n("-~+"))),
        ("not", format!("{}1", n("not "))),
        ("await", format!("async def f(): {}x", n("await "))),
        ("lambda", format!("{}1", n("lambda: "))),
        ("ternary", format!("{}1", n("1 if 1 else "))),
        ("sum", format!("{}1", n("1 + "))),
        ("power", format!("{}1", n("1 ** "))),
        ("strings", format!("{}1", n("'a' + "))),
        (
            "patterns",
            format!("match x:\n case {}1{}: pass", n("["), n("]")),
        ),
        ("blocks", format!("{blocks}{}pass\n", " ".repeat(depth))),
        ("f-strings", format!("{}1{}", n("f'{"), n("}'"))),
        (
            "f-strings of both quotes",
            format!("{}1{}", n("f'{f\"{"), n("}\"}'")),
        ),
        ("format specs", format!("f'{}1{}'", n("{1:"), n("}"))),
        ("types", format!("x: {}int{}", n("list["), n("]"))),
    ]
}

#[test]
fn deep_nesting_is_refused() {
    for (what, source) in nested(10_000) {
        let error = parse_module(&source, PythonVersion::PY314).expect_err(what);
        // A format spec can't be nested that deep in any case.
        if what != "format specs" {
            assert_eq!(error.kind, SyntaxErrorKind::TooDeep, "{what}: {error}");
        }
    }
}

#[test]
fn what_is_long_but_flat_is_accepted() {
    let n = |it: &str| it.repeat(10_000);
    let clauses: String = (0..10_000_u32)
        .flat_map(|it| {
            [
                "elif x == ".to_owned(),
                it.to_string(),
                ":\n    pass\n".to_owned(),
            ]
        })
        .collect();
    let flat = [
        format!("x = [{}]", n("f(a.b, -1),")),
        format!("x = {}1", n("a.b and ")),
        format!("x = {}1", n("1 < ")),
        format!("x = ({})", n("'a'\n")),
        format!("x = ({})", n("f'{a.b}'\n")),
        format!("{}1", n("a = ")),
        n("(a)\n"),
        n("a.b\n"),
        n("a; "),
        format!("if x:\n    pass\n{clauses}"),
        format!("x = '''{}'''", n("((\n")),
        format!("# {}\n", n("((")),
        format!("x = '{}'\n", n("((")),
    ];
    for source in flat {
        let head: String = source.chars().take(30).collect();
        let parsed =
            parse_module(&source, PythonVersion::PY314).unwrap_or_else(|it| panic!("{it}: {head}"));
        Tree::new(parsed.syntax());
        Scopes::new(parsed.syntax());
    }
}

#[test]
fn the_deepest_accepted_text_can_be_worked_on_in_a_small_thread() {
    let work = || {
        let mut accepted = 0;
        // What is counted differs by one or two for each kind, and some kinds count twice.
        for depth in [
            MAX_NESTING - 20,
            MAX_NESTING / 2 - 20,
            MAX_NESTING / 3 - 20,
            MAX_NESTING / 4 - 20,
        ] {
            for (what, source) in nested(depth) {
                let Ok(parsed) = parse_module(&source, PythonVersion::PY314) else {
                    continue;
                };
                accepted += 1;
                Scopes::new(parsed.syntax());
                let tree = Tree::new(parsed.syntax());
                let last = source.rfind('1').unwrap_or(0);
                let range =
                    loopshift_python::TextRange::at(TextSize::new(last as u32), TextSize::new(1));
                assert!(tree.around(range).count() > 0, "{what}");
            }
        }
        accepted
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    let accepted = thread.spawn(work).unwrap().join().unwrap();
    assert!(accepted > 50, "{accepted}");
}

#[test]
fn lines_and_columns() {
    let source = "aé\r\nb\rc\n";
    let index = line_index(source);
    let at = |offset| index.line_column(TextSize::new(offset));
    assert_eq!(
        [at(0), at(1), at(3), at(5), at(7), at(9), at(99)],
        [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (4, 1), (4, 1)]
    );
    assert_eq!(index.line_count(), 4);
    assert_eq!(index.offset(1, 3), Some(TextSize::new(3)));
    assert_eq!(index.offset(1, 4), None);
    assert_eq!(index.offset(3, 1), Some(TextSize::new(7)));
    assert_eq!(index.offset(0, 1), None);
    assert_eq!(index.offset(5, 1), None);
    assert_eq!(index.line_range(1).map(|it| &source[it]), Some("aé"));
}

fn tokens() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "x", "1", "'a'", "f'{", "}'", "\"\"\"", "(", ")", "[", "]", "{", "}", ":", ",", ";", "\n",
        "\n    ", "\n\t", "\\\n", "if ", "else", "elif ", "def f", "class ", "async ", "await ",
        "lambda ", "for ", "in ", "=", ":=", "+", "-", "*", "**", ".", "->", "@", "#", " ",
        "import ", "from ", "as ", "try", "except", "match ", "case ", "type ", "`", "print ",
        "\r", "é", "global ", "del ", "return ", "yield ", "not ", "and ", "0x", "$", "!", "?",
        "\u{0}", "\u{feff}", "\u{c}",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(source in prop_oneof![tokens(), any::<String>()]) {
        if let Ok(parsed) = parse_module(&source, PythonVersion::PY314) {
            let tree = Tree::new(parsed.syntax());
            Scopes::new(parsed.syntax());
            for at in 0..source.len() {
                let range = loopshift_python::TextRange::at(TextSize::new(at as u32), TextSize::new(1));
                tree.enclosing_statement(range);
                tree.enclosing_function(range);
            }
        }
    }
}

/// The names that stand in strings of `source` and are code in its tree.
fn quoted(source: &str) -> Vec<String> {
    let parsed = support::parse(source);
    let tree = Tree::new(parsed.syntax());
    tree.exprs()
        .filter(|it| it.is_name_expr() && parsed.is_in_string(it.range()))
        .map(|it| source[it.range()].to_owned())
        .collect()
}

#[test]
fn annotations_in_strings_are_code() {
    let head = "from typing import Annotated, Literal as L, Optional, cast\nimport typing as t\n";
    for (source, names) in [
        ("x: 'a.B[c]' = 1", vec!["a", "c"]),
        (
            "def f(x: 'A', *y: \"B | None\") -> r'C': ...",
            vec!["A", "B", "C"],
        ),
        ("x: '''\n  A |\n  B'''", vec!["A", "B"]),
        ("x: Optional['list[\"A\"]'] | 'B'", vec!["list", "A", "B"]),
        ("x: Annotated['A', 'B', f('C')]", vec!["A"]),
        ("x: 'Annotated[A, \"B\"]'", vec!["Annotated", "A"]),
        ("x: L['A'] | t.Literal['B'] | 'L[\"C\"]'", vec!["L"]),
        ("x = cast('A', y('B'))", vec!["A"]),
        ("x = t.TypeVar('T', bound='A')", vec!["A"]),
        ("Alias = t.Optional['A']", vec!["A"]),
        // No types: texts, keys, calls, what is written with escapes or in parts.
        ("x: 'the queue' = 'A'", vec![]),
        ("x: 'f(A)'", vec![]),
        ("x: 'A\\x42'", vec![]),
        ("x: 'A' 'B'", vec![]),
        ("x = d['A']", vec![]),
        ("def cast2(a): ...\nx = cast2('A')", vec![]),
        ("x: f'A'", vec![]),
    ] {
        assert_eq!(quoted(&format!("{head}{source}\n")), names, "{source}");
    }
}

#[test]
fn an_annotation_is_known_as_written() {
    let source = "x: 'A' = 1\ny: B | 'C'\n";
    let parsed = support::parse(source);
    let annotations: Vec<&str> = (parsed.syntax().body.iter())
        .filter_map(|it| it.as_ann_assign_stmt())
        .map(|it| &source[parsed.as_written(it.annotation.range())])
        .collect();
    assert_eq!(annotations, ["'A'", "B | 'C'"]);
}
