//! Child processes: `run_process` where all that is done is to communicate, `open_process` elsewhere.
//!
//! The defaults are opposite: `AnyIO` pipes what is not given, asyncio inherits it.

pub(crate) mod pipes;

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::{Cluster, Member, clusters};
use loopshift_python::ast::{AnyNodeRef, Expr, ExprCall, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece};
use loopshift_python::{Ranged, TextRange};

use crate::common::arguments::{inside, with_brackets, written};
use crate::common::cancel::can_be_cancelled;
use crate::common::held::attributes;
use crate::context::{Context, View};

const RULE: &str = "anyio-subprocess";

/// What `Process.communicate` does.
pub(crate) static COMMUNICATE: Helper = Helper {
    name: "_communicate",
    source: "\
async def {name}(process, input=None):
    \"\"\"Sends the input to the process, reads all that it writes, and waits for its end.\"\"\"
    output = [None, None]

    async def read(index, stream):
        chunks = [chunk async for chunk in stream]
        output[index] = b\"\".join(chunks)

    async with {@anyio}.create_task_group() as group:
        if process.stdout is not None:
            group.start_soon(read, 0, process.stdout)
        if process.stderr is not None:
            group.start_soon(read, 1, process.stderr)
        if process.stdin is not None:
            try:
                if input:
                    await process.stdin.send(input)
            except {@anyio}.BrokenResourceError:
                pass  # the process has ended, or reads no more
            await process.stdin.aclose()
    await process.wait()
    return output[0], output[1]
",
};

pub(crate) fn plan(cx: &Context<'_>, changes: &mut Vec<Change>) {
    for mut cluster in clusters(cx.program, |ty| ty == "asyncio.subprocess.Process") {
        cluster.members = attributes(cx, &cluster);
        match convert(cx, &cluster) {
            Ok(change) => changes.push(change),
            Err(reason) => decline(cx, &cluster, &reason, changes),
        }
    }
    let spoken: Vec<Place> = changes
        .iter()
        .flat_map(|change| change.covers.iter().copied().chain([change.place]))
        .collect();
    for (use_, _, view) in cx.uses_for(RULE) {
        if use_.api == "asyncio.subprocess.Process" && view.call_of(use_.place.range).is_none() {
            changes.push(annotation(cx, use_.place, changes));
        } else if !spoken.contains(&use_.place) {
            changes.push(Change::declined(
                RULE,
                use_.place,
                &*use_.api,
                "what it gives is not known to be kept as a process",
            ));
        }
    }
}

/// The class as an annotation follows the processes.
fn annotation(cx: &Context<'_>, place: Place, changes: &[Change]) -> Change {
    let mut change = Change::new(
        RULE,
        place,
        "asyncio.subprocess.Process",
        "the class of the processes",
    );
    let direct = cx.view(place.file).and_then(|view| {
        view.tree
            .expr_at(place.range)
            .map(|expr| view.is_direct(expr))
    });
    if direct != Some(true) {
        return Change::declined(
            RULE,
            place,
            "asyncio.subprocess.Process",
            "it is used through a variable",
        );
    }
    change.requires = changes
        .iter()
        .filter(|change| change.rule == RULE && change.api.starts_with("asyncio.create"))
        .map(|change| change.place)
        .collect();
    change.edit(if changes.iter().any(pipes::wraps) {
        Edit::replace(place.range, "{0}", &[Piece::Helper(&pipes::PROCESS)])
    } else {
        Edit::replace(place.range, "{@anyio.abc}.Process", &[])
    });
    change
}

fn decline(cx: &Context<'_>, cluster: &Cluster, reason: &str, changes: &mut Vec<Change>) {
    for site in &cluster.sites {
        let Some((view, call)) = call_at(cx, *site) else {
            continue;
        };
        let api = cx.api_of(view, &call.func).unwrap_or_default().to_owned();
        changes.push(Change::declined(RULE, view.place(&*call.func), api, reason));
    }
    for member in &cluster.members {
        changes.push(Change::declined(
            RULE,
            member.place,
            member.api.clone(),
            reason,
        ));
    }
}

