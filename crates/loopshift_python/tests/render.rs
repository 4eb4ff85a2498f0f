//! Edits and the texts they give.
#![allow(missing_docs)]

mod support;

use loopshift_python::edit::{Edit, Wrap};
use loopshift_python::render::{Conflict, Wrapping};
use loopshift_python::tree::Tree;
use loopshift_python::{TextRange, TextSize};
use support::*;

fn wrapped(source: &str, needle: &str) -> Result<(), &'static str> {
    let parsed = parse(source);
    let tree = Tree::new(parsed.syntax());
    Wrapping::new(source, &parsed).check(&tree, at(source, needle))
}

#[test]
fn nothing_changes_nothing() {
    let source = "x = 1  \r\n\n\n";
    assert_eq!(apply(source, &[]), source);
}

#[test]
fn nested_replacements_take_part_through_source_pieces() {
    let source = "await asyncio.wait_for(asyncio.sleep(1), 5)\n";
    let inner = replace(source, "asyncio.sleep", "anyio.sleep");
    let whole = at(source, "await asyncio.wait_for(asyncio.sleep(1), 5)");
    let kept = Edit::replace(
        whole,
        "guard({0})",
        &[at(source, "asyncio.sleep(1)").into()],
    );
    assert_eq!(
        apply(source, &[kept, inner.clone()]),
        "guard(anyio.sleep(1))\n"
    );
    let subsumed = Edit::replace(whole, "pass", &[]);
    assert_eq!(apply(source, &[inner, subsumed]), "pass\n");
}

#[test]
fn source_pieces_may_move_and_repeat() {
    let source = "f(a, b)\n";
    let edits = [
        Edit::replace(
            at(source, "f(a, b)"),
            "g({1}, {0}, {1})",
            &[at(source, "a").into(), at(source, "b").into()],
        ),
        replace(source, "b", "c"),
    ];
    assert_eq!(apply(source, &edits), "g(c, a, c)\n");
}

#[test]
fn what_stands_before_a_dot_keeps_its_brackets() {
    let source = "((a or b)).get()[0]; (c)[1]; f((d))\n";
    let edits = [
        Edit::replace(
            at(source, "((a or b)).get()"),
            "await {0}.get()",
            &[at(source, "a or b").into()],
        ),
        Edit::replace(at(source, "(c)[1]"), "{0}[2]", &[at(source, "c").into()]),
        Edit::replace(at(source, "f((d))"), "g({0})", &[at(source, "d").into()]),
    ];
    assert_eq!(
        apply(source, &edits),
        "await ((a or b)).get()[0]; (c)[2]; g(d)\n"
    );
}

#[test]
fn a_replacement_may_hold_its_own_range() {
    let source = "f(a)\n";
    let whole = at(source, "f(a)");
    let edits = [
        Edit::replace(whole, "(yield {0})", &[whole.into()]),
        replace(source, "a", "b"),
        before(source, "f(a)", "x = "),
        behind(source, "f(a)", " + 1"),
    ];
    assert_eq!(apply(source, &edits), "x = (yield f(b)) + 1\n");
}

#[test]
fn overlaps_are_conflicts() {
    let source = "aa + bb\n";
    let conflict = |edits: &[Edit]| try_apply(source, edits).unwrap_err();
    let pair = Conflict {
        first: 0,
        second: 1,
        reason: None,
    };
    assert_eq!(
        conflict(&[replace(source, "aa +", "x"), replace(source, "+ bb", "y")]),
        pair
    );
    assert_eq!(
        conflict(&[replace(source, "aa", "x"), replace(source, "aa", "y")]),
        pair
    );
    assert_eq!(
        conflict(&[delete(source, "aa + bb"), replace(source, "aa + bb", "y")]),
        pair
    );
    let own = Conflict {
        first: 0,
        second: 0,
        reason: None,
    };
    let part = Conflict {
        reason: Some("no whole statements"),
        ..own
    };
    assert_eq!(conflict(&[delete(source, "aa")]), part);
    assert_eq!(conflict(&[wrap(source, "bb", "bb")]), part);
    let outside = TextRange::new(TextSize::new(3), TextSize::new(300));
    assert_eq!(conflict(&[Edit::replace(outside, "", &[])]), own);
    let elsewhere = Edit::replace(at(source, "aa"), "{0}", &[outside.into()]);
    assert_eq!(conflict(&[elsewhere]), own);
    let in_char = Edit::delete(TextRange::new(TextSize::new(0), TextSize::new(1)));
    assert!(try_apply("é\n", &[in_char]).is_err());
    assert_eq!(
        apply(
            source,
            &[replace(source, "aa", "x"), replace(source, "aa", "x")]
        ),
        "x + bb\n"
    );
}

