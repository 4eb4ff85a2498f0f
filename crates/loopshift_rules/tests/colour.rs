//! Colour over generated call graphs: whatever calls what, and whatever can't be async, no coroutine is left that nobody
//! awaits, `await` stands only in `async def`, and what comes out prints the same.

#[allow(dead_code, reason = "not every test needs all of it")]
mod support;

use std::fmt::Write;
use std::process::Command;

use loopshift_engine::program::Input;
use loopshift_python::PythonVersion;
use loopshift_python::parse::parse_module;
use loopshift_rules::catalog::{Catalog, Target, Version};
use loopshift_rules::context::{Bridge, Settings};
use loopshift_rules::migrate::{Options, migrate};

/// Numbers that look like chance, and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }
}

/// How a function of a generated program can be called.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `f2(n)`
    Plain,
    /// `C2().f2(n)`, and a class that derives from it has the method, too.
    Method,
    /// `reduce(f2, [n], 1)`: a library calls it.
    Reduced,
    /// `C2(n).value`, with a `__new__` beside the `__init__`.
    Made,
    /// `hash(C2(n))`: the language calls it.
    Hashed,
}

/// A program of functions that call those behind them. Some suspend, some are where nothing can be awaited.
fn program(seed: u64) -> String {
    let mut chance = Chance(seed);
    let count = 3 + chance.below(6);
    let hashes = chance.below(5) == 0;
    let forms: Vec<Form> = (0..count)
        .map(|_| match chance.below(if hashes { 7 } else { 6 }) {
            0 => Form::Reduced,
            1 => Form::Made,
            2 => Form::Method,
            6 => Form::Hashed,
            _ => Form::Plain,
        })
        .collect();
    let call = |at: usize, with: &str| match forms[at] {
        Form::Plain => format!("f{at}({with})"),
        Form::Method => format!("D{at}().f{at}({with})"),
        Form::Reduced => format!("functools.reduce(f{at}, [{with}], 1)"),
        Form::Made => format!("C{at}({with}).value"),
        Form::Hashed => format!("hash(C{at}({with}))"),
    };
    let mut out = String::from(
        "import functools\n\nimport gevent\n\n\ndef note(name, n):\n    print(name, n)\n    return n % 7\n\n\n",
    );
    // Writing to a string does not fail.
    for (at, form) in forms.iter().enumerate() {
        let mut body = format!("n = note('f{at}', n)\n");
        for _ in 0..chance.below(3) {
            if at + 1 < count {
                let other = at + 1 + chance.below(count - at - 1);
                let _ = writeln!(body, "n += {}", call(other, "n"));
            }
        }
        if at + 1 == count || chance.below(4) == 0 {
            body.push_str("gevent.sleep(0)\n");
        }
        let inside = |head: &str, indent: usize, last: &str| {
            let lines = head.lines().map(str::to_owned).chain(
                (body.lines().chain([last])).map(|line| format!("{}{line}", " ".repeat(indent))),
            );
            lines.collect::<Vec<_>>().join("\n")
        };
        let text = match form {
            Form::Plain => inside(&format!("def f{at}(n):"), 4, "return n % 5"),
            Form::Reduced => inside(&format!("def f{at}(total, n):"), 4, "return total + n % 5"),
            Form::Method => format!(
                "{}\n\n\nclass D{at}(C{at}):\n    def f{at}(self, n):\n        return super().f{at}(n + 1)",
                inside(
                    &format!("class C{at}:\n    def f{at}(self, n):"),
                    8,
                    "return n % 5"
                )
            ),
            Form::Made => inside(
                &format!(
                    "class C{at}:\n    def __new__(cls, n):\n        return super().__new__(cls)\n\n    def __init__(self, n):"
                ),
                8,
                "self.value = n % 5",
            ),
            Form::Hashed => inside(
                &format!(
                    "class C{at}:\n    def __init__(self, n):\n        self.n = n\n\n    def __hash__(self):\n        n = self.n"
                ),
                8,
                "return n % 5",
            ),
        };
        let _ = writeln!(out, "{text}\n\n");
    }
    let _ = writeln!(
        out,
        "def other():\n    for n in range(3):\n        note('other', n)\n        gevent.sleep(0)\n\n\n\
         def main():\n    thread = gevent.spawn(other)\n    print({})\n    thread.join()\n\n\n\
         if __name__ == '__main__':\n    main()",
        call(0, "3")
    );
    out
}

