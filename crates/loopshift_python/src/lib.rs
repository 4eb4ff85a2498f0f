//! Everything about Python source text: decoding, parsing, the shape of lines, imports and edits.
//!
//! This is the only crate that depends on the `ruff_*` parser family. The others use the syntax
//! tree through [`ast`].

pub mod edit;
pub mod parse;

/// The syntax tree, as the pinned parser defines it.
pub use ruff_python_ast as ast;
pub use ruff_text_size::{Ranged, TextLen, TextRange, TextSize};
