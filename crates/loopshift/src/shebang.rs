//! Scripts without an extension: is it Python that their first line asks for?

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Whether the file begins with a `#!` line that starts Python. A file that cannot be read does not.
pub(crate) fn is_python_script(path: &Path) -> bool {
    let mut start = Vec::with_capacity(256);
    let Ok(file) = File::open(path) else {
        return false;
    };
    if file.take(256).read_to_end(&mut start).is_err() {
        return false;
    }
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
    match line.strip_prefix(b"#!") {
        Some(command) => starts_python(&String::from_utf8_lossy(command)),
        None => false,
    }
}

/// Whether a command as it stands after `#!` starts Python.
fn starts_python(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let Some(mut program) = words.next().map(base_name) else {
        return false;
    };
    if program == "env" {
        let named = words.find_map(|word| {
            let word = word.strip_prefix("-S").unwrap_or(word);
            (!word.is_empty() && !word.starts_with('-') && !word.contains('=')).then_some(word)
        });
        match named {
            Some(word) => program = base_name(word),
            None => return false,
        }
    }
    if program == "uv" {
        // `uv run --script`: the way to start a script that lists its own dependencies.
        return words.next() == Some("run") && words.any(|word| word == "--script" || word == "-s");
    }
    let version = ["pythonw", "python", "pypy"]
        .iter()
        .find_map(|name| program.strip_prefix(name));
    version.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::starts_python;

    #[test]
    fn the_usual_first_lines_of_python_scripts() {
        for command in [
            "/usr/bin/python",
            "/usr/bin/python3 -u",
            "/opt/bin/pypy3.10",
            "/usr/bin/env python3",
            " /usr/bin/env -S python3 -O",
            "/usr/bin/env -Spython3.12 -O",
            "/usr/bin/env -i LANG=C python3",
            "/usr/bin/env -S uv run --quiet --script",
        ] {
            assert!(starts_python(command), "{command}");
        }
    }

    #[test]
    fn other_first_lines() {
        for command in [
            "",
            "/bin/sh",
            "/usr/bin/env",
            "/usr/bin/env node",
            "/usr/bin/env bash python3",
            "/usr/bin/pythonic",
            "/usr/bin/uv pip",
            "/usr/bin/python-config",
        ] {
            assert!(!starts_python(command), "{command}");
        }
    }
}
