//! Whole programs, each a folder of `tests/programs` or `tests/programs-green`: they print the same before and after.

use std::collections::BTreeMap;
use std::path::Path;

use crate::check;
use crate::page::Options;
use crate::tool;

/// What the first line of a program says if nothing of asyncio is to be left with `--unsafe`.
const FULLY: &str = "# moves: fully";
/// What it says if something stays.
const PARTLY: &str = "# moves: partly";
/// What it says if what `--unsafe` adds prints something else, as is named.
const SAFELY: &str = "# moves: safely";

/// Migrates the program whose `main.py` this is, safely and with `--unsafe`, and runs all of them: what still imports
/// asyncio on asyncio alone. The error says what is wrong.
pub(crate) fn check(main: &Path) -> Result<(), String> {
    let folder = main.parent().unwrap_or(main);
    let mut before = BTreeMap::new();
    read(folder, folder, &mut before)?;
    let first = before["main.py"].lines().next().unwrap_or_default();
    if ![FULLY, PARTLY, SAFELY].contains(&first) {
        return Err(format!(
            "the first line is none of `{FULLY}`, `{PARTLY}` and `{SAFELY}`"
        ));
    }
    let expected = check::execute(&before, "main.py", "none")?;
    let modes: &[bool] = if first == SAFELY {
        &[false]
    } else {
        &[false, true]
    };
    for unsafe_changes in modes.iter().copied() {
        let options = Options {
            unsafe_changes,
            ..Options::default()
        };
        let how = if unsafe_changes { "--unsafe" } else { "safe" };
        let after = tool::migrate(&before, &options)?.files;
        let left = after.values().any(|text| imports(text, &["asyncio"]));
        if unsafe_changes && left != (first == PARTLY) {
            let is = if left { "something" } else { "nothing" };
            return Err(format!("{how}: {is} of asyncio is left"));
        }
        let backends: &[&str] = if left {
            &["asyncio"]
        } else {
            &["asyncio", "trio"]
        };
        for backend in backends {
            let got = check::execute(&after, "main.py", backend)
                .map_err(|error| format!("{how}: {error}"))?;
            if got != expected && !check::agree(&before, &after, "main.py", backend)? {
                return Err(format!(
                    "{how}: on {backend} it prints\n{got}instead of\n{expected}"
                ));
            }
        }
        if unsafe_changes && tool::migrate(&after, &options)?.files != after {
            return Err(format!("{how}: a second run changes it again"));
        }
    }
    Ok(())
}

/// What the first line of a program of green threads says if nothing of them is to be left.
const GREEN_FULLY: &str = "# moves: fully";
/// What it says if that is so for asyncio, and the way on to `AnyIO` takes `--unsafe`.
const GREEN_ASYNCIO: &str = "# moves: fully, to asyncio";
/// What it says if that takes `--unsafe`.
const GREEN_UNSAFE: &str = "# moves: with --unsafe";
/// What it says if the program stays, with words of the reason behind it.
const GREEN_NO: &str = "# moves: no, ";

/// The libraries of green threads.
const GREEN: &[&str] = &["gevent", "eventlet", "greenlet"];

