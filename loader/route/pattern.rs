//! Patterns with `*`: what they match, which contains which, which overlap. All three exact.

use std::collections::HashSet;

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// This character.
    Just(char),
    /// Any characters.
    Any,
    /// Any characters but `/`. Not written in manifests; bare names of resources become it where a `/` ends the name.
    Within,
}

impl Token {
    fn is_star(self) -> bool {
        matches!(self, Token::Any | Token::Within)
    }

    /// Whether it stands for this character. `None` is one that no pattern names.
    fn takes(self, letter: Option<char>) -> bool {
        match self {
            Token::Just(own) => letter == Some(own),
            Token::Any => true,
            Token::Within => letter != Some('/'),
        }
    }
}

/// A text in which each `*` stands for any characters, or none. There is no escape: nothing that AWS names holds a `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    tokens: Box<[Token]>,
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn new(text: &str) -> Self {
        Self::build(text.chars().map(|character| if character == '*' { Token::Any } else { Token::Just(character) }))
    }

    /// `template` with `name` in place of `{}`; in either `*` stands for anything, but in `name` not for `/` where the template
    /// holds a `/`.
    pub(super) fn named(template: &str, name: &str) -> Self {
        let star = if template.contains('/') { Token::Within } else { Token::Any };
        let Some((before, after)) = template.split_once("{}") else { return Pattern::new(template) };
        let plain = |text: &'_ str| Pattern::new(text).tokens;
        let inner = Pattern::new(name).tokens;
        let inner = inner.iter().map(|token| if *token == Token::Any { star } else { *token });
        Self::build(plain(before).iter().copied().chain(inner).chain(plain(after).iter().copied()))
    }

    /// Several stars in a row are the widest of them.
    fn build(tokens: impl Iterator<Item = Token>) -> Self {
        let mut merged: Vec<Token> = Vec::new();
        for token in tokens {
            match merged.last_mut() {
                Some(last) if last.is_star() && token.is_star() => {
                    if token == Token::Any {
                        *last = token;
                    }
                }
                _ => merged.push(token),
            }
        }
        Pattern { tokens: merged.into() }
    }

    /// The one text that it stands for.
    fn literal(&self) -> Option<String> {
        self.tokens.iter().map(|token| if let Token::Just(letter) = token { Some(*letter) } else { None }).collect()
    }

    /// Whether the pattern stands for `text`.
    pub(super) fn matches(&self, text: &str) -> bool {
        // A star first takes nothing; where that fails further on, the last star takes one character more. One that may not take a
        // `/` gives way to the last one before it that may take anything.
        let (mut at, mut rest) = (0, text.chars());
        let (mut wide, mut narrow) = (None, None);
        loop {
            match (self.tokens.get(at), rest.clone().next()) {
                (Some(Token::Any), _) => {
                    at += 1;
                    (wide, narrow) = (Some((at, rest.clone())), None);
                }
                (Some(Token::Within), _) => {
                    at += 1;
                    narrow = Some((at, rest.clone()));
                }
                (Some(Token::Just(expected)), Some(found)) if *expected == found => {
                    at += 1;
                    rest.next();
                }
                (None, None) => return true,
                _ => {
                    if let Some((after, mut from)) = narrow.take()
                        && !matches!(from.next(), None | Some('/'))
                    {
                        (at, rest) = (after, from.clone());
                        narrow = Some((after, from));
                    } else if let Some((after, mut from)) = wide.take()
                        && from.next().is_some()
                    {
                        (at, rest) = (after, from.clone());
                        wide = Some((after, from));
                    } else {
                        return false;
                    }
                }
            }
        }
    }

    /// Whether every text of `other` is one of this pattern.
    pub(super) fn contains(&self, other: &Pattern) -> bool {
        // All letters that make a difference: those that this pattern names, and one that stands for all others.
        let mut letters: Vec<Option<char>> = vec![None, Some('/')];
        letters.extend(
            self.tokens.iter().filter_map(|token| if let Token::Just(letter) = token { Some(Some(*letter)) } else { None }),
        );
        letters.sort_unstable();
        letters.dedup();
        // Every way through `other`, along with all the places that this pattern may be at by then.
        if let Some(text) = other.literal() {
            return self.matches(&text);
        }
        let mut open = vec![(0, self.settle(vec![0]))];
        let mut seen = HashSet::new();
        while let Some((at, places)) = open.pop() {
            if !seen.insert((at, places.clone())) {
                continue;
            }
            match other.tokens.get(at) {
                None if places.last() != Some(&self.tokens.len()) => return false,
                None => {}
                Some(Token::Just(letter)) => open.push((at + 1, self.step(&places, Some(*letter)))),
                Some(star) => {
                    let further =
                        letters.iter().filter(|letter| star.takes(**letter)).map(|letter| (at, self.step(&places, *letter)));
                    open.extend(further.collect::<Vec<_>>());
                    open.push((at + 1, places));
                }
            }
        }
        true
    }

    /// The places after one more letter.
    fn step(&self, places: &[usize], letter: Option<char>) -> Vec<usize> {
        let next = places.iter().filter_map(|place| match self.tokens.get(*place) {
            Some(token) if token.takes(letter) => Some(if token.is_star() { *place } else { *place + 1 }),
            _ => None,
        });
        self.settle(next.collect())
    }

    /// A star may take nothing; and whoever is at a [`Token::Any`] can do all that those behind it can.
    fn settle(&self, mut places: Vec<usize>) -> Vec<usize> {
        let mut at = 0;
        while let Some(place) = places.get(at).copied() {
            if self.tokens.get(place).is_some_and(|token| token.is_star()) {
                places.push(place + 1);
            }
            at += 1;
        }
        places.sort_unstable();
        places.dedup();
        let widest = places.iter().rposition(|place| self.tokens.get(*place) == Some(&Token::Any)).unwrap_or(0);
        places.split_off(widest)
    }

    /// Whether some text is one of both.
    pub(super) fn intersects(&self, other: &Pattern) -> bool {
        // Which places of `other` can be reached together with the place of `self` at hand, and with the next one.
        let mut line = vec![false; other.tokens.len() + 1];
        let mut next = vec![false; other.tokens.len() + 1];
        line.iter_mut().take(1).for_each(|cell| *cell = true);
        for here in self.tokens.iter().map(Some).chain([None]) {
            for place in 0..line.len() {
                if line.get(place) != Some(&true) {
                    continue;
                }
                let there = other.tokens.get(place);
                let (along, down, both) = match (here, there) {
                    (Some(Token::Just(one)), Some(Token::Just(two))) => (false, false, one == two),
                    (Some(Token::Just(letter)), Some(star)) => (true, star.takes(Some(*letter)), false),
                    (Some(star), Some(Token::Just(letter))) => (star.takes(Some(*letter)), true, false),
                    (Some(_), Some(_)) => (true, true, false),
                    (Some(token), None) => (false, token.is_star(), false),
                    (None, Some(token)) => (token.is_star(), false, false),
                    (None, None) => return true,
                };
                let reach = |cells: &mut [bool], place: usize| cells.get_mut(place).into_iter().for_each(|cell| *cell = true);
                if along {
                    reach(&mut line, place + 1);
                }
                if down {
                    reach(&mut next, place);
                }
                if both {
                    reach(&mut next, place + 1);
                }
            }
            line = std::mem::replace(&mut next, vec![false; other.tokens.len() + 1]);
        }
        false
    }
}

#[cfg(test)]
mod tests;
