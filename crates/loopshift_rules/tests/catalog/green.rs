//! The rows of gevent and eventlet against the installed packages, and what the rows of blocking calls say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use loopshift_rules::catalog::{Api, Catalog, Kind, ParameterKind, Target, Version};
use serde::Deserialize;

use crate::support;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/green_names.py");
const LIBRARIES: [&str; 2] = ["gevent", "eventlet"];

#[derive(Deserialize)]
struct Library {
    version: (u16, u16),
    names: BTreeMap<String, String>,
    signatures: BTreeMap<String, Option<Vec<Parameter>>>,
    missing: Vec<String>,
}

/// A parameter's name, its kind, and whether it has a default.
type Parameter = (String, String, bool);

/// The library as it is installed, and those of `names` that it does not have.
fn library(python: &Path, name: &str, names: &[&str]) -> Library {
    let mut child = Command::new(python)
        .arg(SCRIPT)
        .arg(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("an interpreter");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(names.join("\n").as_bytes())
        .expect("names to be read");
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    assert!(
        output.status.success(),
        "{name} is not installed beside {}",
        python.display()
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Attributes that objects have and their class does not: `gevent.timeout.Timeout.__init__` sets them.
const SET_BY_INIT: &[&str] = &["gevent.Timeout.exception", "gevent.Timeout.seconds"];

/// The rows of a library that stand in its tables: neither those of other modules that it has, nor those for the rest, nor
/// those of what it puts in the place of the standard library's, which it has under no name of its own.
fn rows_of<'c>(catalog: &'c Catalog, library: &str) -> Vec<&'c Api> {
    let prefix = format!("{library}.");
    let own = |api: &&Api| {
        let plain = matches!(api.rule.as_deref(), None | Some("green-blocking"));
        let copied = api.same_as.is_some() && plain && api.kind != Kind::Module;
        let put = api.name.starts_with(&format!("{library}.patched"));
        let listed = !api.name.ends_with(".*") && !SET_BY_INIT.contains(&&*api.name);
        api.name.starts_with(&prefix) && listed && !copied && !put
    };
    catalog.iter().filter(own).collect()
}

/// Whether it says of a queue that it is true, empty or not: so is asyncio's, which has no such method. Nothing moves.
fn is_always_true(name: &str) -> bool {
    name.starts_with("gevent.queue.") && name.ends_with(".__bool__")
}

#[test]
fn every_public_name_is_decided() {
    let catalog = Catalog::builtin();
    let mut wrong = BTreeSet::new();
    for name in LIBRARIES {
        let library = library(&support::python(), name, &[]);
        assert!(library.names.len() > 500, "{name}: {}", library.names.len());
        for name in library.names.keys().filter(|name| !is_always_true(name)) {
            match catalog.get(name) {
                None => wrong.insert(format!("{name}: no row")),
                Some(api) if !api.is_decided() => {
                    wrong.insert(format!("{name}: no replacement, rule or reason"))
                }
                Some(_) => false,
            };
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether a row tells what iterating over an object gives, also where the library makes an iterator of another class.
fn is_of_iterating(catalog: &Catalog, api: &Api) -> bool {
    let class = api.name.strip_suffix(".__next__");
    class.is_some_and(|class| catalog.get(&format!("{class}.__iter__")).is_some())
}

#[test]
fn every_row_is_there_in_the_versions_that_it_says() {
    let catalog = Catalog::builtin();
    for name in LIBRARIES {
        let rows = rows_of(catalog, name);
        let names: Vec<&str> = rows
            .iter()
            .flat_map(|api| api.aliases.iter().chain([&api.name]))
            .map(|name| &**name)
            .collect();
        let library = library(&support::python(), name, &names);
        let version = Version::new(library.version.0, library.version.1);
        let missing: BTreeSet<&str> = library.missing.iter().map(String::as_str).collect();
        let wrong: Vec<&str> = rows
            .into_iter()
            .filter(|api| !wants_another_package(api) && !is_of_iterating(catalog, api))
            .filter(|api| missing.contains(&*api.name) == api.exists_in(version))
            .map(|api| &*api.name)
            .collect();
        assert!(wrong.is_empty(), "{name} {version}: {wrong:#?}");
        let aliases: Vec<&str> = missing
            .into_iter()
            .filter(|name| catalog.canonical(name) != *name)
            .collect();
        assert!(aliases.is_empty(), "{name} {version}: {aliases:#?}");
    }
}

/// Modules that stand for another package, or for an older Python.
fn wants_another_package(api: &Api) -> bool {
    [
        "eventlet.green.zmq",
        "eventlet.green.OpenSSL",
        "eventlet.green.MySQLdb",
        "eventlet.green.urllib2",
        "eventlet.green.http.cookies",
        "eventlet.green.asynchat",
        "eventlet.green.asyncore",
        "eventlet.hubs.pyevent",
        "eventlet.zipkin",
        "gevent.testing",
        "gevent.tests",
        "gevent.win32util",
    ]
    .contains(&&*api.name)
}

#[test]
fn kinds_and_parameters_are_those_of_the_libraries() {
    let catalog = Catalog::builtin();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for name in LIBRARIES {
        let library = library(&support::python(), name, &[]);
        for api in rows_of(catalog, name) {
            let Some(kind) = library.names.get(&*api.name) else {
                continue;
            };
            let row = format!("{:?}", api.kind).to_lowercase();
            if row != *kind && !(row == "property" && kind == "constant") {
                wrong.push(format!("{} is a {kind}, the row says {row}", api.name));
            }
            if let Some(Some(theirs)) = library.signatures.get(&*api.name) {
                compared += 1;
                if !fits(api, theirs) {
                    wrong.push(format!("{} takes {theirs:?}", api.name));
                }
            }
        }
    }
    assert!(compared > 400, "only {compared} signatures to compare");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether the parameters of the row are theirs. Where a library takes anything (`*args`), the row may say what.
fn fits(api: &Api, theirs: &[Parameter]) -> bool {
    let Some(signature) = &api.signature else {
        return false;
    };
    let open = |kind: &str| kind.starts_with("VAR_");
    let ours: Vec<(&str, bool)> = signature
        .parameters
        .iter()
        .filter(|it| !matches!(it.kind, ParameterKind::Variadic | ParameterKind::Keywords))
        .map(|it| (&*it.name, it.default.is_some()))
        .collect();
    let named: Vec<(&str, bool)> = theirs
        .iter()
        .filter(|(_, kind, _)| !open(kind))
        .map(|(name, _, default)| (name.as_str(), *default))
        .collect();
    if theirs.iter().any(|(_, kind, _)| open(kind)) {
        let names: Vec<&str> = ours.iter().map(|(name, _)| *name).collect();
        return named.iter().all(|(name, _)| names.contains(name));
    }
    // An exception takes whatever it is raised with.
    ours == named || api.kind == Kind::Exception
}

#[test]
fn green_modules_have_the_names_of_those_they_stand_for() {
    let catalog = Catalog::builtin();
    let same = |name: &str| catalog.same_as(name);
    assert_eq!(
        same("gevent.socket.AF_INET").as_deref(),
        Some("socket.AF_INET")
    );
    assert_eq!(
        same("eventlet.green.urllib.request.Request.add_header").as_deref(),
        Some("urllib.request.Request.add_header")
    );
    assert_eq!(same("gevent.queue.Empty").as_deref(), Some("queue.Empty"));
    // What they have of their own is not theirs, and neither is what that has not.
    assert_eq!(same("gevent.socket.socket.recv"), None);
    assert!(catalog.get("gevent.socket.socket.no_such_method").is_none());
    assert!(catalog.get("gevent.sleep.no_such_name").is_none());
}

#[test]
fn what_blocks_suspends_where_it_is_green() {
    let catalog = Catalog::builtin();
    let row = |name: &str| {
        catalog
            .get(name)
            .unwrap_or_else(|| panic!("no row for {name}"))
    };
    let green = row("eventlet.green.urllib.request.urlopen");
    assert!(green.suspends && !green.blocks);
    let connection = row("eventlet.green.http.client.HTTPConnection.getresponse");
    assert!(connection.suspends);
    assert_eq!(
        connection.returns.names(),
        ["eventlet.green.http.client.HTTPResponse"]
    );
    // eventlet leaves it alone.
    let slow = row("eventlet.green.socket.gethostbyaddr");
    assert!(slow.blocks && !slow.suspends);
    assert!(row("gevent.socket.gethostbyaddr").suspends);
}

#[test]
fn what_is_cooperative_names_a_library_that_patches() {
    let catalog = Catalog::builtin();
    let mut cooperative = 0;
    for api in catalog.iter() {
        for name in &api.cooperative {
            assert!(LIBRARIES.contains(&&**name), "{}: {name}", api.name);
            cooperative += 1;
        }
    }
    assert!(cooperative > 500, "{cooperative}");
    // What the patches do not reach blocks all the same.
    for name in ["builtins.open", "os.system", "sqlite3.Connection.execute"] {
        assert!(
            catalog.get(name).is_some_and(|api| api.blocks),
            "{name} blocks"
        );
        assert!(
            catalog
                .get(name)
                .is_some_and(|api| api.cooperative.is_empty())
        );
    }
}

#[test]
fn replacements_for_asyncio_name_what_it_has() {
    let catalog = Catalog::builtin();
    let mut seen = 0;
    for api in catalog.iter() {
        for form in api.forms(Target::Asyncio) {
            for part in &form.template.parts {
                let loopshift_rules::catalog::Part::Text(text) = part else {
                    continue;
                };
                let Some(name) = text.strip_prefix('.') else {
                    continue;
                };
                let name: String = name
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let before = form.template.parts.iter().any(|part| {
                    matches!(part, loopshift_rules::catalog::Part::Import { module, name: None } if &**module == "asyncio")
                });
                if before && text.starts_with(&format!(".{name}(")) {
                    seen += 1;
                    let known = catalog.get(&format!("asyncio.{name}")).is_some()
                        || catalog
                            .get(&format!("asyncio.AbstractEventLoop.{name}"))
                            .is_some();
                    assert!(known, "{}: {name}", api.name);
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
