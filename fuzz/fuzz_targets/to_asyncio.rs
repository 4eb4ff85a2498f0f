//! Any text, moved from green threads to asyncio.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loopshift_fuzz::check;
use loopshift_rules::catalog::Target;

fuzz_target!(|text: &str| check(text, Target::Asyncio));
