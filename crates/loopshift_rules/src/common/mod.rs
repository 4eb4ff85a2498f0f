//! What several rules ask of the program, and what they write.

// What code stands where, and what it reaches.
pub(crate) mod arguments;
pub(crate) mod awaited;
pub(crate) mod calling;
pub(crate) mod code;
pub(crate) mod held;
pub(crate) mod lasting;
pub(crate) mod leaving;
pub(crate) mod objects;
pub(crate) mod origins;
pub(crate) mod outside;
pub(crate) mod per_function;
pub(crate) mod rows;
pub(crate) mod shared;
pub(crate) mod what_else;

// Times.
pub(crate) mod non_negative;
pub(crate) mod over;
pub(crate) mod seconds;
pub(crate) mod timeouts;

// Errors and cancellation.
pub(crate) mod cancel;
pub(crate) mod cancellation;
pub(crate) mod caught;
pub(crate) mod exits;
pub(crate) mod raising;

// Tasks, and what is waited for together.
pub(crate) mod collected;
pub(crate) mod each_awaited;
pub(crate) mod gather_helpers;
pub(crate) mod in_place;
pub(crate) mod offloaded;
pub(crate) mod order;
pub(crate) mod siblings;

// Event loops.
pub(crate) mod loops;
pub(crate) mod runners;

// What the rules for green threads share.
pub(crate) mod green;
