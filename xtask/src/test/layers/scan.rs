//! Finds the names in a stream of tokens.
//!
//! It reads tokens and not the syntax tree, so that names in arguments of macros and attributes are found
//! too.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// A name in the tokens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The segments of `a::b::c`, or a single identifier.
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// Whether the name is the method in a call `self.method(...)`.
    pub(super) is_own_method: bool,
}

/// Adds every name of the stream to `names`.
pub(super) fn names(stream: TokenStream, names: &mut Vec<Name>) {
    let tokens: Vec<_> = stream.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Group(group) => self::names(group.stream(), names),
            TokenTree::Ident(first) => {
                let path = path_from(&tokens, at - 1);
                let after_dot = at > 1 && is_punct(tokens.get(at - 2), '.');
                // A range, `a..b`, has two dots before its end.
                let is_member = after_dot && !(at > 2 && is_punct(tokens.get(at - 3), '.'));
                at += (path.len() - 1) * 3;
                if !is_member {
                    if let Some(name) = own_method(&tokens[at - 1..]).filter(|_| path == ["self"]) {
                        names.push(name);
                    }
                    names.push(Name { path, line: line_of(first), is_own_method: false });
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Returns the line of the first `use` of the stream. The `use<'a>` of a type bound is none.
pub(super) fn local_use(stream: TokenStream) -> Option<usize> {
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "use" && !is_punct(tokens.peek(), '<') => {
                return Some(line_of(&word));
            }
            TokenTree::Group(group) => {
                let line = local_use(group.stream());
                if line.is_some() {
                    return line;
                }
            }
            _ => {}
        }
    }
    None
}

/// Returns the segments of the path that begins at a token.
fn path_from(tokens: &[TokenTree], mut at: usize) -> Vec<String> {
    let mut path = Vec::new();
    while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
        path.push(ident.to_string());
        if !(is_punct(tokens.get(at + 1), ':') && is_punct(tokens.get(at + 2), ':')) {
            break;
        }
        at += 3;
    }
    path
}

/// Returns the method of `self.method(` or `self.method::<`, if the tokens begin with one.
fn own_method(tokens: &[TokenTree]) -> Option<Name> {
    let [_, TokenTree::Punct(dot), TokenTree::Ident(method), next, ..] = tokens else {
        return None;
    };
    let is_call = match next {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Parenthesis,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    };
    let path = vec![method.to_string()];
    let name = Name { path, line: line_of(method), is_own_method: true };
    (dot.as_char() == '.' && is_call).then_some(name)
}

fn line_of(ident: &Ident) -> usize {
    ident.span().start().line
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        names(text.parse().unwrap(), &mut all);
        let show = |name: &Name| {
            let mark = if name.is_own_method { "." } else { "" };
            format!("{mark}{}", name.path.join("::"))
        };
        all.iter().map(show).collect()
    }

    #[test]
    fn paths_are_found_in_code_and_in_macros() {
        assert_eq!(found("a::b(c)"), ["a::b", "c"]);
        assert_eq!(found("write!(f, \"{}\", x::Y)"), ["write", "f", "x::Y"]);
        assert_eq!(found("Vec::<super::T>::new()"), ["Vec", "super::T", "new"]);
        assert_eq!(found("crate::a::B::c"), ["crate::a::B::c"]);
    }

    #[test]
    fn members_are_no_names_and_own_calls_are_methods() {
        assert_eq!(found("x.field.call()"), ["x"]);
        assert_eq!(found("0..END"), ["END"]);
        assert_eq!(found("self.go(a)"), [".go", "self", "a"]);
        assert_eq!(found("self.go::<T>()"), [".go", "self", "T"]);
        assert_eq!(found("self.field"), ["self"]);
    }

    #[test]
    fn a_use_inside_code_is_found() {
        let line = |text: &str| local_use(text.parse().unwrap());
        assert_eq!(line("fn f() {\n use crate::b::go; }"), Some(2));
        assert_eq!(line("m!(\n\n{ use super::b::*; })"), Some(3));
        assert_eq!(line("fn f() -> impl T + use<'a> {}"), None);
    }

    #[test]
    fn names_have_lines() {
        let mut all = Vec::new();
        names("a\n\n  b".parse().unwrap(), &mut all);
        assert_eq!(all.iter().map(|name| name.line).collect::<Vec<_>>(), [1, 3]);
    }
}
