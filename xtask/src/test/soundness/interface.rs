//! Finds the safe public functions of the library in its sources.

use std::collections::BTreeSet;

use anyhow::Context;
use quote::ToTokens;
use syn::{ImplItem, Item, ItemImpl, ItemTrait, Signature, TraitItem, Type, UseTree, Visibility};

use crate::test::layers::test_only::is_test_only;

/// Traits whose implementations call only `Formatter` or have no function of their own.
const TRIVIAL: [&str; 4] = ["Copy", "Debug", "Display", "Error"];

/// Returns `Type::function` for every safe function that other crates can call, and
/// `Type::impl Trait` for every implementation of another trait by a public type.
///
/// Each source has a path below the folder of the sources, and its text. Types that a public item
/// names but that no `pub use` exports are not public.
///
/// # Errors
/// `lib.rs` is missing, or a source is not Rust.
pub(super) fn functions(sources: &[(String, &str)]) -> anyhow::Result<BTreeSet<String>> {
    let mut files = Vec::new();
    for (path, text) in sources {
        files.push((path.as_str(), syn::parse_file(text).with_context(|| path.clone())?.items));
    }
    let root = files.iter().find(|(path, _)| *path == "lib.rs").context("no lib.rs")?;
    let mut names = exports(&root.1);
    let mut found = BTreeSet::new();
    for module in public_modules(&root.1) {
        for (_, items) in files.iter().filter(|(path, _)| *path == format!("{module}.rs")) {
            names.append(&mut exports(items));
            names.extend(public_items(items));
        }
        let is_inside =
            |path: &str| path == format!("{module}.rs") || path.starts_with(&format!("{module}/"));
        for (_, items) in files.iter().filter(|(path, _)| is_inside(path)) {
            found.extend(free_functions(items, &module, &names));
        }
    }
    let test_files: BTreeSet<_> = files.iter().flat_map(|(path, items)| cut(path, items)).collect();
    for (path, items) in &files {
        let is_test =
            |cut: &String| *path == format!("{cut}.rs") || path.starts_with(&format!("{cut}/"));
        if !test_files.iter().any(is_test) {
            collect(items, &names, &mut found);
        }
    }
    Ok(found)
}

