//! Whatever the program: no panic, only valid Python comes out, and a second run changes nothing.

use loopshift_engine::program::Input;
use loopshift_python::PythonVersion;
use loopshift_python::parse::parse_module;
use loopshift_rules::catalog::{Catalog, Target, Version};
use loopshift_rules::context::{Bridge, Settings};
use loopshift_rules::migrate::{Options, migrate};
use proptest::prelude::*;

/// Programs that hold many constructs; what is tried are their mutations.
const SEEDS: &[&str] = &[
    include_str!("properties/tasks.py"),
    include_str!("properties/queues.py"),
    include_str!("properties/waits.py"),
    include_str!("properties/streams.py"),
    include_str!("properties/names.py"),
];

/// One mutation of a text of lines.
#[derive(Clone, Debug)]
enum Mutation {
    Delete(usize),
    Duplicate(usize),
    Swap(usize, usize),
    Indent(usize),
    Dedent(usize),
    Rename(usize, &'static str, &'static str),
    Splice(usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let names = prop_oneof![
        Just(("asyncio", "anyio")),
        Just(("await ", "")),
        Just(("async def", "def")),
        Just(("async with", "with")),
        Just(("self.", "")),
        Just(("create_task", "ensure_future")),
        Just(("(", "((")),
        Just((")", "")),
        Just((" = ", " += ")),
        Just(("return", "yield")),
    ];
    prop_oneof![
        any::<usize>().prop_map(Mutation::Delete),
        any::<usize>().prop_map(Mutation::Duplicate),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Mutation::Swap(a, b)),
        any::<usize>().prop_map(Mutation::Indent),
        any::<usize>().prop_map(Mutation::Dedent),
        (any::<usize>(), names).prop_map(|(at, (from, to))| Mutation::Rename(at, from, to)),
        (any::<usize>(), any::<usize>()).prop_map(|(at, from)| Mutation::Splice(at, from)),
    ]
}

fn mutate(text: &str, mutations: &[Mutation]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for mutation in mutations {
        let count = lines.len();
        if count == 0 {
            break;
        }
        match mutation {
            Mutation::Delete(at) => {
                lines.remove(at % count);
            }
            Mutation::Duplicate(at) => lines.insert(at % count, lines[at % count].clone()),
            Mutation::Swap(a, b) => lines.swap(a % count, b % count),
            Mutation::Indent(at) => lines[at % count].insert_str(0, "    "),
            Mutation::Dedent(at) => {
                let line = &mut lines[at % count];
                *line = line.strip_prefix("    ").unwrap_or(line).to_owned();
            }
            Mutation::Rename(at, from, to) => {
                let line = &mut lines[at % count];
                *line = line.replacen(from, to, 1);
            }
            Mutation::Splice(at, from) => {
                let other = SEEDS[from % SEEDS.len()];
                let others: Vec<&str> = other.lines().collect();
                let start = from / SEEDS.len() % others.len();
                for line in others.iter().skip(start).take(6).rev() {
                    lines.insert(at % count, (*line).to_owned());
                }
            }
        }
    }
    lines.join("\n") + "\n"
}

fn input(text: &str) -> Input {
    Input {
        path: "main.py".to_owned(),
        module: "main".to_owned(),
        is_package: false,
        text: text.to_owned(),
        lines: None,
    }
}

fn options(anyio: Version) -> Options {
    Options {
        allow_unsafe: true,
        ..Options::new(
            Target::Anyio,
            Settings {
                python: PythonVersion::PY311,
                anyio,
                bridge: Bridge::Auto,
                plain: true,
                through: false,
            },
        )
    }
}

/// The new text, or the old one where nothing changes.
fn migrated(text: &str, anyio: Version) -> String {
    let files = [input(text)];
    let migration = migrate(&files, Catalog::builtin(), &options(anyio));
    match migration.plan.texts.into_iter().next() {
        Some((_, text)) => text,
        None => text.to_owned(),
    }
}

fn check(text: &str, anyio: Version) -> Result<(), TestCaseError> {
    let once = migrated(text, anyio);
    if once == text {
        return Ok(());
    }
    let parsed = parse_module(&once, PythonVersion::PY311);
    prop_assert!(
        parsed.is_ok(),
        "{:?}\n{once}",
        parsed.err().map(|error| error.to_string())
    );
    let twice = migrated(&once, anyio);
    prop_assert_eq!(&twice, &once);
    Ok(())
}

#[test]
fn seeds_hold() {
    for seed in SEEDS {
        for anyio in [Version::new(4, 0), Version::new(4, 14), Version::new(4, 16)] {
            check(seed, anyio).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn mutations_hold(
        seed in 0..SEEDS.len(),
        mutations in prop::collection::vec(mutation(), 0..6),
        minor in prop_oneof![Just(0u16), Just(14), Just(16)],
    ) {
        check(&mutate(SEEDS[seed], &mutations), Version::new(4, minor))?;
    }

    #[test]
    fn any_text_holds(text in "(import asyncio\n|async def f\\(\\):\n|    await asyncio\\.|sleep\\(1\\)\n|[ -~\n]){0,40}") {
        check(&text, Version::new(4, 16))?;
    }
}
