//! `pyproject.toml` and `Pipfile`.

use std::ops::Range;

use toml_edit::{Array, Document, Item, Table, TableLike, Value};

use super::Found;
use super::list::{Entry, List, Role, Shape, line_start};
use super::version::{Constraint, normalised, requirement};

/// What `pyproject.toml` holds.
pub(super) fn pyproject(text: &str) -> Found {
    let mut found = Found::default();
    let Ok(document) = Document::parse(text) else {
        found.reason = Some("it is not valid TOML".to_owned());
        return found;
    };
    let root = document.as_table();
    if let Some(project) = table(root, &["project"]) {
        read_project(text, root, project, &mut found);
    }
    if let Some(groups) = table(root, &["dependency-groups"]) {
        for (_, item) in groups.iter() {
            found
                .lists
                .extend(item.as_array().and_then(|it| array(it, Role::Other)));
        }
    }
    if let Some(poetry) = table(root, &["tool", "poetry"]) {
        if let Some(python) = poetry
            .get("dependencies")
            .and_then(|it| it.get("python"))
            .and_then(Item::as_str)
        {
            found.python = found
                .python
                .or_else(|| Constraint::poetry(python).and_then(|it| it.python()));
        }
        let has_runtime = found.lists.iter().any(|list| list.role == Role::Runtime);
        if let Some(item) = poetry.get("dependencies") {
            let role = if has_runtime {
                Role::Other
            } else {
                Role::Runtime
            };
            add_keys(text, item, role, &mut found);
            found.reason = None;
        }
        for name in ["dev-dependencies"] {
            if let Some(item) = poetry.get(name) {
                add_keys(text, item, Role::Other, &mut found);
            }
        }
        if let Some(groups) = poetry.get("group").and_then(Item::as_table_like) {
            for (_, group) in groups.iter() {
                if let Some(item) = group.get("dependencies") {
                    add_keys(text, item, Role::Other, &mut found);
                }
            }
        }
    }
    found
}

fn read_project(text: &str, root: &Table, project: &dyn TableLike, found: &mut Found) {
    found.python = project
        .get("requires-python")
        .and_then(Item::as_str)
        .and_then(Constraint::pep440)
        .and_then(|it| it.python());
    let dynamic = project
        .get("dynamic")
        .and_then(Item::as_array)
        .is_some_and(|names| {
            names
                .iter()
                .any(|name| name.as_str() == Some("dependencies"))
        });
    match project.get("dependencies") {
        Some(item) => match item.as_array().and_then(|it| array(it, Role::Runtime)) {
            Some(list) => found.lists.push(list),
            None => found.reason = Some("its dependencies are not a list of strings".to_owned()),
        },
        None if dynamic => {
            let files = dynamic_files(root);
            if files.is_empty() {
                found.elsewhere = true;
                found.reason = Some("its dependencies are computed (`dynamic`)".to_owned());
            }
            found.runtime_files.extend(files);
        }
        None => match end_of_keys(text, project) {
            Some(at) => found.lists.push(List {
                role: Role::Runtime,
                shape: Shape::Missing(at),
                entries: Vec::new(),
            }),
            None => found.reason = Some("its table `project` is written on one line".to_owned()),
        },
    }
    if let Some(extras) = project
        .get("optional-dependencies")
        .and_then(Item::as_table_like)
    {
        for (_, item) in extras.iter() {
            found
                .lists
                .extend(item.as_array().and_then(|it| array(it, Role::Other)));
        }
    }
}

/// The files that setuptools reads the dependencies from.
fn dynamic_files(root: &Table) -> Vec<String> {
    let item = table(root, &["tool", "setuptools", "dynamic"])
        .and_then(|dynamic| dynamic.get("dependencies"))
        .and_then(|dependencies| dependencies.get("file"));
    match item {
        Some(item) => match (item.as_str(), item.as_array()) {
            (Some(file), _) => vec![file.to_owned()],
            (None, Some(files)) => files
                .iter()
                .filter_map(|it| Some(it.as_str()?.to_owned()))
                .collect(),
            (None, None) => Vec::new(),
        },
        None => Vec::new(),
    }
}

