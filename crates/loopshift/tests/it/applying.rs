//! Apply and undo: exact, or not at all.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use loopshift::home::lock;
use proptest::prelude::*;

use crate::tools::Tree;

#[test]
fn undo_restores_bytes_and_modes() {
    let tree = Tree::new(&[("a.py", "old\n"), ("keep.py", "kept\n")]);
    tree.write("pkg/crlf.py", b"one\r\ntwo\r\n");
    tree.write("pkg/latin.py", b"# coding: latin-1\nx = '\xe9'\n");
    tree.write("empty.py", b"");
    tree.set_mode("a.py", 0o755);
    tree.set_mode("pkg/latin.py", 0o640);
    let before = tree.snapshot();
    let writes = tree.plan(&[
        ("a.py", b"new\n"),
        ("pkg/crlf.py", b"one\r\nthree\r\n"),
        ("pkg/latin.py", b"# coding: latin-1\nx = '\xe8'\n"),
        ("empty.py", b"x"),
    ]);

    let applied = tree.apply(&writes).expect("it applies");
    assert_eq!((applied.run, applied.files), (1, 4));
    assert_eq!(tree.text("a.py"), "new\n");
    assert_eq!(tree.text("pkg/crlf.py"), "one\r\nthree\r\n");
    assert_eq!(tree.text(".loopshift/.gitignore"), "*\n");
    let mode = |name: &str| {
        let metadata = fs::metadata(tree.path(name)).expect("metadata");
        metadata.permissions().mode() & 0o7777
    };
    assert_eq!(mode("a.py"), 0o755);
    assert_eq!(mode("pkg/latin.py"), 0o640);

    let restored = tree.undo(None, false).expect("it undoes").expect("a run");
    assert_eq!(restored.files.len(), 4);
    assert!(!restored.interrupted);
    assert_eq!(tree.snapshot(), before, "and nothing of our own is left");
    assert_eq!(tree.undo(None, false), Ok(None), "there is nothing more");
}

