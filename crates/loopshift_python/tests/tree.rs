//! Parents, places and scopes.
#![allow(missing_docs)]

mod support;

use loopshift_python::ast::{AnyNodeRef, Stmt};
use loopshift_python::scope::{Scopes, fresh};
use loopshift_python::tree::{FunctionLike, Tree};
use loopshift_python::{Ranged, TextRange, TextSize};
use proptest::prelude::*;
use support::*;

const SOURCE: &str = "\
@deco(d0)
async def outer(p=d1) -> ann:
    x = await call(a1, k=[e1 for v in it1 for w in it2 if c1])
    if x:
        first; second
    else:
        third
    try:
        fourth
    except Err as e:
        with ctx as y: fifth
    def inner():
        return lambda q: body
";

#[test]
fn nodes_are_found_by_range() {
    let parsed = parse(SOURCE);
    let tree = Tree::new(parsed.syntax());
    let expr = |text: &str| {
        tree.expr_at(at(SOURCE, text))
            .unwrap_or_else(|| panic!("{text}"))
    };
    assert!(tree.is_awaited(expr("call(a1, k=[e1 for v in it1 for w in it2 if c1])")));
    assert!(!tree.is_awaited(expr("a1")));
    assert!(tree.expr_at(at(SOURCE, "a1, k")).is_none());
    assert!(
        tree.expr_at(TextRange::up_to(TextSize::new(9999)))
            .is_none()
    );
    assert!(matches!(
        tree.node_at(at(SOURCE, "third")),
        Some(AnyNodeRef::StmtExpr(_))
    ));
    assert!(matches!(
        tree.parent(expr("c1")),
        Some(AnyNodeRef::Comprehension(_))
    ));
    let other = parse("a1");
    let foreign = Tree::new(other.syntax());
    let stranger = foreign.expr_at(TextRange::up_to(TextSize::new(2))).unwrap();
    assert!(tree.parent(stranger).is_none());
    assert_eq!(tree.ancestors(stranger).count(), 0);
    assert!(tree.parent(parsed.syntax()).is_none());
}

#[test]
fn functions_are_those_whose_body_holds_the_place() {
    let parsed = parse(SOURCE);
    let tree = Tree::new(parsed.syntax());
    let name = |text: &str| match tree.enclosing_function(at(SOURCE, text)) {
        Some(FunctionLike::Def(def)) => def.name.to_string(),
        Some(FunctionLike::Lambda(_)) => "lambda".to_owned(),
        None => "module".to_owned(),
    };
    for (text, function) in [
        ("d0", "module"),
        ("d1", "module"),
        ("ann", "module"),
        ("a1", "outer"),
        ("fifth", "outer"),
        ("body", "lambda"),
        ("lambda q", "inner"),
    ] {
        assert_eq!(name(text), function, "{text}");
    }
}

#[test]
fn statements_and_suites() {
    let parsed = parse(SOURCE);
    let tree = Tree::new(parsed.syntax());
    let place = |text: &str| {
        let stmt = tree.enclosing_statement(at(SOURCE, text)).unwrap();
        let (suite, index) = tree.suite_of(stmt).unwrap();
        assert_eq!(suite[index].range(), stmt.range());
        (suite.len(), index)
    };
    for (text, expected) in [
        ("second", (2, 1)),
        ("third", (1, 0)),
        ("fourth", (1, 0)),
        ("fifth", (1, 0)),
        ("a1", (4, 0)),
        ("ctx", (1, 0)),
        ("body", (1, 0)),
    ] {
        assert_eq!(place(text), expected, "{text}");
    }
    assert!(matches!(
        tree.enclosing_statement(at(SOURCE, "Err")),
        Some(Stmt::Try(_))
    ));
    let stranger = parse("zzz = 1");
    assert!(tree.suite_of(&stranger.syntax().body[0]).is_none());
}

#[test]
fn comprehensions_leave_out_their_first_iterable() {
    let parsed = parse(SOURCE);
    let tree = Tree::new(parsed.syntax());
    let inside = |text: &str| {
        tree.comprehension_around(tree.expr_at(at(SOURCE, text)).unwrap())
            .is_some()
    };
    assert!(inside("e1") && inside("it2") && inside("c1"));
    assert!(!inside("it1") && !inside("a1") && !inside("x = await call"[4..].get(6..10).unwrap()));
}

