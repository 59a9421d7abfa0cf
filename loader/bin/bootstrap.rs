//! `bootstrap`: what Lambda starts.
fn main() {}