#[test]
fn undo_restores_a_mode_that_was_changed_since() {
    let tree = Tree::new(&[("a.py", "old\n")]);
    tree.set_mode("a.py", 0o755);
    let before = tree.snapshot();
    tree.apply(&tree.plan(&[("a.py", b"new\n")]))
        .expect("it applies");
    tree.set_mode("a.py", 0o600);
    tree.undo(None, false).expect("it undoes");
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn runs_are_undone_one_by_one() {
    let tree = Tree::new(&[("a.py", "1"), ("b.py", "1")]);
    tree.apply(&tree.plan(&[("a.py", b"2"), ("b.py", b"2")]))
        .expect("it applies");
    tree.apply(&tree.plan(&[("a.py", b"3")]))
        .expect("it applies");
    let problem = tree
        .undo(Some(1), false)
        .expect_err("the second run is in the way");
    assert!(problem.reason.contains("a.py"), "{problem}");
    assert!(!problem.reason.contains("b.py"), "{problem}");
    assert_eq!(tree.text("b.py"), "2", "nothing was restored");
    tree.undo(None, false).expect("the second");
    assert_eq!(tree.text("a.py"), "2");
    tree.undo(Some(1), false).expect("the first");
    assert_eq!(
        (tree.text("a.py"), tree.text("b.py")),
        ("1".into(), "1".into())
    );
    assert!(tree.undo(Some(7), false).is_err());
}

#[test]
fn undo_refuses_edited_files_unless_forced() {
    let tree = Tree::new(&[("a.py", "1"), ("b.py", "1"), ("c.py", "1")]);
    let writes = tree.plan(&[("a.py", b"2"), ("b.py", b"2"), ("c.py", b"2")]);
    tree.apply(&writes).expect("it applies");
    tree.write("a.py", b"mine");
    fs::remove_file(tree.path("c.py")).expect("removed");
    let problem = tree.undo(None, false).expect_err("edited");
    assert!(problem.reason.contains("a.py\n  c.py"), "{problem}");
    assert_eq!(tree.text("a.py"), "mine");
    assert_eq!(tree.text("b.py"), "2");
    let restored = tree.undo(None, true).expect("forced").expect("a run");
    assert_eq!(tree.text("a.py"), "1");
    assert_eq!(tree.text("c.py"), "1");
    let [(name, copy)] = restored.overwritten.as_slice() else {
        panic!("one file was edited: {restored:?}");
    };
    assert_eq!(name, "a.py");
    assert_eq!(fs::read(copy).expect("the copy is kept"), b"mine");
    assert_eq!(tree.undo(None, false), Ok(None));
}

#[test]
fn a_file_that_changed_since_it_was_read_stops_everything() {
    let tree = Tree::new(&[("a.py", "1"), ("b.py", "1")]);
    let writes = tree.plan(&[("a.py", b"2"), ("b.py", b"2")]);
    tree.write("b.py", b"mine");
    let before = tree.snapshot();
    let problem = tree.apply(&writes).expect_err("it changed");
    assert_eq!(problem.place.as_deref(), Some("b.py"));
    assert!(problem.reason.contains("changed while"), "{problem}");
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn a_file_that_is_gone_stops_everything() {
    let tree = Tree::new(&[("a.py", "1"), ("b.py", "1")]);
    let writes = tree.plan(&[("a.py", b"2"), ("b.py", b"2")]);
    fs::remove_file(tree.path("b.py")).expect("removed");
    assert!(tree.apply(&writes).is_err());
    assert_eq!(tree.text("a.py"), "1");
}

#[test]
fn read_only_files_and_directories_are_refused_together() {
    let tree = Tree::new(&[("a.py", "1"), ("b.py", "1"), ("d/c.py", "1")]);
    let writes = tree.plan(&[("a.py", b"2"), ("b.py", b"2"), ("d/c.py", b"2")]);
    tree.set_mode("b.py", 0o444);
    tree.set_mode("d", 0o555);
    let before = tree.snapshot();
    let problem = tree.apply(&writes).expect_err("read-only");
    assert!(
        problem.reason.contains("b.py: it is read-only"),
        "{problem}"
    );
    assert!(
        problem
            .reason
            .contains("d/c.py: its directory is read-only"),
        "{problem}"
    );
    assert_eq!(tree.snapshot(), before);
    tree.set_mode("d", 0o755);
}

#[test]
fn a_symlink_inside_is_followed_and_stays() {
    let tree = Tree::new(&[("real/a.py", "1")]);
    symlink("real/a.py", tree.path("link.py")).expect("a link");
    let before = tree.snapshot();
    tree.apply(&tree.plan(&[("link.py", b"2")]))
        .expect("it applies");
    assert_eq!(tree.text("real/a.py"), "2");
    assert!(
        tree.path("link.py")
            .symlink_metadata()
            .expect("it is there")
            .is_symlink()
    );
    tree.undo(None, false).expect("it undoes");
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn a_symlink_that_leaves_the_roots_is_refused() {
    let outside = Tree::new(&[("a.py", "1")]);
    let tree = Tree::new(&[("b.py", "1"), ("in/c.py", "1")]);
    symlink(outside.path("a.py"), tree.path("link.py")).expect("a link");
    symlink(&outside.root, tree.path("dir")).expect("a link");
    let before = tree.snapshot();
    for name in ["link.py", "dir/a.py"] {
        let writes = tree.plan(&[("b.py", b"2"), (name, b"2")]);
        let problem = tree.apply(&writes).expect_err("it leaves");
        assert_eq!(problem.place.as_deref(), Some(name));
    }
    let writes = tree.plan(&[("b.py", b"2")]);
    let inner = [tree.path("in")];
    let problem = tree
        .apply_with(&writes, false, &inner)
        .expect_err("outside");
    assert!(
        problem.reason.contains("outside the given paths"),
        "{problem}"
    );
    assert_eq!(tree.snapshot(), before);
    assert_eq!(outside.text("a.py"), "1");
}

#[test]
fn one_file_by_two_names_is_refused() {
    let tree = Tree::new(&[("a.py", "1")]);
    symlink("a.py", tree.path("b.py")).expect("a link");
    let problem = tree
        .apply(&tree.plan(&[("a.py", b"2"), ("b.py", b"3")]))
        .expect_err("which text is right?");
    assert!(problem.reason.contains("same file"), "{problem}");
    assert_eq!(tree.text("a.py"), "1");
}

#[test]
fn a_dirty_tree_is_refused_only_for_the_files_concerned() {
    let tree = Tree::new(&[("a.py", "1"), ("sub dir/b é.py", "1"), ("c.py", "1")]);
    tree.git(&["init", "-q"]);
    tree.git(&["add", "."]);
    tree.git(&["commit", "-qm", "start"]);
    tree.write("c.py", b"dirty");
    tree.write("new.py", b"untracked");
    tree.apply(&tree.plan(&[("a.py", b"2")]))
        .expect("c.py is not ours");
    tree.undo(None, false).expect("it undoes");

    tree.write("sub dir/b é.py", b"dirty");
    let before = tree.snapshot();
    let writes = tree.plan(&[("a.py", b"2"), ("sub dir/b é.py", b"2"), ("new.py", b"2")]);
    let problem = tree.apply(&writes).expect_err("dirty");
    assert!(
        problem.reason.contains("new.py\n  sub dir/b é.py"),
        "{problem}"
    );
    assert!(
        problem
            .next
            .as_deref()
            .is_some_and(|next| next.contains("--allow-dirty"))
    );
    assert_eq!(tree.snapshot(), before);

    tree.git(&["add", "new.py"]);
    let writes = tree.plan(&[("new.py", b"2")]);
    assert!(tree.apply(&writes).is_err(), "staged is not recorded yet");
    let root = [tree.root.clone()];
    tree.apply_with(&writes, true, &root).expect("allowed");
    assert_eq!(tree.text("new.py"), "2");
}

#[test]
fn the_journal_is_invisible_to_git() {
    let tree = Tree::new(&[("a.py", "1")]);
    tree.git(&["init", "-q"]);
    tree.git(&["add", "."]);
    tree.git(&["commit", "-qm", "start"]);
    tree.apply(&tree.plan(&[("a.py", b"2")]))
        .expect("it applies");
    tree.git(&["add", "."]);
    tree.git(&["commit", "-qm", "applied"]);
    tree.git(&["ls-files", "--error-unmatch", "a.py"]);
    let output = std::process::Command::new("git")
        .arg("-C")
        .arg(&tree.root)
        .args(["ls-files"])
        .output()
        .expect("git");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a.py\n");
}

#[test]
fn two_applies_at_once_are_kept_apart() {
    let tree = Tree::new(&[("a.py", "1")]);
    let writes = tree.plan(&[("a.py", b"2")]);
    let held = lock(&tree.root).expect("the first");
    let problem = tree.apply(&writes).expect_err("the second");
    assert!(problem.reason.contains("another loopshift"), "{problem}");
    drop(held);
    tree.apply(&writes).expect("now it is free");
}

#[test]
fn a_journal_that_came_with_the_tree_cannot_write_elsewhere() {
    let outside = Tree::new(&[("a.py", "2")]);
    let tree = Tree::new(&[("b.py", "1")]);
    let run = ".loopshift/runs/1";
    let target = outside.path("a.py");
    let up = format!(
        "../{}/a.py",
        outside.root.file_name().expect("a name").display()
    );
    for path in [target.to_str().expect("Unicode"), &up] {
        let journal = format!(
            r#"{{"schema": 1, "files": [{{"path": "{path}", "stage": ".loopshift-1.tmp",
                "mode": 420, "owner": [0, 0], "old_len": 1, "new_len": 1}}]}}"#
        );
        tree.write(&format!("{run}/journal.json"), journal.as_bytes());
        tree.write(&format!("{run}/old.bin"), b"1");
        tree.write(&format!("{run}/new.bin"), b"2");
        tree.write(&format!("{run}/staged"), b"");
        tree.write(&format!("{run}/done"), b"");
        let problem = tree.undo(None, true).expect_err("it is outside");
        assert!(problem.reason.contains("outside its tree"), "{problem}");
        assert_eq!(outside.text("a.py"), "2");
    }
    tree.write(&format!("{run}/journal.json"), b"not json");
    assert!(tree.undo(None, false).is_err(), "damaged");
}

