//! How the plugins are set up for the project: the mode of pytest-asyncio, and whether `AnyIO`'s is turned off.

use std::ops::Range;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_engine::program::Input;
use loopshift_python::edit::Edit;
use loopshift_python::{TextRange, TextSize};
use toml_edit::Document;

use crate::context::Context;
use crate::project::ini;

/// For how long one event loop runs the tests.
const LOOP_SCOPE: &str = "asyncio_default_test_loop_scope";

/// What turns `AnyIO`'s plugin off, behind `-p`.
const OFF: &str = "no:anyio";

/// The settings of the project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mode {
    /// The name of the setting by which pytest-asyncio runs all async tests and fixtures, not only what is marked.
    auto: Option<Place>,
    /// The option that turns `AnyIO`'s plugin off.
    off: Option<Place>,
    /// A setting that can't be moved, and why not.
    stays: Option<(Place, String)>,
}

impl Mode {
    /// Whether tests need no mark.
    pub(crate) fn is_auto(&self) -> bool {
        self.auto.is_some()
    }

    /// Looks for options that something else than the settings gives pytest.
    pub(super) fn look_elsewhere(&mut self, files: &[Input]) {
        if self.stays.is_none() {
            self.stays = given_elsewhere(files, self.off);
        }
    }

    /// The first setting that all tests share; none where each file may move for itself.
    pub(super) fn place(&self) -> Option<Place> {
        let stays = self.stays.as_ref().map(|(place, _)| *place);
        self.auto.or(self.off).or(stays)
    }

    /// Adds the edits that set `AnyIO`'s plugin up in the same way.
    ///
    /// # Errors
    /// Where and why it can't be.
    pub(super) fn fill(
        &self,
        cx: &Context<'_>,
        change: &mut Change,
    ) -> Result<(), (Place, String)> {
        if let Some(stays) = &self.stays {
            return Err(stays.clone());
        }
        if let Some(place) = self.auto {
            // It came with 4.12.1.
            if !cx.anyio_has(4, 13) {
                let reason = "`asyncio_mode = auto` needs AnyIO 4.13 for `anyio_mode`";
                return Err((place, reason.to_owned()));
            }
            let edit = Edit::replace(place.range, "anyio_mode", &[]);
            change.edits.push((place.file, edit));
        }
        if let Some(place) = self.off {
            change
                .edits
                .push((place.file, Edit::replace(place.range, "", &[])));
        }
        Ok(())
    }
}

/// Where something else than the settings of pytest gives it an option for the plugins: a script, or a command of tox.
fn given_elsewhere(files: &[Input], off: Option<Place>) -> Option<(Place, String)> {
    for (index, input) in files.iter().enumerate() {
        let file = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        for option in [OFF, "--asyncio-mode"] {
            for (at, _) in input.text.match_indices(option) {
                let found = place(file, at..at + option.len());
                let is_known = |it: Place| it.file == file && it.range.contains_range(found.range);
                if !off.is_some_and(is_known) {
                    let reason = format!("`{option}` is given to pytest here");
                    return Some((found, reason));
                }
            }
        }
    }
    None
}

/// What the project's files set, of which pytest reads the first that there is.
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
    Mode::default()
}

fn place(file: FileId, range: Range<usize>) -> Place {
    let offset = |at: usize| TextSize::try_from(at).unwrap_or_default();
    Place {
        file,
        range: TextRange::new(offset(range.start), offset(range.end.max(range.start))),
    }
}

/// What `addopts`, which stands in `range`, does with the plugins.
fn options(file: FileId, text: &str, range: Range<usize>, is_list: bool, mode: &mut Mode) {
    let given = text.get(range.clone()).unwrap_or_default();
    let stays = |reason: &str| Some((place(file, range.clone()), reason.to_owned()));
    if given.contains("--asyncio-mode") {
        mode.stays = stays("`addopts` sets the mode of pytest-asyncio");
    } else if selects_by_mark(given) {
        mode.stays = stays("`addopts` names `asyncio`, by which it may choose tests");
    } else if given.contains(OFF) {
        match turned_off(text, range.clone(), is_list) {
            Some(option) => mode.off = Some(place(file, option)),
            None => mode.stays = stays("`addopts` turns AnyIO's plugin off"),
        }
    }
}

/// Whether options have the name of the mark as a word of its own, as in `-m "not asyncio"`.
fn selects_by_mark(given: &str) -> bool {
    let mut words = given.split(|c: char| c.is_ascii_whitespace() || "\"'(),".contains(c));
    words.any(|word| word.strip_prefix("-m").unwrap_or(word) == "asyncio")
}

/// Lets the tests stay that share event loops by the setting for the scope of these.
fn shared_loop(mode: &mut Mode, at: Place, value: &str) {
    if value != "function" {
        let reason = "`asyncio_default_test_loop_scope` lets tests share an event loop";
        mode.stays = Some((at, reason.to_owned()));
    }
}

