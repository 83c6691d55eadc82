#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    dunnock_core::fuzz::login(bytes);
});
