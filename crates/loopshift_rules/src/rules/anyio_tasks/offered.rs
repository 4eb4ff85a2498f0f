//! Whether code outside the program may call a function: a package that is built for others offers what has a public name.

use loopshift_engine::ir::FuncId;
use loopshift_python::ast::AnyNodeRef;
use toml_edit::Document;

use crate::common::code::definition;
use crate::context::Context;
use crate::project::ini;

/// Whether code that belongs to others may call the function by its name.
pub(super) fn is_offered(cx: &Context<'_>, function: FuncId) -> bool {
    cx.once(Built::new).0 && !is_private(cx, function)
}

/// Whether the function stands in another one, or it or its class has a private name.
fn is_private(cx: &Context<'_>, function: FuncId) -> bool {
    let Some((view, def)) = definition(cx, function) else {
        return false;
    };
    def.name.starts_with('_')
        || view.tree.ancestors(def).any(|node| match node {
            AnyNodeRef::StmtFunctionDef(_) => true,
            AnyNodeRef::StmtClassDef(class) => class.name.starts_with('_'),
            _ => false,
        })
}

/// Whether one of the project's files says how a package is built of it.
struct Built(bool);

impl Built {
    fn new(cx: &Context<'_>) -> Self {
        let builds = |path: &str, text: &str| match path.rsplit('/').next().unwrap_or_default() {
            "setup.py" => true,
            "setup.cfg" => ini::settings(text)
                .iter()
                .any(|it| matches!(it.section.as_str(), "metadata" | "options")),
            "pyproject.toml" => builds_package(text),
            _ => false,
        };
        Built((cx.program.files.iter()).any(|input| builds(&input.path, &input.text)))
    }
}

/// Whether a `pyproject.toml` names what builds a package. One that can't be read may.
fn builds_package(text: &str) -> bool {
    let Ok(document) = Document::parse(text) else {
        return true;
    };
    let poetry = document.get("tool").and_then(|tool| tool.get("poetry"));
    let unpackaged = poetry
        .and_then(|poetry| poetry.get("package-mode"))
        .and_then(toml_edit::Item::as_bool)
        == Some(false);
    !unpackaged && (poetry.is_some() || document.contains_key("build-system"))
}
