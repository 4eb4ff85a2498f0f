//! Scripts that have nothing to do with each other are migrated each by itself.

use loopshift_engine::change::{Outcome, Plan};
use loopshift_engine::program::Input;
use loopshift_python::ast::PythonVersion;
use loopshift_rules::catalog::{Catalog, Target, Version};
use loopshift_rules::context::{Bridge, Settings};
use loopshift_rules::migrate::{Options, migrate};

/// Opens a connection, and uses it in a way that `AnyIO` has a counterpart for.
const PLAIN: &str = "\
import asyncio


async def main():
    reader, writer = await asyncio.open_connection('localhost', 80)
    print(await reader.read())
    writer.close()
";

/// The same with a member that it has none for, so that all streams of the program stay.
const ODD: &str = "\
import asyncio


async def ask():
    reader, writer = await asyncio.open_connection('localhost', 80)
    print(writer.transport)
";

/// The files as the engine takes them, by their paths.
fn inputs(files: &[(&str, &str)]) -> Vec<Input> {
    let input = |(path, text): &(&str, &str)| {
        let module = path.strip_suffix(".py").unwrap_or_default();
        Input {
            path: (*path).to_owned(),
            module: module.trim_end_matches("/__init__").replace('/', "."),
            is_package: path.ends_with("__init__.py"),
            text: (*text).to_owned(),
            lines: None,
        }
    };
    files.iter().map(input).collect()
}

fn planned(inputs: &[Input]) -> Plan {
    let settings = Settings {
        python: PythonVersion::PY311,
        anyio: Version::new(4, 16),
        bridge: Bridge::Auto,
        plain: false,
        through: false,
    };
    let options = Options::new(Target::Anyio, settings);
    migrate(inputs, Catalog::builtin(), &options).plan
}

/// The paths of the files whose connections move.
fn moving(files: &[(&str, &str)]) -> Vec<String> {
    let inputs = inputs(files);
    let plan = planned(&inputs);
    let mut moved: Vec<String> = (plan.changes.iter())
        .filter(|(it, outcome)| it.rule == "anyio-streams" && *outcome == Outcome::Applied)
        .map(|(it, _)| inputs[it.place.file.0 as usize].path.clone())
        .collect();
    moved.dedup();
    moved
}

fn script(text: &str) -> String {
    format!("{text}\n\nasyncio.run(main())\n")
}

#[test]
fn what_stays_in_one_script_holds_nothing_back_in_another() {
    let script = script(PLAIN);
    assert_eq!(moving(&[("a.py", &script), ("b.py", ODD)]), ["a.py"]);
    assert_eq!(
        moving(&[("b.py", ODD), ("lib.py", "x = 1\n"), ("z.py", &script)]),
        ["z.py"]
    );
    let all = [("p/__init__.py", ""), ("p/a.py", &*script), ("p/b.py", ODD)];
    assert_eq!(moving(&all), ["p/a.py"]);
}

#[test]
fn files_that_have_to_do_with_each_other_move_together() {
    let none: [&str; 0] = [];
    let script = script(PLAIN);
    let importing = format!("from b import ask\n{script}");
    assert_eq!(moving(&[("a.py", &importing), ("b.py", ODD)]), none);
    let over = [
        ("a.py", &*importing),
        ("b.py", "from c import ask\n"),
        ("c.py", ODD),
    ];
    assert_eq!(moving(&over), none);
    let by_name = format!("{script}\nserve('shop.b:ask')\n");
    assert_eq!(moving(&[("a.py", &by_name), ("shop/b.py", ODD)]), none);
    let package = [("p/__init__.py", ""), ("p/a.py", PLAIN), ("p/b.py", ODD)];
    assert_eq!(moving(&package), none);
    assert_eq!(
        moving(&[("test_a.py", PLAIN), ("tests/test_b.py", ODD)]),
        none
    );
}

#[test]
fn settings_of_tests_stay_with_the_tests() {
    let test = "\
import asyncio


async def test_one():
    asyncio.get_running_loop().call_exception_handler({'message': 'one'})
";
    let settings = "[tool:pytest]\nasyncio_mode = auto\n";
    let script = script(PLAIN);
    let files = [
        ("a.py", &*script),
        ("setup.cfg", settings),
        ("test_b.py", test),
    ];
    let changed: Vec<u32> = (planned(&inputs(&files)).texts.iter())
        .map(|(file, _)| file.0)
        .collect();
    assert_eq!(changed, [0]);
}
