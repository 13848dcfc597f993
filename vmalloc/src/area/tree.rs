//! Finds, takes and returns runs of free pages in a red-black tree ordered by address.

use super::balance::Shape;
use super::node::{NIL, Node, NodeId, Nodes};
use crate::raw::Slab;

/// The free runs of a window, as page numbers. Runs that touch are joined, so a used page lies
/// between two runs.
#[derive(Debug)]
pub(crate) struct FreeTree {
    shape: Shape,
    free: u64,
}

impl FreeTree {
    /// Returns the number of nodes that the tree of a window with `regions` slots can need: one for
    /// each slot, one more run, the sentinel, and one that is used while a run is split.
    pub(crate) fn nodes(regions: u32) -> usize {
        regions as usize + 3
    }

    /// Creates a tree with one free run of `length` pages.
    pub(crate) fn new(slab: Slab<Node>, start: u64, length: u64) -> Self {
        let shape = Shape { nodes: Nodes::new(slab), root: NIL };
        let mut tree = Self { shape, free: 0 };
        tree.put(start, length);
        tree
    }

    /// Returns the number of free pages in all runs.
    pub(crate) fn free(&self) -> u64 {
        self.free
    }

    /// Returns the length of the longest free run.
    pub(crate) fn largest(&self) -> u64 {
        self.node(self.shape.root).largest
    }

    fn node(&self, id: NodeId) -> &Node {
        self.shape.nodes.get(id)
    }

    /// Takes `length` pages that start `phase` pages after a multiple of `align`, a power of two.
    /// Prefers the lowest run that is long enough wherever it starts. If there is none, takes the
    /// lowest run that contains an aligned start.
    ///
    /// # Complexity
    ///
    /// O(log n). O(n) only if `align` is above 1 and no run is long enough wherever it starts.
    pub(crate) fn take(&mut self, length: u64, align: u64, phase: u64) -> Option<u64> {
        let roomy = length.checked_add(align - 1);
        let found = match roomy.and_then(|roomy| self.lowest(roomy)) {
            Some(found) => found,
            None if align > 1 => self.lowest_aligned(self.shape.root, length, align, phase)?,
            None => return None,
        };
        let start = Self::aligned(self.node(found), length, align, phase)?;
        self.cut(found, start, length);
        self.free -= length;
        Some(start)
    }

    /// Takes exactly the `length` pages from `start`. Returns `false` if one of these pages is not
    /// free.
    pub(crate) fn take_at(&mut self, start: u64, length: u64) -> bool {
        let (found, _) = self.neighbours(start);
        let holds = found != NIL && start + length <= self.node(found).end();
        if holds {
            self.cut(found, start, length);
            self.free -= length;
        }
        holds
    }

    /// Returns the lowest run of at least `length` pages.
    fn lowest(&self, length: u64) -> Option<NodeId> {
        let mut here = self.shape.root;
        if self.node(here).largest < length {
            return None;
        }
        loop {
            let node = self.node(here);
            if self.node(node.left).largest >= length {
                here = node.left;
            } else if node.length >= length {
                return Some(here);
            } else {
                here = node.right;
            }
        }
    }

    /// Returns the lowest run below `id` that contains `length` pages that start `phase` pages
    /// after a multiple of `align`.
    fn lowest_aligned(&self, id: NodeId, length: u64, align: u64, phase: u64) -> Option<NodeId> {
        let node = self.node(id);
        if id == NIL || node.largest < length {
            return None;
        }
        self.lowest_aligned(node.left, length, align, phase)
            .or_else(|| Self::aligned(node, length, align, phase).map(|_| id))
            .or_else(|| self.lowest_aligned(node.right, length, align, phase))
    }

    /// Returns the first page in the run of `node` that is `phase` pages after a multiple of
    /// `align`, if `length` pages from there lie in the run.
    fn aligned(node: &Node, length: u64, align: u64, phase: u64) -> Option<u64> {
        let ahead = phase.wrapping_sub(node.start) & (align - 1);
        let start = node.start.checked_add(ahead)?;
        let end = start.checked_add(length)?;
        (end <= node.end()).then_some(start)
    }

