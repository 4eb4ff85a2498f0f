//! Checking one example.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::RwLock;

use loopshift_python::Ranged;
use loopshift_python::ast::PythonVersion;
use loopshift_python::parse::parse_module;

use crate::page::{Example, Options};
use crate::support;
use crate::tool::{self, Left, Migrated};

const DRIVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../xtask/python/driver.py");

/// Migrates an example and checks all that a page promises. The error says what is wrong.
pub(crate) fn check(example: &Example) -> Result<(), String> {
    let migrated = tool::migrate(&example.before, &example.options)?;
    let expected = example.expected();
    for (file, text) in &expected {
        if migrated.files.get(file) != Some(text) {
            let got = migrated.files.get(file).map_or("", String::as_str);
            return Err(format!(
                "`{file}` is not as written\n{}\n{}",
                difference(text, got),
                said(&migrated)
            ));
        }
    }
    for (file, text) in python(&expected) {
        parses(text, &example.options).map_err(|error| format!("`{file}` afterwards: {error}"))?;
    }
    comments(example, &expected)?;
    reasons(example, &migrated)?;
    let again = tool::migrate(&expected, &example.options)?;
    for (file, text) in &expected {
        if again.files.get(file) != Some(text) {
            let got = again.files.get(file).map_or("", String::as_str);
            return Err(format!(
                "a second run changes `{file}`\n{}",
                difference(text, got)
            ));
        }
    }
    match &example.options.run {
        Some(program) => same_output(example, &expected, program),
        None => Ok(()),
    }
}

fn python(files: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    let is_python = |name: &str| {
        Path::new(name)
            .extension()
            .is_some_and(|ending| ending == "py" || ending == "pyi")
    };
    files.iter().filter(move |(name, _)| is_python(name))
}

fn parses(text: &str, options: &Options) -> Result<(), String> {
    let parsed = parse_module(text, version(options)?)
        .map_err(|error| format!("it does not parse: {error}"))?;
    match parsed.unsupported_syntax_errors().first() {
        Some(error) => Err(format!("it needs a newer Python: {error}")),
        None => Ok(()),
    }
}

fn version(options: &Options) -> Result<PythonVersion, String> {
    let text = options.target_version.as_deref().unwrap_or("py311");
    let minor = text
        .strip_prefix("py3")
        .and_then(|minor| minor.parse::<u8>().ok());
    let minor = minor.ok_or_else(|| format!("`{text}` is no version such as py311"))?;
    Ok(PythonVersion { major: 3, minor })
}

/// The comments of a text, sorted.
fn comments_of(text: &str) -> Vec<String> {
    let version = PythonVersion {
        major: 3,
        minor: 13,
    };
    let parsed = match parse_module(text, version) {
        Ok(parsed) => parsed,
        // Shows up as a comment that went or came.
        Err(error) => return vec![format!("does not parse: {error}")],
    };
    let mut comments: Vec<String> = parsed
        .tokens()
        .iter()
        .filter(|token| token.kind().is_comment())
        .map(|token| text[token.range()].trim_end().to_owned())
        .collect();
    comments.sort();
    comments
}

/// Every comment is kept, but as many as the example says go.
fn comments(example: &Example, expected: &BTreeMap<String, String>) -> Result<(), String> {
    let all = |files| -> Vec<String> {
        python(files)
            .flat_map(|(_, text)| comments_of(text))
            .collect()
    };
    let mut after = all(expected);
    let mut gone = all(&example.before);
    gone.retain(
        |comment| match after.iter().position(|kept| kept == comment) {
            Some(index) => {
                after.swap_remove(index);
                false
            }
            None => true,
        },
    );
    if gone.len() == example.options.removes {
        Ok(())
    } else {
        Err(format!(
            "{} comments go, the page says {}: {gone:?}",
            gone.len(),
            example.options.removes
        ))
    }
}

