//! Balances the red-black tree of free runs, and keeps in every node the length of the longest run
//! in its subtree.
//!
//! # Source
//!
//! Cormen, Leiserson, Rivest, Stein, *Introduction to Algorithms*, chapters "Red-Black Trees" and
//! "Augmenting Data Structures".

use super::node::{NIL, NodeId, Nodes};

/// The nodes of the tree and its root.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) nodes: Nodes,
    pub(crate) root: NodeId,
}

impl Shape {
    /// Recomputes `largest` of the node `id` and of its ancestors, up to the first node whose value
    /// does not change.
    pub(crate) fn refresh(&mut self, mut id: NodeId) {
        while id != NIL && self.recompute(id) {
            id = self.nodes.get(id).parent;
        }
    }

    /// Recomputes `largest` of one node. Returns whether the value has changed.
    fn recompute(&mut self, id: NodeId) -> bool {
        let node = self.nodes.get(id);
        let below = self.nodes.get(node.left).largest.max(self.nodes.get(node.right).largest);
        let largest = node.length.max(below);
        core::mem::replace(&mut self.nodes.edit(id).largest, largest) != largest
    }

    fn is_red(&self, id: NodeId) -> bool {
        self.nodes.get(id).red != 0
    }

    fn paint(&mut self, id: NodeId, red: bool) {
        self.nodes.edit(id).red = u32::from(red);
    }

    fn child(&self, id: NodeId, right: bool) -> NodeId {
        let node = self.nodes.get(id);
        if right { node.right } else { node.left }
    }

    fn set_child(&mut self, id: NodeId, right: bool, child: NodeId) {
        let node = self.nodes.edit(id);
        if right { node.right = child } else { node.left = child }
    }

    /// Puts the node `new` in the place of `old` below the parent of `old`.
    fn replace(&mut self, old: NodeId, new: NodeId) {
        let parent = self.nodes.get(old).parent;
        if parent == NIL {
            self.root = new;
        } else {
            let right = self.nodes.get(parent).right == old;
            self.set_child(parent, right, new);
        }
        self.nodes.edit(new).parent = parent;
    }

    /// Rotates the node `id` down to the side `right`. The child on the other side becomes the root
    /// of the subtree.
    fn rotate(&mut self, id: NodeId, right: bool) {
        let riser = self.child(id, !right);
        let inner = self.child(riser, right);
        self.replace(id, riser);
        self.set_child(id, !right, inner);
        if inner != NIL {
            self.nodes.edit(inner).parent = id;
        }
        self.set_child(riser, right, id);
        self.nodes.edit(id).parent = riser;
        self.recompute(id);
        self.recompute(riser);
    }

    /// Inserts the new red node `new` as a child of `parent` and restores the colour rules.
    pub(crate) fn insert(&mut self, new: NodeId, parent: NodeId, right: bool) {
        self.nodes.edit(new).parent = parent;
        if parent == NIL {
            self.root = new;
        } else {
            self.set_child(parent, right, new);
            self.refresh(parent);
        }
        let mut here = new;
        loop {
            let parent = self.nodes.get(here).parent;
            if !self.is_red(parent) {
                break;
            }
            // `parent` is red and the root is black, so `parent` is not the root and has a parent.
            let grand = self.nodes.get(parent).parent;
            let side = self.nodes.get(grand).right == parent;
            let uncle = self.child(grand, !side);
            if self.is_red(uncle) {
                self.paint(parent, false);
                self.paint(uncle, false);
                self.paint(grand, true);
                here = grand;
                continue;
            }
            if self.child(parent, !side) == here {
                here = parent;
                self.rotate(here, side);
            }
            let parent = self.nodes.get(here).parent;
            self.paint(parent, false);
            self.paint(grand, true);
            self.rotate(grand, !side);
        }
        let root = self.root;
        self.paint(root, false);
    }

