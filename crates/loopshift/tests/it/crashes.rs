//! The process is stopped at every step of an apply and of an undo, and what it leaves is put right.

#![cfg(debug_assertions)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use loopshift::undo;

use crate::tools::Tree;

type Snapshot = BTreeMap<PathBuf, (u32, Vec<u8>)>;

const PLAN: [(&str, &[u8]); 3] = [
    ("a.py", b"new a\n"),
    ("pkg/b.py", b"new b\r\n"),
    ("pkg/c.py", b"new c"),
];

fn tree() -> Tree {
    let tree = Tree::new(&[
        ("a.py", "old a\n"),
        ("pkg/b.py", "old b\r\n"),
        ("pkg/c.py", ""),
        ("other.py", "other"),
    ]);
    tree.set_mode("pkg/b.py", 0o750);
    tree
}

/// Does `what` to `tree` in a process of its own that ends at the step `step`; whether it got to its end.
fn in_a_process(what: &str, tree: &Tree, step: usize) -> bool {
    let status = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "crashes::the_process_that_crashes",
            "--ignored",
            "--quiet",
        ])
        .env("LOOPSHIFT_FAILPOINT", step.to_string())
        .env("LOOPSHIFT_TEST_WHAT", what)
        .env("LOOPSHIFT_TEST_TREE", &tree.root)
        .output()
        .expect("it starts");
    status.status.success()
}

/// Not a test by itself: the other tests here start it.
#[test]
#[ignore = "started by the other tests"]
fn the_process_that_crashes() {
    let (Ok(what), Ok(root)) = (
        std::env::var("LOOPSHIFT_TEST_WHAT"),
        std::env::var("LOOPSHIFT_TEST_TREE"),
    ) else {
        return;
    };
    let tree = Tree::at(root.into());
    match what.as_str() {
        "apply" => drop(tree.apply(&tree.plan(&PLAN)).expect("it applies")),
        "undo" => drop(tree.undo(None, false).expect("it undoes")),
        _ => panic!("{what}?"),
    }
}

/// Calls `check` with a tree for each step at which `what` can be stopped; the tree is set up by `before`.
fn at_every_step(what: &str, before: impl Fn() -> Tree, check: impl Fn(usize, Tree)) {
    for step in 1.. {
        let tree = before();
        if in_a_process(what, &tree, step) {
            assert!(step > 20, "the steps are counted: {step}");
            return;
        }
        check(step, tree);
    }
}

/// The tree's own files must all be old, or all be new.
fn assert_whole(step: usize, found: &Snapshot, wanted: &Snapshot) {
    assert_eq!(found, wanted, "stopped at step {step}");
}

fn done() -> Snapshot {
    let tree = tree();
    tree.apply(&tree.plan(&PLAN)).expect("it applies");
    relative(&tree, tree.program())
}

fn relative(tree: &Tree, found: Snapshot) -> Snapshot {
    let strip = |path: PathBuf| path.strip_prefix(&tree.root).expect("inside").to_path_buf();
    found
        .into_iter()
        .map(|(path, file)| (strip(path), file))
        .collect()
}

fn old() -> Snapshot {
    let tree = tree();
    relative(&tree, tree.program())
}

#[test]
fn undo_puts_an_interrupted_apply_right() {
    let (old, new) = (old(), done());
    at_every_step("apply", tree, |step, tree| {
        let complete = undo::unfinished(&tree.root).is_none();
        let found = relative(&tree, tree.program());
        assert!(
            !complete || found == old || found == new,
            "half-way without notice at step {step}"
        );
        tree.loopshift(&["undo"]).success();
        assert_whole(step, &relative(&tree, tree.snapshot()), &old);
    });
}

#[test]
fn the_next_apply_puts_an_interrupted_apply_right() {
    let (old, new) = (old(), done());
    at_every_step("apply", tree, |step, tree| {
        // As the command does: what was interrupted is taken back before the files are read.
        let lock = loopshift::home::lock(&tree.root).expect("the lock is free");
        undo::recover(&lock).expect("it recovers");
        drop(lock);
        let found = relative(&tree, tree.program());
        assert!(
            found == old || found == new,
            "half-way at step {step}: {found:?}"
        );
        tree.apply(&tree.plan(&PLAN)).expect("it applies");
        assert_whole(step, &relative(&tree, tree.program()), &new);
        if found == old {
            tree.undo(None, false).expect("it undoes");
            assert_whole(step, &relative(&tree, tree.snapshot()), &old);
        }
    });
}

#[test]
fn undo_goes_on_where_it_was_stopped() {
    let old = old();
    let applied = || {
        let tree = tree();
        tree.apply(&tree.plan(&PLAN)).expect("it applies");
        tree
    };
    at_every_step("undo", applied, |step, tree| {
        tree.loopshift(&["undo"]).success();
        assert_whole(step, &relative(&tree, tree.snapshot()), &old);
    });
}

#[test]
fn taking_back_an_interrupted_apply_can_be_interrupted_too() {
    let old = old();
    // Somewhere among the renames: the first step that leaves files of both kinds.
    let half_way = || {
        for step in 1.. {
            let tree = tree();
            assert!(!in_a_process("apply", &tree, step), "some step is half-way");
            if tree.text("a.py") == "new a\n" && tree.text("pkg/c.py").is_empty() {
                return step;
            }
        }
        unreachable!("the loop has no end")
    };
    let step_of_apply = half_way();
    let interrupted = || {
        let tree = tree();
        in_a_process("apply", &tree, step_of_apply);
        tree
    };
    at_every_step("undo", interrupted, |step, tree| {
        tree.loopshift(&["undo"]).success();
        assert_whole(step, &relative(&tree, tree.snapshot()), &old);
    });
}

#[test]
fn an_edit_after_a_crash_is_never_overwritten() {
    at_every_step("apply", tree, |step, tree| {
        tree.write("pkg/c.py", b"mine");
        let result = tree.undo(None, false);
        assert_eq!(tree.text("pkg/c.py"), "mine", "step {step}");
        if let Err(problem) = result {
            assert!(
                problem.reason.contains("pkg/c.py"),
                "step {step}: {problem}"
            );
            tree.undo(None, true).expect("forced");
            assert_eq!(tree.text("pkg/c.py"), "", "step {step}");
        }
        assert_eq!(tree.text("a.py"), "old a\n", "step {step}");
    });
}