/// What the comments `# declined: …` and `# unsafe: …` of the program say is what was left and why. Where the
/// whole example is declined, everything that was left has such a comment.
fn reasons(example: &Example, migrated: &Migrated) -> Result<(), String> {
    let mut left: Vec<&Left> = migrated.left.iter().collect();
    for (file, text) in &example.before {
        for (index, line) in text.lines().enumerate() {
            for (mark, outcome) in [("# declined: ", "declined"), ("# unsafe: ", "deferred")] {
                let Some((_, words)) = line.split_once(mark) else {
                    continue;
                };
                let words = words.trim();
                let matches = |left: &&Left| {
                    let here =
                        left.file == *file && left.line == index + 1 && left.outcome == outcome;
                    here && left.says(words)
                };
                let count = left.len();
                left.retain(|one| !matches(one));
                if left.len() == count {
                    let place = format!("{file}:{}", index + 1);
                    return Err(format!(
                        "{place}: nothing was {outcome} because of `{words}`\n{}",
                        said(migrated)
                    ));
                }
            }
        }
    }
    if example.declined && !left.is_empty() {
        return Err(format!(
            "not all that was left is asserted\n{}",
            said(migrated)
        ));
    }
    if example.declined && migrated.left.is_empty() {
        return Err("nothing was found that could be declined".to_owned());
    }
    Ok(())
}

/// What was left, for messages.
pub(crate) fn said(migrated: &Migrated) -> String {
    let mut text = String::new();
    for left in &migrated.left {
        let why: Vec<&str> = left
            .reason
            .iter()
            .chain(&left.caveats)
            .map(String::as_str)
            .collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}:{} {}: {}",
            left.file,
            left.line,
            left.outcome,
            why.join("; ")
        );
    }
    text
}

/// The lines that differ, each with what it is.
fn difference(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), got.lines().collect());
    let same = expected
        .iter()
        .zip(&got)
        .take_while(|(a, b)| a == b)
        .count();
    let rest = expected[same..].iter().rev().zip(got[same..].iter().rev());
    let end = rest.take_while(|(a, b)| a == b).count();
    let mut text = format!("from line {} on:\n", same + 1);
    for line in &expected[same..expected.len() - end] {
        let _ = writeln!(text, "- {line}");
    }
    for line in &got[same..got.len() - end] {
        let _ = writeln!(text, "+ {line}");
    }
    text
}

/// The program prints the same before and after, on every backend.
fn same_output(
    example: &Example,
    expected: &BTreeMap<String, String>,
    program: &str,
) -> Result<(), String> {
    let before = execute(&example.before, program, "none")?;
    if before.is_empty() {
        return Err("the program prints nothing before: that proves nothing".to_owned());
    }
    let backends: &[&str] = if example.options.only.is_some() {
        &["none"]
    } else if example.options.to_asyncio {
        &["bare"]
    } else {
        &["asyncio", "trio"]
    };
    for backend in backends {
        if example
            .options
            .backend
            .as_deref()
            .is_some_and(|only| only != *backend)
        {
            continue;
        }
        let after = execute(expected, program, backend)?;
        if after != before && !agree(&example.before, expected, program, backend)? {
            return Err(format!(
                "it prints something else on {backend}\n{}",
                difference(&before, &after)
            ));
        }
    }
    Ok(())
}

/// How often two programs that printed different things run again.
const TRIES: usize = 3;

/// Many programs run at a time, and those that run again do so alone.
static RUNNING: RwLock<()> = RwLock::new(());

/// Whether two programs print the same when both run again. On a busy machine timers that lie milliseconds apart fire
/// together, so that old and new code print in another order once in a while; a real difference is there each time.
pub(crate) fn agree(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    program: &str,
    backend: &str,
) -> Result<bool, String> {
    let _alone = RUNNING.write();
    for _ in 0..TRIES {
        if output_of(before, program, "none")? == output_of(after, program, backend)? {
            eprintln!("{program}: printed another order once; the same when both ran again");
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a program prints on a backend. One that fails runs again, too: time may have run out on it. The error is what it
/// says when it fails again.
pub(crate) fn execute(
    files: &BTreeMap<String, String>,
    program: &str,
    backend: &str,
) -> Result<String, String> {
    {
        let _among_others = RUNNING.read();
        if let Ok(output) = output_of(files, program, backend) {
            return Ok(output);
        }
    }
    let _alone = RUNNING.write();
    let output = output_of(files, program, backend)?;
    eprintln!("{program}: failed once; not when it ran again");
    Ok(output)
}

fn output_of(
    files: &BTreeMap<String, String>,
    program: &str,
    backend: &str,
) -> Result<String, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    tool::write(directory.path(), files)?;
    let output = Command::new(support::python())
        .arg(DRIVER)
        .args([backend, program])
        .current_dir(directory.path())
        .env_remove("PYTHONPATH")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "`{program}` fails on {backend}: {}\n{errors}",
            output.status
        ));
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    if backend != "trio" && errors.contains("was never awaited") {
        return Err(format!("`{program}` makes a coroutine in vain\n{errors}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
