//! Which files are found, and what their modules are called.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use loopshift::discover::{Found, Options, canonical, discover};

use crate::tools::Tree;

fn options(tree: &Tree, exclude: &[&str]) -> Options {
    Options {
        exclude: exclude.iter().map(|glob| (*glob).to_owned()).collect(),
        base: tree.root.clone(),
        root: tree.root.clone(),
        source_roots: Vec::new(),
    }
}

fn find(tree: &Tree, paths: &[&str], exclude: &[&str]) -> Found {
    let paths: Vec<PathBuf> = paths.iter().map(|path| tree.path(path)).collect();
    let paths = canonical(&paths).expect("they exist");
    discover(&paths, &options(tree, exclude)).expect("good globs")
}

fn names(found: &Found) -> Vec<&str> {
    found.files.iter().map(|file| file.name.as_str()).collect()
}

fn problems(found: &Found) -> Vec<String> {
    found.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn python_and_nothing_else() {
    let tree = Tree::new(&[
        ("a.py", ""),
        ("b.pyi", ""),
        ("bin/tool", "#!/usr/bin/env python3\n"),
        ("bin/shell", "#!/bin/sh\n"),
        ("bin/tool.txt", "#!/usr/bin/env python3\n"),
        ("c.js", ""),
        ("d.ipynb", "{}"),
        ("e.pyc", ""),
        ("data.json", "{}"),
        ("Makefile", "all:\n"),
        (".hidden/f.py", ""),
    ]);
    let found = find(&tree, &["."], &[]);
    assert_eq!(names(&found), [".hidden/f.py", "a.py", "b.pyi", "bin/tool"]);
    assert_eq!(problems(&found), [""; 0]);
}

#[test]
fn generated_directories_are_left_out_unless_they_are_packages() {
    let tree = Tree::new(&[
        ("a.py", ""),
        (".venv/x.py", ""),
        ("env/pyvenv.cfg", ""),
        ("env/x.py", ""),
        ("node_modules/x.py", ""),
        ("__pycache__/x.py", ""),
        ("build/lib/x.py", ""),
        ("dist/x.py", ""),
        (".tox/x.py", ""),
        ("lib/site-packages/x.py", ""),
        ("src/build/__init__.py", ""),
        ("src/build/env.py", ""),
        (".loopshift/x.py", ""),
    ]);
    let found = find(&tree, &["."], &[]);
    assert_eq!(
        names(&found),
        ["a.py", "src/build/__init__.py", "src/build/env.py"]
    );
    assert_eq!(found.homes, std::slice::from_ref(&tree.root));
    let found = find(&tree, &["lib/site-packages"], &[]);
    assert_eq!(names(&found), ["lib/site-packages/x.py"], "it was named");
}

#[test]
fn gitignore_counts_also_without_a_repository() {
    let tree = Tree::new(&[
        (".gitignore", "/generated/\n*_pb2.py\n"),
        ("a.py", ""),
        ("a_pb2.py", ""),
        ("generated/b.py", ""),
        ("sub/.gitignore", "c.py\n"),
        ("sub/c.py", ""),
        ("sub/d.py", ""),
    ]);
    assert_eq!(names(&find(&tree, &["."], &[])), ["a.py", "sub/d.py"]);
    assert_eq!(names(&find(&tree, &["sub"], &[])), ["sub/d.py"]);
    assert_eq!(
        names(&find(&tree, &["a_pb2.py"], &[])),
        ["a_pb2.py"],
        "it was named"
    );
}

#[test]
fn excludes_match_names_and_paths() {
    let tree = Tree::new(&[
        ("a.py", ""),
        ("docs/conf.py", ""),
        ("pkg/docs/b.py", ""),
        ("pkg/gen/c_pb2.py", ""),
        ("pkg/gen/d.py", ""),
    ]);
    let left = |exclude: &[&str]| -> Vec<String> {
        let found = find(&tree, &["."], exclude);
        names(&found).into_iter().map(str::to_owned).collect()
    };
    assert_eq!(
        left(&["docs"]),
        ["a.py", "pkg/gen/c_pb2.py", "pkg/gen/d.py"]
    );
    assert_eq!(
        left(&["./docs/", "*_pb2.py"]),
        ["a.py", "pkg/gen/d.py"],
        "a name matches everywhere"
    );
    assert_eq!(
        left(&["pkg/*"]),
        ["a.py", "docs/conf.py"],
        "a path matches from the base"
    );
    assert_eq!(left(&["pkg/**/*.py"]), ["a.py", "docs/conf.py"]);
    assert_eq!(
        names(&find(&tree, &["a.py"], &["*.py"])),
        ["a.py"],
        "it was named"
    );
    let paths = [tree.root.clone()];
    let problem = discover(&paths, &options(&tree, &["a["])).expect_err("no glob");
    assert_eq!(problem.place.as_deref(), Some("--exclude a["));
}

#[test]
fn what_is_named_must_be_there_and_be_python() {
    let tree = Tree::new(&[("a.txt", ""), ("a.py", "")]);
    assert!(canonical(&[tree.path("no.py")]).is_err());
    let found = find(&tree, &["a.txt", "a.py", ".", "a.py"], &[]);
    assert_eq!(names(&found), ["a.py"], "once");
    assert_eq!(problems(&found), ["a.txt: this is not a Python file"]);
}

#[test]
fn symlinks_inside_give_names_and_cycles_are_told() {
    let outside = Tree::new(&[("x.py", "")]);
    let tree = Tree::new(&[("pkg/__init__.py", ""), ("pkg/a.py", "")]);
    symlink("pkg", tree.path("alias")).expect("a link");
    symlink("pkg/a.py", tree.path("b.py")).expect("a link");
    symlink("..", tree.path("pkg/cycle")).expect("a link");
    symlink("self.py", tree.path("self.py")).expect("a link");
    symlink("nowhere", tree.path("dangling.py")).expect("a link");
    symlink("nowhere", tree.path("dangling.txt")).expect("a link");
    symlink(&outside.root, tree.path("outside")).expect("a link");
    symlink(outside.path("x.py"), tree.path("outside.py")).expect("a link");
    let found = find(&tree, &["."], &[]);
    assert_eq!(names(&found), ["pkg/__init__.py", "pkg/a.py"]);
    assert_eq!(found.files[1].modules, ["pkg.a", "alias.a", "b"]);
    let told = problems(&found);
    let about = |name: &str| {
        told.iter()
            .filter(|problem| problem.starts_with(name))
            .count()
    };
    assert_eq!(
        about("pkg/cycle: this symlink leads back to"),
        1,
        "{told:?}"
    );
    assert_eq!(about("self.py: "), 1, "{told:?}");
    assert_eq!(about("dangling.py: "), 1, "{told:?}");
    assert_eq!(about("dangling.txt"), 0, "{told:?}");
    assert_eq!(about("outside"), 0, "{told:?}");
}

#[test]
fn names_that_are_not_unicode_are_told() {
    let tree = Tree::new(&[("a.py", "")]);
    let name = std::ffi::OsStr::from_bytes(b"b\xff.py");
    std::fs::write(tree.root.join(name), "").expect("a file");
    let found = find(&tree, &["."], &[]);
    assert_eq!(names(&found), ["a.py"]);
    assert_eq!(found.problems.len(), 1);
}

fn modules(tree: &Tree, paths: &[&str]) -> Vec<(String, Vec<String>)> {
    let files = find(tree, paths, &[]).files;
    files
        .into_iter()
        .map(|file| (file.name, file.modules))
        .collect()
}

fn has(found: &[(String, Vec<String>)], name: &str, modules: &[&str]) {
    let file = found.iter().find(|(file, _)| file == name);
    assert_eq!(
        file.map(|(_, modules)| modules.as_slice()),
        Some(modules.map_owned().as_slice()),
        "{name}"
    );
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for [&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[test]
fn source_roots_are_found_as_type_checkers_do() {
    let tree = Tree::new(&[
        ("pyproject.toml", ""),
        ("src/pkg/__init__.py", ""),
        ("src/pkg/a.py", ""),
        ("src/space/inner/b.py", ""),
        ("tests/test_a.py", ""),
        ("tests/unit/__init__.py", ""),
        ("tests/unit/test_b.py", ""),
        ("libs/one/pyproject.toml", ""),
        ("libs/one/src/one/__init__.py", ""),
        ("libs/two/setup.py", ""),
        ("libs/two/two/c.py", ""),
    ]);
    let found = modules(&tree, &["."]);
    has(&found, "src/pkg/__init__.py", &["pkg", "src.pkg"]);
    has(&found, "src/pkg/a.py", &["pkg.a", "src.pkg.a"]);
    has(
        &found,
        "src/space/inner/b.py",
        &["space.inner.b", "src.space.inner.b", "b"],
    );
    has(&found, "tests/test_a.py", &["tests.test_a", "test_a"]);
    has(
        &found,
        "tests/unit/test_b.py",
        &["tests.unit.test_b", "unit.test_b"],
    );
    has(
        &found,
        "libs/one/src/one/__init__.py",
        &["one", "src.one", "libs.one.src.one"],
    );
    has(
        &found,
        "libs/two/two/c.py",
        &["two.c", "libs.two.two.c", "c"],
    );

    let found = modules(&tree, &["src/pkg"]);
    has(&found, "src/pkg/a.py", &["pkg.a"]);
    let found = modules(&tree, &["src/pkg/a.py"]);
    has(&found, "src/pkg/a.py", &["pkg.a"]);
}

/// Root may read everything, so there the program runs as somebody else.
#[test]
fn what_must_not_be_read_is_told_and_the_rest_goes_on() {
    let tree = Tree::new(&[
        ("a.py", "def f(): pass\n"),
        ("b.py", ""),
        ("secret/c.py", ""),
    ]);
    let program = tree.path("program");
    fs::copy(assert_cmd::cargo::cargo_bin("loopshift"), &program).expect("a copy");
    tree.set_mode(".", 0o755);
    tree.set_mode("program", 0o755);
    tree.set_mode("b.py", 0o000);
    tree.set_mode("secret", 0o000);
    let mut command = Command::new(&program);
    command.current_dir(&tree.root).args(["graph", "."]);
    if fs::metadata(&tree.root).expect("metadata").uid() == 0 {
        command.uid(65534).gid(65534);
    }
    let output = command.output().expect("it runs");
    tree.set_mode("secret", 0o755);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json, serde_json::json!({"a": [], "a.f": []}));
    let expected = "\
error: b.py: cannot read it: permission denied
error: secret: cannot read it: permission denied
";
    assert_eq!(err, expected);
}
