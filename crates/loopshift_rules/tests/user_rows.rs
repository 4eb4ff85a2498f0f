//! Rows that a user adds are used as the program's own are.

use loopshift_engine::change::Outcome;
use loopshift_engine::program::Input;
use loopshift_python::ast::PythonVersion;
use loopshift_rules::catalog::{Catalog, Target, Version};
use loopshift_rules::context::{Bridge, Settings};
use loopshift_rules::migrate::{Options, migrate};

const ROWS: &str = r#"
[[api]]
name = "asyncio.rest"
kind = "function"
signature = "(seconds=1, reason=None, *, quiet=False)"
anyio = "{@anyio}.sleep({seconds})"
drops = ["reason"]
"#;

/// The text of a module after its migration, unsafe changes included, and why what was declined was.
fn migrated(text: &str) -> (String, Vec<String>) {
    let catalog = Catalog::with_user_rows(&[("loopshift.toml", ROWS)]).expect("rows");
    let files = [Input {
        path: "main.py".to_owned(),
        module: "main".to_owned(),
        is_package: false,
        text: text.to_owned(),
        lines: None,
    }];
    let settings = Settings {
        python: PythonVersion {
            major: 3,
            minor: 11,
        },
        anyio: Version::new(4, 16),
        bridge: Bridge::Auto,
        plain: true,
        through: false,
    };
    let options = Options {
        allow_unsafe: true,
        ..Options::new(Target::Anyio, settings)
    };
    let plan = migrate(&files, &catalog, &options).plan;
    let new = plan
        .texts
        .first()
        .map_or(text.to_owned(), |(_, text)| text.clone());
    let reasons = plan
        .changes
        .into_iter()
        .filter_map(|(_, outcome)| match outcome {
            Outcome::Declined { reason } => Some(reason),
            Outcome::Applied | Outcome::Deferred => None,
        });
    (new, reasons.collect())
}

fn module(call: &str) -> String {
    format!("import asyncio\n\n\nasync def main():\n    await {call}\n")
}

#[test]
fn arguments_are_bound_by_the_signature() {
    let after = |call: &str| format!("import anyio\n\n\nasync def main():\n    await {call}\n");
    for (before, expected) in [
        ("asyncio.rest()", "anyio.sleep(1)"),
        ("asyncio.rest(seconds=2)", "anyio.sleep(2)"),
        ("asyncio.rest(3, 'tired')", "anyio.sleep(3)"),
    ] {
        assert_eq!(
            migrated(&module(before)),
            (after(expected), Vec::new()),
            "{before}"
        );
    }
}

#[test]
fn an_argument_that_the_replacement_has_no_place_for_declines() {
    let text = module("asyncio.rest(quiet=True)");
    let (after, reasons) = migrated(&text);
    assert_eq!(after, text);
    assert!(
        reasons.iter().any(|reason| reason.contains("`quiet`")),
        "{reasons:?}"
    );
}