fn call_at<'c>(cx: &Context<'c>, site: Place) -> Option<(&'c View<'c>, &'c ExprCall)> {
    let view = cx.view(site.file)?;
    match view.tree.expr_at(site.range)? {
        Expr::Call(call) => Some((view, call)),
        _ => None,
    }
}

/// The arguments of `create_subprocess_exec` and `_shell`.
struct Command<'v> {
    /// The positional ones, from the first to the last.
    words: TextRange,
    /// Whether they are one string for a shell.
    shell: bool,
    /// `stdin`, `stdout`, `stderr` where given: the whole keyword, and its value.
    streams: BTreeMap<&'static str, (TextRange, &'v Expr)>,
    /// All arguments.
    all: TextRange,
}

impl Command<'_> {
    /// The edits that the words need.
    fn edits(&self, call: &ExprCall, callee: &'static str) -> Vec<Edit> {
        let mut edits = vec![Edit::replace(call.func.range(), callee, &[])];
        if !self.shell {
            edits.push(Edit::insert(self.words.start(), "[", &[]));
            edits.push(Edit::insert(self.words.end(), "]", &[]));
        }
        edits
    }
}

/// Options that both take.
const OPTIONS: &[&str] = &[
    "cwd",
    "env",
    "startupinfo",
    "creationflags",
    "start_new_session",
    "pass_fds",
    "user",
    "group",
    "extra_groups",
    "umask",
];

fn command<'v>(
    cx: &Context<'_>,
    view: &View<'v>,
    call: &'v ExprCall,
) -> Result<Command<'v>, String> {
    let shell = cx.api_of(view, &call.func) == Some("asyncio.create_subprocess_shell");
    let positional = &call.arguments.args;
    let (Some(first), Some(last)) = (positional.first(), positional.last()) else {
        return Err("the command is given by keyword: write it in order first".to_owned());
    };
    if shell && (positional.len() > 1 || first.is_starred_expr()) {
        return Err("the command is not known to be one string".to_owned());
    }
    let words = TextRange::new(
        with_brackets(view, call, first).start(),
        with_brackets(view, call, last).end(),
    );
    let mut streams = BTreeMap::new();
    for keyword in &call.arguments.keywords {
        let Some(name) = keyword
            .arg
            .as_ref()
            .map(loopshift_python::ast::Identifier::as_str)
        else {
            return Err("its options are unpacked from a dictionary".to_owned());
        };
        if keyword.start() < words.end() {
            return Err("its options stand between the words of the command".to_owned());
        }
        let stream = ["stdin", "stdout", "stderr"]
            .into_iter()
            .find(|stream| *stream == name);
        match stream {
            Some(stream) => {
                streams.insert(stream, (keyword.range(), &keyword.value));
            }
            None if name == "limit" => {
                return Err(
                    "AnyIO has no limit of its own for lines: it is given where a line is read"
                        .to_owned(),
                );
            }
            None if OPTIONS.contains(&name) => {}
            None => return Err(format!("AnyIO's has no option `{name}`")),
        }
    }
    Ok(Command {
        words,
        shell,
        streams,
        all: written(view, call).unwrap_or(words),
    })
}

fn is_pipe(cx: &Context<'_>, view: &View<'_>, expr: &Expr) -> Option<bool> {
    match cx.api_of(view, expr) {
        Some("asyncio.subprocess.PIPE" | "subprocess.PIPE") => Some(true),
        Some(
            "asyncio.subprocess.DEVNULL"
            | "subprocess.DEVNULL"
            | "asyncio.subprocess.STDOUT"
            | "subprocess.STDOUT",
        ) => Some(false),
        _ if expr.is_none_literal_expr() => Some(false),
        _ => None,
    }
}

