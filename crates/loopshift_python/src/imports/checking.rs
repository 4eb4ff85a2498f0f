//! `if TYPE_CHECKING:` with nothing left in it.

use ruff_python_ast::{Expr, Stmt, StmtIf};
use ruff_text_size::{Ranged, TextRange};

use super::unused::aliases;
use crate::blocks::Blocks;
use crate::parse::ParsedModule;
use crate::scope::Scopes;

/// The name of the constant.
const CONSTANT: &str = "TYPE_CHECKING";

/// The statements that hold nothing else than imports that are gone.
pub(super) fn emptied<'a>(
    parsed: &'a ParsedModule,
    comments: &[TextRange],
    is_gone: impl Fn(&Stmt) -> bool,
) -> Vec<&'a StmtIf> {
    let blocks = Blocks::new(&parsed.syntax().body);
    let stmts = blocks.iter().flat_map(|block| block.stmts);
    let empty = stmts.filter_map(Stmt::as_if_stmt).filter(|stmt| {
        let says_more = || comments.iter().any(|it| stmt.range().contains_range(*it));
        let is_test = match &*stmt.test {
            Expr::Name(name) => name.id.as_str() == CONSTANT,
            Expr::Attribute(attribute) => attribute.attr.as_str() == CONSTANT,
            _ => false,
        };
        is_test
            && stmt.elif_else_clauses.is_empty()
            && stmt.body.iter().all(&is_gone)
            && !says_more()
    });
    empty.collect()
}

/// The import of the constant, by its statement and the place among its names, where only statements that go ask for it.
pub(super) fn constant<'a>(
    parsed: &'a ParsedModule,
    scopes: &Scopes<'_>,
    gone: &[&StmtIf],
) -> Option<(&'a Stmt, usize)> {
    let reads = scopes.references.iter().filter(|it| it.name == CONSTANT);
    let asked = gone.iter().filter(|stmt| stmt.test.is_name_expr()).count();
    if asked == 0 || reads.count() != asked {
        return None;
    }
    parsed.syntax().body.iter().find_map(|stmt| {
        let import = stmt.as_import_from_stmt()?;
        let is_typing = import
            .module
            .as_ref()
            .is_some_and(|it| it.as_str() == "typing");
        let index = (aliases(stmt).iter())
            .position(|it| it.name.as_str() == CONSTANT && it.asname.is_none())?;
        (is_typing && import.level == 0).then_some((stmt, index))
    })
}
