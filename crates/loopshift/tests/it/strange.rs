//! The program itself on files as nobody writes them on purpose.

use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::tools::Tree;

const PROGRAM: &str =
    "import asyncio\n\n\nasync def main():\n    await asyncio.sleep(1)\n\n\nasyncio.run(main())\n";
const MOVED: &str =
    "import anyio\n\n\nasync def main():\n    await anyio.sleep(1)\n\n\nanyio.run(main)\n";

/// Another form of a text, as bytes.
type Form = fn(&str) -> Vec<u8>;

/// What `loopshift` prints on both streams. It must not fail otherwise than by saying so.
fn printed(tree: &Tree, args: &[&str]) -> String {
    let assert = tree.loopshift(args);
    let output = assert.get_output();
    assert!(
        matches!(output.status.code(), Some(0..=2)),
        "{args:?}: {output:?}"
    );
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn encodings_and_line_ends_stay_as_they_are() {
    let forms: [(&str, Form); 7] = [
        ("crlf.py", |text| text.replace('\n', "\r\n").into_bytes()),
        ("tabs.py", |text| text.replace("    ", "\t").into_bytes()),
        ("bom.py", |text| [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("latin.py", |text| {
            [b"# coding: latin-1\n# \xe9t\xe9\n\n", text.as_bytes()].concat()
        }),
        ("windows.py", |text| {
            [b"# coding: cp1252\n# \x80\n\n", text.as_bytes()].concat()
        }),
        ("feed.py", |text| {
            let text = format!("\x0c# coding: utf-8\n\x0c\n{text}");
            text.replace("\n\n\nasync def", "\n\x0c\nasync def")
                .into_bytes()
        }),
        ("end.py", |text| text.trim_end().as_bytes().to_vec()),
    ];
    let tree = Tree::new(&[]);
    for (name, form) in forms {
        tree.write(name, &form(PROGRAM));
    }
    let before = tree.snapshot();
    tree.loopshift(&["migrate", "--to", "anyio", "--apply"])
        .success();
    for (name, form) in forms {
        let found = fs::read(tree.path(name)).expect("it is there");
        assert_eq!(
            String::from_utf8_lossy(&found),
            String::from_utf8_lossy(&form(MOVED)),
            "{name}"
        );
        assert_eq!(found, form(MOVED), "{name}");
    }
    tree.loopshift(&["undo"]).success();
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn what_is_no_python_is_told_with_its_line_and_stays() {
    let tree = Tree::new(&[("good.py", PROGRAM), ("empty.py", "")]);
    let utf16: Vec<u8> = PROGRAM.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let nested = |open: &str, close: &str| {
        format!("x = {}1{}\n", open.repeat(10_000), close.repeat(10_000)).into_bytes()
    };
    let bad: [(&str, &str, Vec<u8>); 9] = [
        ("utf16.py", "1", [b"\xff\xfe", utf16.as_slice()].concat()),
        ("null.py", "2", b"x = 1\n\0\n".to_vec()),
        ("unknown.py", "1", b"# coding: martian\n".to_vec()),
        ("bytes.py", "2", b"x = 1\ny = '\xe9'\n".to_vec()),
        ("two.py", "2", b"x = 1\nprint 'hello'\n".to_vec()),
        ("brackets.py", "1", nested("(", ")")),
        ("calls.py", "1", nested("", "()")),
        ("lambdas.py", "1", nested("lambda: ", "")),
        ("strange\u{7f}name.py", "1", b")\n".to_vec()),
    ];
    for (name, _, bytes) in &bad {
        tree.write(name, bytes);
    }
    let scan = printed(&tree, &["scan"]);
    let dry = printed(&tree, &["migrate", "--to", "anyio"]);
    let applied = printed(&tree, &["migrate", "--to", "anyio", "--apply"]);
    for told in [&scan, &dry, &applied] {
        assert!(told.contains("9 files could not be read:"), "{told}");
        assert!(!told.contains('\u{7f}'), "{told}");
        for (name, line, _) in &bad {
            let name = name.replace('\u{7f}', "\\u{7f}");
            assert!(
                told.contains(&format!("\n  {name}:{line}")),
                "{name}: {told}"
            );
        }
        assert!(told.contains("--exclude leaves them out"), "{told}");
    }
    assert_eq!(tree.text("good.py"), MOVED);
    for (name, _, bytes) in &bad {
        assert_eq!(&fs::read(tree.path(name)).expect("it is there"), bytes);
    }
}

#[test]
fn large_and_long_is_no_reason_to_fail() {
    let tree = Tree::new(&[]);
    let list = format!("x = [{}]\n{PROGRAM}", "1, ".repeat(50_000));
    tree.write("list.py", list.as_bytes());
    let line = format!("x = '{}'\n{PROGRAM}", "a".repeat(1_000_000));
    tree.write("line.py", line.as_bytes());
    tree.write("name-\u{e9}.py", PROGRAM.as_bytes());
    let told = printed(&tree, &["migrate", "--to", "anyio"]);
    assert!(told.contains("Would apply 6 changes in 3 files."), "{told}");
}

#[test]
fn names_that_are_no_text_are_told() {
    let tree = Tree::new(&[("good.py", PROGRAM)]);
    let name = std::ffi::OsStr::from_bytes(b"not\xff.py");
    if fs::write(tree.root.join(name), PROGRAM).is_err() {
        // This file system has no such names.
        return;
    }
    let told = printed(&tree, &["scan"]);
    assert!(told.contains("its name is not Unicode"), "{told}");
}

#[test]
fn no_home_is_needed() {
    let tree = Tree::new(&[("good.py", PROGRAM)]);
    for home in [None, Some("/dev/null"), Some("relative")] {
        let mut command = assert_cmd::Command::cargo_bin("loopshift").expect("it is built");
        command.current_dir(&tree.root).env_clear();
        if let Some(home) = home {
            command.env("HOME", home).env("XDG_CACHE_HOME", home);
        }
        command.args(["scan"]).assert().success().stderr("");
    }
    assert_eq!(tree.snapshot().len(), 1);
}
