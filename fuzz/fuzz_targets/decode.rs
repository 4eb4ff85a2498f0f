//! Any bytes: decoding fails with an error, or gives back the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loopshift_python::decode::decode;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(source) = decode(bytes) {
        assert_eq!(source.encode(&source.text).unwrap(), bytes);
    }
});
