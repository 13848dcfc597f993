//! Finds the items that exist only in test builds.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Meta, Token};

/// Returns whether an item has an attribute `cfg` that is false in every build without tests.
pub(in crate::test) fn is_test_only(item: &impl ToTokens) -> bool {
    let mut tokens = item.to_token_stream().into_iter();
    while let Some(TokenTree::Punct(punct)) = tokens.next() {
        if punct.as_char() != '#' {
            return false;
        }
        match tokens.next() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
                if is_false_cfg(group.stream()) {
                    return true;
                }
            }
            _ => return false,
        }
    }
    false
}

/// Returns whether the inside of an attribute is `cfg(...)` with a predicate that is false.
fn is_false_cfg(attribute: TokenStream) -> bool {
    match syn::parse2::<Meta>(attribute) {
        Ok(Meta::List(list)) if list.path.is_ident("cfg") => {
            predicates(list.tokens).iter().any(|predicate| value_of(predicate) == Some(false))
        }
        _ => false,
    }
}

fn predicates(tokens: TokenStream) -> Vec<Meta> {
    let list = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens);
    list.map(|list| list.into_iter().collect()).unwrap_or_default()
}

/// Returns the value of a predicate in builds without tests, or `None` if it depends on the build.
fn value_of(predicate: &Meta) -> Option<bool> {
    match predicate {
        Meta::Path(path) => {
            let is_test = ["test", "loom", "doctest"].iter().any(|name| path.is_ident(name));
            is_test.then_some(false)
        }
        Meta::List(list) => {
            let values: Vec<_> = predicates(list.tokens.clone()).iter().map(value_of).collect();
            let decisive = |value: bool| values.contains(&Some(value)).then_some(value);
            let unanimous = |value: bool| values.iter().all(|other| *other == Some(value));
            if list.path.is_ident("not") {
                values.first().copied().flatten().map(|value| !value)
            } else if list.path.is_ident("all") {
                decisive(false).or(unanimous(true).then_some(true))
            } else {
                decisive(true).or(unanimous(false).then_some(false))
            }
        }
        Meta::NameValue(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_cut(attributes: &str) -> bool {
        let item: syn::Item = syn::parse_str(&format!("{attributes} fn f() {{}}")).unwrap();
        is_test_only(&item)
    }

    #[test]
    fn only_items_that_no_other_build_has_are_cut() {
        assert!(is_cut("#[cfg(test)]"));
        assert!(is_cut("#[doc = \"text\"] #[cfg(all(test, loom))]"));
        assert!(is_cut("#[cfg(any(test, loom))]"));
        assert!(!is_cut("#[cfg(not(all(test, loom)))]"));
        assert!(!is_cut("#[cfg(any(test, feature = \"sim\"))]"));
        assert!(!is_cut("#[cfg(target_os = \"none\")]"));
        assert!(!is_cut("#[inline]"));
        assert!(!is_cut(""));
    }
}
