//! A simulated cluster in virtual time, deterministic by seed.