/// The option `-p no:anyio` in the range of a text, with what parts it from the next one; `None` where it is written in
/// a way that can't be taken out.
fn turned_off(text: &str, range: Range<usize>, is_list: bool) -> Option<Range<usize>> {
    let at = range.start + text.get(range.clone())?.find(OFF)?;
    let mut end = at + OFF.len();
    if text[end..range.end].contains(OFF) {
        return None;
    }
    let is_quote = |c: char| matches!(c, '"' | '\'');
    let between = |c: char| c.is_ascii_whitespace() || is_list && (c == ',' || is_quote(c));
    let before = text[range.start..at].trim_end_matches(between);
    let mut start = range.start + before.strip_suffix("-p")?.len();
    if is_list {
        start -= text[..start]
            .chars()
            .next_back()
            .filter(|it| is_quote(*it))?
            .len_utf8();
        end += text[end..]
            .chars()
            .next()
            .filter(|it| is_quote(*it))?
            .len_utf8();
        let rest = text[end..].trim_start();
        let next = rest.strip_prefix(',').map(str::trim_start);
        match next {
            // What follows, on another line or not, comes to stand in its place.
            Some(next) if !next.starts_with([']', '#']) => {
                return Some(start..text.len() - next.len());
            }
            Some(_) => end = text.len() - rest.len() + 1,
            None => {}
        }
        let before = text[..start].trim_end();
        if before.ends_with(',') && text[end..].trim_start().starts_with(']') {
            // The list ends with a comma afterwards where it did so before.
            start = before.len() - usize::from(next.is_none());
        }
        return Some(start..end);
    }
    let before = text[..start].trim_end_matches([' ', '\t']);
    let after = text[end..].trim_start_matches([' ', '\t']);
    let is_line = before.ends_with('\n') && after.trim_start_matches('\r').starts_with('\n');
    Some(if is_line {
        let line_before = before
            .strip_suffix('\n')
            .map(|it| it.trim_end_matches('\r'));
        line_before.unwrap_or(before).len()..end
    } else if after.len() < text.len() - end {
        start..text.len() - after.len()
    } else {
        before.len()..end
    })
}

/// Whether the project has settings that say which functions are tests, or which fixtures all of them use.
pub(super) fn says_what_is_a_test(files: &[Input]) -> bool {
    const SETTINGS: &[&str] = &[
        "python_classes",
        "python_files",
        "python_functions",
        "usefixtures",
    ];
    let mut files = files.iter().filter(|file| !file.is_python());
    files.any(|file| SETTINGS.iter().any(|it| file.text.contains(it)))
}

/// `[tool.pytest.ini_options]`; `None` where there is none.
fn in_toml(file: FileId, text: &str) -> Option<Mode> {
    let document = Document::parse(text).ok()?;
    let table = document
        .as_table()
        .get("tool")?
        .get("pytest")?
        .as_table_like()?;
    // pytest 9 also reads them from the table itself.
    let table = match table.get("ini_options") {
        Some(options) => options.as_table_like()?,
        None => table,
    };
    let mut mode = Mode::default();
    if let Some(added) = table.get("addopts")
        && let Some(range) = added.span()
    {
        options(file, text, range, added.is_array(), &mut mode);
    }
    if let Some(scope) = table.get(LOOP_SCOPE)
        && let Some(range) = scope.span()
    {
        shared_loop(
            &mut mode,
            place(file, range),
            scope.as_str().unwrap_or_default(),
        );
    }
    if table.get("asyncio_mode").and_then(|it| it.as_str()) == Some("auto") {
        let key = table.key("asyncio_mode").and_then(toml_edit::Key::span)?;
        mode.auto = Some(place(file, key));
    }
    Some(mode)
}

/// `[pytest]`, and `[tool:pytest]` in `setup.cfg`; `None` where there is none.
fn in_ini(file: FileId, text: &str, is_setup: bool) -> Option<Mode> {
    let section = if is_setup { "tool:pytest" } else { "pytest" };
    let mut found = None;
    for setting in ini::settings(text) {
        if setting.section != section {
            continue;
        }
        let mode = found.get_or_insert_with(Mode::default);
        let value = text.get(setting.value.clone()).unwrap_or_default();
        match setting.key.as_str() {
            "addopts" => {
                let end = setting.lines.last().unwrap_or(&setting.value).end;
                options(file, text, setting.value.start..end, false, mode);
            }
            LOOP_SCOPE => shared_loop(mode, place(file, setting.value), value),
            "asyncio_mode" if value == "auto" => mode.auto = Some(place(file, setting.key_range)),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::turned_off;

    fn without(text: &str, is_list: bool) -> String {
        let start = text.find('=').expect("a value") + 1;
        let mut out = text.to_owned();
        out.replace_range(
            turned_off(text, start..text.len(), is_list).expect("the option"),
            "",
        );
        out
    }

    #[test]
    fn the_option_goes_with_what_parts_it_from_the_next() {
        let cases = [
            ("a = '-x -p no:anyio -q'", "a = '-x -q'"),
            ("a = -x -pno:anyio", "a = -x"),
            ("a =\n  -x\n  -p no:anyio\n  -q\n", "a =\n  -x\n  -q\n"),
        ];
        for (text, expected) in cases {
            assert_eq!(without(text, false), expected);
        }
        let lists = [
            ("a = [\"-x\", \"-p\", \"no:anyio\"]", "a = [\"-x\"]"),
            ("a = [\"-pno:anyio\", \"-x\"]", "a = [\"-x\"]"),
            ("a = ['-p', 'no:anyio']", "a = []"),
            (
                "a = [\n  '-x',\n  '-p', 'no:anyio',\n  '-q',\n]",
                "a = [\n  '-x',\n  '-q',\n]",
            ),
            (
                "a = [\n  '-x',\n  '-p',\n  'no:anyio',\n]",
                "a = [\n  '-x',\n]",
            ),
        ];
        for (text, expected) in lists {
            assert_eq!(without(text, true), expected);
        }
    }
}