    /// Removes a node from the tree and adds it to the list of unused nodes.
    pub(crate) fn remove(&mut self, id: NodeId) {
        let (left, right) = (self.child(id, false), self.child(id, true));
        // `hole` is the node whose subtree may now lack a black node. It may be the sentinel, whose
        // `parent` field is therefore valid until the end of the repair.
        let (hole, lost_black) = if left == NIL || right == NIL {
            let only = if left == NIL { right } else { left };
            let red = self.is_red(id);
            self.replace(id, only);
            (only, !red)
        } else {
            let next = self.leftmost(right);
            let red = self.is_red(next);
            let hole = self.child(next, true);
            if self.nodes.get(next).parent == id {
                self.nodes.edit(hole).parent = next;
            } else {
                self.replace(next, hole);
                self.set_child(next, true, right);
                self.nodes.edit(right).parent = next;
            }
            self.replace(id, next);
            self.set_child(next, false, left);
            self.nodes.edit(left).parent = next;
            self.paint(next, self.is_red(id));
            (hole, !red)
        };
        // `refresh` would stop at the first unchanged node, but nodes above it may have changed
        // too: recompute all of them up to the root.
        let parent = self.nodes.get(hole).parent;
        self.refresh_all(parent);
        if lost_black {
            self.repair(hole);
        }
        self.nodes.edit(NIL).parent = NIL;
        self.nodes.drop(id);
    }

    /// Recomputes every node from `id` up to the root.
    fn refresh_all(&mut self, mut id: NodeId) {
        while id != NIL {
            self.recompute(id);
            id = self.nodes.get(id).parent;
        }
    }

    /// Restores the rule that all paths have equally many black nodes, when the paths through
    /// `hole` have one too few.
    fn repair(&mut self, mut hole: NodeId) {
        while hole != self.root && !self.is_red(hole) {
            let parent = self.nodes.get(hole).parent;
            let side = self.nodes.get(parent).right == hole;
            let mut sibling = self.child(parent, !side);
            if self.is_red(sibling) {
                self.paint(sibling, false);
                self.paint(parent, true);
                self.rotate(parent, side);
                sibling = self.child(parent, !side);
            }
            let (near, far) = (self.child(sibling, side), self.child(sibling, !side));
            if !self.is_red(near) && !self.is_red(far) {
                self.paint(sibling, true);
                hole = parent;
                continue;
            }
            if !self.is_red(far) {
                self.paint(near, false);
                self.paint(sibling, true);
                self.rotate(sibling, !side);
                sibling = self.child(parent, !side);
            }
            self.paint(sibling, self.is_red(parent));
            self.paint(parent, false);
            let far = self.child(sibling, !side);
            self.paint(far, false);
            self.rotate(parent, side);
            hole = self.root;
        }
        self.paint(hole, false);
    }

    /// Returns the node with the lowest address in the subtree of `id`.
    pub(crate) fn leftmost(&self, mut id: NodeId) -> NodeId {
        while self.nodes.get(id).left != NIL {
            id = self.nodes.get(id).left;
        }
        id
    }

    /// Returns the next node in address order, or [`NIL`] behind the last one.
    pub(crate) fn next(&self, mut id: NodeId) -> NodeId {
        if self.nodes.get(id).right != NIL {
            return self.leftmost(self.nodes.get(id).right);
        }
        loop {
            let parent = self.nodes.get(id).parent;
            if parent == NIL || self.nodes.get(parent).left == id {
                return parent;
            }
            id = parent;
        }
    }

    /// Checks order, colours, links and `largest` of all nodes below `id`. Returns the number of
    /// black nodes on each path.
    pub(crate) fn audit(&self, id: NodeId) -> Result<u32, &'static str> {
        if id == NIL {
            return Ok(0);
        }
        let node = self.nodes.get(id);
        let (left, right) = (self.nodes.get(node.left), self.nodes.get(node.right));
        if node.length == 0 {
            return Err("a free run is empty");
        }
        if (node.left != NIL && (left.parent != id || left.end() >= node.start))
            || (node.right != NIL && (right.parent != id || node.end() >= right.start))
        {
            return Err("free runs are out of order or touch");
        }
        if node.largest != node.length.max(left.largest).max(right.largest) {
            return Err("the largest run of a subtree is wrong");
        }
        if self.is_red(id) && (self.is_red(node.left) || self.is_red(node.right)) {
            return Err("a red node has a red child");
        }
        let height = self.audit(node.left)?;
        if height != self.audit(node.right)? {
            return Err("black heights differ");
        }
        Ok(height + u32::from(!self.is_red(id)))
    }
}
