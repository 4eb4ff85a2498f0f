//! What is left where edits remove something.
#![allow(missing_docs)]

mod support;

use loopshift_python::edit::{Edit, Wrap};
use support::*;

#[test]
fn deletions_take_their_lines() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("aa\nbb\ncc\n", &["bb"], "aa\ncc\n"),
        ("aa\n# c\nbb  # d\ncc\n", &["bb"], "aa\n# c\ncc\n"),
        ("if x:\n    aa\n    bb\n", &["bb"], "if x:\n    aa\n"),
        ("if x:\n    aa  # c\n", &["aa"], "if x:\n    pass\n"),
        (
            "if x:\n    # c\n    aa\n    bb\ny\n",
            &["aa", "bb"],
            "if x:\n    # c\n    pass\ny\n",
        ),
        (
            "if x: aa\nelse: bb\n",
            &["aa", "bb"],
            "if x: pass\nelse: pass\n",
        ),
        ("if x: aa; bb\n", &["aa", "bb"], "if x: pass\n"),
        ("if x: aa; bb; cc\n", &["aa"], "if x: bb; cc\n"),
        ("aa; bb; cc\n", &["bb"], "aa; cc\n"),
        ("aa; bb; cc  # c\n", &["bb", "cc"], "aa  # c\n"),
        ("aa; bb;\n", &["bb"], "aa;\n"),
        ("z\naa; bb\ny\n", &["aa", "bb"], "z\ny\n"),
        ("aa\n", &["aa"], ""),
        ("aa", &["aa"], ""),
        ("z\naa", &["aa"], "z\n"),
        ("z\n\naa\n\ny\n", &["aa"], "z\n\ny\n"),
        ("z\n\n\naa\n\ny\n", &["aa"], "z\n\n\ny\n"),
        ("z\n\naa\n\nbb\n\n\ny\n", &["aa", "bb"], "z\n\n\ny\n"),
        (
            "def f():\n    aa\n\n    bb\n",
            &["aa"],
            "def f():\n    bb\n",
        ),
        (
            "def f():\n    aa\n\n    bb\n\n\ndef g(): pass\n",
            &["bb"],
            "def f():\n    aa\n\n\ndef g(): pass\n",
        ),
        (
            "def f():\n    aa\n\n    bb\ny\n",
            &["bb"],
            "def f():\n    aa\ny\n",
        ),
        ("aa\n\n\nz\n", &["aa"], "z\n"),
        ("z\n\n\naa\n", &["aa"], "z\n"),
        ("if aa:\n    bb\n    # c\ny\n", &["if aa:\n    bb"], "y\n"),
        (
            "@aa\ndef f():\n    pass\ny\n",
            &["@aa\ndef f():\n    pass"],
            "y\n",
        ),
    ];
    for (source, needles, expected) in cases {
        let edits: Vec<Edit> = needles.iter().map(|it| delete(source, it)).collect();
        check(source, &edits, expected);
        let replacements: Vec<Edit> = needles.iter().map(|it| replace(source, it, "")).collect();
        check(source, &replacements, expected);
    }
}

#[test]
fn one_deletion_may_span_statements() {
    let source = "if x:\n    aa\n    # c\n    bb\n    cc\n";
    check(
        source,
        &[delete(source, "aa\n    # c\n    bb")],
        "if x:\n    # c\n    cc\n",
    );
    check(
        source,
        &[delete(source, "aa\n    # c\n    bb\n    cc")],
        "if x:\n    pass\n    # c\n",
    );
}

#[test]
fn deletions_meet_wraps_and_insertions() {
    let source = "if x:\n    aa\n    bb\n    cc\n";
    check(
        source,
        &[delete(source, "aa"), wrap(source, "aa", "bb")],
        "if x:\n    with w:\n        bb\n    cc\n",
    );
    check(
        source,
        &[
            delete(source, "aa"),
            delete(source, "bb"),
            wrap(source, "aa", "bb"),
        ],
        "if x:\n    with w:\n        pass\n    cc\n",
    );
    let all = [
        delete(source, "aa"),
        delete(source, "bb"),
        delete(source, "cc"),
    ];
    check(
        source,
        &[&all[..], &[before(source, "bb", "zz\n")]].concat(),
        "if x:\n    zz\n",
    );
    check(
        source,
        &[&all[..], &[behind(source, "cc", "\nzz")]].concat(),
        "if x:\n    zz\n",
    );
    check(
        source,
        &[&all[..], &[before(source, "aa", "zz")]].concat(),
        "if x:\n    zz\n",
    );
    let wrapped = Edit::Wrap(Wrap {
        range: at(source, "aa"),
        before: vec![],
        header: line("with w:"),
        last: vec![line("zz")],
        after: vec![],
    });
    check(
        source,
        &[delete(source, "aa"), wrapped],
        "if x:\n    with w:\n        zz\n    bb\n    cc\n",
    );
    let shared = "aa; bb; cc\n";
    check(
        shared,
        &[delete(shared, "aa"), wrap(shared, "bb", "bb")],
        "with w:\n    bb\ncc\n",
    );
    check(
        shared,
        &[delete(shared, "bb"), wrap(shared, "bb", "cc")],
        "aa\nwith w:\n    cc\n",
    );
}

#[test]
fn removed_pieces_leave_no_space() {
    let source = "@aa\n@bb\ndef f(\n    x,\n    y,\n): pass\n";
    check(
        source,
        &[replace(source, "@bb", ""), replace(source, "    y,", "")],
        "@aa\ndef f(\n    x,\n): pass\n",
    );
    let source = "x = f\"\"\"\n{\naa\n}\n\"\"\"\n";
    check(
        source,
        &[replace(source, "aa", "bb")],
        "x = f\"\"\"\n{\nbb\n}\n\"\"\"\n",
    );
    let source = "x = 1 # aa\n";
    check(source, &[replace(source, "# aa", "")], "x = 1\n");
}
