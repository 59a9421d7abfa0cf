//! `zappa_settings.py`, which Zappa generates: read as text for its assignments of literals. Nothing of it is ever run.

use super::value::Value;

/// The deepest nesting that is read.
const DEPTH: usize = 64;

/// What a file assigns at its top level, and the numbers of the lines that are something else.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) assigned: Vec<(String, Value)>,
    pub(super) passed_over: Vec<usize>,
}

/// Reads a module.
pub(super) fn read(text: &str) -> Module {
    let mut module = Module::default();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let line = rest.lines().next().unwrap_or_default();
        let next = at + rest.find('\n').map_or(rest.len(), |end| end + 1);
        // The inside of a statement, nothing at all, or a comment.
        if line.trim().is_empty() || line.starts_with([' ', '\t', '#']) {
            at = next;
            continue;
        }
        let mut reader = Reader { text, at };
        if let Some(assigned) = reader.assignment() {
            module.assigned.push(assigned);
            at = reader.at;
        } else if let Some(end) = (Reader { text, at }).docstring() {
            // A text that nobody reads may hold lines that look like assignments.
            at = end;
        } else {
            module.passed_over.push(text.get(..at).unwrap_or_default().matches('\n').count() + 1);
            at = next;
        }
    }
    module
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn pass(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn take(&mut self, fits: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let taken = rest.get(..rest.find(|next| !fits(next)).unwrap_or(rest.len())).unwrap_or_default().to_owned();
        self.at += taken.len();
        taken
    }

    /// Blanks; within brackets also line ends and comments.
    fn space(&mut self, inside: bool) {
        loop {
            self.take(|next| matches!(next, ' ' | '\t') || (inside && matches!(next, '\n' | '\r')));
            if self.pass("\\\n") {
                continue;
            }
            if !(inside && self.peek() == Some('#')) {
                return;
            }
            self.take(|next| next != '\n');
        }
    }

    /// `NAME = literal` or `NAME: type = literal`, to the end of its line.
    fn assignment(&mut self) -> Option<(String, Value)> {
        let name = self.take(|next| next.is_ascii_alphanumeric() || next == '_');
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        self.space(false);
        if self.pass(":") {
            self.take(|next| !matches!(next, '=' | '\n' | '#' | '"' | '\''));
        }
        if !self.pass("=") || self.peek() == Some('=') {
            return None;
        }
        self.space(false);
        let value = self.value(false, 0)?;
        self.end_of_line()?;
        Some((name, value))
    }

    fn end_of_line(&mut self) -> Option<()> {
        self.space(false);
        if self.peek() == Some('#') {
            self.take(|next| next != '\n');
        }
        self.pass("\r");
        (self.pass("\n") || self.peek().is_none()).then_some(())
    }

    /// The end of a text that stands alone.
    fn docstring(mut self) -> Option<usize> {
        self.string()?;
        self.end_of_line()?;
        Some(self.at)
    }

    fn value(&mut self, inside: bool, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        match self.peek()? {
            '[' => self.list(']', depth),
            '(' => self.list(')', depth),
            '{' => self.dictionary(depth),
            '-' | '0'..='9' => self.number(),
            _ => {
                for (word, value) in [("None", Value::Null), ("True", Value::Bool(true)), ("False", Value::Bool(false))] {
                    if self.pass(word) {
                        let ends = self.peek().is_none_or(|next| !next.is_alphanumeric() && next != '_');
                        return ends.then_some(value);
                    }
                }
                let mut text = self.string()?;
                loop {
                    let end = self.at;
                    self.space(inside);
                    match self.string() {
                        Some(more) => text.push_str(&more),
                        None => {
                            self.at = end;
                            return Some(Value::Text(text));
                        }
                    }
                }
            }
        }
    }

    fn list(&mut self, close: char, depth: usize) -> Option<Value> {
        self.next()?;
        let (mut items, mut comma) = (Vec::new(), false);
        loop {
            self.space(true);
            if self.peek()? == close {
                self.next()?;
                // In Python brackets around one value are only brackets.
                let alone = close == ')' && items.len() == 1 && !comma;
                return if alone { items.pop() } else { Some(Value::List(items)) };
            }
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value(true, depth + 1)?);
            self.space(true);
            comma = self.pass(",");
        }
    }

    fn dictionary(&mut self, depth: usize) -> Option<Value> {
        self.next()?;
        let (mut members, mut comma) = (Vec::new(), true);
        loop {
            self.space(true);
            if self.pass("}") {
                return Some(Value::Map(members));
            }
            if !comma {
                return None;
            }
            let Value::Text(key) = self.value(true, depth + 1)? else { return None };
            self.space(true);
            self.pass(":").then_some(())?;
            self.space(true);
            members.push((key, self.value(true, depth + 1)?));
            self.space(true);
            comma = self.pass(",");
        }
    }

    fn number(&mut self) -> Option<Value> {
        let digits = self.take(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '.' | '_')).replace('_', "");
        serde_json::from_str(&digits).ok().map(Value::Number)
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let text = self.quoted();
        if text.is_none() {
            self.at = start;
        }
        text
    }

    fn quoted(&mut self) -> Option<String> {
        // Formatted texts are expressions; bytes are no text.
        let raw = match self.take(|next| next.is_ascii_alphabetic()).to_ascii_lowercase().as_str() {
            "" | "u" => false,
            "r" => true,
            _ => return None,
        };
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| self.pass(quote))?;
        let mut text = String::new();
        loop {
            if self.pass(quote) {
                return Some(text);
            }
            match self.next()? {
                '\n' if quote.len() == 1 => return None,
                '\\' if raw => {
                    text.push('\\');
                    text.push(self.next()?);
                }
                '\\' => self.escape(&mut text)?,
                next => text.push(next),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Option<()> {
        let code = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        let escaped = match self.next()? {
            '\n' => return Some(()),
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '0' => '\0',
            kind @ ('x' | 'u' | 'U') => {
                let length = match kind {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits = self.rest().get(..length)?.to_owned();
                self.at += length;
                code(&digits)?
            }
            same @ ('\\' | '\'' | '"') => same,
            // Names of characters and the like: rather nothing than something else.
            _ => return None,
        };
        text.push(escaped);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let found = read(text);
        let json = found.assigned.first().map(|(_, value)| serde_json::to_string(value).unwrap());
        assert_eq!(json.as_deref(), expected, "{text} {found:?}");
        assert_eq!(found.passed_over.is_empty(), expected.is_some(), "{text} {found:?}");
    }

    #[test]
    fn literals_are_read() {
        check("A=None", Some("null"));
        check("A: Optional[str] = None  # none", Some("null"));
        check("A = True\r\n", Some("true"));
        check("A=-12", Some("-12"));
        check("A=1_000.5", Some("1000.5"));
        check(r#"A='it\'s' "\x41\u00e4\n""#, Some(r#""it'sAä\n""#));
        check(r"A=r'\d+'", Some(r#""\\d+""#));
        check("A='''two\nlines'''", Some(r#""two\nlines""#));
        check("A={\n  'a': ['x', ('y',), ('z')], # more\n  u\"b\": {},\n}\n", Some(r#"{"a":["x",["y"],"z"],"b":{}}"#));
    }

    #[test]
    fn what_would_have_to_be_run_is_passed_over() {
        for text in [
            "A=os.environ['X']",
            "A=f'{x}'",
            "A='a' + 'b'",
            "A='a'.upper()",
            "A={'a': x}",
            "A={1: 2}",
            "A=['a' 1]",
            "A=[1 2]",
            "A={'a': 1 'b': 2}",
            "A='open",
            "A=[",
            "A==1",
            "A=Nonesuch",
            "A=b'x'",
            "import os",
            "def f():\n    A = 1",
            "A='\\N{DASH}'",
            &format!("A={}", "[".repeat(10_000)),
        ] {
            check(text, None);
        }
        let module = read("\"\"\"\nA = 1\n\"\"\"\nimport os\nB = 2\nos.system('x')\n");
        assert_eq!((module.assigned.len(), module.passed_over), (1, vec![4, 6]));
    }
}