/// What `Pipfile` holds.
pub(super) fn pipfile(text: &str) -> Found {
    let mut found = Found::default();
    let Ok(document) = Document::parse(text) else {
        found.reason = Some("it is not valid TOML".to_owned());
        return found;
    };
    if let Some(item) = document.as_table().get("packages") {
        add_keys(text, item, Role::Runtime, &mut found);
    }
    if let Some(item) = document.as_table().get("dev-packages") {
        add_keys(text, item, Role::Other, &mut found);
    }
    found
}

fn table<'t>(root: &'t Table, path: &[&str]) -> Option<&'t dyn TableLike> {
    let mut at: &dyn TableLike = root;
    for name in path {
        at = at.get(name)?.as_table_like()?;
    }
    Some(at)
}

/// A list of requirements in brackets; `None` where not all of it are strings or tables of groups.
fn array(array: &Array, role: Role) -> Option<List> {
    let span = array.span()?;
    let mut entries = Vec::new();
    for value in array {
        let range = value.span()?;
        let (name, constraint) = match value {
            Value::String(text) => match requirement(text.value()) {
                Some((name, constraint)) => (name, Some(constraint)),
                None => (String::new(), None),
            },
            Value::InlineTable(_) => (String::new(), None),
            _ => return None,
        };
        entries.push(Entry {
            name,
            constraint,
            text: range.start + 1..range.end.saturating_sub(1),
            range,
        });
    }
    Some(List {
        role,
        shape: Shape::Array(span.start + 1, span.end.saturating_sub(1)),
        entries,
    })
}

fn add_keys(text: &str, item: &Item, role: Role, found: &mut Found) {
    match keys(text, item, role) {
        Some(list) => found.lists.push(list),
        None if role == Role::Runtime => {
            found.reason = Some("its dependencies are not a table with a line each".to_owned());
        }
        None => {}
    }
}

/// A table of requirements; `None` where it is no table of its own.
fn keys(text: &str, item: &Item, role: Role) -> Option<List> {
    let table = item.as_table()?;
    let mut entries = Vec::new();
    for (name, item) in table {
        let key = table.key(name)?.span()?;
        let value = item.span()?;
        let written = item
            .as_str()
            .or_else(|| item.get("version").and_then(Item::as_str));
        let elsewhere = item.as_table_like().is_some() && written.is_none();
        entries.push(Entry {
            name: normalised(name),
            constraint: if elsewhere {
                Some(Constraint::Elsewhere)
            } else {
                written.and_then(Constraint::poetry)
            },
            range: key.start..value.end.max(key.end),
            text: inner(item, &value),
        });
    }
    entries.sort_by_key(|entry| entry.range.start);
    let header = table.span()?;
    let end = text[header.start..]
        .find('\n')
        .map_or(text.len(), |at| header.start + at + 1);
    Some(List {
        role,
        shape: Shape::Keys(end),
        entries,
    })
}

/// The constraint without its quotes; the place behind the value where it stands in a table of its own.
fn inner(item: &Item, value: &Range<usize>) -> Range<usize> {
    if item.as_str().is_some() {
        return value.start + 1..value.end.saturating_sub(1);
    }
    match item.get("version").and_then(Item::span) {
        Some(span) => span.start + 1..span.end.saturating_sub(1),
        None => value.end..value.end,
    }
}

/// The start of the line behind the last plain key of a table that has a header.
fn end_of_keys(text: &str, table: &dyn TableLike) -> Option<usize> {
    let end = table
        .iter()
        .filter(|(_, item)| item.is_value())
        .filter_map(|(_, item)| item.span())
        .map(|span| span.end)
        .max()?;
    let newline = text.get(end..)?.find('\n');
    let at = newline.map(|at| end + at + 1)?;
    (line_start(text, at) == at).then_some(at)
}
