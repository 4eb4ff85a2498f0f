//! The engine: it reads a program as a whole and knows nothing of any concurrency library.

pub mod change;
