//! Imports and helpers that edits add, and imports that they leave unused.
#![allow(missing_docs)]

mod support;

use loopshift_python::edit::{Edit, Helper};
use loopshift_python::imports::{Removable, still_imports, unused_imports};
use loopshift_python::{TextRange, TextSize};
use support::*;

fn check(source: &str, edits: &[Edit], expected: &str) {
    let after = apply(source, edits);
    assert!(
        after == expected,
        "--- source\n{source}--- got\n{after}--- expected\n{expected}---\n{after:?}"
    );
}

#[test]
fn names_join_imports_of_their_module() {
    let cases: &[(&str, &str)] = &[
        (
            "from functools import wraps\nHERE\n",
            "from functools import partial, wraps\npartial\n",
        ),
        (
            "from functools import cache, lru_cache as lc\nHERE\n",
            "from functools import cache, lru_cache as lc, partial\npartial\n",
        ),
        // Not sorted: behind all.
        (
            "from functools import wraps, cache\nHERE\n",
            "from functools import wraps, cache, partial\npartial\n",
        ),
        // Brackets, comments, stars and further statements keep their line.
        (
            "from functools import (\n    wraps,\n)\nHERE\n",
            "from functools import (\n    wraps,\n)\nfrom functools import partial\npartial\n",
        ),
        (
            "from functools import wraps  # why\nHERE\n",
            "from functools import wraps  # why\nfrom functools import partial\npartial\n",
        ),
        // A line for each name is how this file does it.
        (
            "from functools import cache\nfrom functools import wraps\nHERE\n",
            "from functools import cache\nfrom functools import wraps\nfrom functools import partial\npartial\n",
        ),
    ];
    for (source, expected) in cases {
        put(source, "{@functools:partial}", expected);
    }
}

/// `source` with `HERE` replaced by a template.
fn put(source: &str, template: &'static str, expected: &str) {
    check(source, &[replace(source, "HERE", template)], expected);
}

