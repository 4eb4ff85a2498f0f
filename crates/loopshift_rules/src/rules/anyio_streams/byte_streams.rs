//! The members of `StreamReader` and `StreamWriter`, each in `AnyIO`'s terms.

use loopshift_python::ast::{AnyNodeRef, BoolOp, Expr, ExprCall, Stmt, UnaryOp};
use loopshift_python::edit::{Edit, Helper, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use crate::common::arguments::inside;
use crate::context::View;

/// `StreamReader.read`.
pub(crate) static READ: Helper = Helper {
    name: "_read",
    source: "\
async def {name}(stream, n=-1):
    \"\"\"Up to n bytes, or all until the end if n is negative; b\"\" at the end of the stream.\"\"\"
    chunks = []
    try:
        while n < 0:
            chunks.append(await stream.receive())
        return await stream.receive(n) if n else b\"\"
    except ({@anyio}.EndOfStream, {@anyio}.ClosedResourceError):
        return b\"\".join(chunks)
",
};

/// `StreamReader.readline`.
pub(crate) static READ_LINE: Helper = Helper {
    name: "_read_line",
    source: "\
async def {name}(stream):
    \"\"\"A line with its end, or the rest at the end of the stream.\"\"\"
    try:
        return await stream.receive_until(b\"\\n\", 65536) + b\"\\n\"
    except {@anyio}.IncompleteRead:
        rest = stream.buffer
        return await stream.receive(len(rest)) if rest else b\"\"
    except {@anyio}.ClosedResourceError:
        return b\"\"
",
};

/// `StreamReader.readuntil`.
pub(crate) static READ_UNTIL: Helper = Helper {
    name: "_read_until",
    source: "\
async def {name}(stream, separator=b\"\\n\"):
    \"\"\"All up to the separator, which is part of it; IncompleteRead, with the rest in `partial`, if it does not come.\"\"\"
    try:
        return await stream.receive_until(separator, 65536) + separator
    except {@anyio}.IncompleteRead as error:
        rest = stream.buffer
        error.partial = await stream.receive(len(rest)) if rest else b\"\"
        raise
    except {@anyio}.ClosedResourceError as closed:
        error = {@anyio}.IncompleteRead()
        error.partial = b\"\"
        raise error from closed
",
};

/// `StreamReader.readexactly`, where the error's parts are looked at.
pub(crate) static READ_EXACTLY: Helper = Helper {
    name: "_read_exactly",
    source: "\
async def {name}(stream, n):
    \"\"\"So many bytes; IncompleteRead, with the rest in `partial`, if the stream ends before.\"\"\"
    try:
        return await stream.receive_exactly(n) if n else b\"\"
    except {@anyio}.IncompleteRead as error:
        rest = stream.buffer
        error.partial = await stream.receive(len(rest)) if rest else b\"\"
        error.expected = n
        raise
    except {@anyio}.ClosedResourceError as closed:
        error = {@anyio}.IncompleteRead()
        error.partial, error.expected = b\"\", n
        raise error from closed
",
};

/// What a conversion depends on beside the member itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Whether the program looks at the parts of an incomplete read.
    pub partial: bool,
    /// Whether a task may close what another reads.
    pub apart: bool,
    /// Whether the streams may be pipes of a child process.
    pub pipes: bool,
    /// Whether they may be sockets.
    pub sockets: bool,
}

/// The edits for a member of a reader, by the range of `reader.readline`.
///
/// # Errors
/// Why this form of it has no counterpart.
pub(crate) fn reader_member(
    view: &View<'_>,
    member: TextRange,
    method: &str,
    manner: Manner,
) -> Result<Vec<Edit>, String> {
    let (call, base, attr) = called(view, member, method)?;
    let helper = match method {
        "read" => &READ,
        "readline" => &READ_LINE,
        "readuntil" => &READ_UNTIL,
        "readexactly" if manner.partial || manner.apart => &READ_EXACTLY,
        "readexactly" => {
            if !call.arguments.keywords.is_empty() {
                return Err("its argument is given by keyword".to_owned());
            }
            return Ok(vec![Edit::replace(attr, "receive_exactly", &[])]);
        }
        "at_eof" => {
            return until_empty(view, call, base).ok_or_else(|| {
                "a stream of AnyIO tells its end only when it is read: test what a read gives instead of `at_eof()`"
                    .to_owned()
            });
        }
        _ => return Err(format!("a stream of AnyIO has no `{method}`")),
    };
    let mut front: Vec<Piece> = vec![Piece::Helper(helper), "(".into(), base.into()];
    if !call.arguments.is_empty() {
        front.push(", ".into());
    }
    Ok(vec![Edit::Replace {
        range: TextRange::new(call.start(), inside(call).start()),
        pieces: front,
    }])
}

/// `while not reader.at_eof():` whose body begins with a read, and leaves the loop where that gives nothing: asking before it
/// makes no difference.
fn until_empty(view: &View<'_>, call: &ExprCall, reader: TextRange) -> Option<Vec<Edit>> {
    let Some(AnyNodeRef::ExprUnaryOp(not)) = view.tree.parent(call) else {
        return None;
    };
    let Some(AnyNodeRef::StmtWhile(loop_)) = view.tree.parent(not) else {
        return None;
    };
    let [Stmt::Assign(read), Stmt::If(empty), ..] = &loop_.body[..] else {
        return None;
    };
    let ([Expr::Name(data)], Expr::Await(await_)) = (&read.targets[..], &*read.value) else {
        return None;
    };
    let is_read = |expr: &Expr| {
        let callee = expr
            .as_call_expr()
            .and_then(|call| call.func.as_attribute_expr());
        callee.is_some_and(|callee| {
            matches!(callee.attr.as_str(), "read" | "readline")
                && view.text(callee.value.range()) == view.text(reader)
        })
    };
    let timed = |expr: &Expr| {
        let call = expr.as_call_expr()?;
        let name = view.text(call.func.range());
        let first = call.arguments.args.first()?;
        Some(name.ends_with("wait_for") && is_read(first))
    };
    let reads = is_read(&await_.value) || timed(&await_.value) == Some(true);
    let is_data = |expr: &Expr| matches!(expr, Expr::Name(name) if name.id == data.id);
    let tests = match &*empty.test {
        Expr::UnaryOp(it) => it.op == UnaryOp::Not && is_data(&it.operand),
        Expr::Compare(it) => is_data(&it.left) && view.text(it.range()).ends_with(r#"== b"""#),
        _ => false,
    };
    let last = matches!(view.tree.parent(loop_), Some(AnyNodeRef::StmtFunctionDef(def))
        if def.body.last().is_some_and(|it| it.range() == loop_.range()));
    let leaves = match &empty.body[..] {
        [Stmt::Break(_)] => true,
        [Stmt::Return(it)] => it.value.is_none() && last,
        _ => false,
    };
    let whole = not.op == UnaryOp::Not && loop_.test.range() == not.range();
    (reads && tests && leaves && whole && loop_.orelse.is_empty())
        .then(|| vec![Edit::replace(not.range(), "True", &[])])
}

/// The header of `async for line in reader:` anew.
///
/// # Errors
/// Why it can't be written as a `while`.
pub(crate) fn lines(view: &View<'_>, reader: &Expr) -> Result<Vec<Edit>, String> {
    let Some(AnyNodeRef::StmtFor(for_)) = view.tree.parent(reader) else {
        return Err("its lines are iterated in a comprehension".to_owned());
    };
    let Expr::Name(target) = &*for_.target else {
        return Err("its lines are not iterated by a plain variable".to_owned());
    };
    let header = TextRange::new(for_.start(), for_.iter.end());
    Ok(vec![Edit::Replace {
        range: header,
        pieces: vec![
            "while ".into(),
            target.range().into(),
            " := await ".into(),
            Piece::Helper(&READ_LINE),
            "(".into(),
            reader.range().into(),
            ")".into(),
        ],
    }])
}

/// The edits for a member of a writer, by the range of `writer.write`.
///
/// # Errors
/// Why this form of it has no counterpart.
pub(crate) fn writer_member(
    view: &View<'_>,
    member: TextRange,
    method: &str,
    manner: Manner,
) -> Result<Vec<Edit>, String> {
    let (call, base, attr) = called(view, member, method)?;
    let alone = |name: &str| -> Result<(), String> {
        if !view.is_async(call.range()) {
            return Err(format!(
                "`{name}` is called in a function that is not async, where nothing can be sent"
            ));
        }
        if !matches!(view.tree.parent(call), Some(AnyNodeRef::StmtExpr(_))) {
            return Err(format!("`{name}` is not a statement of its own"));
        }
        Ok(())
    };
    match method {
        "write" => {
            alone("write")?;
            Ok(vec![
                Edit::insert(call.start(), "await ", &[]),
                Edit::replace(attr, "send", &[]),
            ])
        }
        "writelines" => {
            alone("writelines")?;
            let inner = inside(call);
            Ok(vec![
                Edit::insert(call.start(), "await ", &[]),
                Edit::replace(attr, "send", &[]),
                Edit::insert(inner.start(), "b\"\".join(", &[]),
                Edit::insert(inner.end(), ")", &[]),
            ])
        }
        "write_eof" => {
            alone("write_eof")?;
            let name = match (manner.pipes, manner.sockets) {
                (true, true) => {
                    return Err("`write_eof` may be that of a pipe or of a socket".to_owned());
                }
                (true, false) => "aclose",
                (false, _) => "send_eof",
            };
            Ok(vec![
                Edit::insert(call.start(), "await ", &[]),
                Edit::replace(attr, name, &[]),
            ])
        }
        "close" => {
            alone("close")?;
            let mut edits = vec![
                Edit::insert(call.start(), "await ", &[]),
                Edit::replace(attr, "aclose", &[]),
            ];
            edits.extend(shield(view, call));
            Ok(edits)
        }
        "drain" | "wait_closed" => {
            let whole = view
                .await_of(call.range())
                .filter(|await_| matches!(view.tree.parent(*await_), Some(AnyNodeRef::StmtExpr(_))))
                .and_then(|await_| view.tree.enclosing_statement(await_.range()));
            let Some(whole) = whole else {
                return Err(format!(
                    "`{method}` is not awaited in a statement of its own"
                ));
            };
            if method == "drain" && is_guarded_alone(view, whole) {
                return Err(
                    "only `drain` stands in a `try`: AnyIO tells of a broken connection where something is sent"
                        .to_owned(),
                );
            }
            Ok(vec![Edit::DeleteStatement {
                range: whole.range(),
            }])
        }
        "get_extra_info" => extra(view, call, attr),
        // Only those of TLS can't, which stay with asyncio.
        "can_write_eof" => Ok(vec![Edit::replace(call.range(), "True", &[])]),
        "is_closing" if manner.pipes => {
            Err("a stream of AnyIO doesn't tell whether it is closed".to_owned())
        }
        // What the connection is wrapped in has an attribute of this name.
        "is_closing" => Ok(closed_once(view, call, base).unwrap_or_else(|| {
            vec![Edit::replace(
                TextRange::new(attr.end(), call.end()),
                "",
                &[],
            )]
        })),
        _ => Err(format!("a stream of AnyIO has no `{method}`")),
    }
}

/// Whether the range is that of `writer.is_closing`, and the call of it goes.
pub(crate) fn is_closed_once(view: &View<'_>, member: TextRange) -> bool {
    called(view, member, "is_closing")
        .is_ok_and(|(call, writer, _)| closed_once(view, call, writer).is_some())
}

/// `if not writer.is_closing():` around nothing but `close` and `wait_closed`: `AnyIO`'s streams may be closed again, so that
/// the test can go.
fn closed_once(view: &View<'_>, call: &ExprCall, writer: TextRange) -> Option<Vec<Edit>> {
    let Some(AnyNodeRef::ExprUnaryOp(not)) = view.tree.parent(call) else {
        return None;
    };
    let (chosen, rest) = match view.tree.parent(not)? {
        AnyNodeRef::StmtIf(chosen) => (chosen, None),
        AnyNodeRef::ExprBoolOp(all) if all.op == BoolOp::And => match view.tree.parent(all)? {
            AnyNodeRef::StmtIf(chosen) if chosen.test.range() == all.range() => (chosen, Some(all)),
            _ => return None,
        },
        _ => return None,
    };
    let closes = |stmt: &Stmt| {
        let Stmt::Expr(it) = stmt else {
            return false;
        };
        let called = match &*it.value {
            Expr::Await(it) => it.value.as_call_expr().map(|it| (it, "wait_closed")),
            value => value.as_call_expr().map(|it| (it, "close")),
        };
        let member = called.and_then(|(it, name)| Some((it.func.as_attribute_expr()?, name)));
        member.is_some_and(|(member, name)| {
            member.attr.as_str() == name && view.text(member.value.range()) == view.text(writer)
        })
    };
    let first = chosen.body.first()?;
    let is_plain = not.op == UnaryOp::Not
        && !view.text(first.range()).starts_with("await")
        && chosen.elif_else_clauses.is_empty()
        && chosen.body.iter().all(closes);
    if !is_plain {
        return None;
    }
    let Some(all) = rest else {
        let has_comment = view.text(chosen.range()).contains('#');
        return (!has_comment).then(|| {
            vec![Edit::Replace {
                range: chosen.range(),
                pieces: vec![first.range().into()],
            }]
        });
    };
    let at = all.values.iter().position(|it| it.range() == not.range())?;
    let gap = if at > 0 {
        TextRange::new(all.values[at - 1].end(), not.start())
    } else {
        TextRange::new(not.end(), all.values[1].start())
    };
    let is_bare = view.text(gap).trim() == "and";
    is_bare.then(|| vec![Edit::replace(gap.cover(not.range()), "", &[])])
}

fn called<'v>(
    view: &View<'v>,
    member: TextRange,
    method: &str,
) -> Result<(&'v ExprCall, TextRange, TextRange), String> {
    let passed = || format!("`{method}` is passed on as a function");
    let call = view.call_of(member).ok_or_else(passed)?;
    let Expr::Attribute(attribute) = &*call.func else {
        return Err(passed());
    };
    Ok((call, attribute.value.range(), attribute.attr.range()))
}

/// `writer.get_extra_info("peername")` as `writer.extra(…)`.
fn extra(view: &View<'_>, call: &ExprCall, attr: TextRange) -> Result<Vec<Edit>, String> {
    let known = call.arguments.args.first().and_then(|name| match name {
        Expr::StringLiteral(literal) => match literal.value.to_str() {
            "peername" => Some((name.range(), "{@anyio.abc}.SocketAttribute.remote_address")),
            "sockname" => Some((name.range(), "{@anyio.abc}.SocketAttribute.local_address")),
            "socket" => Some((name.range(), "{@anyio.abc}.SocketAttribute.raw_socket")),
            _ => None,
        },
        _ => None,
    });
    let Some((range, attribute)) = known else {
        return Err(format!(
            "AnyIO has no counterpart of `{}`",
            view.text(call.range())
        ));
    };
    Ok(vec![
        Edit::replace(attr, "extra", &[]),
        Edit::Replace {
            range,
            pieces: pieces(attribute, &[]),
        },
    ])
}

/// A shield around a close in a `finally` or handler after which more is to be done: `AnyIO` cancels every wait there.
fn shield(view: &View<'_>, call: &ExprCall) -> Option<Edit> {
    let stmt = view.tree.enclosing_statement(call.range())?;
    let in_cleanup = match view.tree.parent(stmt)? {
        AnyNodeRef::ExceptHandlerExceptHandler(_) => true,
        AnyNodeRef::StmtTry(try_) => try_.finalbody.iter().any(|it| it.range() == stmt.range()),
        _ => false,
    };
    let (suite, index) = view.tree.suite_of(stmt)?;
    let more = suite
        .get(index + 1..)?
        .iter()
        .any(|stmt| !view.text(stmt.range()).ends_with(".wait_closed()"));
    if !in_cleanup || !more {
        return None;
    }
    Some(Edit::Wrap(Wrap {
        range: stmt.range(),
        before: Vec::new(),
        header: pieces("with {@anyio}.CancelScope(shield=True):", &[]),
        last: Vec::new(),
        after: Vec::new(),
    }))
}

/// Whether the statement is in the body of a `try`, and nothing that writes is.
fn is_guarded_alone(view: &View<'_>, stmt: &Stmt) -> bool {
    let Some(AnyNodeRef::StmtTry(try_)) = view.tree.parent(stmt) else {
        return false;
    };
    let (Some(first), Some(last)) = (try_.body.first(), try_.body.last()) else {
        return false;
    };
    if !try_.body.iter().any(|it| it.range() == stmt.range()) || try_.handlers.is_empty() {
        return false;
    }
    let body = view.text(TextRange::new(first.start(), last.end()));
    !body.contains(".write(") && !body.contains(".writelines(")
}
