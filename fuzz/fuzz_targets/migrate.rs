//! Any text: no panic, what comes out parses, and a second run changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loopshift_engine::program::Input;
use loopshift_python::PythonVersion;
use loopshift_python::parse::parse_module;
use loopshift_rules::catalog::{Catalog, Version};
use loopshift_rules::context::Settings;
use loopshift_rules::migrate::{Options, migrate};

fn migrated(text: &str) -> Option<String> {
    let input = Input {
        path: "main.py".to_owned(),
        module: "main".to_owned(),
        is_package: false,
        text: text.to_owned(),
    };
    let settings = Settings { python: PythonVersion::PY311, anyio: Version::new(4, 16) };
    let options =
        Options { settings, allow_unsafe: true, select: Vec::new(), ignore: Vec::new() };
    let migration = migrate(&[input], Catalog::builtin(), &options);
    migration.plan.texts.into_iter().next().map(|(_, text)| text)
}

fuzz_target!(|text: &str| {
    if let Some(once) = migrated(text) {
        assert!(parse_module(&once, PythonVersion::PY311).is_ok(), "{once}");
        assert_eq!(migrated(&once), None);
    }
});