#[test]
fn existing_imports_are_reused() {
    let cases: &[(&str, &'static str, &str)] = &[
        ("import anyio\nHERE\n", "{@anyio}", "import anyio\nanyio\n"),
        (
            "import anyio as a\nHERE\n",
            "{@anyio}",
            "import anyio as a\na\n",
        ),
        (
            "import anyio.abc\nHERE\n",
            "{@anyio}",
            "import anyio.abc\nanyio\n",
        ),
        (
            "import os, anyio\nHERE\n",
            "{@anyio}",
            "import os, anyio\nanyio\n",
        ),
        (
            "from functools import partial\nHERE\n",
            "{@functools:partial}",
            "from functools import partial\npartial\n",
        ),
        (
            "from functools import wraps, partial as p\nHERE\n",
            "{@functools:partial}",
            "from functools import wraps, partial as p\np\n",
        ),
        (
            "import functools as f\nHERE\n",
            "{@functools:partial}",
            "import functools as f\nf.partial\n",
        ),
        (
            "import anyio.to_thread\nHERE\n",
            "{@anyio.to_thread}",
            "import anyio.to_thread\nanyio.to_thread\n",
        ),
        (
            "from anyio import to_thread as t\nHERE\n",
            "{@anyio.to_thread}",
            "from anyio import to_thread as t\nt\n",
        ),
        (
            "def f():\n    HERE\nimport anyio\n",
            "{@anyio}",
            "def f():\n    anyio\nimport anyio\n",
        ),
    ];
    for (source, template, expected) in cases {
        put(source, template, expected);
    }
}

#[test]
fn missing_imports_are_added_in_their_place() {
    let cases: &[(&str, &'static str, &str)] = &[
        ("HERE\n", "{@anyio}", "import anyio\n\nanyio\n"),
        ("HERE", "{@anyio}", "import anyio\n\nanyio"),
        (
            "\"\"\"Doc.\"\"\"\nHERE\n",
            "{@anyio}",
            "\"\"\"Doc.\"\"\"\n\nimport anyio\n\nanyio\n",
        ),
        (
            "\"\"\"Doc.\"\"\"\n\nHERE\n",
            "{@anyio}",
            "\"\"\"Doc.\"\"\"\n\nimport anyio\n\nHERE\n"
                .replace("HERE", "anyio")
                .leak(),
        ),
        (
            "#!/bin/python\n# Licence\n\n# About x.\nHERE\n",
            "{@anyio}",
            "#!/bin/python\n# Licence\n\nimport anyio\n\n# About x.\nanyio\n",
        ),
        (
            "#!/bin/python\nHERE\n",
            "{@anyio}",
            "#!/bin/python\nimport anyio\n\nanyio\n",
        ),
        (
            "from __future__ import annotations\nHERE\n",
            "{@anyio}",
            "from __future__ import annotations\n\nimport anyio\n\nanyio\n",
        ),
        (
            "import os\nHERE\n",
            "{@anyio}",
            "import os\n\nimport anyio\n\nanyio\n",
        ),
        (
            "import os\nHERE\n",
            "{@math}",
            "import math\nimport os\nmath\n",
        ),
        (
            "import asyncio\nimport os\n\nHERE\n",
            "{@math}.inf",
            "import asyncio\nimport math\nimport os\n\nmath.inf\n",
        ),
        (
            "import os\n\nimport aiohttp\nimport yarl\n\nHERE\n",
            "{@anyio}",
            "import os\n\nimport aiohttp\nimport anyio\nimport yarl\n\nanyio\n",
        ),
        (
            "import os\n\nfrom .x import y\n\nHERE\n",
            "{@anyio}",
            "import os\n\nimport anyio\n\nfrom .x import y\n\nanyio\n",
        ),
        (
            "from .x import y\n\nHERE\n",
            "{@anyio}",
            "import anyio\n\nfrom .x import y\n\nanyio\n",
        ),
        (
            "import zlib\nfrom os import path\nHERE\n",
            "{@functools:partial}",
            "import zlib\nfrom functools import partial\nfrom os import path\npartial\n",
        ),
        (
            "import zlib\nfrom os import path\nHERE\n",
            "{@math}",
            "import math\nimport zlib\nfrom os import path\nmath\n",
        ),
        (
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import anyio\n\n\nHERE\n",
            "{@anyio}",
            "from typing import TYPE_CHECKING\n\nimport anyio as anyio_\n\nif TYPE_CHECKING:\n    import anyio\n\n\nanyio_\n",
        ),
        (
            "import os  # c\ntry:\n    import x\nexcept ImportError:\n    x = None\nHERE\n",
            "{@math}",
            "import math\nimport os  # c\ntry:\n    import x\nexcept ImportError:\n    x = None\nmath\n",
        ),
        (
            "import anyio\nHERE\n",
            "{@anyio.to_thread}",
            "import anyio\nimport anyio.to_thread\nanyio.to_thread\n",
        ),
        (
            "HERE\n",
            "{@anyio} + {@anyio.to_thread} + {@math}",
            "import math\n\nimport anyio\nimport anyio.to_thread\n\nanyio + anyio.to_thread + math\n",
        ),
        (
            "x = 1\nHERE\nimport os\n",
            "{@anyio}",
            "import anyio\n\nx = 1\nanyio\nimport os\n",
        ),
        (
            "import os; import sys\r\nHERE\r\n",
            "{@math}",
            "import math\r\nimport os; import sys\r\nmath\r\n",
        ),
        (
            "import os\ndef f():\n    HERE\n",
            "{@anyio}",
            "import os\n\nimport anyio\n\n\ndef f():\n    anyio\n",
        ),
        (
            "import os\nHERE\n",
            "{@contextlib:suppress}, {@contextlib:asynccontextmanager}",
            "import os\nfrom contextlib import asynccontextmanager, suppress\nsuppress, asynccontextmanager\n",
        ),
        (
            "from os import name\nfrom os import sep\nHERE\n",
            "{@contextlib:suppress}, {@contextlib:closing}",
            "from contextlib import closing\nfrom contextlib import suppress\nfrom os import name\nfrom os import sep\nsuppress, closing\n",
        ),
    ];
    for (source, template, expected) in cases {
        put(source, template, expected);
    }
}

#[test]
fn nothing_is_imported_before_what_patches() {
    put(
        "from gevent import monkey\n\nmonkey.patch_all()\n\nimport time\n\nimport gevent\n\nHERE\n",
        "{@anyio}",
        "from gevent import monkey\n\nmonkey.patch_all()\n\nimport time\n\nimport anyio\nimport gevent\n\nanyio\n",
    );
    put(
        "import eventlet\neventlet.monkey_patch()\nfrom os import path\nHERE\n",
        "{@asyncio}",
        "import eventlet\neventlet.monkey_patch()\nimport asyncio\nfrom os import path\nasyncio\n",
    );
}

#[test]
fn names_that_are_taken_are_avoided() {
    let cases: &[(&str, &'static str, &str)] = &[
        (
            "def f(anyio):\n    HERE\n",
            "{@anyio}",
            "import anyio as anyio_\n\n\ndef f(anyio):\n    anyio_\n",
        ),
        (
            "import anyio\ndef f(anyio):\n    HERE\n",
            "{@anyio}",
            "import anyio\nimport anyio as anyio_\ndef f(anyio):\n    anyio_\n",
        ),
        (
            "import anyio\ndef g(anyio): pass\nHERE\n",
            "{@anyio}",
            "import anyio\ndef g(anyio): pass\nanyio\n",
        ),
        (
            "class A:\n    anyio = 1\nHERE\n",
            "{@anyio}",
            "import anyio\n\n\nclass A:\n    anyio = 1\nanyio\n",
        ),
        (
            "partial = 1\nHERE\n",
            "{@functools:partial}",
            "from functools import partial as partial_\n\npartial = 1\npartial_\n",
        ),
        (
            "math = math_ = 1\nHERE\n",
            "{@math}",
            "import math as math_2\n\nmath = math_ = 1\nmath_2\n",
        ),
        (
            "anyio = 1\nHERE\n",
            "{@anyio.to_thread}",
            "import anyio.to_thread as to_thread\n\nanyio = 1\nto_thread\n",
        ),
        (
            "try:\n    import anyio\nexcept ImportError:\n    anyio = None\nHERE\n",
            "{@anyio}",
            "import anyio as anyio_\n\ntry:\n    import anyio\nexcept ImportError:\n    anyio = None\nanyio_\n",
        ),
        (
            "x = [HERE for anyio in y]\n",
            "{@anyio}",
            "import anyio as anyio_\n\nx = [anyio_ for anyio in y]\n",
        ),
        (
            "from x import *\nprint(partial)\nHERE\n",
            "{@functools:partial}",
            "from functools import partial as partial_\n\nfrom x import *\nprint(partial)\npartial_\n",
        ),
    ];
    for (source, template, expected) in cases {
        put(source, template, expected);
    }
}

#[test]
fn an_import_that_goes_is_not_reused() {
    let source = "import anyio\nx\nHERE\n";
    check(
        source,
        &[
            delete(source, "import anyio"),
            replace(source, "HERE", "{@anyio}"),
        ],
        "import anyio\nx\nanyio\n"
            .replace("import anyio\n", "import anyio as anyio_\n")
            .replace("\nanyio\n", "\nanyio_\n")
            .as_str(),
    );
}

#[test]
fn subsumed_edits_need_nothing() {
    let source = "f(a)\n";
    check(
        source,
        &[
            replace(source, "f(a)", "g"),
            replace(source, "a", "{@anyio}"),
        ],
        "g\n",
    );
}

static HELPER: Helper = Helper {
    name: "_outcome",
    source: "async def {name}(x):\n    \"\"\"Doc.\n\n    More.\n    \"\"\"\n    return {{{@anyio}: {@functools:partial}}}\n",
};

#[test]
fn helpers_are_added_once_with_their_imports() {
    let piece = || [loopshift_python::edit::Piece::Helper(&HELPER)];
    let source = "import os\n\nlog = 1\n\n\nasync def f(a):\n  aa(bb)\n";
    let edits = [
        Edit::replace(at(source, "aa"), "{0}", &piece()),
        Edit::replace(at(source, "bb"), "{0}", &piece()),
    ];
    check(
        source,
        &edits,
        "\
import os
from functools import partial

import anyio


async def _outcome(x):
  \"\"\"Doc.

    More.
    \"\"\"
  return {anyio: partial}


log = 1


async def f(a):
  _outcome(_outcome)
",
    );
    let source = "_outcome = 1\nHERE\n";
    let after = apply(
        source,
        &[Edit::replace(at(source, "HERE"), "{0}", &piece())],
    );
    assert!(
        after.starts_with(
            "from functools import partial\n\nimport anyio\n\n\nasync def _outcome_(x):"
        ),
        "{after}"
    );
    assert!(
        after.ends_with("}\n\n\n_outcome = 1\n_outcome_\n"),
        "{after}"
    );
}

/// What `unused_imports` leaves of `after`, when `before` was the text once.
fn tidy(before: &str, after: &str) -> String {
    let edits = unused_imports(
        before,
        &parse(before),
        after,
        &parse(after),
        &Removable {
            packages: &["asyncio"],
            ..Removable::default()
        },
    );
    apply(after, &edits)
}

#[test]
fn what_was_unused_goes_with_the_last_use() {
    let before = "import asyncio\nfrom asyncio import Queue\n\nasyncio.run(x)\n";
    let tidy = |after: &str| {
        let parsed = parse(after);
        let edits = unused_imports(
            before,
            &parse(before),
            after,
            &parsed,
            &Removable {
                packages: &["asyncio"],
                finished: &["asyncio"],
                ..Removable::default()
            },
        );
        apply(after, &edits)
    };
    let moved = "import asyncio\nfrom asyncio import Queue\n\nanyio.run(x)\n";
    assert_eq!(tidy(moved), "anyio.run(x)\n");
    let partly = "import asyncio\nfrom asyncio import Queue\n\nanyio.run(asyncio.x)\n";
    assert_eq!(tidy(partly), partly);
    let shown = "from asyncio import Queue as Queue\n\nanyio.run(x)\n";
    assert_eq!(tidy(shown), shown);
}

#[test]
fn imports_without_a_use_go() {
    let cases = [
        ("import asyncio\nimport os\nUSE asyncio\n", "import os\n"),
        (
            "import os\nimport asyncio  # c\n\nx\nUSE asyncio\n",
            "import os\n\nx\n",
        ),
        ("import asyncio, os\nUSE asyncio\n", "import os\n"),
        ("import os, asyncio\nUSE asyncio\n", "import os\n"),
        ("import os, asyncio, sys\nUSE asyncio\n", "import os, sys\n"),
        ("import asyncio as a\nUSE a\n", ""),
        (
            "import asyncio\nimport asyncio.subprocess\nUSE asyncio\n",
            "",
        ),
        (
            "from asyncio import sleep, Queue\nQueue\nUSE sleep\n",
            "from asyncio import Queue\nQueue\n",
        ),
        (
            "from asyncio import sleep, Queue\nsleep\nUSE Queue\n",
            "from asyncio import sleep\nsleep\n",
        ),
        (
            "from asyncio import (\n    sleep,\n    Queue,  # q\n    wait,\n)\nsleep, wait\nUSE Queue\n",
            "from asyncio import (\n    sleep,\n    # q\n    wait,\n)\nsleep, wait\n",
        ),
        (
            "from asyncio import (\n    sleep,\n    Queue,\n    wait\n)\nsleep, Queue\nUSE wait\n",
            "from asyncio import (\n    sleep,\n    Queue,\n)\nsleep, Queue\n",
        ),
        (
            "from asyncio import (a, b,\n    c, d)\nb, d\nUSE a\nUSE c\n",
            "from asyncio import (b,\n    d)\nb, d\n",
        ),
        (
            "from asyncio import (a, b,\n    c, d)\na, c\nUSE b\nUSE d\n",
            "from asyncio import (a,\n    c)\na, c\n",
        ),
        (
            "from asyncio import a, \\\n    b\na\nUSE b\n",
            "from asyncio import a\na\n",
        ),
        (
            "def f():\n    import asyncio\n    USE asyncio\n",
            "def f():\n    pass\n",
        ),
        (
            "def f():\n    import asyncio\n    x\n    USE asyncio\n",
            "def f():\n    x\n",
        ),
        (
            "import asyncio\ndef f(asyncio):\n    asyncio\nUSE asyncio\n",
            "def f(asyncio):\n    asyncio\n",
        ),
        (
            "import asyncio\nlog('asyncio.x', d['asyncio'])\nUSE asyncio\n",
            "log('asyncio.x', d['asyncio'])\n",
        ),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import asyncio\nx\nUSE asyncio\n",
            "x\n",
        ),
        (
            "from typing import TYPE_CHECKING, Any\nif TYPE_CHECKING:\n    import asyncio\nAny\nUSE asyncio\n",
            "from typing import Any\nAny\n",
        ),
        (
            "import typing\nif typing.TYPE_CHECKING:\n    import asyncio\n    import x\nUSE asyncio\n",
            "import typing\nif typing.TYPE_CHECKING:\n    import x\n",
        ),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import asyncio\nelse:\n    x\nUSE asyncio\n",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    x\n",
        ),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    # Only here.\n    import asyncio\nUSE asyncio\n",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    # Only here.\n    pass\n",
        ),
    ];
    for (template, expected) in cases {
        let before = template.replace("USE ", "");
        let after: String = (template.split_inclusive('\n'))
            .filter(|it| !it.trim().starts_with("USE "))
            .collect();
        assert_eq!(tidy(&before, &after), expected, "{template}");
    }
}

