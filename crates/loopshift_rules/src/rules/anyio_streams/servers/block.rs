//! The block that holds a server open, and the task group that is put around what is done while it serves.

use loopshift_engine::change::Change;
use loopshift_engine::objects::Cluster;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt, StmtWith};
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::super::Obstacle;
use super::Server;
use crate::common::cancellation::end_a_cancellation;
use crate::common::code::definition;
use crate::common::gather_helpers::{FIRST_ERROR, FIRST_ERROR_310};
use crate::common::leaving::{first_exit, first_jump};
use crate::common::raising::may_be_caught;
use crate::rules::anyio_tasks::is_context_manager;

/// What a server is called in the block.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) naming: Option<Edit>,
}

impl<'c> Server<'c> {
    /// The block that holds the server open: `async with server:`, or `async with await start_server(…):`.
    pub(super) fn with_block(
        &self,
        cluster: &Cluster,
    ) -> Result<Option<(&'c StmtWith, Named)>, Obstacle> {
        if let Stmt::With(with) = self.stmt {
            let here = self.view.place(self.call);
            let [item] = with.items.as_slice() else {
                return Err((here, "the server is one of several managers".to_owned()));
            };
            return Ok(Some((
                with,
                match item.optional_vars.as_deref() {
                    Some(Expr::Name(name)) => Named {
                        name: name.id.to_string(),
                        naming: None,
                    },
                    Some(_) => {
                        return Err((here, "the server is not kept in a variable".to_owned()));
                    }
                    None => {
                        let scope = self.view.scopes.at(self.call.start());
                        let name = self.view.scopes.fresh_name(scope, "server");
                        let naming = Edit::Replace {
                            range: TextRange::empty(item.context_expr.end()),
                            pieces: vec![format!(" as {name}").into()],
                        };
                        Named {
                            name,
                            naming: Some(naming),
                        }
                    }
                },
            )));
        }
        for held in &cluster.places {
            let Some(expr) = self.view.tree.expr_at(held.place.range) else {
                continue;
            };
            let item = self.view.tree.parent(expr);
            if !matches!(item, Some(AnyNodeRef::WithItem(_))) {
                continue;
            }
            let with = self.view.tree.ancestors(expr).find_map(|node| match node {
                AnyNodeRef::StmtWith(with) => Some(with),
                _ => None,
            });
            if let (Some(with), Expr::Name(name)) = (with, expr) {
                return Ok(Some((
                    with,
                    Named {
                        name: name.id.to_string(),
                        naming: None,
                    },
                )));
            }
        }
        Ok(None)
    }

    /// Puts the task group around the statements.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn wrap(
        &self,
        body: TextRange,
        statements: &[Stmt],
        group: &str,
        server: &str,
        manages: Option<&str>,
        serving: &[Piece],
        change: &mut Change,
    ) -> Result<(), Obstacle> {
        let file = self.view.file;
        // A `return` at the very end can follow the cancellation.
        let last = statements.last();
        let ends =
            last.filter(|stmt| matches!(stmt, Stmt::Return(_)) && !self.awaits(stmt.range()));
        let checked = if ends.is_some() {
            &statements[..statements.len() - 1]
        } else {
            statements
        };
        let is_manager = self.is_in_manager()?;
        let exit = if is_manager {
            first_jump(checked)
        } else {
            first_exit(checked)
        };
        if let Some(range) = exit {
            return Err((
                self.view.place(range),
                "the block that the server serves in is left".to_owned(),
            ));
        }
        if end_a_cancellation(self.cx, self.view, statements) {
            return Err((
                self.view.place(self.call),
                "the function ends its own cancellation while the server serves, and AnyIO would cancel the end of that, too: raise it again"
                    .to_owned(),
            ));
        }
        let mut start: Vec<Piece> = vec![format!("{group}.start_soon({server}.serve, ").into()];
        start.extend(serving.iter().cloned());
        start.push(")\n".into());
        change.edits.push((
            file,
            Edit::Replace {
                range: TextRange::empty(body.start()),
                pieces: start,
            },
        ));
        let cancel: Vec<Piece> = vec![format!("{group}.cancel_scope.cancel()").into()];
        let mut header = match manages {
            Some(name) => pieces("async with {0}, ", &[name.to_owned().into()]),
            None => pieces("async with ", &[]),
        };
        header.extend(pieces("{@anyio}.create_task_group() as ", &[]));
        header.push(format!("{group}:").into());
        let mut final_lines = vec![cancel.clone()];
        if let Some(stmt) = ends {
            final_lines = Vec::new();
            let mut before = cancel;
            before.push("\n".into());
            change.edits.push((
                file,
                Edit::Replace {
                    range: TextRange::empty(stmt.start()),
                    pieces: before,
                },
            ));
        }
        if is_manager || self.shows_errors(body) {
            let helper = if self.cx.settings.python_has(3, 11) {
                &FIRST_ERROR
            } else {
                &FIRST_ERROR_310
            };
            let wrap = Edit::Wrap(Wrap {
                range: body,
                before: Vec::new(),
                header: vec!["with ".into(), Piece::Helper(helper), "():".into()],
                last: Vec::new(),
                after: Vec::new(),
            });
            change.edits.push((file, wrap));
        }
        change.edits.push((
            file,
            Edit::Wrap(Wrap {
                range: body,
                before: Vec::new(),
                header,
                last: final_lines,
                after: Vec::new(),
            }),
        ));
        Ok(())
    }

    /// Whether the function that starts the server is what `async with` enters, and leaves in the same task.
    fn is_in_manager(&self) -> Result<bool, Obstacle> {
        let func = self.cx.program.function_at(self.view.place(self.call));
        let is_manager = definition(self.cx, func)
            .is_some_and(|(view, def)| is_context_manager(self.cx, view, def));
        let other = self.cx.callers.of(func).iter().find(|site| {
            let entered = self.cx.view(site.place.file).is_some_and(|view| {
                let call = view.tree.expr_at(site.place.range);
                let item = call.and_then(|call| view.tree.parent(call));
                matches!(item, Some(AnyNodeRef::WithItem(_)))
            });
            !entered
        });
        match other.filter(|_| is_manager) {
            Some(site) => Err((
                site.place,
                "what serves while it is entered is not entered by an `async with` here".to_owned(),
            )),
            None => Ok(is_manager),
        }
    }

    /// Whether somebody sees an error of what is done while the server serves, which a task group puts into a group.
    fn shows_errors(&self, body: TextRange) -> bool {
        let place = self.view.place(self.call);
        let ends = ["sys.exit", " exit(", "SystemExit", "KeyboardInterrupt"];
        may_be_caught(self.cx, loopshift_engine::program::place(place.file, body))
            || self.cx.views_with(&ends).next().is_some()
    }
}
