//! The rules on small crates, each with one planted breach.

use super::breach::BreachKind;
use super::*;

/// Returns the breaches of a crate, as `kind: key`.
fn found(document: &str, files: &[(&str, &str)]) -> Vec<String> {
    let all = all_breaches(document, files);
    all.iter().map(|breach| format!("{:?}: {}", breach.kind, breach.key)).collect()
}

fn tree_of(files: &[(&str, &str)]) -> anyhow::Result<Tree> {
    read::read(&|path: &str| {
        let file = files.iter().find(|(name, _)| *name == path);
        file.map(|(_, text)| (*text).to_owned())
    })
}

fn all_breaches(document: &str, files: &[(&str, &str)]) -> Vec<Breach> {
    let tree = tree_of(files).unwrap();
    let blocks = table::blocks(document).unwrap();
    breaches(&tree, &blocks.iter().collect::<Vec<_>>())
}

const ROOT: (&str, &str) = ("lib.rs", "mod a; mod b;");
const TABLE: &str = "```layers x\na\nb\n```\n";

#[test]
fn arrows_that_point_down_pass() {
    let a = ("a.rs", "use crate::b::{self, go}; fn f() { go(); b::go(); }");
    assert!(found(TABLE, &[ROOT, a, ("b.rs", "pub fn go() {}")]).is_empty());
}

#[test]
fn a_cycle_is_found_with_names_and_lines() {
    let a = ("a.rs", "use super::b::Y;\npub struct X(Y);");
    let b = ("b.rs", "pub struct Y;\n\nfn f() { let _ = crate::a::X; }");
    let breaches = all_breaches("", &[ROOT, a, b]);
    assert_eq!(breaches[0].kind, BreachKind::Cycle);
    assert!(breaches[0].text.contains("a -> b: Y (line 2), super::b::Y (line 1)"), "{breaches:?}");
    assert!(breaches[0].text.contains("b -> a: crate::a::X (line 3)"), "{breaches:?}");
    assert_eq!(found("", &[ROOT, a, b]), ["Cycle: a", "Cycle: b"]);
}

#[test]
fn cycles_hide_neither_in_macros_nor_behind_re_exports_or_globs() {
    let root = ("lib.rs", "mod a; mod b; pub use b::Y;");
    for use_ in [
        "fn f() { assert!(m!(crate::Y)); }",
        "use crate::*; type T = Y;",
        "#[x(crate::Y)] fn f() {}",
    ] {
        let b = ("b.rs", "pub struct Y; type Z = super::a::X;");
        let a = format!("pub struct X; {use_}");
        assert_eq!(found("", &[root, ("a.rs", &a), b]), ["Cycle: a", "Cycle: b"], "{use_}");
    }
}

#[test]
fn the_import_of_a_module_is_no_arrow_but_the_names_behind_it_are() {
    // The crate root has a function and a module of the same name.
    let root = ("lib.rs", "mod a; mod b; fn b() { a::go() }");
    let a = ("a.rs", "use super::b; pub fn go() { b::leaf() }");
    assert!(found("", &[root, a, ("b.rs", "pub fn leaf() {}")]).is_empty());
    let a = ("a.rs", "use super::b; pub fn go() { b() }");
    assert_eq!(found("", &[root, a, ("b.rs", "")]), ["Cycle: lib", "Cycle: a"]);
}

#[test]
fn a_module_that_passes_on_an_item_of_another_crate_defines_it() {
    let a = ("a.rs", "pub use core::sync::atomic::AtomicU8; fn f() { crate::b::go() }");
    let b = ("b.rs", "use crate::a::AtomicU8; pub fn go() {}");
    assert_eq!(found("", &[ROOT, a, b]), ["Cycle: a", "Cycle: b"]);
}

#[test]
fn a_child_that_names_its_parent_is_a_cycle_only_if_the_parent_names_it() {
    let root = ("lib.rs", "mod a;");
    let child = ("a/c.rs", "pub struct C(super::X);");
    let exports = ("a.rs", "mod c; pub use c::C; pub struct X;");
    assert!(found("", &[root, exports, child]).is_empty());
    let names = ("a.rs", "mod c; pub use c::C; pub struct X; fn f(c: C) {}");
    assert_eq!(found("", &[root, names, child]), ["Cycle: a", "Cycle: a/c"]);
}

