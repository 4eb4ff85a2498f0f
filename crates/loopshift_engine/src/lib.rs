//! The engine: it reads a program as a whole and knows nothing of any concurrency library.
//!
//! [`program::analyse`] takes the texts and gives a [`program::Program`], which rules ask about values,
//! calls, uses and objects. Rules answer with [`change::Change`]s.

mod callers;
pub mod change;
pub mod externals;
pub mod facts;
pub mod flow;
pub mod graph;
pub mod ir;
pub mod link;
pub mod lower;
pub mod objects;
mod outline;
pub mod plan;
pub mod program;
pub mod relevance;
pub mod sharing;
pub mod uses;
pub mod verify;
