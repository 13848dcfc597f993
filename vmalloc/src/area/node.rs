//! The nodes of the tree, in a slab, named by number.
#![expect(unsafe_code, reason = "promises that a record of zeros is a record")]

use crate::raw::{Slab, Zeroable};

/// A node's number. 0 is the sentinel: black, empty, the child of every leaf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeId(pub(crate) u32);

/// The sentinel.
pub(crate) const NIL: NodeId = NodeId(0);

/// A run of free pages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Node {
    /// Its first page number.
    pub(crate) start: u64,
    /// Its pages.
    pub(crate) length: u64,
    /// The longest run in this subtree.
    pub(crate) largest: u64,
    pub(crate) left: NodeId,
    pub(crate) right: NodeId,
    /// The parent; of an unused node the next unused one.
    pub(crate) parent: NodeId,
    pub(crate) red: u32,
}

// SAFETY: the node is made of integers only.
unsafe impl Zeroable for Node {}

impl Node {
    /// One past the last page number.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.length
    }
}

/// All nodes: those in the tree and those that are unused.
#[derive(Debug)]
pub(crate) struct Nodes {
    slab: Slab<Node>,
    unused: NodeId,
    fresh: u32,
}

impl Nodes {
    pub(crate) fn new(slab: Slab<Node>) -> Self {
        Self { slab, unused: NIL, fresh: 1 }
    }

    pub(crate) fn get(&self, id: NodeId) -> &Node {
        &self.slab[id.0 as usize]
    }

    pub(crate) fn edit(&mut self, id: NodeId) -> &mut Node {
        &mut self.slab[id.0 as usize]
    }

    /// Takes an unused node. There are always enough: free runs are kept apart by areas, so there
    /// is at most one more of them than there are region slots.
    pub(crate) fn make(&mut self, start: u64, length: u64) -> NodeId {
        let id = if self.unused == NIL {
            self.fresh += 1;
            NodeId(self.fresh - 1)
        } else {
            let id = self.unused;
            self.unused = self.get(id).parent;
            id
        };
        *self.edit(id) = Node { start, length, largest: length, red: 1, ..Node::default() };
        id
    }

    /// Gives a node back that is no longer in the tree.
    pub(crate) fn drop(&mut self, id: NodeId) {
        self.edit(id).parent = self.unused;
        self.unused = id;
    }
}