fn convert(cx: &Context<'_>, cluster: &Cluster) -> Result<Change, String> {
    if let Some((_, reason)) = cluster.escapes.first() {
        return Err(format!("the process leaves what can be seen: {reason}"));
    }
    if cluster.sites.is_empty() {
        return Err("the process comes from outside".to_owned());
    }
    if cluster.members.iter().any(|member| !member.only)
        || cluster.places.iter().any(|held| !held.only)
    {
        return Err("where it is used, it may be something else than a process".to_owned());
    }
    if let Some(change) = communicate_only(cx, cluster)? {
        return Ok(change);
    }
    let (view, call) = call_at(cx, cluster.sites[0]).ok_or("it is not made by a call")?;
    let api = cx.api_of(view, &call.func).unwrap_or_default().to_owned();
    let mut change = Change::new(
        RULE,
        view.place(&*call.func),
        api,
        "the child process becomes one of AnyIO",
    );
    for site in &cluster.sites {
        let (view, call) = call_at(cx, *site).ok_or("it is not made by a call")?;
        change.covers.push(view.place(&*call.func));
        change.edits.extend(
            open(cx, view, call)?
                .into_iter()
                .map(|edit| (site.file, edit)),
        );
    }
    for member in &cluster.members {
        change.covers.push(member.place);
        let name = member.api.rsplit('.').next().unwrap_or(&member.api);
        match name {
            "wait" | "kill" | "terminate" | "send_signal" | "pid" | "returncode" => {}
            "communicate" => communicate(cx, member, &mut change)?,
            "stdin" | "stdout" | "stderr" => {}
            _ => return Err(format!("AnyIO's process has no `{name}`")),
        }
    }
    pipes::convert(cx, cluster, &mut change)?;
    Ok(change)
}

/// `create_subprocess_exec(a, b, stdout=PIPE)` as `open_process([a, b], stdout=PIPE, stdin=None, stderr=None)`.
fn open(cx: &Context<'_>, view: &View<'_>, call: &ExprCall) -> Result<Vec<Edit>, String> {
    let command = command(cx, view, call)?;
    let mut edits = command.edits(call, "{@anyio}.open_process");
    let more: Vec<Piece> = ["stdin", "stdout", "stderr"]
        .iter()
        .filter(|name| !command.streams.contains_key(*name))
        .map(|name| format!(", {name}=None").into())
        .collect();
    edits.push(Edit::Replace {
        range: TextRange::empty(command.all.end()),
        pieces: more,
    });
    Ok(edits)
}

/// `process.communicate(data)` as a call of the helper.
fn communicate(cx: &Context<'_>, member: &Member, change: &mut Change) -> Result<(), String> {
    let view = cx
        .view(member.place.file)
        .ok_or("the file can't be edited")?;
    let call = view
        .call_of(member.place.range)
        .ok_or("`communicate` is passed on as a function")?;
    let Expr::Attribute(attribute) = &*call.func else {
        return Err("`communicate` is passed on as a function".to_owned());
    };
    let front = TextRange::new(call.start(), inside(call).start());
    let mut with = vec![
        Piece::Helper(&COMMUNICATE),
        "(".into(),
        attribute.value.range().into(),
    ];
    if !call.arguments.is_empty() {
        with.push(", ".into());
    }
    change.edits.push((
        member.place.file,
        Edit::Replace {
            range: front,
            pieces: with,
        },
    ));
    Ok(())
}