#[test]
fn imports_that_serve_someone_stay() {
    let kept = [
        "import asyncio\nasyncio\n",
        "import asyncio as asyncio\n",
        "from asyncio import sleep as sleep\n",
        "import asyncio  # noqa\n",
        "import asyncio  # noqa: E1,F401\n",
        "import asyncio  # pylint: disable=unused-import\n",
        "try:\n    import asyncio\nexcept ImportError:\n    pass\n",
        "try:\n    import asyncio\nexcept:\n    pass\n",
        "from asyncio import *\n",
        "import asyncio\n__all__ = ['asyncio']\n",
        "import asyncio\n__all__ += ['asyncio']\n",
        "import asyncio\n__all__.extend(['asyncio'])\n",
        "import asyncio\nx: 'asyncio.Queue[int]'\n",
        "import asyncio\ndef f(x: 'list[asyncio.Queue]'): pass\n",
        "import asyncio\ndef f() -> \"Dict['str', 'asyncio.Queue']\": pass\n",
        "import asyncio\nX = Optional['asyncio.Queue']\n",
        "import asyncio\nx = cast('asyncio.Queue', y)\n",
        "import asyncio\nx = y  # type: asyncio.Queue\n",
        "import asyncio\nif x:\n    asyncio = None\n",
        "import asyncio\ndef f():\n    global asyncio\n    asyncio = 1\n",
        "class A:\n    import asyncio\n",
        "import os\n",
        "import asyncio\ndef f():\n    def g():\n        asyncio += 1\n    asyncio\n",
        "if x:\n    from asyncio import timeout\nelse:\n    from async_timeout import timeout\n",
    ];
    for after in kept {
        let before = format!("{after}\nasyncio\nsleep\ntimeout\n");
        assert_eq!(tidy(&before, after), after);
        assert_eq!(tidy(after, after), after);
    }
    let source = "import asyncio\nx\n";
    assert_eq!(tidy(source, source), source, "unused before");
    let noqa_for_other = "import asyncio  # noqa: E402\n";
    assert_eq!(tidy("import asyncio\nasyncio\n", noqa_for_other), "");
}

#[test]
fn what_others_take_stays_and_what_was_passed_on_goes() {
    let before =
        "from asyncio import Lock, Queue\nfrom .helpers import Event\n\nLock, Queue, Event\n";
    let moved = "from asyncio import Lock, Queue\nfrom .helpers import Event\n\nx\n";
    let parsed = parse(before);
    let tidy = |passed_on: &[TextRange], wanted: &[&str]| {
        let which = Removable {
            packages: &["asyncio"],
            passed_on,
            wanted,
            ..Removable::default()
        };
        let after = parse(moved);
        apply(
            moved,
            &unused_imports(before, &parsed, moved, &after, &which),
        )
    };
    assert_eq!(
        tidy(&[], &["Queue"]),
        "from asyncio import Queue\nfrom .helpers import Event\n\nx\n"
    );
    let line = at(before, "import Event");
    let alias = TextRange::new(line.end() - TextSize::of("Event"), line.end());
    assert_eq!(tidy(&[alias], &[]), "x\n");
    assert!(still_imports(&parsed, alias, &parse(moved)));
    assert!(!still_imports(&parsed, alias, &parse("x\n")));
}
