//! Everything about Python source text: decoding, parsing, the shape of lines, imports and edits.
//!
//! This is the only crate that depends on the `ruff_*` parser family. The others use the syntax
//! tree through [`ast`].

mod blocks;
pub mod brackets;
pub mod comments;
pub mod decode;
pub mod edit;
pub mod forest;
pub mod imports;
mod layout;
pub mod line_diff;
mod nesting;
pub mod parse;
mod python2;
mod quoted;
pub mod render;
pub mod scope;
pub mod stdlib;
pub mod tree;

pub use parse::ParsedModule;

/// The syntax tree, as the pinned parser defines it.
pub use ruff_python_ast as ast;
pub use ruff_python_ast::{ModModule, PythonVersion};
pub use ruff_text_size::{Ranged, TextLen, TextRange, TextSize};
