//! The pipes of a child process: what is read needs a buffer of its own, kept beside the process, or with it where it goes
//! from hand to hand.

use loopshift_engine::change::{Change, Place};
use loopshift_engine::objects::Cluster;
use loopshift_python::Ranged;
use loopshift_python::TextRange;
use loopshift_python::ast::{AnyNodeRef, Expr, Stmt};
use loopshift_python::edit::{Edit, Helper, Piece, pieces};

use crate::context::{Context, View};
use crate::rules::anyio_streams::moved_at;

/// A process that goes from hand to hand.
pub(crate) static PROCESS: Helper = Helper {
    name: "_Process",
    source: "\
class {name}:
    \"\"\"A process whose output can be read by lines.\"\"\"

    def __init__(self, process):
        self._process = process
        self.stdout = self._buffered(process.stdout)
        self.stderr = self._buffered(process.stderr)

    def __getattr__(self, name):
        return getattr(self._process, name)

    @staticmethod
    def _buffered(pipe):
        return None if pipe is None else {@anyio.streams.buffered:BufferedByteReceiveStream}(pipe)
",
};

/// Gives buffers to the pipes of the processes of a cluster that are read by lines and the like.
///
/// # Errors
/// Why they can't get one.
pub(crate) fn convert(
    cx: &Context<'_>,
    cluster: &Cluster,
    change: &mut Change,
) -> Result<(), String> {
    let mut in_variables = change.clone();
    match buffers(cx, cluster, &mut in_variables) {
        Ok(()) => *change = in_variables,
        Err(reason) => wrap(cx, cluster, change).ok_or(reason)?,
    }
    let piped = cluster.members.iter().filter(|member| {
        ["stdin", "stdout", "stderr"]
            .iter()
            .any(|name| member.api.ends_with(&format!(".{name}")))
    });
    // The streams' own change speaks for what is done with the pipes. It is required by its own place: a pipe that this
    // change covers, too, would seem to be moved where all streams stay.
    let streams = moved_at(cx);
    for member in piped {
        let Some(view) = cx.view(member.place.file) else {
            continue;
        };
        let Some(expr) = view.tree.expr_at(member.place.range) else {
            continue;
        };
        // That it is there may be asked of AnyIO's, too.
        let only_asked = matches!(
            view.tree.parent(expr),
            Some(
                AnyNodeRef::ExprCompare(_)
                    | AnyNodeRef::StmtAssert(_)
                    | AnyNodeRef::StmtIf(_)
                    | AnyNodeRef::ExprBoolOp(_)
                    | AnyNodeRef::StmtExpr(_)
            )
        );
        if !only_asked {
            change.requires.extend(streams);
        }
    }
    Ok(())
}

/// Gives buffers to the pipes in variables beside the one of the process.
fn buffers(cx: &Context<'_>, cluster: &Cluster, change: &mut Change) -> Result<(), String> {
    for name in ["stdout", "stderr"] {
        let api = format!("asyncio.subprocess.Process.{name}");
        let members = cluster.members.iter().filter(|member| member.api == api);
        let reads: Vec<Place> = members.map(|member| member.place).collect();
        if reads.iter().any(|place| needs_buffer(cx, *place)) {
            let mut members = cluster.members.iter();
            if members.any(|member| member.api.ends_with(".communicate")) {
                return Err(format!("`{name}` is both read and communicated with"));
            }
            buffer(cx, cluster, name, &reads, change)?;
        }
    }
    Ok(())
}

/// Wraps the processes where they are made, each with its buffers.
fn wrap(cx: &Context<'_>, cluster: &Cluster, change: &mut Change) -> Option<()> {
    for site in &cluster.sites {
        let await_ = cx.view(site.file)?.await_of(site.range)?.range();
        let open = vec![Piece::Helper(&PROCESS), "(".into()];
        for (at, pieces) in [(await_.start(), open), (await_.end(), vec![")".into()])] {
            let range = TextRange::empty(at);
            change
                .edits
                .push((site.file, Edit::Replace { range, pieces }));
        }
    }
    Some(())
}

