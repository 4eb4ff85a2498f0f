//! Sets of errors.

use std::collections::BTreeSet;

use super::apis;

/// The errors that code may raise. Cancellations are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Errors {
    /// These, by the names of their classes.
    Named(BTreeSet<&'static str>),
    /// Whatever there is.
    Any,
}

impl Errors {
    /// None at all.
    pub(super) const NONE: Self = Errors::Named(BTreeSet::new());

    /// Those with these names.
    pub(super) fn named(names: &[&'static str]) -> Self {
        Errors::Named(names.iter().copied().collect())
    }

    /// Whether there are none.
    pub(super) fn is_none(&self) -> bool {
        *self == Errors::NONE
    }

    /// Those of both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Errors::Named(mut names), Errors::Named(others)) => {
                names.extend(others);
                Errors::Named(names)
            }
            _ => Errors::Any,
        }
    }

    /// Those that a handler for a class lets through.
    pub(super) fn except(self, class: &str) -> Self {
        match (self, class) {
            (_, "<builtin>.Exception" | "<builtin>.BaseException") => Errors::NONE,
            (Errors::Any, _) => Errors::Any,
            (Errors::Named(mut names), class) => {
                names.retain(|name| !apis::is_kind_of(name, class));
                Errors::Named(names)
            }
        }
    }
}

impl FromIterator<Errors> for Errors {
    /// Those of all; what comes after `Any` is not asked for.
    fn from_iter<I: IntoIterator<Item = Errors>>(all: I) -> Self {
        let mut out = Errors::NONE;
        for errors in all {
            out = out.and(errors);
            if out == Errors::Any {
                break;
            }
        }
        out
    }
}
