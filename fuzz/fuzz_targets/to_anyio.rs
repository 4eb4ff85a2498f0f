//! Any text, moved from asyncio to AnyIO.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loopshift_fuzz::check;
use loopshift_rules::catalog::Target;

fuzz_target!(|text: &str| check(text, Target::Anyio));
