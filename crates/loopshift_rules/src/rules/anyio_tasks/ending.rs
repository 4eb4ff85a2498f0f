//! The block of a task group: where it stops what is left, and what callers get when an error leaves it.

use loopshift_engine::change::{Change, Place};
use loopshift_python::ast::AnyNodeRef;
use loopshift_python::edit::{Edit, Piece, Wrap, pieces};
use loopshift_python::{Ranged, TextRange};

use super::failure::is_observed;
use super::region::Region;
use super::state::ExitKind;
use super::{handles, helpers};
use crate::common::code::{is_switch, own_of};
use crate::common::exits::may_exit;
use crate::common::raising::is_told;
use crate::context::Context;

/// Puts the group around the region, with `last` at its end. Tells whether callers get errors as they did.
pub(super) fn edit(
    cx: &Context<'_>,
    change: &mut Change,
    region: &Region<'_>,
    group: &str,
    mut last: Vec<Vec<Piece>>,
) -> bool {
    let range = region.run.range();
    let file = region.view.file;
    let wrap = |header: Vec<Piece>, last: Vec<Vec<Piece>>, after: Vec<Vec<Piece>>| {
        let before = Vec::new();
        (
            file,
            Edit::Wrap(Wrap {
                range,
                before,
                header,
                last,
                after,
            }),
        )
    };
    let place = Place { file, range };
    let observed = is_observed(cx, place) || is_told(cx, place) || may_exit(cx, place);
    if observed {
        let own = handles::are_written(change, file);
        let helper = Piece::Helper(helpers::first_error(cx, own));
        let header = pieces("with {0}():", &[helper]);
        change.edits.push(wrap(header, Vec::new(), Vec::new()));
    }
    let header = pieces(
        "async with {@anyio}.create_task_group() as {0}:",
        &[Piece::from(group.to_owned())],
    );
    let cancel = format!("{group}.cancel_scope.cancel()");
    if region
        .stops
        .iter()
        .any(|(kind, range)| *kind == ExitKind::Return && goes_on(region, *range))
    {
        let after = vec![
            vec!["finally:".into()],
            vec![Piece::from(format!("    {cancel}"))],
        ];
        change.edits.push(wrap(header, Vec::new(), Vec::new()));
        change.edits.push(wrap(vec!["try:".into()], last, after));
        return observed;
    }
    for (kind, range) in &region.stops {
        match kind {
            ExitKind::Return => {
                let range = TextRange::empty(range.start());
                let pieces = vec![Piece::from(format!("{cancel}\n"))];
                change.edits.push((file, Edit::Replace { range, pieces }));
            }
            ExitKind::Fall | ExitKind::Jump => last.push(vec![Piece::from(cancel.clone())]),
        }
    }
    change.edits.push(wrap(header, last, Vec::new()));
    observed
}

/// Whether something is waited for between the start of a `return` and the end of the region: for its value, or by what
/// cleans up on the way.
fn goes_on(region: &Region<'_>, range: TextRange) -> bool {
    let tree = &region.view.tree;
    let inside = |node: &AnyNodeRef<'_>| {
        region.run.range().contains_range(node.range()) && node.range() != range
    };
    let cleans_up = tree
        .around(range)
        .take_while(|node| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .filter(inside)
        .any(|node| match node {
            AnyNodeRef::StmtTry(it) => !it.finalbody.is_empty(),
            AnyNodeRef::StmtWith(it) => it.is_async,
            _ => false,
        });
    cleans_up
        || tree.around(range).any(|node| match node {
            AnyNodeRef::StmtReturn(it) if it.range() == range => it
                .value
                .as_deref()
                .is_some_and(|value| own_of(value).into_iter().any(is_switch)),
            _ => false,
        })
}
