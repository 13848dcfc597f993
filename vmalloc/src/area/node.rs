//! The nodes of the tree of free runs. All nodes are in one slab, and a node is named by its index
//! there.
#![expect(unsafe_code, reason = "promises that a record of zeros is a record")]

use crate::raw::{Slab, Zeroable};

/// The index of a node in the slab. Index 0 is the sentinel: a black node without pages that stands
/// for every absent child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeId(pub(crate) u32);

/// The index of the sentinel.
pub(crate) const NIL: NodeId = NodeId(0);

/// A node of the tree: one run of free pages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Node {
    /// The number of the first page of the run.
    pub(crate) start: u64,
    /// The number of pages of the run.
    pub(crate) length: u64,
    /// The length of the longest run in the subtree of this node, in pages.
    pub(crate) largest: u64,
    pub(crate) left: NodeId,
    pub(crate) right: NodeId,
    /// The parent of a node in the tree. For an unused node: the next unused node.
    pub(crate) parent: NodeId,
    pub(crate) red: u32,
}

// SAFETY: a node consists of integers only, for which zeros are valid.
unsafe impl Zeroable for Node {}

impl Node {
    /// Returns the number of the page right after the run.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.length
    }
}

/// The slab of all nodes, with the list of unused ones.
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

    /// Takes an unused node. The slab always has one: two free runs are separated by at least one
    /// area, and an area has a slot, so there is at most one run more than there are slots.
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

    /// Adds a node that was removed from the tree to the list of unused nodes.
    pub(crate) fn drop(&mut self, id: NodeId) {
        self.edit(id).parent = self.unused;
        self.unused = id;
    }
}