/// Returns the paths, without extension, of modules that exist only in test builds.
fn cut(path: &str, items: &[Item]) -> Vec<String> {
    let folder = match path.strip_suffix(".rs") {
        Some("lib") | None => String::new(),
        Some(stem) => format!("{stem}/"),
    };
    let modules = items.iter().filter_map(|item| match item {
        Item::Mod(module) if module.content.is_none() && is_test_only(item) => Some(&module.ident),
        _ => None,
    });
    modules.map(|name| format!("{folder}{name}")).collect()
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Returns the names that the public `use` items of a file export.
fn exports(items: &[Item]) -> BTreeSet<String> {
    fn add(tree: &UseTree, names: &mut BTreeSet<String>) {
        match tree {
            UseTree::Path(path) => add(&path.tree, names),
            UseTree::Group(group) => group.items.iter().for_each(|tree| add(tree, names)),
            UseTree::Name(name) => _ = names.insert(name.ident.to_string()),
            UseTree::Rename(rename) => _ = names.insert(rename.ident.to_string()),
            UseTree::Glob(_) => {}
        }
    }
    let mut names = BTreeSet::new();
    for item in items {
        if let Item::Use(item) = item
            && is_public(&item.vis)
        {
            add(&item.tree, &mut names);
        }
    }
    names
}

fn public_modules(items: &[Item]) -> Vec<String> {
    let module = |item: &Item| match item {
        Item::Mod(module) if is_public(&module.vis) => Some(module.ident.to_string()),
        _ => None,
    };
    items.iter().filter_map(module).collect()
}

/// Returns the names of the public types and traits that a file defines.
fn public_items(items: &[Item]) -> Vec<String> {
    let name = |item: &Item| {
        let (visibility, name) = match item {
            Item::Struct(item) => (&item.vis, &item.ident),
            Item::Enum(item) => (&item.vis, &item.ident),
            Item::Trait(item) => (&item.vis, &item.ident),
            _ => return None,
        };
        is_public(visibility).then(|| name.to_string())
    };
    items.iter().filter_map(name).collect()
}

/// Returns the safe functions of a public module that stand in no type. A file below the file of the
/// module counts if the module exports the function.
fn free_functions(items: &[Item], module: &str, exported: &BTreeSet<String>) -> Vec<String> {
    let name = |item: &Item| match item {
        Item::Fn(function) if is_public(&function.vis) && is_safe(&function.sig) => {
            let name = function.sig.ident.to_string();
            (exported.contains(&name) && !is_test_only(item)).then(|| format!("{module}::{name}"))
        }
        _ => None,
    };
    items.iter().filter_map(name).collect()
}

fn is_safe(signature: &Signature) -> bool {
    !signature
        .to_token_stream()
        .into_iter()
        .take_while(|token| token.to_string() != "fn")
        .any(|token| token.to_string() == "unsafe")
}

fn collect(items: &[Item], names: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    for item in items.iter().filter(|item| !is_test_only(item)) {
        match item {
            Item::Impl(item) => found.extend(of_impl(item, names)),
            Item::Trait(item) if names.contains(&item.ident.to_string()) => {
                found.extend(of_trait(item));
            }
            Item::Mod(module) => {
                let inside = module.content.as_ref().map(|(_, items)| items.as_slice());
                collect(inside.unwrap_or_default(), names, found);
            }
            _ => {}
        }
    }
}

fn of_impl(item: &ItemImpl, names: &BTreeSet<String>) -> Vec<String> {
    let Type::Path(own) = &*item.self_ty else { return Vec::new() };
    let Some(own) = own.path.segments.last().map(|segment| segment.ident.to_string()) else {
        return Vec::new();
    };
    if !names.contains(&own) {
        return Vec::new();
    }
    if let Some(of) = &item.trait_ {
        let name = of.0.segments.last().map(|segment| segment.ident.to_string());
        let name = name.filter(|name| !TRIVIAL.contains(&name.as_str()));
        return name.map(|name| format!("{own}::impl {name}")).into_iter().collect();
    }
    let name = |inner: &ImplItem| match inner {
        ImplItem::Fn(function)
            if is_public(&function.vis) && is_safe(&function.sig) && !is_test_only(inner) =>
        {
            Some(format!("{own}::{}", function.sig.ident))
        }
        _ => None,
    };
    item.items.iter().filter_map(name).collect()
}

fn of_trait(item: &ItemTrait) -> Vec<String> {
    let name = |inner: &TraitItem| match inner {
        TraitItem::Fn(function) if is_safe(&function.sig) => {
            Some(format!("{}::{}", item.ident, function.sig.ident))
        }
        _ => None,
    };
    item.items.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_crates_can_call_is_found() {
        let sources = [
            ("lib.rs", "mod a; pub mod sim; pub use a::{A, T}; #[cfg(test)] mod tests;"),
            (
                "a.rs",
                "pub struct A; struct B; impl<X> A<X> { pub fn f() {} fn g() {} pub unsafe fn h() {}
                 pub const fn c() {} #[cfg(test)] pub fn t() {} pub(crate) fn i() {} }
                 impl B { pub fn b() {} } pub unsafe trait T { fn u(&self); unsafe fn v(&self) {} }
                 impl Drop for A { fn drop(&mut self) {} } impl fmt::Debug for A {}",
            ),
            ("sim.rs", "mod window; pub use window::{Machine, open};"),
            (
                "sim/window.rs",
                "pub fn open() {} pub fn hidden() {} pub struct Machine; impl Machine { pub fn new() {} }",
            ),
            ("tests.rs", "impl A { pub fn x() {} }"),
        ];
        let sources = sources.map(|(path, text)| (path.to_owned(), text));
        let found: Vec<_> = functions(&sources).unwrap().into_iter().collect();
        let expected = ["A::c", "A::f", "A::impl Drop", "Machine::new", "T::u", "sim::open"];
        assert_eq!(found, expected);
    }
}