/// What a program becomes, and why it stays where it does.
fn migrated(text: &str) -> (String, Vec<String>) {
    let files = [Input {
        path: "main.py".to_owned(),
        module: "main".to_owned(),
        is_package: false,
        text: text.to_owned(),
        lines: None,
    }];
    let options = Options {
        allow_unsafe: true,
        ..Options::new(
            Target::Asyncio,
            Settings {
                python: PythonVersion::PY311,
                anyio: Version::new(4, 16),
                bridge: Bridge::Auto,
                plain: true,
                through: false,
            },
        )
    };
    let plan = migrate(&files, Catalog::builtin(), &options).plan;
    assert!(
        plan.withdrawn.is_empty(),
        "verification found {:?} in what became of\n{text}",
        plan.withdrawn
    );
    let declined = plan
        .changes
        .iter()
        .filter_map(|(change, _)| change.declined.clone());
    let new = plan.texts.into_iter().next().map(|(_, text)| text);
    (new.unwrap_or_else(|| text.to_owned()), declined.collect())
}

/// Each call of an async function is awaited, by a task or by a bridge, and `await` stands in `async def`.
fn check(text: &str, seed: u64) {
    assert!(
        parse_module(text, PythonVersion::PY311).is_ok(),
        "seed {seed}:\n{text}"
    );
    let lines: Vec<&str> = text.lines().collect();
    let is_async = |name: &str| text.contains(&format!("async def {name}("));
    let mut inside: Vec<(usize, bool)> = Vec::new();
    for line in &lines {
        let indent = line.len() - line.trim_start().len();
        if line.trim().is_empty() {
            continue;
        }
        inside.retain(|(at, _)| *at < indent);
        let code = line.trim_start();
        let waits = code.contains("await ") && !code.starts_with("async def");
        assert!(
            !waits || inside.last().is_some_and(|it| it.1),
            "seed {seed}: {line}\n{text}"
        );
        if code.starts_with("def ") || code.starts_with("async def ") {
            inside.push((indent, code.starts_with("async")));
            continue;
        }
        for (at, _) in code.match_indices('f') {
            let name: String = code[at..]
                .chars()
                .take_while(|it| it.is_alphanumeric())
                .collect();
            let starts = code[..at]
                .chars()
                .last()
                .is_none_or(|it| !it.is_alphanumeric() && it != '_');
            let is_call = code[at + name.len()..].starts_with('(');
            if starts && is_call && name[1..].parse::<u8>().is_ok() && is_async(&name) {
                let before = &code[..at];
                let start = before
                    .strip_suffix("().")
                    .map_or(before, |it| it.trim_end_matches(char::is_alphanumeric));
                let awaited = ["await ", "wait(", "create_task("];
                assert!(
                    awaited.iter().any(|it| start.ends_with(it)),
                    "seed {seed}: {line}\n{text}"
                );
            }
        }
    }
}

#[test]
fn plans_are_consistent() {
    let (mut moved, mut bridged, mut stays) = (0, 0, 0);
    for seed in 0..250 {
        let text = program(seed);
        let (new, declined) = migrated(&text);
        if new == text {
            assert!(
                !declined.is_empty(),
                "seed {seed} stays without a reason:\n{text}"
            );
            stays += 1;
            continue;
        }
        assert!(!new.contains("gevent"), "seed {seed} moves in part:\n{new}");
        moved += 1;
        bridged += usize::from(new.contains("_Bridge.run("));
        check(&new, seed);
    }
    assert!(
        moved > 150 && bridged > 60 && stays > 3,
        "{moved} moved, {bridged} with bridges, {stays} stay"
    );
}

#[test]
fn what_comes_out_prints_the_same() {
    let mut run = 0;
    for seed in (0..250).step_by(23) {
        let text = program(seed);
        let (new, _) = migrated(&text);
        if new == text {
            continue;
        }
        run += 1;
        let output = |program: &str| {
            let mut command = Command::new(support::python());
            let head = "import faulthandler; faulthandler.dump_traceback_later(60, exit=True)\n";
            let warn = ["-W", "error", "-X", "dev", "-c"];
            support::output_of(command.args(warn).arg(format!("{head}{program}")))
        };
        assert_eq!(output(&text), output(&new), "seed {seed}:\n{new}");
    }
    assert!(run > 6, "only {run} programs moved");
}
