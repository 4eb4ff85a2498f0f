//! How pytest-asyncio is set up for the project: `asyncio_mode`.

use std::ops::Range;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::program::Input;
use loopshift_python::edit::Edit;
use loopshift_python::{TextRange, TextSize};
use toml_edit::Document;

use crate::context::Context;
use crate::project::ini;

/// The mode of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only what is marked.
    Strict,
    /// All async tests and fixtures.
    Auto {
        /// The name of the setting.
        place: Place,
    },
    /// It is given in a way that can't be moved.
    Elsewhere {
        /// Where.
        place: Place,
        /// Why not.
        reason: String,
    },
}

impl Mode {
    /// Whether tests need no mark.
    pub(crate) fn is_auto(&self) -> bool {
        matches!(self, Mode::Auto { .. })
    }

    /// Adds the edit that sets `AnyIO`'s plugin up in the same way.
    ///
    /// # Errors
    /// Where and why it can't be.
    pub(super) fn fill(
        &self,
        cx: &Context<'_>,
        change: &mut Change,
    ) -> Result<(), (Place, String)> {
        match self {
            Mode::Strict => Ok(()),
            Mode::Elsewhere { place, reason } => Err((*place, reason.clone())),
            // It came with 4.12.1.
            Mode::Auto { place } if !cx.anyio_has(4, 13) => Err((
                *place,
                "`asyncio_mode = auto` needs AnyIO 4.13 for `anyio_mode`".to_owned(),
            )),
            Mode::Auto { place } => {
                let edit = Edit::replace(place.range, "anyio_mode", &[]);
                change.edits.push((place.file, edit));
                Ok(())
            }
        }
    }
}

/// The mode that the project's files set. pytest reads the first of its files that there is.
pub(crate) fn find(files: &[Input]) -> Mode {
    const ORDER: &[&str] = &[
        "pytest.ini",
        ".pytest.ini",
        "pyproject.toml",
        "tox.ini",
        "setup.cfg",
    ];
    for name in ORDER {
        for (index, input) in files.iter().enumerate() {
            let base = input.path.rsplit('/').next().unwrap_or_default();
            if input.is_python() || base != *name {
                continue;
            }
            let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
            let found = if *name == "pyproject.toml" {
                in_toml(file, &input.text)
            } else {
                in_ini(file, &input.text, *name == "setup.cfg")
            };
            if let Some(mode) = found {
                return mode;
            }
        }
    }
    Mode::Strict
}

fn place(file: FileId, range: Range<usize>) -> Place {
    let offset = |at: usize| TextSize::try_from(at).unwrap_or_default();
    Place {
        file,
        range: TextRange::new(offset(range.start), offset(range.end.max(range.start))),
    }
}

const IN_OPTIONS: &str = "`addopts` sets the mode of pytest-asyncio, or turns AnyIO's plugin off";

fn stands_in_way(options: &str) -> bool {
    options.contains("--asyncio-mode") || options.contains("no:anyio")
}

/// `[tool.pytest.ini_options]`; `None` where there is none.
fn in_toml(file: FileId, text: &str) -> Option<Mode> {
    let document = Document::parse(text).ok()?;
    let options = document
        .as_table()
        .get("tool")?
        .get("pytest")?
        .get("ini_options")?
        .as_table_like()?;
    if let Some(added) = options.get("addopts")
        && stands_in_way(&added.to_string())
    {
        return Some(Mode::Elsewhere {
            place: place(file, added.span().unwrap_or(0..0)),
            reason: IN_OPTIONS.to_owned(),
        });
    }
    if options.get("asyncio_mode").and_then(|it| it.as_str()) != Some("auto") {
        return Some(Mode::Strict);
    }
    let span = options.key("asyncio_mode").and_then(toml_edit::Key::span)?;
    Some(Mode::Auto {
        place: place(file, span),
    })
}

/// `[pytest]`, and `[tool:pytest]` in `setup.cfg`; `None` where there is none.
fn in_ini(file: FileId, text: &str, is_setup: bool) -> Option<Mode> {
    let section = if is_setup { "tool:pytest" } else { "pytest" };
    let mut found = None;
    for setting in ini::settings(text) {
        if setting.section != section {
            continue;
        }
        found.get_or_insert(Mode::Strict);
        let value = text.get(setting.value.clone()).unwrap_or_default();
        let lines = setting
            .lines
            .iter()
            .filter_map(|line| text.get(line.clone()));
        let key = place(file, setting.key_range.clone());
        if setting.key == "addopts" && (stands_in_way(value) || lines.clone().any(stands_in_way)) {
            return Some(Mode::Elsewhere {
                place: key,
                reason: IN_OPTIONS.to_owned(),
            });
        }
        if setting.key == "asyncio_mode" && value == "auto" {
            found = Some(Mode::Auto { place: key });
        }
    }
    found
}
