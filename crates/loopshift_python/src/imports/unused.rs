//! Imports that nothing refers to any more.
