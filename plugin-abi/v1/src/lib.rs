//! Frozen types.
