//! The results of tests, as the XML of `JUnit` tells them.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// It passed.
    Passed,
    /// It was skipped, or was expected to fail and did.
    Skipped,
    /// It failed, with the first words of why.
    Failed(String),
}

/// The tests of a run, by their names.
pub type Tests = BTreeMap<String, Test>;

/// Reads the tests of a file. A name that comes twice, as with a test that passes and whose teardown fails, tells the worst.
///
/// # Errors
/// Where it is no XML, in words.
pub fn read(text: &str) -> Result<Tests, String> {
    let document = Document::parse(text).map_err(|error| error.to_string())?;
    let mut tests = Tests::new();
    for case in document.descendants() {
        if !case.has_tag_name("testcase") {
            continue;
        }
        let name = case.attribute("name").unwrap_or_default();
        let name = match case.attribute("classname").filter(|it| !it.is_empty()) {
            Some(class) => format!("{class}::{name}"),
            None => name.to_owned(),
        };
        let test = outcome(case);
        let known = tests.entry(name).or_insert_with(|| test.clone());
        if matches!(test, Test::Failed(_)) && !matches!(known, Test::Failed(_)) {
            *known = test;
        }
    }
    Ok(tests)
}

fn outcome(case: Node<'_, '_>) -> Test {
    let child = |name: &str| case.children().find(|it| it.has_tag_name(name));
    if let Some(node) = child("failure").or_else(|| child("error")) {
        let message = node.attribute("message").or(node.text());
        return Test::Failed(message.unwrap_or_default().trim().to_owned());
    }
    match child("skipped") {
        Some(_) => Test::Skipped,
        None => Test::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read() {
        let text = r#"<testsuites><testsuite>
            <testcase classname="t" name="a"/>
            <testcase classname="t" name="b"><failure message="torn">long</failure></testcase>
            <testcase classname="t" name="c"><skipped/></testcase>
            <testcase name="d"><error>broken</error></testcase>
            <testcase classname="t" name="a"><error message="teardown"/></testcase>
        </testsuite></testsuites>"#;
        let tests = read(text).expect("it is read");
        assert_eq!(tests["t::a"], Test::Failed("teardown".to_owned()));
        assert_eq!(tests["t::b"], Test::Failed("torn".to_owned()));
        assert_eq!(tests["t::c"], Test::Skipped);
        assert_eq!(tests["d"], Test::Failed("broken".to_owned()));
        assert!(read("<torn").is_err());
    }
}
