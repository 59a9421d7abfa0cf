//! What goes wrong, on standard error: a line that says all, and below it the lines of the manifest that it is about.

use std::io::IsTerminal as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::Refusal;
use crate::refusal::Excerpt;

/// Prints a refusal for people.
pub(super) fn refusal(refusal: &Refusal) {
    let coloured = coloured(std::io::stderr().is_terminal(), |name| std::env::var_os(name));
    let (code, refusal_text) = (refusal.code.name(), visible(&refusal.to_string()));
    if coloured {
        eprintln!("\u{1b}[1;31merror[{code}]\u{1b}[0m\u{1b}[1m:\u{1b}[0m {refusal_text}");
    } else {
        eprintln!("error[{code}]: {refusal_text}");
    }
    excerpt(refusal);
}

/// Control characters spelled out: what a caller, a plugin or its file says is not to steer a terminal.
pub(super) fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut visible, character| {
        if character.is_control() {
            visible.extend(character.escape_default())
        } else {
            visible.push(character)
        }
        visible
    })
}

/// The lines of the manifest that a refusal is about, where there are any.
pub(super) fn excerpt(refusal: &Refusal) {
    if let Some(excerpt) = refusal.excerpt.as_deref() {
        eprintln!("{}", lines(excerpt, coloured(std::io::stderr().is_terminal(), |name| std::env::var_os(name))));
    }
}

/// Colours only on a terminal that can show them, and never against <https://no-color.org>.
fn coloured(terminal: bool, variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> bool {
    let refused = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    terminal && !refused && variable("TERM").is_none_or(|terminal| terminal != "dumb")
}

fn lines(excerpt: &Excerpt, coloured: bool) -> String {
    let kinds = std::iter::once(AnnotationKind::Primary).chain(std::iter::repeat(AnnotationKind::Context));
    let marks = kinds.zip(&excerpt.spots).map(|(kind, spot)| kind.span(spot.clone()));
    let snippet = Snippet::source(excerpt.text.as_str()).line_start(excerpt.line).fold(true).annotations(marks);
    let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Ascii).render(&[Group::with_level(Level::ERROR).element(snippet)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(visible("a\u{1b}[31m\nb é"), "a\\u{1b}[31m\\nb é");
    }

    #[test]
    fn colours_are_for_terminals_whose_user_wants_them() {
        #[track_caller]
        fn check(expected: bool, terminal: bool, variables: &[(&str, &str)]) {
            let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
            assert_eq!(coloured(terminal, variable), expected, "{terminal} {variables:?}");
        }
        check(true, true, &[]);
        check(true, true, &[("NO_COLOR", ""), ("TERM", "xterm")]);
        check(false, true, &[("NO_COLOR", "1")]);
        check(false, true, &[("TERM", "dumb")]);
        check(false, false, &[]);
    }
}
