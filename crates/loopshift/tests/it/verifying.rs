//! `loopshift verify`: real programs, run in copies by the Python of the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::tools::Tree;

/// A row that is wrong on purpose: the largest become the smallest.
const WRONG: &str = r#"
[[api]]
name = "heapq.nlargest"
kind = "function"
signature = "(n, iterable)"
anyio = "{@heapq}.nsmallest({n}, {iterable})"
"#;

const APP: &str = "\
import asyncio
import heapq


async def nap():
    await asyncio.sleep(0)
    return 1


def best(values):
    return heapq.nlargest(2, values)


def top(values):
    return heapq.nlargest(1, values)
";

const TESTS: &str = "\
import asyncio
import unittest
import app


class Tests(unittest.TestCase):
    def test_nap(self):
        self.assertEqual(asyncio.run(app.nap()), 1)

    def test_best(self):
        self.assertEqual(app.best([1, 2, 3]), [3, 2])

    def test_top(self):
        self.assertEqual(app.top([1]), [1])
";

/// A program that prints, by `best`, something else when the wrong row is applied.
fn with_row(main: &str) -> Tree {
    Tree::new(&[
        ("loopshift.toml", WRONG),
        ("app.py", APP),
        ("main.py", main),
    ])
}

fn python() -> String {
    std::env::var("LOOPSHIFT_PYTHON")
        .expect("LOOPSHIFT_PYTHON is not set: run the tests with `cargo xtask test`")
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs the program, and looks that the tree is as it was and that no copy is left.
fn untouched(tree: &Tree, switches: &[&str], command: &[&str]) -> Ran {
    let before = tree.snapshot();
    let ran = run(
        tree,
        &[&["verify", "--to", "anyio"], switches, &["--"], command].concat(),
    );
    assert_eq!(tree.snapshot(), before, "{}{}", ran.out, ran.err);
    ran
}

/// Runs the program with a folder for copies of its own, which must be empty in the end.
fn run(tree: &Tree, args: &[&str]) -> Ran {
    let copies = TempDir::new().expect("a folder");
    let output = program(tree, args, copies.path())
        .output()
        .expect("it runs");
    let left = fs::read_dir(copies.path()).expect("it is there").count();
    assert_eq!(left, 0, "copies are left");
    Ran {
        code: output.status.code().expect("it ends by itself"),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn program(tree: &Tree, args: &[&str], copies: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loopshift"));
    command
        .current_dir(&tree.root)
        .env("TMPDIR", copies)
        .env_remove("PYTHONPYCACHEPREFIX")
        .args(args);
    command
}

#[test]
fn a_good_plan_does_the_same() {
    let tree = Tree::new(&[("app.py", APP), ("test_app.py", TESTS)]);
    let ran = untouched(&tree, &[], &[&python(), "-m", "unittest"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(
        ran.out,
        "before: 3 tests passed\nafter: 3 tests passed\n3 runs of the command\n"
    );
}

#[test]
fn the_change_that_breaks_a_test_is_named_and_left_out() {
    let tree = Tree::new(&[
        ("loopshift.toml", WRONG),
        ("app.py", APP),
        ("test_app.py", TESTS),
    ]);
    let switches = ["--baseline=1", "--output-format=json", "--keep-good"];
    let ran = untouched(&tree, &switches, &[&python(), "-m", "unittest"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(json["before"]["passed"], 3);
    assert_eq!(
        json["after"][0]["broken"][0]["test"],
        "test_app.Tests::test_best"
    );
    assert_eq!(json["complete"], true);
    let groups = json["groups"].as_array().expect("groups");
    assert_eq!(groups.len(), 1, "{}", ran.out);
    assert_eq!(groups[0]["changes"].as_array().map(Vec::len), Some(1));
    assert_eq!(groups[0]["changes"][0]["line"], 11);
    assert_eq!(json["left_out"][0]["line"], 11);
    let kept = json["kept"][0]["diff"].as_str().expect("a diff");
    assert!(kept.contains("+    await anyio.sleep(0)"), "{kept}");
    assert!(!kept.contains("nsmallest(2"), "{kept}");

    let command = format!("{} -m unittest", python());
    let args = [
        "migrate",
        "--to=anyio",
        "--apply",
        "--baseline=1",
        "--verify",
        &command,
    ];
    let ran = run(&tree, &args);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let text = tree.text("app.py");
    assert!(text.contains("await anyio.sleep(0)"), "{text}");
    assert!(text.contains("heapq.nlargest(2, values)"), "{text}");
    assert!(text.contains("heapq.nsmallest(1, values)"), "{text}");
    let reason = "it breaks the test test_app.Tests::test_best";
    assert!(ran.out.contains(reason), "{}", ran.out);
}

#[test]
fn pytest_is_asked_for_its_tests_one_by_one() {
    let tests = "import app\n\n\ndef test_best():\n    assert app.best([1, 2, 3]) == [3, 2]\n";
    let tree = Tree::new(&[
        ("loopshift.toml", WRONG),
        ("app.py", APP),
        ("test_app.py", tests),
    ]);
    let switches = ["--baseline=1", "--max-runs=3"];
    let ran = untouched(&tree, &switches, &[&python(), "-m", "pytest"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out
            .contains("  1 test broken:\n    test_app::test_best\n"),
        "{}",
        ran.out
    );
}

#[test]
fn where_the_runs_do_not_suffice_nothing_is_applied() {
    let tree = with_row("import app\nprint(app.best([1, 2, 3]))\n");
    let before = tree.program();
    let command = format!("{} main.py", python());
    let args = [
        "migrate",
        "--to=anyio",
        "--apply",
        "--max-runs=0",
        "--verify",
        &command,
    ];
    let ran = run(&tree, &args);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("nothing was changed"), "{}", ran.err);
    assert_eq!(tree.program(), before);
}

#[test]
fn other_commands_are_compared_by_output_and_exit_code() {
    let tree = with_row("import app\nprint(app.best([1, 2, 3]))\n");
    let ran = untouched(&tree, &["--baseline=1"], &[&python(), "main.py"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("-[3, 2]\n+[1, 2]\n"), "{}", ran.out);
    assert!(ran.out.contains("1 change behind it"), "{}", ran.out);
    let numbers = ["--baseline=1", "--normalise=numbers"];
    let ran = untouched(&tree, &numbers, &[&python(), "main.py"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn tests_that_differ_without_any_change_are_set_aside() {
    let notes = TempDir::new().expect("a folder");
    let runs = notes.path().join("runs");
    let tests = format!(
        "{TESTS}
    def test_flaky(self):
        with open({runs:?}, 'a+') as file:
            file.write('x')
            file.seek(0)
            self.assertEqual(len(file.read()) % 2, 0)
"
    );
    let tree = Tree::new(&[("app.py", APP), ("test_app.py", &tests)]);
    let ran = untouched(&tree, &[], &[&python(), "-m", "unittest"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("1 test set aside, since the result differs without any change:\n    test_app.Tests::test_flaky\n"),
        "{}",
        ran.out
    );
}

#[test]
fn a_hang_is_ended_and_told() {
    let tree =
        with_row("import app, time\nif app.best([1, 2, 3]) != [3, 2]:\n    time.sleep(100000)\n");
    let switches = ["--baseline=1", "--timeout=20", "--max-runs=0"];
    let ran = untouched(&tree, &switches, &[&python(), "main.py"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("not at its end when the time was over"),
        "{}",
        ran.out
    );
}

#[test]
fn a_flood_and_a_crash_are_survived() {
    let tree = with_row(
        "import app, os, signal
if app.best([1, 2, 3]) != [3, 2]:
    for _ in range(200):
        print('flood' * 20000)
    os.kill(os.getpid(), signal.SIGSEGV)
",
    );
    let switches = ["--baseline=1", "--max-runs=0"];
    let ran = untouched(&tree, &switches, &[&python(), "main.py"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("killed by signal 11"));
    assert!(ran.out.contains("much more was printed here"));
}

#[test]
fn what_cannot_be_judged_is_a_failure() {
    let tree = with_row("");
    let ran = untouched(&tree, &[], &["there-is-no-such-program"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("cannot start it"), "{}", ran.err);
    let ran = untouched(&tree, &[], &[&python(), "-m", "pytest", "--no-such-switch"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("it told of no tests (exit code 4"),
        "{}",
        ran.err
    );
}

#[test]
fn a_program_runs_on_the_backends_that_are_asked_for() {
    let main = "\
import asyncio
import sys


async def main():
    await asyncio.sleep(0)
    print('trio' in sys.modules)


asyncio.run(main())
";
    let tree = Tree::new(&[("main.py", main)]);
    let switches = ["--backend=asyncio,trio", "--baseline=1", "--max-runs=0"];
    let ran = untouched(&tree, &switches, &[&python(), "main.py"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("after on asyncio: the same\n"),
        "{}",
        ran.out
    );
    assert!(
        ran.out.contains("after on trio: not the same\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("-False\n+True\n"), "{}", ran.out);
}

#[test]
fn tests_run_on_the_backends_that_are_asked_for() {
    let tree = Tree::new(&[
        (
            "pyproject.toml",
            "[tool.pytest.ini_options]\nasyncio_mode = 'auto'\n",
        ),
        (
            "app.py",
            "import asyncio\nimport trio\n\n\nasync def nap():\n    await asyncio.sleep(0)\n    \
             return trio.lowlevel.in_trio_run()\n",
        ),
        (
            "test_app.py",
            "import app\n\n\nasync def test_nap():\n    assert not await app.nap()\n",
        ),
    ]);
    let switches = ["--backend=asyncio,trio", "--baseline=1", "--max-runs=0"];
    let ran = untouched(&tree, &switches, &[&python(), "-m", "pytest"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains(
            "after on asyncio: 1 test passed\nafter on trio: 0 tests passed\n  1 test broken:\n"
        ),
        "{}",
        ran.out
    );
}

#[test]
fn what_is_installed_from_the_tree_is_imported_from_the_copy() {
    let tree = with_row("import app\nprint(app.__file__, app.best([1, 2, 3]))\n");
    let output = Command::new(env!("CARGO_BIN_EXE_loopshift"))
        .current_dir(&tree.root)
        .env("PYTHONPATH", &tree.root)
        .args(["verify", "--to=anyio", "--baseline=1", "--max-runs=0", "--"])
        .args([&python(), "-c", "import main"])
        .output()
        .expect("it runs");
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(
        out.contains("-COPY/app.py [3, 2]\n+COPY/app.py [1, 2]\n"),
        "{out}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_leaves_nothing_behind() {
    let notes = TempDir::new().expect("a folder");
    let started = notes.path().join("started");
    let main = format!(
        "\
import app, os, subprocess, sys, time
sleeper = [sys.executable, '-c', 'import time; time.sleep(100000)']
child = subprocess.Popen(sleeper, start_new_session=True)
with open({:?}, 'w') as file:
    file.write(f'{{os.getpid()}} {{child.pid}}')
os.rename({:?}, {started:?})
time.sleep(100000)
",
        notes.path().join("half"),
        notes.path().join("half"),
    );
    let tree = with_row(&main);
    let before = tree.snapshot();
    let copies = TempDir::new().expect("a folder");
    let python = python();
    let args = ["verify", "--to=anyio", "--", &python, "main.py"];
    let mut child = program(&tree, &args, copies.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    while !started.exists() {
        assert!(child.try_wait().expect("it is ours").is_none(), "it ended");
        thread::sleep(Duration::from_millis(20));
    }
    let number = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &number]).status();
    assert!(sent.expect("kill is there").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(2));
    for number in fs::read_to_string(&started).expect("numbers").split(' ') {
        assert!(is_gone(&PathBuf::from("/proc").join(number)), "{number}");
    }
    assert_eq!(fs::read_dir(copies.path()).expect("it is there").count(), 0);
    assert_eq!(tree.snapshot(), before);
}

/// Whether a process has ended. One whose parent has not looked yet is a zombie for a while.
#[cfg(target_os = "linux")]
fn is_gone(process: &Path) -> bool {
    match fs::read_to_string(process.join("stat")) {
        Ok(stat) => stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}
