//! What kind of command it is: one whose tests can be told apart, or any other.

use std::path::{Path, PathBuf};

/// How the results of a command are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// pytest, which is asked to write a file.
    Pytest,
    /// unittest, whose place our own runner takes.
    Unittest,
    /// It writes this file, as the XML of `JUnit`.
    Junit(PathBuf),
    /// By the exit code and the output.
    Plain,
}

/// The kind of a command, and the command as it is run.
pub fn recognise(command: &[String], junit: Option<&Path>) -> (Kind, Vec<String>) {
    let as_is = command.to_vec();
    if let Some(file) = junit {
        return (Kind::Junit(file.to_path_buf()), as_is);
    }
    if let Some(at) = module(command, "unittest") {
        let mut ours = as_is;
        "loopshift_unittest".clone_into(&mut ours[at]);
        return (Kind::Unittest, ours);
    }
    if module(command, "pytest").is_some() || command.iter().any(|part| is_pytest(part)) {
        return match own_junit(command) {
            Some(file) => (Kind::Junit(file), as_is),
            None => (Kind::Pytest, as_is),
        };
    }
    (Kind::Plain, as_is)
}

/// Where `-m NAME` names the module.
fn module(command: &[String], name: &str) -> Option<usize> {
    let at = command.windows(2).position(|pair| pair == ["-m", name])?;
    Some(at + 1)
}

/// Whether a part of the command is the program `pytest`: also behind another, as in `uv run pytest`.
fn is_pytest(part: &str) -> bool {
    let name = Path::new(part).file_name().and_then(|name| name.to_str());
    matches!(name, Some("pytest" | "py.test" | "pytest.exe"))
}

/// The file that the command asks pytest for by itself.
fn own_junit(command: &[String]) -> Option<PathBuf> {
    let names = ["--junitxml", "--junit-xml"];
    command.iter().enumerate().rev().find_map(|(index, part)| {
        if names.contains(&part.as_str()) {
            return command.get(index + 1).map(PathBuf::from);
        }
        let (name, file) = part.split_once('=')?;
        names.contains(&name).then(|| PathBuf::from(file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(command: &str) -> Kind {
        let command: Vec<String> = command.split(' ').map(str::to_owned).collect();
        recognise(&command, None).0
    }

    #[test]
    fn commands_are_recognised() {
        for command in [
            "pytest -q",
            "python -m pytest tests",
            "uv run pytest",
            ".venv/bin/pytest",
        ] {
            assert_eq!(kind(command), Kind::Pytest, "{command}");
        }
        assert_eq!(kind("python -m unittest discover"), Kind::Unittest);
        assert_eq!(kind("python main.py"), Kind::Plain);
        assert_eq!(kind("pytest --junitxml=r.xml"), Kind::Junit("r.xml".into()));
        assert_eq!(kind("pytest --junitxml r.xml"), Kind::Junit("r.xml".into()));
    }
}
