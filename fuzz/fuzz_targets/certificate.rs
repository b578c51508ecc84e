//! Hands any bytes to `hostile::certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::certificate(bytes));
