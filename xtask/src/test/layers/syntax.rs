//! Reads the names that items import and define.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Item, ItemUse, Type, UseTree};

use super::tree::Meaning;

/// One import of a `use` item.
pub(super) struct Leaf {
    pub(super) path: Vec<String>,
    /// The name in the importing module, or `None` for a glob.
    pub(super) name: Option<String>,
    pub(super) line: usize,
}

/// Returns the imports of a `use` item.
pub(super) fn imports(item: &ItemUse) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    leaves_of(&item.tree, &mut Vec::new(), &mut leaves);
    leaves
}

fn leaves_of(tree: &UseTree, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    let mut leaf = |ident: &syn::Ident, name: String| {
        let line = ident.span().start().line;
        // `use a::{self}` imports `a` itself.
        let is_self = ident == "self" && !path.is_empty();
        let name = if is_self && name == "self" { path[path.len() - 1].clone() } else { name };
        let segment = (!is_self).then(|| ident.to_string());
        leaves.push(Leaf {
            path: path.iter().cloned().chain(segment).collect(),
            name: Some(name),
            line,
        });
    };
    match tree {
        UseTree::Name(last) => leaf(&last.ident, last.ident.to_string()),
        UseTree::Rename(last) => leaf(&last.ident, last.rename.to_string()),
        UseTree::Glob(last) => {
            let line = last.star_token.spans[0].start().line;
            leaves.push(Leaf { path: path.clone(), name: None, line });
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves_of(tree, path, leaves)),
        UseTree::Path(step) => {
            path.push(step.ident.to_string());
            leaves_of(&step.tree, path, leaves);
            path.pop();
        }
    }
}

/// Returns the names that an item defines.
pub(super) fn defined(item: &Item) -> Vec<(String, Meaning)> {
    let (ident, meaning) = match item {
        Item::Struct(item) => (&item.ident, Meaning::Type),
        Item::Enum(item) => (&item.ident, Meaning::Type),
        Item::Union(item) => (&item.ident, Meaning::Type),
        Item::Trait(item) => (&item.ident, Meaning::Type),
        Item::Type(item) => (&item.ident, Meaning::Type),
        Item::Fn(item) => (&item.sig.ident, Meaning::Value),
        Item::Const(item) => (&item.ident, Meaning::Value),
        Item::Static(item) => (&item.ident, Meaning::Value),
        Item::Macro(item) => match &item.ident {
            Some(ident) => (ident, Meaning::Value),
            None => return defined_by_macro(item.mac.tokens.clone()),
        },
        _ => return Vec::new(),
    };
    vec![(ident.to_string(), meaning)]
}

/// Returns the types that a macro invocation defines, as with `bitflags!`.
fn defined_by_macro(tokens: TokenStream) -> Vec<(String, Meaning)> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let name = |pair: &[TokenTree]| match pair {
        [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "struct" || word == "enum" => {
            Some((name.to_string(), Meaning::Type))
        }
        _ => None,
    };
    tokens.windows(2).filter_map(name).collect()
}

/// Returns the segments of a type's path. References are removed.
pub(super) fn type_path(type_: &Type) -> Option<Vec<String>> {
    match type_ {
        Type::Path(type_) if type_.qself.is_none() => {
            Some(type_.path.segments.iter().map(|segment| segment.ident.to_string()).collect())
        }
        Type::Reference(type_) => type_path(&type_.elem),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_have_paths_and_names() {
        let item = syn::parse_str("use a::{self, b::C as D, e::*, self as f};").unwrap();
        let show = |leaf: Leaf| (leaf.path.join("::"), leaf.name.unwrap_or_else(|| "*".to_owned()));
        let all: Vec<_> = imports(&item).into_iter().map(show).collect();
        let expected = [("a", "a"), ("a::b::C", "D"), ("a::e", "*"), ("a", "f")];
        assert_eq!(all, expected.map(|(path, name)| (path.to_owned(), name.to_owned())));
    }

    #[test]
    fn macros_define_types() {
        let item = syn::parse_str("bitflags! { pub struct F: u8 { const A = 1; } }").unwrap();
        assert_eq!(defined(&item), [("F".to_owned(), Meaning::Type)]);
    }
}
