//! The Python that the tests run programs with.

use std::path::PathBuf;
use std::process::{Command, Output};

/// The interpreter of the test environment, which has the pinned packages of `tests/requirements.txt`.
///
/// # Panics
/// If `LOOPSHIFT_PYTHON` doesn't name it: `cargo xtask test` sets the environment up. Without it these
/// tests would prove nothing, so they fail.
pub(crate) fn python() -> PathBuf {
    match std::env::var_os("LOOPSHIFT_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => panic!("LOOPSHIFT_PYTHON is not set: run the tests with `cargo xtask test`"),
    }
}

/// Every interpreter from Python 3.9 on that is installed here: that of [`python`] first.
pub(crate) fn pythons() -> Vec<PathBuf> {
    let mut found = vec![python()];
    for minor in 9..=20 {
        let name = PathBuf::from(format!("python3.{minor}"));
        let version = format!("3.{minor}.");
        let mut candidates = vec![name];
        if let Some(home) = std::env::home_dir() {
            let versions = std::fs::read_dir(home.join(".pyenv/versions"))
                .into_iter()
                .flatten()
                .flatten();
            candidates.extend(
                versions
                    .filter(|entry| entry.file_name().to_string_lossy().starts_with(&version))
                    .map(|entry| entry.path().join("bin/python")),
            );
        }
        let works = |path: &PathBuf| {
            Command::new(path)
                .arg("--version")
                .output()
                .is_ok_and(|out| out.status.success())
        };
        found.extend(candidates.into_iter().find(works));
    }
    found
}

/// What a program prints. Panics with its errors if it fails.
pub(crate) fn output_of(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        status.success(),
        "{command:?}: {status}\n{}",
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8(stdout).expect("UTF-8")
}
