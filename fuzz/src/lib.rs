//! What must hold for any program: no panic, what comes out parses, and a second run changes nothing.

use loopshift_engine::program::Input;
use loopshift_python::PythonVersion;
use loopshift_python::parse::parse_module;
use loopshift_rules::catalog::{Catalog, Target, Version};
use loopshift_rules::context::{Bridge, Settings};
use loopshift_rules::migrate::{Options, migrate};

/// Checks it for the program `text`, of one module.
pub fn check(text: &str, target: Target) {
    let Some(once) = migrated(text, target) else {
        return;
    };
    if let Err(error) = parse_module(&once, PythonVersion::PY311) {
        panic!("{error}\n{once}");
    }
    assert_eq!(migrated(&once, target), None, "{once}");
}

/// The new text; `None` where nothing changes.
fn migrated(text: &str, target: Target) -> Option<String> {
    let input = Input {
        path: "main.py".to_owned(),
        module: "main".to_owned(),
        is_package: false,
        text: text.to_owned(),
    };
    let options = Options {
        allow_unsafe: true,
        ..Options::new(
            target,
            Settings {
                python: PythonVersion::PY311,
                anyio: Version::new(4, 16),
                bridge: Bridge::Auto,
                plain: true,
            },
        )
    };
    let migration = migrate(&[input], Catalog::builtin(), &options);
    let text = migration.plan.texts.into_iter().next();
    text.map(|(_, text)| text)
}
