//! The engine: it reads a program as a whole and knows nothing of any concurrency library.

pub mod change;
pub mod externals;
pub mod flow;
pub mod graph;
pub mod ir;
pub mod link;
pub mod lower;
pub mod program;
