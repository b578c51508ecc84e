//! Hands any bytes to `hostile::key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::key(bytes));
