//! Verification finds what no migration may leave behind.

use loopshift_engine::change::FileId;
use loopshift_engine::program::Input;
use loopshift_engine::verify::{Verification, verify};
use loopshift_python::PythonVersion;
use loopshift_rules::catalog::Catalog;
use loopshift_rules::externals::CatalogExternals;

/// The faults of a new text, in place of a program without one.
fn faults(text: &str) -> Vec<(String, String)> {
    let before = [Input {
        path: "main.py".to_owned(),
        module: "main".to_owned(),
        is_package: false,
        text: "import asyncio\n".to_owned(),
        lines: None,
    }];
    let externals = CatalogExternals::strict(Catalog::builtin());
    let verification = Verification {
        before: &before,
        python: PythonVersion::PY311,
        externals: &externals,
        target: "anyio",
    };
    verify(&verification, &[(FileId(0), text.to_owned())])
        .into_iter()
        .map(|fault| (fault.function, fault.message))
        .collect()
}

#[track_caller]
fn one(text: &str, function: &str, words: &str) {
    let found = faults(text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, function);
    assert!(found[0].1.contains(words), "{found:?}");
}

#[test]
fn good_code_has_no_faults() {
    let text = "\
import anyio
from anyio import Event


class Box:
    def __init__(self):
        self.event = Event()

    async def wait(self):
        with anyio.fail_after(1) as scope:
            await self.event.wait()
        return scope.cancelled_caught


async def main(x):
    box = Box()
    async with anyio.create_task_group() as tg:
        tg.start_soon(box.wait, name=\"box\")
        box.event.set()
    send, receive = anyio.create_memory_object_stream(3)
    send.send_nowait(x)
    print(await receive.receive())


anyio.run(main, 1, backend_options={})
";
    assert_eq!(faults(text), []);
}

#[test]
fn unbound_names() {
    one(
        "async def f():\n    await anyio.sleep(1)\n",
        "f",
        "`anyio` would be bound nowhere",
    );
}

#[test]
fn await_outside_async_def() {
    one("def f(x):\n    await x\n", "f", "outside `async def`");
    one(
        "def f(x):\n    async with x:\n        pass\n",
        "f",
        "outside `async def`",
    );
}

#[test]
fn names_that_do_not_exist() {
    one("import anyio\n\nx = anyio.Queue\n", "", "`anyio.Queue`");
}

#[test]
fn members_that_objects_do_not_have() {
    let text = "\
import anyio

event = anyio.Event()


def f():
    event.clear()
";
    one(text, "f", "`anyio.Event.clear`");
}

#[test]
fn coroutines_that_nobody_awaits() {
    one(
        "import anyio\n\n\nasync def f():\n    anyio.sleep(1)\n",
        "f",
        "nobody would await",
    );
}

#[test]
fn arguments_that_do_not_fit() {
    one(
        "import anyio\n\n\nasync def f():\n    await anyio.sleep()\n",
        "f",
        "no argument for `delay`",
    );
    one(
        "import anyio\n\n\nasync def f():\n    await anyio.sleep(1, 2)\n",
        "f",
        "more than it takes",
    );
    one(
        "import anyio\n\nanyio.run(print, debug=True)\n",
        "",
        "the argument `debug`",
    );
}
