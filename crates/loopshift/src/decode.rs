//! Decoding of files.

pub use loopshift_python::decode::{SourceText, decode};
