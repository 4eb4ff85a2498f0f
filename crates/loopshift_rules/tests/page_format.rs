//! The reader of the pages says what is wrong with a page.

#[path = "pages/page.rs"]
#[allow(dead_code, reason = "shared with the test of the pages")]
mod page;

use page::Page;

/// A page with these examples.
fn read(examples: &str) -> Result<Page, String> {
    let text = format!(
        "# some-rule\n\nA sentence.\n\n## What it does\n\n## Why\n\n## Example\n\n{examples}\n## When it declines\n\n## Safety\n"
    );
    Page::parse("some-rule", &text)
}

fn block(info: &str, body: &str) -> String {
    format!("```{info}\n{body}\n```\n\n")
}

#[test]
fn examples_are_read_with_their_files_and_options() {
    let text = [
        block("py before run backends=asyncio", "a"),
        block("py after", "b"),
        "<!-- anyio=4.0 unsafe -->\n".to_owned(),
        block("py before=pkg/a.py", "a"),
        block("toml before=pyproject.toml", "c"),
        "Words.\n".to_owned(),
        block("py after=pkg/a.py", "b"),
        block("text", "not an example"),
        block("py declined target-version=py39", "d"),
        block("py declined", "e"),
    ];
    let page = read(&text.concat()).unwrap();
    let [first, second, third, fourth] = &page.examples[..] else {
        panic!("{page:#?}")
    };
    assert_eq!(first.options.run.as_deref(), Some("main.py"));
    assert_eq!(first.options.backend.as_deref(), Some("asyncio"));
    assert_eq!(
        second.before.keys().collect::<Vec<_>>(),
        ["pkg/a.py", "pyproject.toml"]
    );
    assert!(second.options.unsafe_changes && second.options.anyio.as_deref() == Some("4.0"));
    assert_eq!(second.expected()["pkg/a.py"], "b\n");
    assert_eq!(second.expected()["pyproject.toml"], "c\n");
    assert!(third.declined && third.options.target_version.as_deref() == Some("py39"));
    assert!(fourth.declined && fourth.options == page::Options::default());
}

#[test]
fn what_is_wrong_is_said() {
    let pair = block("py before", "a") + &block("py after", "b");
    assert!(read(&pair).is_ok());
    let wrong = |examples: &str, words: &str| {
        let error = read(examples).unwrap_err();
        assert!(error.contains(words), "{error}");
    };
    wrong("", "at least one example");
    wrong(&block("py before", "a"), "without an `after`");
    wrong(&block("py after", "a"), "without a `before`");
    wrong(
        &(block("py before", "a") + &block("py after", "a")),
        "same before and after",
    );
    wrong(
        &(block("py before", "a") + &block("py after=other.py", "b")),
        "no `before` of `other.py`",
    );
    wrong(
        &(block("py before ruin", "a") + &block("py after", "b")),
        "`ruin` is no option",
    );
    wrong(
        &(block("py before run=x.py", "a") + &block("py after", "b")),
        "none of the example's",
    );
    wrong("```py before\na\n", "has no end");
    assert!(
        Page::parse("other", "# some-rule\n")
            .unwrap_err()
            .contains("`# other`")
    );
    assert!(
        Page::parse("some-rule", &format!("# some-rule\n## Why\n{pair}"))
            .unwrap_err()
            .contains("in this order")
    );
}
