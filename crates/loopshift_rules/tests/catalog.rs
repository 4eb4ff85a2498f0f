//! The catalog next to the libraries themselves, under every interpreter that is installed here.

#[path = "catalog/green.rs"]
mod green;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use loopshift_rules::catalog::{Api, Catalog, Kind, ParameterKind, Target, Version};
use serde::Deserialize;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/names.py");

/// What `names.py` prints.
#[derive(Deserialize)]
struct Library {
    version: (u16, u16),
    names: BTreeMap<String, String>,
    signatures: BTreeMap<String, Option<Vec<Parameter>>>,
}

/// A parameter's name, its kind, and whether it has a default.
type Parameter = (String, String, bool);

fn library(python: &Path, name: &str) -> Library {
    let text = support::output_of(Command::new(python).arg(SCRIPT).arg(name));
    serde_json::from_str(&text).expect("JSON")
}

fn all_pythons() -> Vec<Library> {
    support::pythons()
        .iter()
        .map(|python| library(python, "asyncio"))
        .collect()
}

#[test]
fn every_name_of_asyncio_is_decided() {
    let catalog = Catalog::builtin();
    let mut missing = BTreeSet::new();
    for library in all_pythons() {
        for name in library.names.keys() {
            match catalog.get(name) {
                None => missing.insert(format!("{name}: no row")),
                Some(api) if !api.is_decided() => {
                    missing.insert(format!("{name}: no replacement, rule or reason"))
                }
                Some(_) => false,
            };
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn rows_of_asyncio_are_there_in_the_versions_that_they_say() {
    let catalog = Catalog::builtin();
    let mut wrong = BTreeSet::new();
    for library in all_pythons() {
        let version = Version::new(library.version.0, library.version.1);
        let seen: BTreeSet<&str> = library
            .names
            .keys()
            .filter_map(|name| catalog.get(name))
            .map(|api| &*api.name)
            .collect();
        for api in catalog
            .iter()
            .filter(|api| api.name.starts_with("asyncio."))
        {
            let there = seen.contains(&*api.name);
            if there != api.exists_in(version) && !only_on_windows(api) && !set_by_instances(api) {
                wrong.insert(format!("{} in Python {version}: there {there}", api.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn only_on_windows(api: &Api) -> bool {
    let rest = api.name.trim_start_matches("asyncio.");
    [
        "Proactor",
        "IocpProactor",
        "Windows",
        "windows_",
        "proactor_",
        "tools",
    ]
    .iter()
    .any(|start| rest.starts_with(start))
}

/// What `__init__` sets can't be seen on the class: attributes, and the methods that a `Condition` takes from its lock.
fn set_by_instances(api: &Api) -> bool {
    let of_condition =
        ["acquire", "release", "locked"].map(|method| format!("asyncio.Condition.{method}"));
    api.kind == Kind::Property
        || of_condition.iter().any(|name| *name == *api.name)
        || api.name.starts_with("asyncio.subprocess.Sub")
}

#[test]
fn kinds_and_signatures_are_those_of_the_newest_python() {
    let catalog = Catalog::builtin();
    let libraries = all_pythons();
    let newest = libraries
        .iter()
        .max_by_key(|library| library.version)
        .expect("an interpreter");
    let wrong = differing(catalog, newest);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_name_of_anyio_has_a_row_and_the_other_way_round() {
    let catalog = Catalog::builtin();
    let library = library(&support::python(), "anyio");
    let backend = |name: &str| name.starts_with("anyio.abc.AsyncBackend.");
    let missing: Vec<_> = library
        .names
        .keys()
        .filter(|name| !backend(name) && catalog.get(name).is_none())
        .collect();
    assert!(missing.is_empty(), "no row for {missing:#?}");
    let seen: BTreeSet<&str> = library
        .names
        .keys()
        .filter_map(|name| catalog.get(name))
        .map(|api| &*api.name)
        .collect();
    let invented: Vec<_> = catalog
        .iter()
        .filter(|api| api.name.starts_with("anyio.") && !seen.contains(&*api.name))
        .filter(|api| {
            api.kind != Kind::Property
                && !api.name.contains("interpreter")
                && !api.name.contains(".Status.")
        })
        .map(|api| &*api.name)
        .collect();
    assert!(invented.is_empty(), "rows without a name: {invented:#?}");
    let wrong = differing(catalog, &library);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The rows whose kind or parameters are not those of the library. What the catalog keeps from older versions
/// (`loop=None`) and parameters that nobody can count (`*args`) are left alone.
fn differing(catalog: &Catalog, library: &Library) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, kind) in &library.names {
        let Some(api) = catalog.get(name) else {
            continue;
        };
        let row = format!("{:?}", api.kind).to_lowercase();
        if row != *kind && !(row == "function" && kind == "method") {
            wrong.push(format!("{name} is a {kind}, the row says {row}"));
        }
        let (Some(signature), Some(Some(parameters))) =
            (&api.signature, library.signatures.get(name))
        else {
            continue;
        };
        if &*api.name != name || api.kind == Kind::Exception {
            continue;
        }
        let open =
            |kind: ParameterKind| matches!(kind, ParameterKind::Variadic | ParameterKind::Keywords);
        if signature.parameters.iter().filter(|p| open(p.kind)).count()
            == signature.parameters.len()
        {
            continue;
        }
        let ours: Vec<(&str, bool)> = signature
            .parameters
            .iter()
            .filter(|p| !(&*p.name == "loop" && p.default.is_some()))
            .map(|p| (&*p.name, p.default.is_some()))
            .collect();
        let theirs: Vec<(&str, bool)> = parameters
            .iter()
            .filter(|(name, _, default)| !(name == "loop" && *default))
            .map(|(name, _, default)| (name.as_str(), *default))
            .collect();
        if ours != theirs {
            wrong.push(format!("{name}{signature} takes {theirs:?}"));
        }
    }
    wrong
}

#[test]
fn types_name_rows_or_words() {
    const WORDS: &[&str] = &[
        "None",
        "bool",
        "int",
        "float",
        "str",
        "bytes",
        "list",
        "set",
        "dict",
        "tuple",
        "type",
        "Awaitable",
        "Iterator",
        "AsyncIterator",
        "ContextManager",
        "AsyncContextManager",
    ];
    let catalog = Catalog::builtin();
    let elsewhere = |name: &str| {
        ["signal.", "socket.", "builtins."]
            .iter()
            .any(|module| name.starts_with(module))
    };
    let mut unknown = BTreeSet::new();
    for api in catalog.iter() {
        let bases = api.bases.iter().map(|base| &**base);
        for name in api.returns.names().into_iter().chain(bases) {
            if !WORDS.contains(&name) && !elsewhere(name) && catalog.get(name).is_none() {
                unknown.insert(format!("{}: {name}", api.name));
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn replacements_name_what_anyio_has() {
    let catalog = Catalog::builtin();
    for api in catalog.iter() {
        for form in api.forms(Target::Anyio) {
            let text: String = form
                .template
                .parts
                .iter()
                .map(|part| match part {
                    loopshift_rules::catalog::Part::Text(text) => text.to_string(),
                    loopshift_rules::catalog::Part::Import { module, .. } => module.to_string(),
                    _ => "x".to_owned(),
                })
                .collect();
            for (start, _) in text.match_indices("anyio.") {
                let end =
                    text[start..].find(|c: char| !c.is_alphanumeric() && c != '.' && c != '_');
                let name = &text[start..end.map_or(text.len(), |end| start + end)];
                let found = catalog
                    .get(name)
                    .unwrap_or_else(|| panic!("{}: {name} does not exist", api.name));
                assert!(
                    found
                        .since
                        .is_none_or(|since| form.since.is_some_and(|form| since <= form)),
                    "{}: {name}",
                    api.name
                );
            }
        }
    }
}
