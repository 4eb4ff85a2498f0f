//! What the project's own files say, and what a migration writes into them.

use crate::tools::Tree;

const PROGRAM: &str =
    "import asyncio\n\n\nasync def main():\n    await asyncio.sleep(1)\n\n\nasyncio.run(main())\n";
const MIGRATED: &str =
    "import anyio\n\n\nasync def main():\n    await anyio.sleep(1)\n\n\nanyio.run(main)\n";

fn migrate(tree: &Tree, args: &[&str]) -> serde_json::Value {
    let mut all = vec!["migrate", "--to", "anyio", "--output-format", "json"];
    all.extend(args);
    let assert = tree.loopshift(&all);
    let output = assert.get_output();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn dependency_files_are_applied_and_undone_with_the_program() {
    let tree = Tree::new(&[
        (
            "pyproject.toml",
            "[project]\r\nname = 'x'\r\ndependencies = [\r\n    'httpx', # web\r\n]\r\n",
        ),
        ("requirements/base.txt", "httpx==1\n"),
        ("src/app.py", PROGRAM),
    ]);
    let before = tree.program();
    migrate(&tree, &["--apply"]);
    assert_eq!(tree.text("src/app.py"), MIGRATED);
    assert_eq!(
        tree.text("pyproject.toml"),
        "[project]\r\nname = 'x'\r\ndependencies = [\r\n    'httpx', # web\r\n    'anyio>=4.0',\r\n]\r\n"
    );
    assert_eq!(tree.text("requirements/base.txt"), "httpx==1\nanyio>=4.0\n");
    let again = migrate(&tree, &[]);
    assert_eq!(again["files"], serde_json::json!([]));
    tree.loopshift(&["undo"]).success();
    assert_eq!(tree.program(), before);
}

#[test]
fn a_project_above_the_given_paths_is_read_and_not_written() {
    let tree = Tree::new(&[
        (
            "pyproject.toml",
            "[project]\nname = 'x'\ndependencies = []\n",
        ),
        ("src/app.py", PROGRAM),
    ]);
    let report = migrate(&tree, &["src", "--apply"]);
    assert_eq!(tree.text("src/app.py"), MIGRATED);
    assert!(tree.text("pyproject.toml").ends_with("dependencies = []\n"));
    let reasons: Vec<&str> = report["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .filter_map(|change| change["reason"].as_str())
        .collect();
    assert_eq!(
        reasons,
        ["it is outside the given paths: add `anyio>=4.0` to it"]
    );
}

#[test]
fn the_bound_is_that_for_which_a_second_run_decides_alike() {
    // Streams need AnyIO 4.10. These stay for a reason of their own, which an older AnyIO would not have shown.
    let program = "import asyncio\n\n\nasync def main(port):\n    reader, writer = await asyncio.open_connection(\n        'localhost', port, limit=10\n    )\n    print(await reader.read())\n    await asyncio.sleep(1)\n";
    let tree = Tree::new(&[("requirements.txt", ""), ("app.py", program)]);
    let given = |report: &serde_json::Value| {
        let changes = report["changes"].as_array().expect("changes").iter();
        let mut reasons = changes.filter_map(|it| it["reason"].as_str());
        reasons.all(|it| it.contains("the connection has the option `limit`"))
    };
    assert!(given(&migrate(&tree, &["--apply"])));
    assert_eq!(tree.text("requirements.txt"), "anyio>=4.10\n");
    let again = migrate(&tree, &[]);
    assert_eq!(again["files"], serde_json::json!([]));
    assert!(given(&again), "{again}");
}

#[test]
fn the_project_says_the_oldest_versions_and_the_command_line_overrides_it() {
    // `asyncio.Future` has a counterpart from AnyIO 4.15 on, so what is said of it tells the floor.
    let declined = |files: &[(&str, &str)], args: &[&str]| -> String {
        let mut all = files.to_vec();
        all.push((
            "app.py",
            "import asyncio\n\n\nasync def f(g, h):\n    return await asyncio.gather(g(), h())\n",
        ));
        let tree = Tree::new(&all);
        migrate(&tree, args)["changes"].to_string()
    };
    let newest = declined(&[], &[]);
    let old = declined(&[("requirements.txt", "anyio>=4.0\n")], &[]);
    let same = declined(
        &[(
            "setup.cfg",
            "[options]\ninstall_requires =\n    anyio~=4.1\n",
        )],
        &["--anyio-version", "4.16"],
    );
    assert_eq!(same, newest);
    assert_eq!(declined(&[], &["--anyio-version", "4.0"]), old);
}

#[test]
fn a_file_in_latin_1_stays_in_latin_1() {
    let tree = Tree::new(&[]);
    tree.write(
        "app.py",
        b"# -*- coding: latin-1 -*-\n\nimport asyncio\n\nname = 'caf\xe9'\nasyncio.run(asyncio.sleep(1))\n",
    );
    migrate(&tree, &["--apply"]);
    let bytes = std::fs::read(tree.path("app.py")).expect("bytes");
    assert_eq!(
        bytes,
        b"# -*- coding: latin-1 -*-\n\nimport anyio\n\nname = 'caf\xe9'\nanyio.run(anyio.sleep, 1)\n"
    );
}

#[test]
fn explain_follows_the_calls_down_to_the_suspension() {
    let tree = Tree::new(&[
        ("pkg/__init__.py", ""),
        (
            "pkg/store.py",
            "import asyncio\n\n\nclass Store:\n    async def load(self):\n        await asyncio.sleep(1)\n\n    def name(self):\n        return 1\n",
        ),
        (
            "pkg/main.py",
            "from .store import Store\n\n\nasync def main():\n    store = Store()\n    await store.load()\n    return store.name()\n",
        ),
    ]);
    let explain = |place: &str| {
        let assert = tree.loopshift(&["explain", place]).success();
        String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
    };
    assert_eq!(
        explain("pkg/main.py:6"),
        "async def pkg.main.main  (pkg/main.py:4)\ncolour: async\n\nIt suspends:\n  \
         pkg.main.main calls pkg.store.Store.load  (pkg/main.py:6)\n  \
         pkg.store.Store.load waits for asyncio.sleep  (pkg/store.py:6)\n"
    );
    let load = explain("pkg/store.py:5");
    assert!(
        load.contains("Called by:\n  pkg.main.main  (pkg/main.py:6)\n"),
        "{load}"
    );
    assert!(
        load.contains("  pkg/store.py:6  asyncio.sleep  moves by anyio-sleep\n"),
        "{load}"
    );
    assert!(
        explain("pkg/store.py:9")
            .starts_with("def pkg.store.Store.name  (pkg/store.py:8)\ncolour: sync\n")
    );
    tree.loopshift(&["explain", "pkg/main.py:99"]).code(2);
}

#[test]
fn explain_tells_why_a_green_function_becomes_async_or_cannot() {
    let tree = Tree::new(&[
        (
            "store.py",
            "import gevent\n\n\ndef load():\n    gevent.sleep(1)\n\n\nclass Key:\n    def __hash__(self):\n        load()\n        return 1\n",
        ),
        (
            "main.py",
            "from store import load\n\n\ndef main():\n    load()\n\n\nif __name__ == \"__main__\":\n    main()\n",
        ),
    ]);
    let explain = |place: &str| {
        let assert = tree.loopshift(&["explain", place]).success();
        String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
    };
    let main = explain("main.py:4");
    assert!(
        main.starts_with(
            "def main.main  (main.py:4)\ncolour: must become async: the cause is 1 call away\n\nIt suspends:\n  \
             main.main calls store.load  (main.py:5)\n  store.load waits for gevent.sleep  (store.py:5)\n"
        ),
        "{main}"
    );
    let hash = explain("store.py:9");
    assert!(
        hash.contains("and can't: the language calls `__hash__`, and does not await it\n\nIt suspends:\n  store.Key.__hash__ calls store.load"),
        "{hash}"
    );
    let module = explain("main.py:9");
    assert!(
        module.contains("colour: sync: what waits in it moves into an event loop"),
        "{module}"
    );
}

#[test]
fn scan_and_migrate_tell_what_keeps_modules_from_trio() {
    let tree = Tree::new(&[
        ("ready.py", PROGRAM),
        (
            "kept.py",
            "import asyncio\n\n\nclass P(asyncio.Protocol):\n    pass\n",
        ),
    ]);
    let assert = tree
        .loopshift(&["scan", "--output-format", "json"])
        .success();
    let scan: serde_json::Value =
        serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
    assert_eq!(
        scan["trio_ready"],
        serde_json::json!({"modules": 1, "of": 2})
    );
    assert_eq!(
        scan["modules"],
        serde_json::json!([
            {"file": "kept.py", "trio_ready": false, "left": [{"line": 4, "api": "asyncio.Protocol"}]},
            {"file": "ready.py", "trio_ready": true, "left": []},
        ])
    );
    assert_eq!(scan["total"]["moves"], 2);
    assert_eq!(scan["total"]["stays"], 1, "{scan}");
    assert_eq!(scan["modules"], migrate(&tree, &[])["modules"]);
}

#[test]
fn scan_and_explain_go_where_green_threads_go() {
    let tree = Tree::new(&[(
        "jobs.py",
        "import gevent\n\n\ndef wait():\n    gevent.sleep(1)\n\n\ndef job():\n    wait()\n\n\ngevent.joinall([gevent.spawn(job)])\n",
    )]);
    let assert = tree
        .loopshift(&["scan", "--output-format", "json"])
        .success();
    let scan: serde_json::Value =
        serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
    assert_eq!(scan["to"], "asyncio");
    assert_eq!(
        scan["colour"],
        serde_json::json!({"functions": 2, "async_now": 0, "become_async": [1, 1]})
    );
    let assert = tree.loopshift(&["explain", "jobs.py:8"]).success();
    let told = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(
        told.contains("must become async: the cause is 1 call away"),
        "{told}"
    );
    tree.loopshift(&["explain", "jobs.py"])
        .code(2)
        .stderr("error: jobs.py: the line is missing\n  help: say which one, as in `loopshift explain jobs.py:12`\n");
}

/// A program of three modules: one is called by two that call each other.
fn shop() -> Tree {
    Tree::new(&[
        (
            "main.py",
            "from shop import orders\n\n\nif __name__ == \"__main__\":\n    orders.sell(3)\n",
        ),
        ("shop/__init__.py", ""),
        (
            "shop/stock.py",
            "import eventlet\n\n\ndef wait():\n    eventlet.sleep(0.01)\n\n\ndef take(item):\n    wait()\n    return item\n",
        ),
        (
            "shop/orders.py",
            "from shop import bills, stock\n\n\ndef sell(count):\n    stock.take(count)\n    return bills.write(count)\n",
        ),
        (
            "shop/bills.py",
            "from shop import orders, stock\n\n\ndef write(count):\n    stock.take(\"paper\")\n    return count and orders.sell(count - 1)\n",
        ),
    ])
}

#[test]
fn scan_shows_the_order_for_going_gradually() {
    let tree = shop();
    let scan = |more: &[&str]| {
        let args = [&["scan", "--output-format", "json"], more].concat();
        let assert = tree.loopshift(&args).success();
        let scan: serde_json::Value =
            serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
        scan["steps"].clone()
    };
    // What stands below comes first; two that call each other are one step.
    assert_eq!(
        scan(&[]),
        serde_json::json!([
            {"modules": ["shop.stock"], "become_async": [1, 1], "calls": 2},
            {"modules": ["shop.bills", "shop.orders"], "become_async": [2], "calls": 1},
        ])
    );
    assert_eq!(
        scan(&["--only", "shop.stock"]),
        serde_json::json!([{"modules": ["shop.stock"], "become_async": [1, 1], "calls": 2}])
    );
    let assert = tree.loopshift(&["scan"]).success();
    let told = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let expected = "\
Gradually, with `migrate --only`, leaves first:
  step  modules                  become async  calls deep  calls from outside
     1  shop.stock                          2           1                   2
     2  shop.bills, shop.orders             2           0                   1
";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_part_moves_by_its_path_or_its_name() {
    let changed = |only: &str| {
        let tree = shop();
        let args = [
            "migrate",
            "--to",
            "asyncio",
            "--only",
            only,
            "--output-format",
            "json",
        ];
        let assert = tree.loopshift(&args).code(1);
        let report: serde_json::Value =
            serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
        let files = report["files"].as_array().expect("files").iter();
        let paths = files.map(|file| file["path"].as_str().expect("a path").to_owned());
        paths.collect::<Vec<_>>()
    };
    let by_stock = [
        "main.py",
        "shop/bills.py",
        "shop/orders.py",
        "shop/stock.py",
    ];
    assert_eq!(changed("shop.stock"), by_stock);
    assert_eq!(changed("shop/stock.py"), by_stock);
    assert_eq!(changed("./shop/"), by_stock);
    assert_eq!(changed("shop"), by_stock);
}

#[test]
fn a_part_that_cannot_move_alone_is_refused() {
    let tree = Tree::new(&[(
        "jobs.py",
        "import gevent\n\n\ndef job():\n    gevent.sleep(1)\n\n\njob()\n",
    )]);
    let refused = |args: &[&str], words: &str| {
        let assert = tree
            .loopshift(&[args, &["--only", "jobs"]].concat())
            .code(2);
        let told = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(told.contains(words), "{told}");
    };
    let why =
        "error: --only: `jobs.py` uses gevent, whose hub can't run on an event loop of asyncio";
    refused(&["migrate", "--to", "asyncio"], why);
    refused(&["scan"], why);
    refused(
        &["migrate", "--to", "anyio"],
        "only on the way from eventlet to asyncio",
    );
    tree.loopshift(&["scan", "--only", "jbos"])
        .code(2)
        .stderr("error: --only: nothing in the program is named `jbos`\n  help: give the path of a file or a directory, or the dotted name of a module or package\n");
}

#[test]
fn marks_name_the_lines_below_them() {
    let text = "import asyncio\n\n\nasync def work():\n    await asyncio.sleep(10)\n\n\nasync def main():\n    \
                task = asyncio.create_task(work())\n    task.cancel()\n    try:\n        await task\n    \
                except Exception:\n        print(\"an error\")\n\n\nasyncio.run(main())\n";
    let tree = Tree::new(&[("main.py", &text.replace('\n', "\r\n"))]);
    let migrate = |more: &[&str]| {
        let args = [&["migrate", "--to", "anyio", "--apply"], more].concat();
        let assert = tree.loopshift(&args).success();
        String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
    };
    migrate(&["--mark"]);
    let marked = tree.text("main.py");
    let handler = 1 + marked
        .lines()
        .position(|line| line.trim() == "try:")
        .expect("it is there");
    let mark = format!(
        "# TODO(loopshift: anyio-tasks): it may have been cancelled, and the handler for errors at line {handler} "
    );
    assert_eq!(marked.matches(&mark).count(), 2, "{marked}");
    assert_eq!(marked.matches('\n').count(), marked.matches("\r\n").count());
    for more in [&["--mark"][..], &[]] {
        assert!(migrate(more).starts_with("Nothing to change."), "{more:?}");
        assert_eq!(tree.text("main.py"), marked);
    }
    tree.write("main.py", format!("# A line more.\r\n{marked}").as_bytes());
    migrate(&[]);
    let mark = mark.replace(
        &format!("line {handler} "),
        &format!("line {} ", handler + 1),
    );
    assert_eq!(tree.text("main.py").matches(&mark).count(), 2);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let tree = Tree::new(&[]);
    let programs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");
    for (to, folder) in [
        ("anyio", "programs/plugins"),
        ("anyio", "programs/workerpool"),
        ("asyncio", "programs-green/shop"),
        ("asyncio", "programs-green/workers"),
    ] {
        let folder = format!("{programs}/{folder}");
        let run = |threads: &str| {
            let mut args = vec!["migrate", "--to", to, "--unsafe", "--output-format", "json"];
            args.extend(["--no-cache", "--exit-zero", "--threads", threads, &folder]);
            let assert = tree.loopshift(&args).code(0);
            assert.get_output().stdout.clone()
        };
        let one = run("1");
        assert!(String::from_utf8_lossy(&one).contains("\"applied\""));
        for threads in ["2", "8"] {
            assert!(one == run(threads), "{folder} with {threads} threads");
        }
    }
}