/// Migrates the program of green threads whose `main.py` this is, safely and with `--unsafe`, and runs all of them: what
/// no longer imports a library of green threads without any. The error says what is wrong.
pub(crate) fn check_green(main: &Path) -> Result<(), String> {
    let folder = main.parent().unwrap_or(main);
    let mut before = BTreeMap::new();
    read(folder, folder, &mut before)?;
    let first = before["main.py"].lines().next().unwrap_or_default();
    let (safely, unsafely, words) = match first {
        GREEN_FULLY | GREEN_ASYNCIO => (true, true, None),
        GREEN_UNSAFE => (false, true, None),
        _ => match first.strip_prefix(GREEN_NO) {
            Some(words) => (false, false, Some(words)),
            None => {
                return Err(format!(
                    "the first line is none of `{GREEN_FULLY}`, `{GREEN_ASYNCIO}`, `{GREEN_UNSAFE}` and `{GREEN_NO}` with words of the reason"
                ));
            }
        },
    };
    let expected = check::execute(&before, "main.py", "none")?;
    for (unsafe_changes, moves) in [(false, safely), (true, unsafely)] {
        let options = Options {
            unsafe_changes,
            to_asyncio: true,
            ..Options::default()
        };
        let how = if unsafe_changes { "--unsafe" } else { "safe" };
        let migrated = tool::migrate(&before, &options)?;
        let after = &migrated.files;
        let left = after.values().any(|text| imports(text, GREEN));
        if left == moves {
            let is = if left { "something" } else { "nothing" };
            return Err(format!(
                "{how}: {is} of green threads is left\n{}",
                check::said(&migrated)
            ));
        }
        if let Some(words) = words
            && !migrated.left.iter().any(|left| left.says(words))
        {
            return Err(format!(
                "{how}: nothing was declined because of `{words}`\n{}",
                check::said(&migrated)
            ));
        }
        let backend = if left { "none" } else { "bare" };
        let got = check::execute(after, "main.py", backend)
            .map_err(|error| format!("{how}: {error}\n{}", changed(&before, after)))?;
        if got != expected && !check::agree(&before, after, "main.py", backend)? {
            return Err(format!(
                "{how}: it prints\n{got}instead of\n{expected}{}",
                changed(&before, after)
            ));
        }
        if tool::migrate(after, &options)?.files != *after {
            return Err(format!("{how}: a second run changes it again"));
        }
    }
    if unsafely && first != GREEN_ASYNCIO {
        check_on_to_anyio(&before, &expected, !safely)?;
    }
    Ok(())
}

/// Migrates a program of green threads, all of which move, to `AnyIO`, and runs it: on trio too, where all is safe and
/// nothing of asyncio is left.
fn check_on_to_anyio(
    before: &BTreeMap<String, String>,
    expected: &str,
    unsafe_changes: bool,
) -> Result<(), String> {
    let options = Options {
        unsafe_changes,
        ..Options::default()
    };
    let after = tool::migrate(before, &options)?.files;
    let left = |packages: &[&str]| after.values().any(|text| imports(text, packages));
    if left(GREEN) {
        return Err("to AnyIO: something of green threads is left".to_owned());
    }
    let backends: &[&str] = if unsafe_changes || left(&["asyncio"]) {
        &["asyncio"]
    } else {
        &["asyncio", "trio"]
    };
    for backend in backends {
        let got = check::execute(&after, "main.py", backend)
            .map_err(|error| format!("to AnyIO: {error}\n{}", changed(before, &after)))?;
        // trio runs tasks that start together in random order.
        let same = got == expected || *backend == "trio" && lines(&got) == lines(expected);
        if !same && !check::agree(before, &after, "main.py", backend)? {
            return Err(format!(
                "to AnyIO: on {backend} it prints\n{got}instead of\n{expected}{}",
                changed(before, &after)
            ));
        }
    }
    if tool::migrate(&after, &options)?.files != after {
        return Err("to AnyIO: a second run changes it again".to_owned());
    }
    Ok(())
}

/// The lines of a text, in an order of their own.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// The files that changed, for messages.
fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let changed = after
        .iter()
        .filter(|(name, text)| before.get(*name) != Some(text));
    let texts: Vec<String> = changed
        .map(|(name, text)| format!("--- {name}\n{text}"))
        .collect();
    texts.concat()
}

/// Adds the files under a directory, by their paths from `root`.
fn read(root: &Path, directory: &Path, files: &mut BTreeMap<String, String>) -> Result<(), String> {
    let at = |error: std::io::Error| format!("{}: {error}", directory.display());
    for entry in std::fs::read_dir(directory).map_err(at)? {
        let path = entry.map_err(at)?.path();
        if path.is_dir() {
            if !path.ends_with("__pycache__") {
                read(root, &path, files)?;
            }
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path);
        let name = name.to_string_lossy().replace('\\', "/");
        files.insert(name, std::fs::read_to_string(&path).map_err(at)?);
    }
    Ok(())
}

/// Whether a line of the text imports one of the packages.
fn imports(text: &str, packages: &[&str]) -> bool {
    text.lines().any(|line| {
        let mut words = line.split([' ', ',', '.']).filter(|word| !word.is_empty());
        matches!(words.next(), Some("import" | "from"))
            && words.any(|word| packages.contains(&word))
    })
}
