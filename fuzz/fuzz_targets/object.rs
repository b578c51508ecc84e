//! Hands any bytes to `hostile::object`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::object(bytes));
