//! What the strings of a file say: pytest takes names of fixtures and marks from them, too, as in `usefixtures`, `parametrize`
//! and `getfixturevalue`.

use std::collections::BTreeSet;

use loopshift_engine::change::{FileId, Place};
use loopshift_python::ast::visitor::source_order::{self, SourceOrderVisitor};
use loopshift_python::ast::{CmpOp, Expr, Keyword, ModModule};
use loopshift_python::{Ranged, TextRange};

/// What is said in strings.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The names, one or several in a string.
    pub names: BTreeSet<String>,
    /// Where a test is asked for the mark of pytest-asyncio.
    pub mark: Option<Place>,
}

impl Said {
    /// Reads a file.
    pub(super) fn of(file: FileId, module: &ModModule) -> Self {
        let mut reader = Reader {
            names: BTreeSet::new(),
            mark: None,
        };
        reader.visit_body(&module.body);
        Said {
            names: reader.names,
            mark: reader.mark.map(|range| Place { file, range }),
        }
    }
}

struct Reader {
    names: BTreeSet<String>,
    mark: Option<TextRange>,
}

impl<'a> SourceOrderVisitor<'a> for Reader {
    fn visit_keyword(&mut self, keyword: &'a Keyword) {
        // What a fixture is called, not who asks for it.
        if keyword.arg.as_ref().is_none_or(|it| it.as_str() != "name") {
            source_order::walk_keyword(self, keyword);
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        let asked = match expr {
            Expr::StringLiteral(it) => {
                let words = it.value.to_str().split(',').map(str::trim);
                let is_name = |word: &&str| {
                    !word.is_empty() && word.chars().all(|c| c == '_' || c.is_alphanumeric())
                };
                self.names.extend(words.filter(is_name).map(str::to_owned));
                None
            }
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(it)
                    if matches!(it.attr.as_str(), "get_closest_marker" | "iter_markers") =>
                {
                    let named = call.arguments.find_keyword("name").map(|it| &it.value);
                    call.arguments.args.first().or(named)
                }
                _ => None,
            },
            Expr::Compare(it)
                if it
                    .ops
                    .iter()
                    .any(|op| matches!(op, CmpOp::In | CmpOp::NotIn)) =>
            {
                Some(&*it.left)
            }
            _ => None,
        };
        if let Some(Expr::StringLiteral(it)) = asked
            && it.value.to_str() == "asyncio"
        {
            self.mark = self.mark.or(Some(it.range()));
        }
        source_order::walk_expr(self, expr);
    }
}
