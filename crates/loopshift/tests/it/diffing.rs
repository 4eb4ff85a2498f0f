//! What the diffs say, told to git.

use std::process::Command;

use loopshift::diff::unified;
use proptest::prelude::*;

use crate::tools::Tree;

/// A text of few different lines, so that many are equal, with all kinds of line ends and perhaps none at the end.
fn text() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "a\n", "b\n", "c\r\n", "\n", "d\re\n", "\u{c}x\n", "- é\n",
    ]);
    let last = prop::sample::select(vec!["", "a", "z\r"]);
    (prop::collection::vec(line, 0..30), last).prop_map(|(lines, last)| lines.concat() + last)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn git_makes_the_new_text_of_the_old_one(old in text(), new in text()) {
        prop_assume!(old != new && !old.is_empty() && !new.is_empty());
        let tree = Tree::new(&[("p/a b.py", &old)]);
        tree.write("patch", unified("p/a b.py", &old, &new, false).as_bytes());
        let output = Command::new("git")
            .args(["apply", "--whitespace=nowarn", "patch"])
            .current_dir(&tree.root)
            .output()
            .expect("git is installed");
        prop_assert!(output.status.success(), "{output:?}");
        prop_assert_eq!(tree.text("p/a b.py"), new);
    }
}
