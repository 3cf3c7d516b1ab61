//! A tag's code as tokens: enough to find where an operand or an argument ends.

/// One token, by its place in the code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'c> {
    pub text: &'c str,
    pub start: usize,
    /// Brackets open around it; a bracket itself counts as outside.
    pub depth: usize,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a keyword or a number.
    Word,
    Text,
    Operator,
    Open,
    Close,
}

impl Token<'_> {
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether an operand may end with it.
    pub fn ends_operand(&self) -> bool {
        match self.kind {
            Kind::Word => !is_keyword(self.text),
            Kind::Text | Kind::Close => true,
            Kind::Operator | Kind::Open => false,
        }
    }
}

/// Words that stand between operands.
pub(super) fn is_keyword(word: &str) -> bool {
    ["and", "or", "not", "in", "is", "if", "else", "elif", "for", "set", "print", "recursive"].contains(&word)
}

pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    const LONG: [&str; 6] = ["**", "//", "==", "!=", "<=", ">="];
    let mut tokens = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (length, kind) = match first {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '\'' | '"' => (text_length(rest, first), Kind::Text),
            c if is_word(c) => (word_length(rest), Kind::Word),
            '(' | '[' | '{' => (1, Kind::Open),
            ')' | ']' | '}' => (1, Kind::Close),
            _ if LONG.iter().any(|long| rest.starts_with(long)) => (2, Kind::Operator),
            c => (c.len_utf8(), Kind::Operator),
        };
        if kind == Kind::Close {
            depth = usize::saturating_sub(depth, 1);
        }
        tokens.push(Token { text: &rest[..length], start: at, depth, kind });
        if kind == Kind::Open {
            depth += 1;
        }
        at += length;
    }
    tokens
}

/// With its quotes; to the end where it is not closed.
fn text_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A name, or a number with its exponent; one with a fraction is two, joined as a name and its attribute are.
fn word_length(rest: &str) -> usize {
    let is_number = rest.starts_with(|c: char| c.is_ascii_digit());
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        let exponent = matches!(c, '+' | '-') && is_number && matches!(before, 'e' | 'E');
        if !(c.is_alphanumeric() || c == '_' || exponent) {
            return at;
        }
        before = c;
    }
    rest.len()
}
