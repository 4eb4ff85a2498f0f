//! Where a program is moved to, and what that means for its proof.

use std::path::{Path, PathBuf};

use crate::Result;

/// Where a program is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From asyncio to AnyIO.
    Anyio,
    /// From green threads to asyncio.
    Asyncio,
}

/// The files that say what a program becomes.
#[derive(Default)]
pub(super) struct Forms {
    /// The texts of the right ones, newest first.
    pub right: Vec<String>,
    /// The wrong ones.
    pub wrong: Vec<PathBuf>,
}

impl Way {
    /// The way of a program, by what it imports.
    pub(super) fn of(program: &str) -> Way {
        if imports(program, &["gevent", "eventlet"]) {
            Way::Asyncio
        } else {
            Way::Anyio
        }
    }

    /// What `--to` gets.
    pub(super) fn target(self) -> &'static str {
        match self {
            Way::Anyio => "anyio",
            Way::Asyncio => "asyncio",
        }
    }

    /// Whether a program holds what it is moved away from.
    pub(super) fn is_left(self, program: &str) -> bool {
        match self {
            Way::Anyio => imports(program, &["asyncio"]),
            Way::Asyncio => imports(program, &["gevent", "eventlet", "greenlet"]),
        }
    }

    /// What the driver runs the migrated program on; a part of it alone where the rest stays.
    pub(super) fn modes(self, partly: bool) -> &'static [&'static str] {
        match (self, partly) {
            (Way::Anyio, false) => &["asyncio", "trio"],
            (Way::Anyio, true) => &["asyncio"],
            (Way::Asyncio, false) => &["bare"],
            (Way::Asyncio, true) => &["none"],
        }
    }

    /// The dependencies of the program as a project.
    pub(super) fn dependencies(self, anyio: &str) -> String {
        match self {
            Way::Anyio => format!("\"anyio>={anyio}\""),
            Way::Asyncio => String::new(),
        }
    }
}

impl Forms {
    /// The forms of a program, among the files of its directory.
    pub(super) fn new(directory: &Path, name: &str) -> Result<Forms> {
        let error = |error| format!("{}: {error}", directory.display());
        let mut forms = Forms::default();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(error)? {
            found.push(entry.map_err(error)?.path());
        }
        found.sort();
        for path in found {
            let file = path.file_name().and_then(|it| it.to_str());
            let kind = file
                .and_then(|file| file.strip_prefix(name)?.strip_prefix('_'))
                .and_then(|kind| kind.strip_suffix(".py"));
            let Some(kind) = kind else { continue };
            let is_right = kind.starts_with("after") && kind != "after39";
            if is_right {
                forms
                    .right
                    .push(std::fs::read_to_string(&path).map_err(error)?);
            } else if kind.starts_with("naive") || kind == "differs" {
                forms.wrong.push(path);
            }
        }
        Ok(forms)
    }
}

/// Whether a program imports one of the packages.
fn imports(program: &str, packages: &[&str]) -> bool {
    program.lines().any(|line| {
        let line = line.trim_start();
        let rest = line
            .strip_prefix("import ")
            .or_else(|| line.strip_prefix("from "));
        rest.is_some_and(|rest| {
            let words = &mut rest.split([',', ' ', '.', ';']);
            words.any(|word| packages.contains(&word))
        })
    })
}
