//! Every page of `docs/rules` is a test, and so are the further cases of rules in `tests/cases`, the guides and every program of
//! `tests/programs` and `tests/programs-green`.
//! `docs/writing-pages.md` says how a page is written.

mod check;
mod page;
mod program;
mod tool;

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod support;

use std::fmt;
use std::path::Path;

/// What is wrong with a page or program. The harness prints errors for debugging, and this one is to be read.
struct Failures(String);

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failures {}

/// Checks one page: its shape, and all its examples. Reports every failure of the page at once.
fn rule_page(path: &Path) -> datatest_stable::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let name = path
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let page = page::Page::parse(name, &text).map_err(Failures)?;
    check_all(path, &page)
}

/// Checks the further cases of a rule: all of them.
fn cases(path: &Path) -> datatest_stable::Result<()> {
    let name = path.file_stem().and_then(|name| name.to_str());
    loose(path, name.is_some_and(|name| name.starts_with("green-")))
}

/// Checks a guide: all its examples.
fn guide(path: &Path) -> datatest_stable::Result<()> {
    let to_asyncio = path.ends_with("from-eventlet-to-asyncio.md")
        || path.ends_with("from-gevent-to-asyncio.md");
    loose(path, to_asyncio)
}

/// Checks all examples of a text that has whatever sections it needs.
fn loose(path: &Path, to_asyncio: bool) -> datatest_stable::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let page = page::Page::parse_loose(&text, to_asyncio).map_err(Failures)?;
    check_all(path, &page)
}

fn check_all(path: &Path, page: &page::Page) -> datatest_stable::Result<()> {
    let failures: Vec<String> = page
        .examples
        .iter()
        .filter_map(|example| {
            check::check(example)
                .err()
                .map(|error| format!("{}:{}: {error}", path.display(), example.line))
        })
        .collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Failures(failures.join("\n\n")).into())
    }
}

/// Migrates and runs one program.
fn whole_program(path: &Path) -> datatest_stable::Result<()> {
    program::check(path).map_err(|error| Failures(format!("{}: {error}", path.display())).into())
}

/// Migrates and runs one program of green threads.
fn green_program(path: &Path) -> datatest_stable::Result<()> {
    program::check_green(path)
        .map_err(|error| Failures(format!("{}: {error}", path.display())).into())
}

datatest_stable::harness! {
    { test = rule_page, root = "../../docs/rules", pattern = r"^(?!README).*\.md$" },
    { test = cases, root = "../../tests/cases", pattern = r"\.md$" },
    { test = whole_program, root = "../../tests/programs", pattern = r"^[^/]+/main\.py$" },
    { test = green_program, root = "../../tests/programs-green", pattern = r"^[^/]+/main\.py$" },
    { test = guide, root = "../../docs", pattern = r"^from-.*\.md$" },
}
