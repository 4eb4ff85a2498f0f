//! The command line, used as a user or another crate does.

mod applying;
mod caching;
mod commands;
mod crashes;
mod diffing;
mod discovering;
mod projects;
mod setting;
mod small;
mod strange;
mod tools;
mod verifying;
