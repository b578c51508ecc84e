//! Hands any bytes to `hostile::bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::bundle(bytes));
