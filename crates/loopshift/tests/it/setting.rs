//! Settings files.

use std::path::PathBuf;

use loopshift::cli::{AnyioVersion, Target, TargetVersion};
use loopshift::settings::nearest;

use crate::tools::Tree;

#[test]
fn the_nearest_file_wins() {
    let tree = Tree::new(&[
        (
            "pyproject.toml",
            "[tool.loopshift]\nto = \"asyncio\"\nexclude = [\"docs\"]\n",
        ),
        (
            "a/loopshift.toml",
            "to = \"anyio\"\nanyio-version = \"4.15.1\"\ntarget-version = \"py39\"\n",
        ),
        ("a/pyproject.toml", "[tool.loopshift]\nto = \"asyncio\"\n"),
        (
            "b/pyproject.toml",
            "[project]\nname = \"b\"\n[tool.other]\nx = 1\n",
        ),
        ("b/c/x.py", ""),
    ]);
    let (settings, dir) = nearest(&tree.path("a")).expect("good settings");
    assert_eq!(settings.to, Some(Target::Anyio));
    assert_eq!(
        settings.anyio_version,
        Some(AnyioVersion {
            major: 4,
            minor: 15
        })
    );
    assert_eq!(
        settings.target_version,
        Some(TargetVersion { major: 3, minor: 9 })
    );
    assert_eq!(
        settings.exclude,
        Vec::<String>::new(),
        "files are not mixed"
    );
    assert_eq!(dir, tree.path("a"));
    let (settings, dir) = nearest(&tree.path("b/c")).expect("good settings");
    assert_eq!(settings.to, Some(Target::Asyncio));
    assert_eq!(settings.exclude, ["docs"]);
    assert_eq!(dir, tree.root);
}

#[test]
fn every_key_is_read() {
    let text = r#"
to = "anyio"
from = ["gevent"]
exclude = ["a"]
src = ["lib"]
select = ["x"]
ignore = ["y"]
target-version = "3.12"
anyio-version = "4.0"
unsafe = true
mark = true
"#;
    let tree = Tree::new(&[("loopshift.toml", text)]);
    let (settings, _) = nearest(&tree.root).expect("good settings");
    assert_eq!(settings.from, Some(vec!["gevent".to_owned()]));
    assert_eq!(settings.src, [PathBuf::from("lib")]);
    assert_eq!(settings.select, Some(vec!["x".to_owned()]));
    assert_eq!(settings.ignore, ["y"]);
    assert_eq!(settings.unsafe_changes, Some(true));
    assert_eq!(settings.mark, Some(true));
}

#[test]
fn mistakes_are_told_with_file_and_line() {
    for (name, text, line, word) in [
        ("loopshift.toml", "to = \"anyio\"\ntoo = 1\n", 2, "too"),
        ("loopshift.toml", "\n\nto = \"trio\"\n", 3, "trio"),
        ("loopshift.toml", "to = \n", 1, ""),
        ("loopshift.toml", "target-version = \"py2\"\n", 1, "py2"),
        (
            "pyproject.toml",
            "[project]\nname = \"x\"\n[tool.loopshift]\nselct = []\n",
            4,
            "selct",
        ),
        (
            "pyproject.toml",
            "[tool.loopshift]\nanyio-version = \"3.7\"\n",
            2,
            "3.7",
        ),
    ] {
        let tree = Tree::new(&[(name, text)]);
        let problem = nearest(&tree.root).expect_err(text);
        let place = format!("{}:{line}", tree.path(name).display());
        assert_eq!(problem.place.as_deref(), Some(place.as_str()), "{text}");
        assert!(problem.reason.contains(word), "{problem}");
    }
}