    /// Removes the `length` pages from `start` out of a run. The pages before and after these pages
    /// stays free, as up to two runs.
    fn cut(&mut self, id: NodeId, start: u64, length: u64) {
        let node = *self.node(id);
        let (before, after) = (start - node.start, node.end() - (start + length));
        if before == 0 && after == 0 {
            self.shape.remove(id);
            return;
        }
        if before == 0 {
            self.resize(id, start + length, after);
            return;
        }
        self.resize(id, node.start, before);
        if after > 0 {
            let new = self.shape.nodes.make(start + length, after);
            self.hang(new, id);
        }
    }

    fn resize(&mut self, id: NodeId, start: u64, length: u64) {
        let node = self.shape.nodes.edit(id);
        (node.start, node.length) = (start, length);
        self.shape.refresh(id);
    }

    /// Inserts the node `new` as the direct successor of `before` in address order.
    fn hang(&mut self, new: NodeId, before: NodeId) {
        let right = self.node(before).right;
        if right == NIL {
            self.shape.insert(new, before, true);
        } else {
            let next = self.shape.leftmost(right);
            self.shape.insert(new, next, false);
        }
    }

    /// Adds a free run and joins it with the free neighbours that it touches.
    pub(crate) fn put(&mut self, start: u64, length: u64) {
        let end = start + length;
        let (before, after) = self.neighbours(start);
        let joins_before = before != NIL && self.node(before).end() == start;
        let joins_after = after != NIL && self.node(after).start == end;
        assert!(
            (before == NIL || self.node(before).end() <= start)
                && (after == NIL || end <= self.node(after).start),
            "pages {start:#x}+{length} are free already"
        );
        self.free += length;
        match (joins_before, joins_after) {
            (true, true) => {
                let more = length + self.node(after).length;
                self.shape.remove(after);
                self.resize(before, self.node(before).start, self.node(before).length + more);
            }
            (true, false) => {
                self.resize(before, self.node(before).start, self.node(before).length + length);
            }
            (false, true) => self.resize(after, start, self.node(after).length + length),
            (false, false) => {
                let new = self.shape.nodes.make(start, length);
                if before == NIL {
                    let parent = if after == NIL { NIL } else { after };
                    self.shape.insert(new, parent, false);
                } else {
                    self.hang(new, before);
                }
            }
        }
    }

    /// Returns the last run that starts at or below `start`, and the first run that starts above
    /// `start`; `NIL` if there is none.
    fn neighbours(&self, start: u64) -> (NodeId, NodeId) {
        let (mut before, mut after, mut here) = (NIL, NIL, self.shape.root);
        while here != NIL {
            let node = self.node(here);
            if node.start <= start {
                (before, here) = (here, node.right);
            } else {
                (after, here) = (here, node.left);
            }
        }
        (before, after)
    }

    /// Returns the start and length of the first free run that starts at or above the page `start`.
    pub(crate) fn next_from(&self, start: u64) -> Option<(u64, u64)> {
        let (before, after) = self.neighbours(start);
        let found = if before != NIL && self.node(before).start == start { before } else { after };
        (found != NIL).then(|| (self.node(found).start, self.node(found).length))
    }

    /// Returns the start and length of the highest free run.
    pub(crate) fn last(&self) -> Option<(u64, u64)> {
        let (last, _) = self.neighbours(u64::MAX);
        (last != NIL).then(|| (self.node(last).start, self.node(last).length))
    }

    /// Returns the nodes, so that a test can damage them.
    #[cfg(test)]
    pub(super) fn shape(&mut self) -> &mut Shape {
        &mut self.shape
    }

    /// Checks the structure of the tree, and compares the sum of all runs with the number of free
    /// pages.
    pub(crate) fn audit(&self) -> Result<(), &'static str> {
        self.shape.audit(self.shape.root)?;
        let mut here = self.shape.leftmost(self.shape.root);
        let mut sum = 0;
        while here != NIL {
            sum += self.node(here).length;
            here = self.shape.next(here);
        }
        if sum == self.free { Ok(()) } else { Err("the free pages differ from the tree") }
    }
}