/// Whether a change makes processes with buffers of their own.
pub(crate) fn wraps(change: &Change) -> bool {
    change.edits.iter().any(|(_, edit)| match edit {
        Edit::Replace { pieces, .. } => pieces.contains(&Piece::Helper(&PROCESS)),
        Edit::DeleteStatement { .. } | Edit::Wrap(_) => false,
    })
}

/// Whether what is done with a pipe needs more than to receive chunks.
fn needs_buffer(cx: &Context<'_>, place: Place) -> bool {
    let Some(view) = cx.view(place.file) else {
        return true;
    };
    let Some(expr) = view.tree.expr_at(place.range) else {
        return true;
    };
    match view.tree.parent(expr) {
        Some(AnyNodeRef::ExprAttribute(attribute)) => attribute.attr.as_str() != "read",
        Some(
            AnyNodeRef::ExprCompare(_)
            | AnyNodeRef::StmtAssert(_)
            | AnyNodeRef::StmtIf(_)
            | AnyNodeRef::ExprBoolOp(_)
            | AnyNodeRef::StmtExpr(_),
        ) => false,
        // `print(process.stdout)` shows that there is none.
        Some(AnyNodeRef::Arguments(_)) => cx.uses.iter().any(|use_| {
            use_.api.starts_with("asyncio.StreamReader.")
                && use_
                    .api
                    .rsplit_once('.')
                    .is_none_or(|(_, name)| name != "read")
        }),
        _ => true,
    }
}

fn buffer(
    cx: &Context<'_>,
    cluster: &Cluster,
    name: &str,
    reads: &[Place],
    change: &mut Change,
) -> Result<(), String> {
    let [site] = cluster.sites.as_slice() else {
        return Err(format!("`{name}` is that of one of several processes"));
    };
    let view = cx.view(site.file).ok_or("the file can't be edited")?;
    let kept = || {
        format!(
            "`{name}` needs a buffer, and the process is not kept in a variable of the function"
        )
    };
    let stmt = view.tree.enclosing_statement(site.range).ok_or_else(kept)?;
    let Stmt::Assign(assign) = stmt else {
        return Err(kept());
    };
    let [Expr::Name(process)] = assign.targets.as_slice() else {
        return Err(kept());
    };
    let is_made_here = view
        .await_of(site.range)
        .is_some_and(|await_| await_.range() == assign.value.range());
    if !is_made_here {
        return Err(kept());
    }
    let scope = view.scopes.at(process.start());
    let variable = view
        .scopes
        .fresh_name(scope, &format!("{}_{name}", process.id.as_str()));
    for place in reads {
        let Some(Expr::Attribute(attribute)) =
            view_of(cx, *place, site.file).and_then(|view| view.tree.expr_at(place.range))
        else {
            return Err(kept());
        };
        let Expr::Name(base) = &*attribute.value else {
            return Err(kept());
        };
        let there = view.scopes.at(base.start());
        if view.scopes.resolve(base.id.as_str(), there)
            != view.scopes.resolve(process.id.as_str(), scope)
        {
            return Err(kept());
        }
        change.edits.push((
            place.file,
            Edit::Replace {
                range: place.range,
                pieces: vec![variable.clone().into()],
            },
        ));
    }
    let mut line: Vec<Piece> = vec![format!("\n{variable} = ").into()];
    line.extend(pieces(
        "{@anyio.streams.buffered:BufferedByteReceiveStream}",
        &[],
    ));
    line.push(format!("({}.{name})", process.id.as_str()).into());
    change.edits.push((
        site.file,
        Edit::Replace {
            range: TextRange::empty(stmt.end()),
            pieces: line,
        },
    ));
    Ok(())
}

fn view_of<'c>(
    cx: &Context<'c>,
    place: Place,
    file: loopshift_engine::change::FileId,
) -> Option<&'c View<'c>> {
    (place.file == file).then(|| cx.view(file)).flatten()
}
