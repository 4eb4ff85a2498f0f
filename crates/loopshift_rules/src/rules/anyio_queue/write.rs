//! The edits of a queue that becomes two streams.

use std::collections::BTreeMap;

use loopshift_engine::change::{Change, FileId, Place};
use loopshift_python::ast::{self, AnyNodeRef, Expr, Stmt};
use loopshift_python::edit::{Edit, Piece};
use loopshift_python::{Ranged, TextRange};

use super::annotations::{Kind, annotation};
use super::collect::{Collected, Fact};
use super::members::Bound;
use super::names::Texts;
use super::slots::{BOTH, RECEIVE, SEND};
use crate::common::objects::values::shares_its_line;
use crate::common::objects::{Obstacle, method};
use crate::context::{Context, View};

/// Writes the edits of one cluster.
pub(super) struct Writer<'w, 'v> {
    pub(super) cx: &'v Context<'v>,
    pub(super) texts: &'w Texts<'v>,
    pub(super) collected: &'w Collected<'v>,
    pub(super) bound: Bound,
    /// The references to the class in annotations.
    pub(super) annotated: &'w [Place],
    /// The types of the items, by the site that makes the streams.
    pub(super) items: BTreeMap<(FileId, u32), TextRange>,
}

/// Whether it could be written.
pub(super) type Written = Result<(), Obstacle>;

