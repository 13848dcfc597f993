//! Reads the sources of a crate into a [`Tree`], from its root along the declarations of modules.

use std::mem;

use anyhow::{Context, bail};
use quote::ToTokens;
use syn::{ImplItem, Item, ItemImpl, ItemMod, ItemUse, Visibility};

use super::scan;
use super::syntax::{self, Leaf};
use super::test_only::is_test_only;
use super::tree::{
    FileIndex, InherentImpl, Meaning, Mention, MentionKind, Module, ModuleIndex, SourceFile, Tree,
};

/// A function that returns the text of a file below `src`, or `None` if there is no such file.
type Text<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the sources of a crate.
///
/// # Errors
/// The root is missing, a declared module has no file, a file is not valid Rust, or a `use` is inside an
/// item.
pub(super) fn read(text: Text<'_>) -> anyhow::Result<Tree> {
    let root = ["lib.rs", "main.rs"].into_iter().find(|path| text(path).is_some());
    let mut reader = TreeReader { text, tree: Tree::default() };
    reader.file(root.context("neither lib.rs nor main.rs")?, &[], None)?;
    Ok(reader.tree)
}

struct TreeReader<'a> {
    text: Text<'a>,
    tree: Tree,
}

impl TreeReader<'_> {
    fn file(
        &mut self,
        path: &str,
        module: &[String],
        parent: Option<ModuleIndex>,
    ) -> anyhow::Result<ModuleIndex> {
        let text = (self.text)(path).with_context(|| format!("no file {path}"))?;
        let syntax = syn::parse_file(&text).with_context(|| path.to_owned())?;
        let file = self.tree.files.len();
        self.tree.files.push(SourceFile { path: path.to_owned(), module: module.to_vec() });
        self.module(syntax.items, module, file, parent)
    }

    fn module(
        &mut self,
        items: Vec<Item>,
        path: &[String],
        file: FileIndex,
        parent: Option<ModuleIndex>,
    ) -> anyhow::Result<ModuleIndex> {
        let index = self.tree.modules.len();
        let (names, globs) = Default::default();
        self.tree.modules.push(Module { parent, file, names, globs });
        for item in items.into_iter().filter(|item| !is_test_only(item)) {
            match item {
                Item::Mod(item) => self.child(item, path, index)?,
                Item::Use(item) => self.import(index, &item),
                Item::Impl(item) => self.implementation(index, item)?,
                item => {
                    for (name, meaning) in syntax::defined(&item) {
                        self.define(index, name, meaning);
                    }
                    self.code(index, &item, None)?;
                }
            }
        }
        Ok(index)
    }

    fn child(&mut self, item: ItemMod, path: &[String], parent: usize) -> anyhow::Result<()> {
        let name = item.ident.to_string();
        if name == "tests" {
            return Ok(());
        }
        let path = [path, std::slice::from_ref(&name)].concat();
        let index = match item.content {
            Some((_, items)) => {
                let file = self.tree.file_of(parent);
                self.module(items, &path, file, Some(parent))?
            }
            None => self.file(&format!("{}.rs", path.join("/")), &path, Some(parent))?,
        };
        self.define(parent, name, Meaning::Module(index));
        Ok(())
    }

    fn define(&mut self, module: ModuleIndex, name: String, meaning: Meaning) {
        self.tree.modules[module].names.entry(name).or_default().push(meaning);
    }

    fn import(&mut self, module: ModuleIndex, item: &ItemUse) {
        let is_private = matches!(item.vis, Visibility::Inherited);
        let kind = if is_private { MentionKind::Import } else { MentionKind::Export };
        for Leaf { path, name, line } in syntax::imports(item) {
            match name {
                Some(name) => self.define(module, name, Meaning::Import(path.clone())),
                None => self.tree.modules[module].globs.push(path.clone()),
            }
            self.tree.mentions.push(Mention { module, path, line, kind });
        }
    }

    fn implementation(&mut self, module: ModuleIndex, mut item: ItemImpl) -> anyhow::Result<()> {
        let items = mem::take(&mut item.items);
        let own = syntax::type_path(&item.self_ty);
        self.code(module, &item, own.as_deref())?;
        let items: Vec<_> = items.into_iter().filter(|item| !is_test_only(item)).collect();
        for item in &items {
            self.code(module, item, own.as_deref())?;
        }
        if let (Some(path), None) = (own, item.trait_) {
            let method = |item: &ImplItem| match item {
                ImplItem::Fn(function) => Some(function.sig.ident.to_string()),
                _ => None,
            };
            let methods = items.iter().filter_map(method).collect();
            self.tree.impls.push(InherentImpl { module, path, methods });
        }
        Ok(())
    }

    /// Records the names in the code of an item. `own` is the path of the type for which `Self` stands.
    ///
    /// # Errors
    /// The code contains a `use`. The names that it imports would not be found.
    fn code(
        &mut self,
        module: ModuleIndex,
        item: &impl ToTokens,
        own: Option<&[String]>,
    ) -> anyhow::Result<()> {
        let stream = item.to_token_stream();
        if let Some(line) = scan::local_use(stream.clone()) {
            let file = &self.tree.files[self.tree.file_of(module)].path;
            bail!("{file}:{line}: `use` inside an item: move it to the top of the file");
        }
        let mut names = Vec::new();
        scan::names(stream, &mut names);
        for name in names {
            let path = match own {
                Some(own) if name.is_own_method => [own, &name.path].concat(),
                Some(own) if name.path[0] == "Self" => [own, &name.path[1..]].concat(),
                _ if name.is_own_method => continue,
                _ => name.path,
            };
            self.tree.mentions.push(Mention {
                module,
                path,
                line: name.line,
                kind: MentionKind::Code,
            });
        }
        Ok(())
    }
}