#[test]
fn scopes_follow_python() {
    let source = "\
import m, p.q
g = 1
class C:
    attr = g
    def method(self, a=attr):
        global g
        g = a
        self
        return [n for n in a if (w := n)]
def f[T](b: T):
    def h():
        nonlocal b
        b = 2
    try: pass
    except E as err: pass
    match b:
        case [one, *two, {'k': three, **four}]: pass
    lambda z: z + w0
";
    let parsed = parse(source);
    let scopes = Scopes::new(parsed.syntax());
    let bound = |offset: TextSize| -> Vec<&str> {
        let scope = &scopes.scopes[scopes.at(offset)];
        scope.bindings.keys().copied().collect()
    };
    assert_eq!(bound(TextSize::new(0)), ["C", "f", "g", "m", "p"]);
    assert_eq!(bound(at(source, "attr = g").start()), ["attr", "method"]);
    assert_eq!(bound(at(source, "self\n").start()), ["a", "self", "w"]);
    assert_eq!(bound(at(source, "n for").start()), ["n"]);
    assert_eq!(
        bound(at(source, "def h").start()),
        ["b", "err", "four", "h", "one", "three", "two"]
    );
    let method = scopes.at(at(source, "self\n").start());
    assert_eq!(
        scopes.resolve("attr", method),
        None,
        "class scopes are not seen from methods"
    );
    assert_eq!(scopes.resolve("g", method), Some(0));
    assert!(scopes.is_bound_anywhere("three") && !scopes.is_bound_anywhere("attr"));
    assert!(
        scopes.is_used_anywhere("attr")
            && scopes.is_used_anywhere("w0")
            && !scopes.is_used_anywhere("w1")
    );
    assert!(
        !scopes.runs_at_import(method)
            && scopes.runs_at_import(scopes.at(at(source, "attr = g").start()))
    );
    let f = scopes.at(at(source, "def h").start());
    assert_eq!(scopes.fresh_name(f, "one"), "one_");
    assert_eq!(scopes.fresh_name(f, "attr"), "attr");
    assert_eq!(
        scopes.fresh_name(f, "w0"),
        "w0_",
        "a name that is read there"
    );
    assert_eq!(scopes.fresh_name(method, "g"), "g_");
    assert_eq!(fresh("a", |it| it == "a_3"), "a_3");
}

/// Small programs with all kinds of blocks.
pub fn program() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        vec!["a = 1"],
        vec!["b = '''x", "  y", "z'''  # after"],
        vec!["f(", "  1,  # one", "        2,", ")"],
        vec!["c = f\"\"\"{", " d", "}", "text\"\"\""],
        vec!["a; b = 2; c  # three"],
        vec!["if a: b; c  # one line"],
        vec!["# only a comment", "d"],
        vec!["x = 1 + \\", "  2"],
        vec!["", "e", ""],
        vec!["for i in x: pass", "else: j  # k"],
    ])
    .prop_map(|it| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
    let block = leaf.prop_recursive(4, 40, 4, |inner| {
        let head = prop::sample::select(vec![
            "if x:",
            "async def f():  # def",
            "class A:",
            "while x:",
            "with a as b:",
            "try:",
        ]);
        let unit = prop::sample::select(vec!["    ", "  ", "\t"]);
        (head, unit, prop::collection::vec(inner, 1..4)).prop_map(|(head, unit, bodies)| {
            let mut lines = vec![head.to_owned()];
            let mut in_string = false;
            for line in bodies.concat() {
                // Lines inside the multi-line strings above stay where they are.
                let text = if in_string || line.is_empty() {
                    line.clone()
                } else {
                    format!("{unit}{line}")
                };
                in_string ^=
                    (line.matches("'''").count() + line.matches("\"\"\"").count()) % 2 == 1;
                lines.push(text);
            }
            lines.push(format!("{unit}# last"));
            if head == "try:" {
                lines.push("finally: z".to_owned());
            }
            lines
        })
    });
    let newline = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    (prop::collection::vec(block, 1..4), newline, any::<bool>()).prop_map(
        |(blocks, newline, ends)| {
            let text = blocks.concat().join(newline);
            if ends { text + newline } else { text }
        },
    )
}