/// The shape that `run_process` has: made, and in the next statement communicated with.
fn communicate_only(cx: &Context<'_>, cluster: &Cluster) -> Result<Option<Change>, String> {
    let [site] = cluster.sites.as_slice() else {
        return Ok(None);
    };
    let (view, call) = call_at(cx, *site).ok_or("it is not made by a call")?;
    let mut communicates = cluster
        .members
        .iter()
        .filter(|member| member.api.ends_with(".communicate"));
    let (Some(communicate), None) = (communicates.next(), communicates.next()) else {
        return Ok(None);
    };
    let others_fit = cluster
        .members
        .iter()
        .all(|member| member.api.ends_with(".communicate") || member.api.ends_with(".returncode"));
    if !others_fit || communicate.place.file != site.file {
        return Ok(None);
    }
    let Some(await_) = view.await_of(call.range()) else {
        return Ok(None);
    };
    let Some(AnyNodeRef::StmtAssign(assign)) = view.tree.parent(await_) else {
        return Ok(None);
    };
    let [Expr::Name(process)] = assign.targets.as_slice() else {
        return Ok(None);
    };
    let Some(reading) = view.call_of(communicate.place.range) else {
        return Ok(None);
    };
    let Some(waiting) = view.await_of(reading.range()) else {
        return Ok(None);
    };
    let (Some(first), Some(second)) = (
        view.tree.enclosing_statement(assign.range()),
        view.tree.enclosing_statement(reading.range()),
    ) else {
        return Ok(None);
    };
    let Some((suite, index)) = view.tree.suite_of(first) else {
        return Ok(None);
    };
    if suite.get(index + 1).map(Ranged::range) != Some(second.range()) {
        return Ok(None);
    }
    let command = command(cx, view, call)?;
    let stdin = command.streams.get("stdin").copied();
    let input = match (&*reading.arguments.args, &*reading.arguments.keywords) {
        ([], []) => None,
        ([input], []) => Some(input),
        ([], [keyword]) if keyword.arg.as_ref().is_some_and(|name| name == "input") => {
            Some(&keyword.value)
        }
        _ => return Ok(None),
    };
    let input = input.filter(|input| !input.is_none_literal_expr());
    // What `stdin=` and `input=` become; an empty input would leave the child with its parent's.
    let piped = match stdin {
        None => Some(false),
        Some((_, stdin)) => is_pipe(cx, view, stdin),
    };
    let never_empty = input
        .is_some_and(|input| matches!(input, Expr::BytesLiteral(bytes) if !bytes.value.is_empty()));
    let mut edits = command.edits(call, "{@anyio}.run_process");
    let takes_stdin = || cx.anyio_has(4, 10);
    match (piped, input, stdin) {
        (Some(true), Some(input), Some((keyword, _))) if never_empty => edits.push(Edit::Replace {
            range: keyword,
            pieces: vec!["input=".into(), input.range().into()],
        }),
        (Some(true), None, Some((keyword, _))) if takes_stdin() => {
            edits.push(Edit::replace(keyword, "stdin={@subprocess}.DEVNULL", &[]));
        }
        (Some(false), None, _) if takes_stdin() => {}
        _ => return Ok(None),
    }
    let mut more: Vec<Piece> = ["stdout", "stderr"]
        .iter()
        .filter(|name| !command.streams.contains_key(*name))
        .map(|name| format!(", {name}=None").into())
        .collect();
    more.push(", check=False".into());
    edits.push(Edit::Replace {
        range: TextRange::empty(command.all.end()),
        pieces: more,
    });
    let api = cx.api_of(view, &call.func).unwrap_or_default().to_owned();
    let mut change = Change::new(
        RULE,
        view.place(&*call.func),
        api,
        "the child process becomes `anyio.run_process`",
    );
    change.covers = cluster.members.iter().map(|member| member.place).collect();
    for edit in edits {
        change.edit(edit);
    }
    let name = process.id.as_str();
    match second {
        Stmt::Expr(stmt) if stmt.value.range() == waiting.range() => {
            change.edit(Edit::DeleteStatement {
                range: second.range(),
            });
        }
        Stmt::Assign(pair)
            if matches!(pair.targets.as_slice(), [Expr::Name(_)])
                || !is_subscripted(view, waiting) =>
        {
            let text = if matches!(pair.targets.as_slice(), [Expr::Tuple(_)]) {
                format!("{name}.stdout, {name}.stderr")
            } else {
                format!("({name}.stdout, {name}.stderr)")
            };
            change.edit(Edit::Replace {
                range: waiting.range(),
                pieces: vec![text.into()],
            });
        }
        _ => {
            change.edit(Edit::Replace {
                range: waiting.range(),
                pieces: vec![format!("({name}.stdout, {name}.stderr)").into()],
            });
        }
    }
    if can_be_cancelled(cx, communicate.place) {
        change.caveat("cancelled, `run_process` kills the child, which asyncio leaves running");
    }
    Ok(Some(change))
}

fn is_subscripted<'v>(view: &View<'v>, expr: impl Into<AnyNodeRef<'v>>) -> bool {
    matches!(view.tree.parent(expr), Some(AnyNodeRef::ExprSubscript(_)))
}
