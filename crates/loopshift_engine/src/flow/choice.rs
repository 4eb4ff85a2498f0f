//! Functions that choose by a parameter what they return.

use super::Flow;
use super::call::NO_RECEIVER;
use super::value::ValueId;
use crate::ir::{Arg, ArgKind, CallForm, Choice, Node};

impl Flow<'_> {
    /// What a call gives of a function that chooses by a parameter; nothing where it is not known whether that is given.
    pub(super) fn chosen(
        &self,
        index: u32,
        choice: Choice,
        args: &[Arg],
        receiver: ValueId,
        bound: &[Option<Node>],
    ) -> Option<Node> {
        let mut kinds = args.iter().map(|arg| arg.kind);
        let spreads = kinds.any(|kind| matches!(kind, ArgKind::Star | ArgKind::DoubleStar));
        let param = usize::from(choice.param);
        if spreads || (receiver != NO_RECEIVER && param == 0) {
            return None;
        }
        let is_decorator = self.linked.calls[index as usize].form == CallForm::Decorator;
        match bound.get(param)? {
            None => Some(choice.absent),
            // What is decorated is there.
            Some(_) if is_decorator => Some(choice.given),
            Some(_) => None,
        }
    }
}