/// The values of all strings and the texts of all comments.
fn kept(source: &str) -> (Vec<String>, Vec<String>) {
    use loopshift_python::ast::visitor::{self, Visitor};
    use loopshift_python::ast::{Expr, InterpolatedStringElement};
    struct Strings(Vec<String>);
    impl Visitor<'_> for Strings {
        fn visit_expr(&mut self, expr: &Expr) {
            if let Expr::StringLiteral(it) = expr {
                self.0.push(it.value.to_str().to_owned());
            }
            visitor::walk_expr(self, expr);
        }
        fn visit_interpolated_string_element(&mut self, it: &InterpolatedStringElement) {
            if let InterpolatedStringElement::Literal(it) = it {
                self.0.push(it.value.to_string());
            }
            visitor::walk_interpolated_string_element(self, it);
        }
    }
    let parsed = parse(source);
    let mut strings = Strings(Vec::new());
    strings.visit_body(&parsed.syntax().body);
    let comments = loopshift_python::comments::comment_texts(source, &parsed);
    (strings.0, comments.into_iter().map(str::to_owned).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_edits_change_nothing(source in program()) {
        prop_assert_eq!(apply(&source, &[]), source);
    }

    #[test]
    fn wraps_keep_strings_and_comments(source in program(), picks in prop::collection::vec((any::<prop::sample::Index>(), 0usize..3, 0usize..3), 1..4)) {
        use loopshift_python::edit::{Edit, Wrap};
        let parsed = parse(&source);
        let suites = suites(&parsed.syntax().body);
        let edits: Vec<Edit> = picks.iter().map(|(suite, from, more)| {
            let suite = suites[suite.index(suites.len())];
            let from = *from % suite.len();
            let to = (from + 1 + more).min(suite.len());
            Edit::Wrap(Wrap {
                range: range_of(&suite[from..to]),
                before: vec![line("pre = 1")],
                header: line("with w:"),
                last: vec![line("end = 2")],
                after: vec![line("for i in j:"), line("    post = 3")],
            })
        }).collect();
        match try_apply(&source, &edits) {
            Ok(after) => {
                parse(&after);
                prop_assert_eq!(kept(&after), kept(&source), "{}", after);
                // Without the lines of the wraps and all indentation, the text is the same but for split lines.
                let bare = |text: &str| -> String {
                    let mut all: String = text.split(char::is_whitespace).collect();
                    for added in ["pre=1", "withw:", "end=2", "foriinj:", "post=3", ";"] {
                        all = all.replace(added, "");
                    }
                    all
                };
                prop_assert_eq!(bare(&after), bare(&source));
            }
            Err(conflict) => prop_assert!(conflict.first < edits.len() && conflict.second < edits.len()),
        }
    }

    #[test]
    fn deletions_leave_a_program(source in program(), picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6)) {
        use loopshift_python::edit::Edit;
        let parsed = parse(&source);
        let suites = suites(&parsed.syntax().body);
        let edits: Vec<Edit> = picks.iter().map(|(suite, stmt)| {
            let suite = suites[suite.index(suites.len())];
            let at = stmt.index(suite.len());
            Edit::DeleteStatement { range: suite[at].range() }
        }).collect();
        let after = try_apply(&source, &edits).map_err(|it| TestCaseError::fail(it.to_string()))?;
        parse(&after);
        for line in after.split(['\n', '\r']) {
            let untouched = source.split(['\n', '\r']).any(|it| it == line);
            prop_assert!(untouched || line == line.trim_end(), "{:?} in {:?}", line, after);
        }
    }

    #[test]
    fn insertions_and_imports_leave_a_program(source in program(), picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..5), 1..6)) {
        use loopshift_python::edit::Edit;
        let parsed = parse(&source);
        let suites = suites(&parsed.syntax().body);
        let edits: Vec<Edit> = picks.iter().map(|(suite, stmt, kind)| {
            let suite = suites[suite.index(suites.len())];
            let range = suite[stmt.index(suite.len())].range();
            match kind {
                0 => Edit::insert(range.start(), "{@anyio}\n", &[]),
                1 => Edit::insert(range.start(), "if {@math}:\n    pass\n", &[]),
                2 => Edit::insert(range.end(), "\n{@functools:partial}", &[]),
                3 => Edit::replace(range, "try:\n    {0}\nfinally:\n    pass", &[range.into()]),
                _ => Edit::DeleteStatement { range },
            }
        }).collect();
        if let Ok(after) = try_apply(&source, &edits) {
            parse(&after);
        }
    }
}