#[test]
fn a_symlinked_journal_folder_is_refused() {
    let outside = Tree::new(&[]);
    let tree = Tree::new(&[("a.py", "1")]);
    symlink(&outside.root, tree.path(".loopshift")).expect("a link");
    assert!(tree.apply(&tree.plan(&[("a.py", b"2")])).is_err());
    assert_eq!(outside.snapshot().len(), 0);
    assert_eq!(tree.text("a.py"), "1");
}

#[test]
fn a_directory_that_became_a_symlink_stops_undo() {
    let outside = Tree::new(&[("a.py", "2")]);
    let tree = Tree::new(&[("d/a.py", "1")]);
    tree.apply(&tree.plan(&[("d/a.py", b"2")]))
        .expect("it applies");
    fs::remove_dir_all(tree.path("d")).expect("removed");
    symlink(&outside.root, tree.path("d")).expect("a link");
    let problem = tree.undo(None, true).expect_err("behind a symlink");
    assert!(problem.reason.contains("symlink"), "{problem}");
    assert_eq!(outside.text("a.py"), "2");
}

/// Files with old and new bytes and a mode that their owner can write.
fn files() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>, u32)>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let mode = (0_u32..0o1000).prop_map(|mode| mode | 0o600);
    prop::collection::vec((bytes(), bytes(), mode), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_bytes_and_modes_undo_restores_them(files in files()) {
        let tree = Tree::new(&[]);
        let names: Vec<String> = (0..files.len()).map(|n| format!("d{}/{n} é.py", n % 2)).collect();
        for (name, (old, _, mode)) in names.iter().zip(&files) {
            tree.write(name, old);
            tree.set_mode(name, *mode);
        }
        let before = tree.snapshot();
        let plan: Vec<(&str, &[u8])> = names
            .iter()
            .zip(&files)
            .map(|(name, (_, new, _))| (name.as_str(), new.as_slice()))
            .collect();
        tree.apply(&tree.plan(&plan)).expect("it applies");
        let mut wanted = before.clone();
        for (name, new) in &plan {
            let file = wanted.get_mut(&tree.path(name)).expect("it is there");
            file.1 = new.to_vec();
        }
        prop_assert_eq!(tree.program(), wanted);
        tree.undo(None, false).expect("it undoes");
        prop_assert_eq!(tree.snapshot(), before);
    }
}
