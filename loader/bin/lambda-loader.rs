//! `lambda-loader`: the tool for people.
fn main() {}
