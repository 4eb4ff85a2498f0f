//! One file per command.

pub mod explain;
pub mod graph;
pub mod migrate;
pub mod scan;
pub mod undo;
pub mod verify;