impl<'v> Writer<'_, 'v> {
    fn ends(&self, base: &str) -> (String, String) {
        self.texts.ends(base)
    }

    /// The name of one end of what is called `base`.
    pub(super) fn end(&self, base: &str, end: u8) -> String {
        let (send, receive) = self.ends(base);
        if end == SEND { send } else { receive }
    }

    /// The end to use where either will do.
    pub(super) fn either(&self, slot: usize, preferred: u8) -> u8 {
        let needs = self.collected.slots.needs(slot);
        if needs & preferred != 0 {
            preferred
        } else {
            needs
        }
    }

    /// The end to test for being there: the one that the function goes on to use.
    fn tested(&self, view: &View<'_>, expr: &Expr, slot: usize) -> u8 {
        let function = |range| view.tree.enclosing_function(range).map(|it| it.range());
        let here = function(expr.range());
        let puts = self.collected.facts.iter().any(|(other, fact)| match fact {
            Fact::Member {
                member, slot: its, ..
            } => {
                *its == slot
                    && other.file == view.file
                    && matches!(method(member), "put" | "put_nowait")
                    && function(member.place.range) == here
            }
            _ => false,
        });
        self.either(slot, if puts { SEND } else { RECEIVE })
    }

    /// Writes all facts.
    pub(super) fn write(&mut self, change: &mut Change) -> Written {
        let collected = self.collected;
        for (view, fact) in &collected.facts {
            match fact {
                Fact::Bind {
                    stmt,
                    target,
                    slot,
                    value,
                    annotation,
                } => self.bind(view, stmt, target, *slot, *value, *annotation, change)?,
                Fact::Unpack { target, slot } => self.unpack(view, target, *slot, change),
                Fact::Store { value, slot } => {
                    if !value.is_call_expr() || !self.is_site(view, value) {
                        let text = self.stored(view, value, *slot)?;
                        replace(change, view, value.range(), text);
                    }
                }
                Fact::Pass { given, slot } => {
                    self.pass(view, given.value, given.keyword, *slot, change)?;
                }
                Fact::Member {
                    member,
                    receiver,
                    slot,
                } => self.member(view, member, receiver, *slot, change)?,
                Fact::Test { expr, slot } => {
                    let end = self.tested(view, expr, *slot);
                    self.rename(view, expr, *slot, end, change);
                }
                Fact::Parameter { parameter, slot } => {
                    self.parameter(view, parameter, *slot, change)?;
                }
                Fact::Declare { range, slot } => {
                    let text = self.listed(view.text(*range), *slot);
                    replace(change, view, *range, vec![text.into()]);
                }
                Fact::Alias { alias, slot, .. } => self.alias(view, alias, *slot, change),
            }
        }
        Ok(())
    }

    fn is_site(&self, view: &View<'_>, expr: &Expr) -> bool {
        let key = (view.file, expr.range().start().to_u32());
        self.items.contains_key(&key) && matches!(expr, Expr::Call(_))
    }

    /// `name_send, name_receive`, or the one that is needed.
    fn listed(&self, base: &str, slot: usize) -> String {
        match self.collected.slots.needs(slot) {
            BOTH => {
                let (send, receive) = self.ends(base);
                format!("{send}, {receive}")
            }
            end => self.end(base, end),
        }
    }

    /// Renames an expression to one end of it.
    pub(super) fn rename(
        &self,
        view: &View<'_>,
        expr: &Expr,
        slot: usize,
        end: u8,
        change: &mut Change,
    ) {
        match expr {
            Expr::Name(name) => {
                let text = self.end(name.id.as_str(), end);
                replace(change, view, name.range(), vec![text.into()]);
            }
            Expr::Attribute(attribute) => {
                let text = self.end(attribute.attr.as_str(), end);
                replace(change, view, attribute.attr.range(), vec![text.into()]);
            }
            other if self.collected.slots.needs(slot) == BOTH => {
                let at = TextRange::empty(other.end());
                replace(change, view, at, vec![item(end).into()]);
            }
            _ => {}
        }
    }

    /// One end of a value.
    pub(super) fn one(
        &self,
        view: &View<'_>,
        value: &Expr,
        end: u8,
    ) -> Result<Vec<Piece>, Obstacle> {
        Ok(match value {
            Expr::NoneLiteral(_) => vec![value.range().into()],
            Expr::Name(name) => vec![self.end(name.id.as_str(), end).into()],
            Expr::Attribute(attribute) => vec![
                attribute.value.range().into(),
                format!(".{}", self.end(attribute.attr.as_str(), end)).into(),
            ],
            Expr::If(it) => {
                let mut out = self.one(view, &it.body, end)?;
                out.extend([" if ".into(), it.test.range().into(), " else ".into()]);
                out.extend(self.one(view, &it.orelse, end)?);
                out
            }
            Expr::BoolOp(it) => {
                let mut out = Vec::new();
                for (index, value) in it.values.iter().enumerate() {
                    if index > 0 {
                        out.push(" or ".into());
                    }
                    out.extend(self.one(view, value, end)?);
                }
                out
            }
            other if self.is_site(view, other) => vec![other.range().into(), item(end).into()],
            other => {
                let both = crate::rules::anyio_queue::slots::slots_of(self.cx, view, other)?
                    .into_iter()
                    .any(|slot| self.needs_of(&slot) == BOTH);
                let mut out: Vec<Piece> = vec![other.range().into()];
                if both {
                    out.push(item(end).into());
                }
                out
            }
        })
    }

    fn needs_of(&self, slot: &super::slots::Slot) -> u8 {
        let slots = &self.collected.slots;
        (0..slots.len())
            .find(|index| slots.get(*index) == slot)
            .map_or(0, |index| slots.needs(index))
    }

    /// Both ends of a value: `q_send, q_receive`, in brackets or not.
    fn pair(&self, view: &View<'_>, value: &Expr, bare: bool) -> Result<Vec<Piece>, Obstacle> {
        let refuse = || {
            Obstacle::new(
                view.place(value),
                "both ends of it would be needed in an expression that is too complex",
            )
        };
        Ok(match value {
            Expr::Name(_) | Expr::Attribute(_) | Expr::NoneLiteral(_) => {
                let mut out = Vec::new();
                if !bare {
                    out.push("(".into());
                }
                out.extend(self.one(view, value, SEND)?);
                out.push(", ".into());
                out.extend(self.one(view, value, RECEIVE)?);
                if !bare {
                    out.push(")".into());
                }
                out
            }
            Expr::If(it) => {
                let mut out = self.pair(view, &it.body, false)?;
                out.extend([" if ".into(), it.test.range().into(), " else ".into()]);
                out.extend(self.pair(view, &it.orelse, false)?);
                out
            }
            // `given or Queue()`
            Expr::BoolOp(it) => {
                let [first @ (Expr::Name(_) | Expr::Attribute(_)), second] = &it.values[..] else {
                    return Err(refuse());
                };
                let mut out = self.pair(view, first, false)?;
                out.push(" if ".into());
                out.extend(self.one(view, first, SEND)?);
                out.push(" else ".into());
                out.extend(self.pair(view, second, false)?);
                out
            }
            other => vec![other.range().into()],
        })
    }

    /// A value in the form of a slot that is one value.
    fn stored(&self, view: &View<'_>, value: &Expr, slot: usize) -> Result<Vec<Piece>, Obstacle> {
        match self.collected.slots.needs(slot) {
            BOTH => {
                let bare = matches!(
                    view.tree.parent(value),
                    Some(AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtAssign(_))
                );
                self.pair(view, value, bare)
            }
            end => self.one(view, value, end),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one statement")]
    fn bind(
        &mut self,
        view: &View<'v>,
        stmt: &Stmt,
        target: &Expr,
        slot: usize,
        value: Option<&Expr>,
        annotation_: Option<&Expr>,
        change: &mut Change,
    ) -> Written {
        let needs = self.collected.slots.needs(slot);
        if needs != BOTH {
            let text = self.one(view, target, needs)?;
            replace(change, view, target.range(), text);
            if let Some(value) = value
                && !value.is_none_literal_expr()
            {
                replace(change, view, value.range(), self.one(view, value, needs)?);
            }
            if let Some(annotation_) = annotation_ {
                for (range, text) in
                    annotation(view, annotation_.range(), self.annotated, Kind::of(needs))
                {
                    replace(change, view, range, text);
                }
            }
            return Ok(());
        }
        let names = self.pair(view, target, true)?;
        if let Some(value) = value
            && self.is_site(view, value)
        {
            // The type of the items goes to where the streams are made.
            let range = TextRange::new(target.start(), value.start());
            let mut text = names;
            text.push(" = ".into());
            replace(change, view, range, text);
            return Ok(());
        }
        let Some(annotation_) = annotation_ else {
            if let Some(value) = value
                && value.is_none_literal_expr()
            {
                let mut text = self.one(view, target, SEND)?;
                text.push(" = ".into());
                text.extend(self.one(view, target, RECEIVE)?);
                replace(change, view, target.range(), text);
                return Ok(());
            }
            replace(change, view, target.range(), names);
            if let Some(value) = value {
                replace(change, view, value.range(), self.pair(view, value, true)?);
            }
            return Ok(());
        };
        if shares_its_line(view, stmt) {
            return Err(Obstacle::new(
                view.place(target),
                "it would become two statements, and shares its line with others",
            ));
        }
        let mut text = Vec::new();
        for end in [SEND, RECEIVE] {
            if end == RECEIVE {
                text.push("\n".into());
            }
            text.extend(self.one(view, target, end)?);
            text.push(": ".into());
            text.extend(self.annotation_text(view, annotation_.range(), end));
            if let Some(value) = value {
                text.push(" = ".into());
                text.extend(self.one(view, value, end)?);
            }
        }
        replace(change, view, stmt.range(), text);
        Ok(())
    }

    /// An annotation for one end, written out.
    fn annotation_text(&self, view: &View<'_>, whole: TextRange, end: u8) -> Vec<Piece> {
        let whole = view.parsed.as_written(whole);
        let mut out: Vec<Piece> = Vec::new();
        let mut at = whole.start();
        for (range, text) in annotation(view, whole, self.annotated, Kind::of(end)) {
            if range.start() > at {
                out.push(TextRange::new(at, range.start()).into());
            }
            out.extend(text);
            at = range.end();
        }
        if whole.end() > at {
            out.push(TextRange::new(at, whole.end()).into());
        }
        out
    }

    fn unpack(&self, view: &View<'_>, target: &Expr, slot: usize, change: &mut Change) {
        let needs = self.collected.slots.needs(slot);
        let nested = matches!(
            view.tree.parent(target),
            Some(AnyNodeRef::ExprTuple(_) | AnyNodeRef::ExprList(_))
        );
        let text = match needs {
            BOTH => self.pair(view, target, !nested),
            end => self.one(view, target, end),
        };
        if let Ok(text) = text {
            replace(change, view, target.range(), text);
        }
    }

    fn pass(
        &self,
        view: &View<'_>,
        value: &Expr,
        keyword: Option<&ast::Keyword>,
        slot: usize,
        change: &mut Change,
    ) -> Written {
        let needs = self.collected.slots.needs(slot);
        let plain = matches!(
            value,
            Expr::Name(_) | Expr::Attribute(_) | Expr::NoneLiteral(_)
        );
        let Some(keyword) = keyword else {
            let text = match needs {
                BOTH if plain => self.pair(view, value, true)?,
                BOTH => {
                    let mut text: Vec<Piece> = vec!["*".into()];
                    let simple = self.is_site(view, value) || value.is_call_expr();
                    if !simple {
                        text.push("(".into());
                    }
                    text.extend(self.pair(view, value, false)?);
                    if !simple {
                        text.push(")".into());
                    }
                    text
                }
                end => self.one(view, value, end)?,
            };
            if !(value.is_none_literal_expr() && needs != BOTH) {
                replace(change, view, value.range(), text);
            }
            return Ok(());
        };
        let name = keyword.arg.as_ref().map_or("", |name| name.as_str());
        if needs == BOTH && !plain {
            return Err(Obstacle::new(
                view.place(value),
                "it is made where it is passed; keep it in a variable first",
            ));
        }
        let mut text: Vec<Piece> = Vec::new();
        for end in [SEND, RECEIVE] {
            if needs & end == 0 {
                continue;
            }
            if !text.is_empty() {
                text.push(", ".into());
            }
            text.push(format!("{}=", self.end(name, end)).into());
            text.extend(self.one(view, value, end)?);
        }
        replace(change, view, keyword.range(), text);
        Ok(())
    }

    fn parameter(
        &self,
        view: &View<'_>,
        parameter: &ast::ParameterWithDefault,
        slot: usize,
        change: &mut Change,
    ) -> Written {
        let needs = self.collected.slots.needs(slot);
        let name = &parameter.parameter.name;
        let annotation_ = parameter.parameter.annotation.as_deref();
        if needs != BOTH {
            let text = self.end(name.as_str(), needs);
            replace(change, view, name.range(), vec![text.into()]);
            if let Some(annotation_) = annotation_ {
                for (range, text) in
                    annotation(view, annotation_.range(), self.annotated, Kind::of(needs))
                {
                    replace(change, view, range, text);
                }
            }
            if let Some(default) = parameter.default()
                && !default.is_none_literal_expr()
            {
                replace(
                    change,
                    view,
                    default.range(),
                    self.one(view, default, needs)?,
                );
            }
            return Ok(());
        }
        let mut text: Vec<Piece> = Vec::new();
        for end in [SEND, RECEIVE] {
            if end == RECEIVE {
                text.push(", ".into());
            }
            text.push(self.end(name.as_str(), end).into());
            if let Some(annotation_) = annotation_ {
                text.push(": ".into());
                text.extend(self.annotation_text(view, annotation_.range(), end));
            }
            if let Some(default) = parameter.default() {
                text.push(if annotation_.is_some() { " = " } else { "=" }.into());
                text.extend(self.one(view, default, end)?);
            }
        }
        replace(change, view, parameter.range(), text);
        Ok(())
    }

    fn alias(&self, view: &View<'_>, alias: &ast::Alias, slot: usize, change: &mut Change) {
        let needs = self.collected.slots.needs(slot);
        let mut parts: Vec<String> = Vec::new();
        for end in [SEND, RECEIVE] {
            if needs & end == 0 {
                continue;
            }
            let name = self.end(alias.name.as_str(), end);
            parts.push(match &alias.asname {
                Some(local) => format!("{name} as {}", self.end(local.as_str(), end)),
                None => name,
            });
        }
        replace(change, view, alias.range(), vec![parts.join(", ").into()]);
    }
}

/// One end of a tuple of both.
fn item(end: u8) -> &'static str {
    if end == SEND { "[0]" } else { "[1]" }
}

pub(super) fn replace(change: &mut Change, view: &View<'_>, range: TextRange, pieces: Vec<Piece>) {
    change
        .edits
        .push((view.file, Edit::Replace { range, pieces }));
}