#[test]
fn tests_are_not_read() {
    let a =
        ("a.rs", "pub struct X; #[cfg(all(test, loom))] use crate::b::Y; #[cfg(test)] mod gone;");
    let b = ("b.rs", "pub struct Y(crate::a::X); mod tests { use crate::gone; }");
    assert!(found("", &[ROOT, a, b]).is_empty());
}

#[test]
fn methods_of_two_files_form_a_cycle() {
    let a = ("a.rs", "pub struct T; impl T { pub fn up(&self) {} fn f(&self) { self.down(); } }");
    let b =
        ("b.rs", "use crate::a::T; impl T { pub fn down(&self) { T::up(self); Self::up(self) } }");
    assert_eq!(found("", &[ROOT, a, b]), ["Cycle: a", "Cycle: b"]);
    let without = ("a.rs", "pub struct T; impl T { pub fn up(&self) {} }");
    assert!(found("", &[ROOT, without, b]).is_empty());
}

#[test]
fn an_arrow_that_points_up_is_found() {
    let b = ("b.rs", "fn f() { crate::a::go() }");
    assert_eq!(found(TABLE, &[ROOT, ("a.rs", "pub fn go() {}"), b]), ["Upward: b -> a"]);
    let one_line = "```layers x\na b\n```";
    assert_eq!(found(one_line, &[ROOT, ("a.rs", "pub fn go() {}"), b]), ["Upward: b -> a"]);
    let root = ("lib.rs", "mod a; mod b; pub const C: u8 = 0;");
    let a = ("a.rs", "const D: u8 = crate::C;");
    assert_eq!(found(TABLE, &[root, a, ("b.rs", "")]), ["Upward: a -> crate"]);
}

#[test]
fn the_children_of_a_module_have_layers_too() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a.rs", "mod top; mod low;"),
        ("a/top.rs", "pub fn go() {}"),
        ("a/low.rs", "use super::top; fn f() { top::go() }"),
    ];
    assert_eq!(found("```layers x::a\ntop\nlow\n```", &files), ["Upward: a::low -> a::top"]);
    assert!(found("```layers x::a\nlow\ntop\n```", &files).is_empty());
}

#[test]
fn the_table_lists_the_modules_that_exist() {
    let files = [ROOT, ("a.rs", ""), ("b.rs", "")];
    assert_eq!(found("```layers x\na\nc\n```", &files), ["Unlisted: b", "Unlisted: c"]);
    assert!(table::blocks("```layers x\na\na\n```").is_err());
    assert!(table::blocks("```layers x\na\n").is_err());
}

#[test]
fn large_types_and_double_names_are_found() {
    let methods: String = (0..41).map(|number| format!("fn m{number}() {{}} ")).collect();
    let a = format!("pub struct T; impl T {{ {methods} }}");
    let b = ("b.rs", "pub trait T {} mod inner { pub struct U; } struct U;");
    let expected = ["Spread: T: methods", "DoubleName: T", "DoubleName: U"];
    assert_eq!(found("", &[ROOT, ("a.rs", &a), b]), expected);
    let names: Vec<_> = (0..7).map(|number| format!("m{number}")).collect();
    let mut root = "pub struct T;".to_owned();
    root.extend(names.iter().map(|name| format!(" mod {name};")));
    let paths: Vec<_> = names.iter().map(|name| format!("{name}.rs")).collect();
    let block = "impl super::T { fn m(&self) {} }";
    let mut files: Vec<_> = paths.iter().map(|path| (path.as_str(), block)).collect();
    files.push(("lib.rs", &root));
    assert_eq!(found("", &files), ["Spread: T: files"]);
}

#[test]
fn a_use_inside_a_function_is_an_error() {
    let files = [ROOT, ("a.rs", "fn f() {\n    use crate::b::go;\n}"), ("b.rs", "pub fn go() {}")];
    let error = tree_of(&files).err().unwrap().to_string();
    assert!(error.contains("a.rs:2: `use` inside an item"), "{error}");
}
