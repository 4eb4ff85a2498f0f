//! The commands with a small engine of the test's own, and the program itself.

use std::io;

use crate::small::{root, run, run_to};
use crate::tools::Tree;

#[test]
fn a_dry_run_prints_the_diff_and_the_summary_and_writes_nothing() {
    let tree = Tree::new(&[
        ("a.py", "old\n"),
        ("b.py", "maybe\nnever\n"),
        ("c.py", "never\n"),
        ("d.py", "same\n"),
    ]);
    tree.write("bad.py", b"\xff\xfe\xfd");
    let before = tree.snapshot();
    let ran = run(&["migrate", root(&tree), "--to", "anyio"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(tree.snapshot(), before);
    let expected = "\
--- a/a.py
+++ b/a.py
@@ -1 +1 @@
-old
+new

Would apply 1 change in 1 file.
1 more change with --unsafe.
2 uses left as they are:
  2  nobody knows how (word)
     b.py:2 lib.never, c.py:1 lib.never
`loopshift explain RULE` prints the page of a rule; --verbose lists every use.
1 file could not be read:
";
    assert!(ran.out.starts_with(expected), "{}", ran.out);
    assert!(
        ran.out.contains("\n  bad.py:1  cannot decode it: "),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .ends_with("\nNothing was written; --apply writes.\n"),
        "{}",
        ran.out
    );

    let ran = run(&[
        "migrate",
        root(&tree),
        "--to",
        "anyio",
        "--exit-zero",
        "--quiet",
    ]);
    assert_eq!(ran.code, 0);
    assert_eq!(ran.out, "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+new\n");
    assert!(ran.err.contains("bad.py"), "{}", ran.err);
}

#[test]
fn apply_then_again_then_undo() {
    let tree = Tree::new(&[("a.py", "old + maybe\r\n")]);
    let before = tree.snapshot();
    let ran = run(&[
        "migrate",
        root(&tree),
        "--to",
        "anyio",
        "--apply",
        "--unsafe",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(tree.text("a.py"), "new + yes\r\n");
    assert!(
        ran.out.contains("Applied 2 changes in 1 file."),
        "{}",
        ran.out
    );
    let ran = run(&["migrate", root(&tree), "--to", "anyio", "--apply"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "Nothing to change.\n"));
    let ran = run(&["migrate", root(&tree), "--to", "anyio"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "Nothing to change.\n"));
    tree.loopshift(&["undo"])
        .success()
        .stdout("Took back run 1: 1 file restored.\n");
    assert_eq!(tree.snapshot(), before);
    tree.loopshift(&["undo"]).success();
    tree.loopshift(&["undo", "3"]).code(2);
}

#[test]
fn an_apply_that_changes_nothing_leaves_nothing() {
    let tree = Tree::new(&[("a.py", "same\n")]);
    let before = tree.snapshot();
    assert_eq!(
        run(&["migrate", root(&tree), "--to", "anyio", "--apply"]).code,
        0
    );
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn an_apply_that_is_refused_leaves_nothing() {
    let tree = Tree::new(&[("a.py", "old\n"), ("b.py", "old\n")]);
    tree.set_mode("b.py", 0o444);
    let before = tree.snapshot();
    let ran = run(&["migrate", root(&tree), "--to", "anyio", "--apply"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("b.py: it is read-only"), "{}", ran.err);
    assert!(ran.err.contains("help: "), "{}", ran.err);
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn json_has_a_version_and_every_change() {
    let tree = Tree::new(&[("pkg/a.py", "x\né = old, maybe, never\n")]);
    let ran = run(&[
        "migrate",
        root(&tree),
        "--to",
        "anyio",
        "--output-format",
        "json",
    ]);
    assert_eq!(ran.code, 1);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["to"], "anyio");
    assert_eq!(json["run"], serde_json::Value::Null);
    assert_eq!(json["summary"]["applied"], 1);
    assert_eq!(json["summary"]["deferred"], 1);
    assert_eq!(json["summary"]["declined"], 1);
    assert_eq!(json["files"][0]["path"], "pkg/a.py");
    assert_eq!(
        json["changes"][0],
        serde_json::json!({
            "rule": "word", "file": "pkg/a.py", "line": 2, "column": 5, "api": "lib.old",
            "message": "`old` becomes `new`", "safety": "safe", "outcome": "applied",
            "reason": null, "caveats": [],
        })
    );
    assert_eq!(json["changes"][1]["caveats"][0], "it may differ");
    assert_eq!(json["changes"][2]["reason"], "nobody knows how");
}

#[test]
fn other_programs_read_what_is_left() {
    let tree = Tree::new(&[("pkg/a.py", "old, maybe\nnever\n")]);
    tree.write("bad.py", b"\xff\xfe\xfd");
    let migrate = |more: &[&str]| {
        let mut args = vec!["migrate", root(&tree), "--to", "anyio"];
        args.extend(more);
        run(&args)
    };
    let ran = migrate(&["--output-format", "github"]);
    assert_eq!(ran.code, 1);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(
        lines[0].starts_with("::error title=loopshift (unreadable),file=bad.py,line=1::"),
        "{}",
        ran.out
    );
    assert_eq!(
        lines[1..],
        [
            "::warning title=loopshift (word),file=pkg/a.py,line=1,col=1::`old` becomes `new`",
            "::warning title=loopshift (word),file=pkg/a.py,line=1,col=6::\
             `maybe` becomes `yes`, with --unsafe: it may differ",
            "::notice title=loopshift (word),file=pkg/a.py,line=2,col=1::\
             lib.never stays: nobody knows how",
        ]
    );
    let sarif = migrate(&["--output-format", "sarif"]).out;
    let sarif: serde_json::Value = serde_json::from_str(&sarif).expect("JSON");
    let run = &sarif["runs"][0];
    assert_eq!(run["results"].as_array().map(Vec::len), Some(3));
    assert_eq!(run["results"][2]["level"], "note");
    assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "word");
    let notified = &run["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notified.as_array().map(Vec::len), Some(1));
    let gitlab = migrate(&["--output-format", "gitlab"]).out;
    let gitlab: serde_json::Value = serde_json::from_str(&gitlab).expect("JSON");
    assert_eq!(gitlab.as_array().map(Vec::len), Some(4));
    let junit = migrate(&["--output-format", "junit"]).out;
    assert!(
        junit.contains("<testsuites name=\"loopshift\" tests=\"4\" failures=\"3\" errors=\"1\">"),
        "{junit}"
    );
    // What was written is not told as left.
    let ran = migrate(&["--output-format", "github", "--apply"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 3), "{}", ran.out);
}

#[test]
fn marks_come_stay_and_go() {
    let tree = Tree::new(&[("a.py", "if x:\n    old\n    never\n")]);
    let migrate = |more: &[&str]| {
        let mut args = vec!["migrate", root(&tree), "--to", "anyio", "--apply"];
        args.extend(more);
        run(&args)
    };
    let marked = "if x:\n    new\n    # TODO(loopshift: word): nobody knows how\n    never\n";
    assert_eq!(migrate(&["--mark"]).code, 0);
    assert_eq!(tree.text("a.py"), marked);
    assert_eq!(
        migrate(&["--mark"]).out.lines().next(),
        Some("Nothing to change.")
    );
    assert_eq!(migrate(&[]).out.lines().next(), Some("Nothing to change."));
    assert_eq!(tree.text("a.py"), marked);
    tree.write("a.py", marked.replace("    never", "    done").as_bytes());
    assert_eq!(migrate(&[]).code, 0);
    assert_eq!(tree.text("a.py"), "if x:\n    new\n    done\n");
}

#[test]
fn settings_hold_and_the_command_line_overrides_them() {
    let tree = Tree::new(&[
        (
            "loopshift.toml",
            "to = \"asyncio\"\nunsafe = true\nexclude = [\"skip\"]\n",
        ),
        ("a.py", "maybe\n"),
        ("skip/b.py", "old\n"),
        ("also/c.py", "old\n"),
    ]);
    let json = |args: &[&str]| -> serde_json::Value {
        let mut all = vec!["migrate", root(&tree), "--output-format", "json"];
        all.extend(args);
        serde_json::from_str(&run(&all).out).expect("JSON")
    };
    let found = json(&[]);
    assert_eq!(found["to"], "asyncio");
    assert_eq!(found["summary"]["files_changed"], 2);
    let found = json(&["--to", "anyio", "--exclude", "{also,other}"]);
    assert_eq!(found["to"], "anyio");
    assert_eq!(found["summary"]["files_changed"], 1);
}

#[test]
fn wrong_use_is_told() {
    let tree = Tree::new(&[("a.py", "old\n")]);
    let ran = run(&["migrate", root(&tree)]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--to anyio"), "{}", ran.err);
    let ran = run(&["migrate", "/no/such/place", "--to", "anyio", "--exit-zero"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("/no/such/place"), "{}", ran.err);
    tree.loopshift(&["migrate", "--to", "trio"]).code(2);
    tree.loopshift(&["migrate", "--to", "anyio", "--target-version", "2.7"])
        .code(2);
    tree.loopshift(&["migrate", "--to", "anyio", "--allow-dirty"])
        .code(2);
    tree.loopshift(&["scan", "--threads", "0"]).code(2);
    tree.loopshift(&[]).code(2);
    tree.loopshift(&["--help"]).success();
    tree.write("loopshift.toml", b"nonsense = 1\n");
    let assert = tree.loopshift(&["scan"]).code(2);
    let err = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(
        err.contains("loopshift.toml:1: unknown field `nonsense`"),
        "{err}"
    );
}

#[test]
fn scan_is_a_table_and_json() {
    let tree = Tree::new(&[("a.py", "old\n")]);
    let ran = run(&["scan", root(&tree)]);
    assert_eq!(ran.code, 0);
    let expected = "\
1 file, 3 lines, to anyio

  library  uses  moves by itself  needs a decision  stays on purpose  files  for example
  lib         3                1                 1                 1      1  a.py:1

  API        uses  moves by itself  needs a decision  stays on purpose  files  for example
  lib.old       2                1                 1                 0      1  a.py:1
  lib.never     1                0                 0                 1      1  a.py:3

  package  uses  moves by itself  needs a decision  stays on purpose  files  for example
  a           3                1                 1                 1      1  a.py:1

4 functions, 1 async now; 2 would become async, up to 1 call away from what causes it.
0 of 1 module would run on trio too.
";
    assert_eq!(ran.out, expected);
    let ran = run(&["scan", root(&tree), "--output-format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(
        json["total"],
        serde_json::json!({"uses": 3, "moves": 1, "decision": 1, "stays": 1})
    );
    assert_eq!(json["apis"][0]["name"], "lib.old");
    assert_eq!(json["apis"][0]["uses"], 2);
}

#[test]
fn explain_and_graph() {
    let tree = Tree::new(&[("a/b.py", "old\n")]);
    assert_eq!(run(&["explain", "word"]).out, "# word\n");
    let ran = run(&["explain", "wrd"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("did you mean word?"), "{}", ran.err);
    let place = format!("{}:7", tree.path("a/b.py").display());
    assert_eq!(
        run(&["explain", &place]).out,
        "def f  (b.py:7)\ncolour: sync\n"
    );
    let json = |args: &[&str]| -> serde_json::Value {
        let args = [&["explain", "--output-format", "json"], args].concat();
        serde_json::from_str(&run(&args).out).expect("JSON")
    };
    assert_eq!(json(&[&place])["place"], "b.py:7");
    assert_eq!(json(&["word"])["page"], "# word\n");
    assert_eq!(json(&[])[0]["rule"], "word");
    assert_eq!(run(&["explain", "no.py:7"]).code, 2);
    let ran = run(&["graph", root(&tree), "--output-format", "json"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "{\n  \"a.b\": []\n}\n"));
}

#[test]
fn a_closed_pipe_is_no_error_and_a_full_disk_is_one() {
    struct Refuses(io::ErrorKind);
    impl io::Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let tree = Tree::new(&[("a.py", "old\n")]);
    let args = ["migrate", root(&tree), "--to", "anyio"];
    let nothing = |_| String::new();
    assert_eq!(
        run_to(&args, Refuses(io::ErrorKind::BrokenPipe), nothing).code,
        1
    );
    let ran = run_to(&args, Refuses(io::ErrorKind::StorageFull), nothing);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("cannot write the result"), "{}", ran.err);
}

#[test]
fn an_interrupted_apply_is_noticed() {
    let tree = Tree::new(&[("a.py", "old\n")]);
    tree.write(
        ".loopshift/runs/4/journal.json",
        b"{\"schema\": 1, \"files\": []}",
    );
    tree.write(".loopshift/runs/4/old.bin", b"");
    tree.write(".loopshift/runs/4/new.bin", b"");
    let ran = run(&["migrate", root(&tree), "--to", "anyio"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.err.matches("run 4").count(), 1, "{}", ran.err);
    let ran = run(&["migrate", root(&tree), "--to", "anyio", "--apply"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.contains("run 4 had been interrupted"),
        "{}",
        ran.err
    );
    assert_eq!(tree.text("a.py"), "new\n");
}

#[test]
fn colour_follows_the_switch_and_the_environment() {
    let tree = Tree::new(&[]);
    let coloured = |args: &[&str], variable: Option<(&str, &str)>| {
        let mut command =
            assert_cmd::Command::cargo_bin("loopshift").expect("the program is built");
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "TERM"] {
            command.env_remove(name);
        }
        if let Some((name, value)) = variable {
            command.env(name, value);
        }
        let output = command
            .current_dir(&tree.root)
            .args(args)
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        output.stderr.contains(&0x1b)
    };
    let wrong = ["migrate", "nowhere"];
    assert!(!coloured(&wrong, None), "stderr is no terminal");
    assert!(coloured(&["migrate", "nowhere", "--color", "always"], None));
    assert!(coloured(&wrong, Some(("CLICOLOR_FORCE", "1"))));
    assert!(!coloured(
        &["migrate", "nowhere", "--color", "never"],
        Some(("CLICOLOR_FORCE", "1"))
    ));
    let mut command = assert_cmd::Command::cargo_bin("loopshift").expect("the program is built");
    command.env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1");
    let output = command
        .current_dir(&tree.root)
        .args(wrong)
        .output()
        .expect("it runs");
    assert!(!output.stderr.contains(&0x1b), "NO_COLOR is kept");
}

#[test]
fn the_graph_of_a_small_program() {
    let tree = Tree::new(&[
        ("pkg/__init__.py", ""),
        ("pkg/a.py", "from .b import g\n\ndef f():\n    g()\n"),
        (
            "pkg/b.py",
            "import asyncio\n\ndef g():\n    q = asyncio.Queue()\n    q.put_nowait(1)\n",
        ),
        ("pkg/b.pyi", "def g(): ...\n"),
    ]);
    let assert = tree.loopshift(&["graph", "."]).success();
    let json: serde_json::Value =
        serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
    assert_eq!(
        json,
        serde_json::json!({
            "pkg": [], "pkg.a": [], "pkg.a.f": ["pkg.b.g"], "pkg.b": [],
            "pkg.b.g": ["asyncio.Queue", "asyncio.Queue.put_nowait"],
            "asyncio.Queue": [], "asyncio.Queue.put_nowait": [],
        })
    );
}

#[test]
fn files_that_cannot_be_worked_on_are_told_and_the_rest_goes_on() {
    let tree = Tree::new(&[
        ("a.py", "import asyncio\n\nasyncio.run(asyncio.sleep(1))\n"),
        ("broken.py", "x = 1\ndef f(:\n"),
        ("two.py", "print 'hello'\n"),
        ("crlf.py", "x = (\r\n"),
    ]);
    tree.write(
        "deep.py",
        format!("{}{}\n", "(".repeat(10_000), ")".repeat(10_000)).as_bytes(),
    );
    tree.write("null.py", b"x = 1\0\n");
    tree.write("bytes.py", b"x = '\xff'\n");
    let assert = tree.loopshift(&["migrate", "--to", "anyio"]).code(1);
    let out = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(out.contains("\n+anyio.run(anyio.sleep, 1)\n"), "{out}");
    assert!(out.contains("\n6 files could not be read:\n"), "{out}");
    for place in [
        "\n  broken.py:2:",
        "\n  two.py:1:",
        "\n  crlf.py:",
        "\n  deep.py:1:",
        "\n  null.py:1 ",
        "\n  bytes.py:1 ",
    ] {
        assert_eq!(out.matches(place).count(), 1, "{place:?} in {out}");
    }
}
