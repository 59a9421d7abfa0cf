//! Bytes of a manifest to a [`wire::Manifest`]: a mirror of the file, strict, with the position of everything.

pub mod wire;
