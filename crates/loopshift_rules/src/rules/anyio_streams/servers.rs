//! `start_server` and `start_unix_server`: a listener, and a task group that serves while the block lasts.

mod block;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::flow::MroEntry;
use loopshift_engine::flow::value::Value;
use loopshift_engine::ir::ClassId;
use loopshift_engine::objects::{Cluster, Member, clusters};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange};

use super::Obstacle;
use super::handed;
use super::kept;
use super::left::{Left, closes, keep, left};
use super::listener::listener;
use super::sockets::sockets;
use super::wrapping::Wrapping;
use crate::common::arguments::inside;
use crate::common::held::attributes;
use crate::common::lasting::lasts;
use crate::context::{Context, View};

/// What asyncio does around a connection handler.
static HANDLER: Helper = Helper {
    name: "_connection",
    source: "\
def {name}(handler, wrap):
    \"\"\"A handler for `serve`: an error of one connection is logged, and the server goes on.\"\"\"

    async def handle(stream):
        stream = wrap(stream)
        try:
            await handler(stream, stream)
        except Exception:
            {@logging}.getLogger(__name__).exception(\"Unhandled error in a connection handler\")

    return handle
",
};

pub(super) fn convert(
    cx: &Context<'_>,
    wrapping: Wrapping,
    change: &mut Change,
) -> Result<(), Obstacle> {
    let mut sites: Vec<Place> = Vec::new();
    for mut cluster in clusters(cx.program, |ty| {
        ty == "asyncio.Server" || ty == "asyncio.AbstractServer"
    }) {
        cluster.members = attributes(cx, &cluster);
        // An item of what an attribute gives is no member, even where its class is not known.
        cluster.members.retain(|member| {
            let view = cx.view(member.place.file);
            let expr = view.and_then(|view| view.tree.expr_at(member.place.range));
            expr.is_none_or(Expr::is_attribute_expr)
        });
        if cluster.sites.is_empty() {
            continue;
        }
        sites.extend(&cluster.sites);
        Server::new(cx, &cluster)?.convert(&cluster, wrapping, change)?;
    }
    for use_ in cx.uses {
        if !matches!(
            use_.api.as_str(),
            "asyncio.start_server" | "asyncio.start_unix_server"
        ) {
            continue;
        }
        let made = cx
            .view(use_.place.file)
            .and_then(|view| view.call_of(use_.place.range).map(|call| view.place(call)));
        if made.is_none_or(|made| !sites.contains(&made)) {
            return Err((
                use_.place,
                "it is not known what becomes of the server".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Whether a member is that of a server, whatever annotations call its class.
fn is_of_server(cx: &Context<'_>, place: Place) -> bool {
    let receiver = cx.view(place.file).and_then(|view| {
        let expr = view.tree.expr_at(place.range)?;
        Some(view.place(&*expr.as_attribute_expr()?.value))
    });
    let is_server = |value: Value| match value {
        Value::Object(ty, _) => matches!(
            cx.program.flow.text(ty),
            "asyncio.Server" | "asyncio.AbstractServer"
        ),
        _ => false,
    };
    receiver.is_some_and(|place| cx.program.values_at(place).all(is_server))
}

/// A server, where it is made.
struct Server<'c> {
    cx: &'c Context<'c>,
    view: &'c View<'c>,
    call: &'c ExprCall,
    /// The handler, as written.
    handler: &'c Expr,
    is_unix: bool,
    /// The statement that makes it.
    stmt: &'c Stmt,
}

/// Whether calling an object of the class gives a coroutine.
fn is_called_async(cx: &Context<'_>, class: ClassId) -> bool {
    let mut methods = cx.program.flow.mro[class.0 as usize]
        .iter()
        .flat_map(|entry| match entry {
            MroEntry::Class(class) => cx.program.methods(*class),
            MroEntry::External(_) => &[],
        });
    let call = methods.find(|func| cx.program.function(**func).name() == "__call__");
    call.is_some_and(|func| cx.program.function(*func).is_async)
}

impl<'c> Server<'c> {
    fn new(cx: &'c Context<'c>, cluster: &Cluster) -> Result<Self, Obstacle> {
        let [site] = cluster.sites.as_slice() else {
            return Err((
                cluster.sites[0],
                "several servers share a variable".to_owned(),
            ));
        };
        let at = |reason: &str| (*site, reason.to_owned());
        if let Some((place, reason)) = cluster.escapes.first() {
            return Err((
                *place,
                format!("the server leaves what can be seen: {reason}"),
            ));
        }
        let sure = |member: &Member| member.only || is_of_server(cx, member.place);
        if let Some(member) = cluster.members.iter().find(|member| !sure(member)) {
            return Err((
                member.place,
                "it may be something else than a server".to_owned(),
            ));
        }
        let view = cx
            .view(site.file)
            .ok_or_else(|| at("the file can't be edited"))?;
        let Some(Expr::Call(call)) = view.tree.expr_at(site.range) else {
            return Err(at("the server is not made by a call"));
        };
        let is_unix = cx.api_of(view, &call.func) == Some("asyncio.start_unix_server");
        let Some(handler) = call
            .arguments
            .args
            .first()
            .filter(|it| !it.is_starred_expr())
        else {
            return Err(at("the handler is given by keyword"));
        };
        let all_async = {
            let mut any = false;
            let all = cx.program.values_at(view.place(handler)).all(|value| {
                any = true;
                match value {
                    Value::Func(func) | Value::Bound(func, _) => cx.program.function(func).is_async,
                    Value::Partial(_) => true,
                    Value::Instance(class) => is_called_async(cx, class),
                    _ => false,
                }
            });
            any && all
        };
        if !all_async {
            return Err((
                view.place(handler),
                "the handler is not known to be an `async def`".to_owned(),
            ));
        }
        if view.await_of(call.range()).is_none() {
            return Err(at("the server is not awaited where it is made"));
        }
        let stmt = view
            .tree
            .enclosing_statement(call.range())
            .ok_or_else(|| at("the server is not made in a statement"))?;
        Ok(Server {
            cx,
            view,
            call,
            handler,
            is_unix,
            stmt,
        })
    }

    fn convert(
        &self,
        cluster: &Cluster,
        wrapping: Wrapping,
        change: &mut Change,
    ) -> Result<(), Obstacle> {
        let file = self.view.file;
        for edit in listener(self.view, self.call, self.handler, self.is_unix)? {
            change.edits.push((file, edit));
        }
        let mut serving: Vec<Piece> = vec![
            Piece::Helper(&HANDLER),
            "(".into(),
            self.handler.range().into(),
            ", ".into(),
        ];
        serving.extend(wrapping.class());
        serving.push(")".into());
        let mut in_block = change.clone();
        match self.in_block(cluster, &serving, &mut in_block) {
            Ok(()) => *change = in_block,
            Err(why) => {
                let made = (cluster, self.is_unix);
                handed::serve(self.cx, self.view, self.stmt, made, &serving, change)
                    .map_err(|_| why)?;
            }
        }
        Ok(())
    }

    /// Serves in a block, or in a task of the object that keeps it.
    fn in_block(
        &self,
        cluster: &Cluster,
        serving: &[Piece],
        change: &mut Change,
    ) -> Result<(), Obstacle> {
        let forever: Vec<_> = cluster
            .members
            .iter()
            .filter(|member| member.api.ends_with(".serve_forever"))
            .collect();
        let served = match forever.as_slice() {
            [] => self.beside(cluster, serving, change)?,
            [member] if self.nothing_between(member.place) => {
                self.forever(member.place, serving.to_vec(), change)?;
                Vec::new()
            }
            [member] => {
                let gone = self.beside(cluster, serving, change)?;
                let view = self.view_at(member.place)?;
                let call = view
                    .call_of(member.place.range)
                    .ok_or((member.place, "`serve_forever` is passed on".to_owned()))?;
                change.edits.push((
                    member.place.file,
                    Edit::replace(call.range(), "{@anyio}.sleep_forever()", &[]),
                ));
                gone
            }
            [_, second, ..] => {
                return Err((second.place, "the server is started twice".to_owned()));
            }
        };
        for member in &cluster.members {
            if served.contains(&member.place) || member.api.ends_with(".serve_forever") {
                continue;
            }
            self.member(member.place, &member.api, change)?;
        }
        Ok(())
    }

    fn view_at(&self, place: Place) -> Result<&'c View<'c>, Obstacle> {
        self.cx
            .view(place.file)
            .ok_or((place, "the file can't be edited".to_owned()))
    }

    /// Whether nothing is awaited between the start and `serve_forever`, so that it does not matter which accepts.
    fn nothing_between(&self, forever: Place) -> bool {
        let function = self.cx.program.function_at(forever);
        if forever.file != self.view.file
            || function != self.cx.program.function_at(self.view.place(self.call))
        {
            // Kept, and served by another function.
            return true;
        }
        let between = |range: TextRange| {
            range.start() > self.call.end() && range.end() < forever.range.start()
        };
        !self
            .view
            .tree
            .exprs()
            .any(|expr| expr.is_await_expr() && between(expr.range()))
    }

    /// `server.serve_forever()` as `server.serve(handler)`.
    fn forever(
        &self,
        place: Place,
        serving: Vec<Piece>,
        change: &mut Change,
    ) -> Result<(), Obstacle> {
        let at = |reason: &str| (place, reason.to_owned());
        let view = self.view_at(place)?;
        let call = view
            .call_of(place.range)
            .ok_or_else(|| at("`serve_forever` is passed on as a function"))?;
        let Expr::Attribute(attribute) = &*call.func else {
            return Err(at("`serve_forever` is passed on as a function"));
        };
        let here = self.cx.program.function_at(self.view.place(self.call));
        if self.cx.program.function_at(place) != here && !self.is_known_at(place) {
            return Err(at("the handler is not known where the server serves"));
        }
        let serving = if place.file == self.view.file {
            serving
        } else {
            return Err(at("the server serves in another file"));
        };
        change.edits.push((
            place.file,
            Edit::replace(attribute.attr.range(), "serve", &[]),
        ));
        change.edits.push((
            place.file,
            Edit::Replace {
                range: inside(call),
                pieces: serving,
            },
        ));
        Ok(())
    }

    /// Whether the handler's expression means the same in another function: a name of the module, or `self.handle`.
    fn is_known_at(&self, place: Place) -> bool {
        let root = match self.handler {
            Expr::Name(name) => name,
            Expr::Attribute(attribute) => match &*attribute.value {
                Expr::Name(name) => name,
                _ => return false,
            },
            _ => return false,
        };
        let id = root.id.as_str();
        let scope = self.view.scopes.at(root.start());
        let other = self.view.scopes.at(place.range.start());
        if id == "self" {
            let class = |place| {
                self.cx
                    .program
                    .function(self.cx.program.function_at(place))
                    .class
            };
            return class(place).is_some() && class(place) == class(self.view.place(self.call));
        }
        self.view.scopes.resolve(id, scope) == Some(0)
            && self.view.scopes.resolve(id, other) == Some(0)
    }

    /// Serves beside the statements that follow; gives the members that this takes care of.
    fn beside(
        &self,
        cluster: &Cluster,
        serving: &[Piece],
        change: &mut Change,
    ) -> Result<Vec<Place>, Obstacle> {
        let here = self.view.place(self.call);
        let function = self.cx.program.function_at(here);
        let apart = cluster.members.iter().find(|member| {
            member.place.file != here.file || self.cx.program.function_at(member.place) != function
        });
        if let Some(member) = apart {
            return kept::serve(self.cx, self.view, (self.stmt, self.handler), cluster, serving, change).map_err(|why| {
                let reason = "the server lives on outside of the function that starts it, so that a task group \
                              has to live as long: ";
                match why {
                    Some((place, why)) => (place, format!("{reason}{why}")),
                    None => (
                        member.place,
                        format!("{reason}where an attribute keeps the server, it moves by itself"),
                    ),
                }
            });
        }
        let scope = self.view.scopes.at(self.call.start());
        let group = self.view.scopes.fresh_name(scope, "serving");
        if let Some((with, name)) = self.with_block(cluster)? {
            let (Some(first), Some(last)) = (with.body.first(), with.body.last()) else {
                return Ok(Vec::new());
            };
            if let Some(naming) = name.naming {
                change.edits.push((here.file, naming));
            }
            let body = TextRange::new(first.start(), last.end());
            let closed_by = self.view.tree.enclosing_statement(with.range());
            let serving = self.keeping_connections(closed_by, serving, change);
            self.wrap(body, &with.body, &group, &name.name, None, &serving, change)?;
            return Ok(Vec::new());
        }
        let Stmt::Assign(assign) = self.stmt else {
            return Err((here, "the server is not kept in a variable".to_owned()));
        };
        let [Expr::Name(target)] = assign.targets.as_slice() else {
            return Err((
                here,
                "the server lives on outside of the function that starts it: \
                 a task group that lives as long has to be made by hand"
                    .to_owned(),
            ));
        };
        let Some((suite, index)) = self.view.tree.suite_of(self.stmt) else {
            return Err((here, "the server is not made in a statement".to_owned()));
        };
        let rest = suite.get(index + 1..).unwrap_or_default();
        let mut gone = Vec::new();
        let mut end = rest.len();
        let mut closed_by = rest.last();
        for member in &cluster.members {
            let name = member.api.rsplit('.').next().unwrap_or(&member.api);
            if name != "close" && name != "wait_closed" {
                continue;
            }
            let stmt = self.own_statement(member.place)?;
            gone.push(member.place);
            if name == "close" {
                let own = rest.iter().position(|it| it.range() == stmt.range());
                if let Some(at) = own {
                    end = end.min(at);
                    closed_by = rest
                        .get(at..)
                        .and_then(|rest| closes(rest, cluster, here.file));
                } else if let Some(at) = Self::cleaned_up_by(rest, stmt) {
                    end = end.min(at + 1);
                    closed_by = rest.get(at);
                } else {
                    return Err((
                        member.place,
                        "the server is closed in a block inside".to_owned(),
                    ));
                }
            }
            change.edits.push((
                here.file,
                Edit::DeleteStatement {
                    range: stmt.range(),
                },
            ));
        }
        let mut members = cluster.members.iter();
        let closed = members.any(|member| member.api.rsplit('.').next() == Some("close"));
        if !closed && !lasts(self.cx, function) {
            return Err((
                here,
                "the server is not closed in the function that starts it, and lives on: \
                 a task group that lives as long has to be made by hand"
                    .to_owned(),
            ));
        }
        let inside = rest.get(..end).unwrap_or_default();
        let (Some(first), Some(last)) = (inside.first(), inside.last()) else {
            return Err((here, "nothing is done while the server serves".to_owned()));
        };
        let body = TextRange::new(first.start(), last.end());
        let name = target.id.as_str();
        let serving = self.keeping_connections(closed_by, serving, change);
        self.wrap(body, inside, &group, name, Some(name), &serving, change)?;
        Ok(gone)
    }

    /// The handler as it is served: those that still run when the server is closed go on where others could see that.
    fn keeping_connections(
        &self,
        closed_by: Option<&Stmt>,
        serving: &[Piece],
        change: &mut Change,
    ) -> Vec<Piece> {
        let found = closed_by.map_or(Left::Cancelled, |stmt| {
            left(self.cx, self.view, self.call, self.handler, stmt)
        });
        keep(found, self.view.file, serving, change)
    }

    fn awaits(&self, range: TextRange) -> bool {
        self.view
            .tree
            .exprs()
            .any(|expr| expr.is_await_expr() && range.contains_range(expr.range()))
    }

    /// The statement that a call of a member is, awaited or not.
    fn own_statement(&self, member: Place) -> Result<&'c Stmt, Obstacle> {
        let alone = || (member, "its value is used".to_owned());
        let call = self.view.call_of(member.range).ok_or_else(alone)?;
        let expr: AnyNodeRef<'_> = match self.view.await_of(call.range()) {
            Some(await_) => await_.into(),
            None => call.into(),
        };
        match self.view.tree.parent(expr) {
            Some(AnyNodeRef::StmtExpr(_)) => self
                .view
                .tree
                .enclosing_statement(call.range())
                .ok_or_else(alone),
            _ => Err(alone()),
        }
    }

    /// Which of the statements has this one in its `finally`.
    fn cleaned_up_by(rest: &[Stmt], stmt: &Stmt) -> Option<usize> {
        rest.iter().position(|it| match it {
            Stmt::Try(try_) => try_.finalbody.iter().any(|it| it.range() == stmt.range()),
            _ => false,
        })
    }

    /// The other members.
    fn member(&self, place: Place, api: &str, change: &mut Change) -> Result<(), Obstacle> {
        let view = self.view_at(place)?;
        let name = api.rsplit('.').next().unwrap_or(api);
        match name {
            "sockets" => {
                let edit = sockets(view, place, self.is_unix)?;
                change.edits.push((place.file, edit));
                Ok(())
            }
            "close" | "wait_closed" => {
                let stmt = self.own_statement(place)?;
                change.edits.push((
                    place.file,
                    Edit::DeleteStatement {
                        range: stmt.range(),
                    },
                ));
                Ok(())
            }
            "__aenter__" | "__aexit__" => Ok(()),
            _ => Err((place, format!("a listener of AnyIO has no `{name}`"))),
        }
    }
}