#[test]
fn wraps_that_overlap_in_part_conflict() {
    let source = "a\nb\nc\n";
    let edits = [wrap(source, "a", "b"), wrap(source, "b", "c")];
    assert_eq!(
        try_apply(source, &edits),
        Err(Conflict {
            first: 0,
            second: 1,
            reason: None,
        })
    );
}

#[test]
fn insertions_keep_their_order_and_side() {
    let source = "f(a)\n";
    let edits = [
        behind(source, "f(a)", ")"),
        before(source, "f(a)", "1 + "),
        before(source, "f(a)", "("),
        before(source, "f(a)", "("),
        replace(source, "f(a)", "g"),
    ];
    assert_eq!(apply(source, &edits), "1 + (g)\n");
}

#[test]
fn lines_before_a_statement_stand_before_what_it_begins_with() {
    let source = "f(a)\n";
    let edits = [
        before(source, "f(a)", "await "),
        before(source, "f(a)", "if b:\n    raise\n"),
    ];
    assert_eq!(apply(source, &edits), "if b:\n    raise\nawait f(a)\n");
}

#[test]
fn wrap_indents_comments_and_leaves_strings() {
    let source = "\
def f():
    # above
    a = '''
one
    two'''  # trailing

    # between
    b = call(
  1,
        f\"\"\"
{a}
\"\"\",
    )
# far left
    c = 1 + \\
        2  # last
    # below
    d
";
    let expected = "\
def f():
    # above
    with w:
        a = '''
one
    two'''  # trailing

        # between
        b = call(
      1,
            f\"\"\"
{a}
\"\"\",
        )
    # far left
        c = 1 + \\
            2  # last
    # below
    d
";
    check(source, &[wrap(source, "a = '''", "2")], expected);
}

/// Renders and compares, with readable output.
#[test]
fn wraps_nest_by_range_and_order() {
    let source = "def f():\n    a\n    b\n    c\n";
    check(
        source,
        &[
            wrap_in(source, "a", "a", "with small:"),
            wrap_in(source, "a", "b", "with first:"),
            wrap_in(source, "a", "b", "with second:"),
            replace(source, "a", "aa"),
            before(source, "a", "z + "),
        ],
        "\
def f():
    with first:
        with second:
            with small:
                z + aa
            b
    c
",
    );
}

#[test]
fn wrap_writes_all_its_lines() {
    let source = "def f():\n\tif x:\n\t\ta()  # why\n\tb\n";
    let edit = Edit::Wrap(Wrap {
        range: at(source, "a()"),
        before: vec![line("x = 1"), line("y = {{}}")],
        header: line("try:"),
        last: vec![line("z"), line("if z:"), line("    pass")],
        after: vec![line("except E:"), line("    if {@os}:"), line("        q")],
    });
    check(
        source,
        &[edit],
        "\
import os


def f():
\tif x:
\t\tx = 1
\t\ty = {}
\t\ttry:
\t\t\ta()  # why
\t\t\tz
\t\t\tif z:
\t\t\t\tpass
\t\texcept E:
\t\t\tif os:
\t\t\t\tq
\tb
",
    );
}

#[test]
fn lines_shared_by_statements_are_split() {
    let cases = [
        (
            "if x: await f()  # c\ny\n",
            "await f()",
            "if x:\n    with w:\n        await f()  # c\ny\n",
        ),
        (
            "if x: aa; bb; cc\n",
            "bb",
            "if x:\n    aa\n    with w:\n        bb\n    cc\n",
        ),
        ("aa; bb; cc  # c\n", "bb", "aa\nwith w:\n    bb\ncc  # c\n"),
        (
            "aa; bb; cc;  # c\n",
            "cc",
            "aa; bb\nwith w:\n    cc;  # c\n",
        ),
        ("aa; bb\n", "aa", "with w:\n    aa\nbb\n"),
        (
            "for x in y:\n  if x: aa\n  else: bb\n",
            "bb",
            "for x in y:\n  if x: aa\n  else:\n    with w:\n      bb\n",
        ),
        (
            "try: aa\nexcept E: bb\nfinally: cc\n",
            "bb",
            "try: aa\nexcept E:\n    with w:\n        bb\nfinally: cc\n",
        ),
        (
            "if (x and\n      y): aa\n",
            "aa",
            "if (x and\n      y):\n    with w:\n        aa\n",
        ),
        (
            "class A: aa; bb",
            "aa",
            "class A:\n    with w:\n        aa\n    bb",
        ),
        (
            "async def f(): aa",
            "aa",
            "async def f():\n    with w:\n        aa",
        ),
        (
            "match x:\n  case 1: aa\n",
            "aa",
            "match x:\n  case 1:\n    with w:\n      aa\n",
        ),
    ];
    for (source, needle, expected) in cases {
        assert_eq!(wrapped(source, needle), Ok(()));
        check(source, &[wrap(source, needle, needle)], expected);
    }
    for (source, needle) in [
        ("aa; \\\n  bb\n", "bb"),
        ("if x: \\\n  aa\n", "aa"),
        ("if x: \\\n  aa; bb\n", "bb"),
        ("def f():\n    'doc'\n", "'doc'"),
        (
            "from __future__ import annotations\n",
            "from __future__ import annotations",
        ),
        ("aa + bb\n", "bb"),
        ("if x:\n    aa\nbb\n", "aa\nbb"),
    ] {
        let refused = wrapped(source, needle);
        assert!(refused.is_err(), "{source}");
        assert!(
            try_apply(source, &[wrap(source, needle, needle)]).is_err(),
            "{source}"
        );
    }
}

#[test]
fn wrap_around_a_block_takes_its_last_comments() {
    let source = "if x:\n    aa\n\n    # of aa\n# of bb\nbb\n";
    check(
        source,
        &[wrap(source, "if x", "aa\n\n    # of aa\n# of bb\nbb")],
        "with w:\n    if x:\n        aa\n\n        # of aa\n    # of bb\n    bb\n",
    );
    let edit = Edit::Wrap(Wrap {
        range: at(source, "if x:\n    aa"),
        before: vec![],
        header: line("with w:"),
        last: vec![line("z")],
        after: vec![],
    });
    check(
        source,
        &[edit],
        "with w:\n    if x:\n        aa\n\n        # of aa\n    z\n# of bb\nbb\n",
    );
}

#[test]
fn line_ends_are_kept() {
    for newline in ["\n", "\r\n", "\r"] {
        let source = "if x:\n  a = 1\n\n  b\n".replace('\n', newline);
        let edits = [
            wrap(&source, "a = 1", "b"),
            before(&source, "a = 1", "z\nif y:\n    z\n"),
            behind(&source, "b", "\nlast"),
        ];
        let expected =
            "if x:\n  with w:\n    z\n    if y:\n      z\n    a = 1\n\n    b\n    last\n";
        check(&source, &edits, &expected.replace('\n', newline));
    }
}

#[test]
fn mixed_indentation_stays_consistent() {
    let source = "if x:\n\tif y:\n\t    a\n\t    b\nif z:\n    c\n    if d:\n        e\n";
    check(
        source,
        &[wrap(source, "if y", "b")],
        "if x:\n\twith w:\n\t    if y:\n\t        a\n\t        b\nif z:\n    c\n    if d:\n        e\n",
    );
}

#[test]
fn inserted_lines_stand_on_lines_of_their_own() {
    let a = "if x:\n    aa  # c\nbb\n";
    let b = "if x: aa; bb\n";
    let c = "aa; bb\n";
    let d = "aa  # c\n";
    let cases = [
        (
            a,
            before(a, "aa", "zz\n"),
            "if x:\n    zz\n    aa  # c\nbb\n",
        ),
        (
            a,
            behind(a, "aa", "\nzz"),
            "if x:\n    aa  # c\n    zz\nbb\n",
        ),
        (a, behind(a, "aa", ".zz"), "if x:\n    aa.zz  # c\nbb\n"),
        (
            b,
            before(b, "aa", "zz\n"),
            "if x:\n    zz\n    aa\n    bb\n",
        ),
        (
            b,
            behind(b, "aa", "\nzz"),
            "if x:\n    aa\n    zz\n    bb\n",
        ),
        (c, before(c, "bb", "zz\n"), "aa\nzz\nbb\n"),
        (c, behind(c, "aa", "\nzz"), "aa\nzz\nbb\n"),
        (
            d,
            replace(
                d,
                "aa",
                "try:\n    aa\nexcept E:\n    x = \"\"\"\n  1\n    \"\"\"\n    y",
            ),
            "try:\n    aa\nexcept E:\n    x = \"\"\"\n  1\n    \"\"\"\n    y  # c\n",
        ),
    ];
    for (source, edit, expected) in cases {
        check(source, &[edit], expected);
    }
}

#[test]
fn source_lines_move_with_their_template() {
    let statement = "return g(\n        1,\n        '''\na''',\n    )";
    let source = format!("def f():\n    {statement}\n");
    let whole = at(&source, statement);
    check(
        &source,
        &[Edit::replace(
            whole,
            "try:\n    {0}\nfinally:\n    pass",
            &[whole.into()],
        )],
        "def f():\n    try:\n        return g(\n            1,\n            '''\na''',\n        )\n    finally:\n        pass\n",
    );
}
