//! Finds, takes and returns runs of free addresses.

use super::balance::Shape;
use super::node::{NIL, Node, NodeId, Nodes};
use crate::raw::Slab;

/// The free runs of a window, in page numbers. No two of them touch.
#[derive(Debug)]
pub(crate) struct FreeTree {
    shape: Shape,
    free: u64,
}

impl FreeTree {
    /// Nodes needed for a window with `regions` slots: one for each slot, one more run, the
    /// sentinel, and one that is used while a run is split.
    pub(crate) fn nodes(regions: u32) -> usize {
        regions as usize + 3
    }

    /// Starts with one free run.
    pub(crate) fn new(slab: Slab<Node>, start: u64, length: u64) -> Self {
        let shape = Shape { nodes: Nodes::new(slab), root: NIL };
        let mut tree = Self { shape, free: 0 };
        tree.put(start, length);
        tree
    }

    /// Free pages in all.
    pub(crate) fn free(&self) -> u64 {
        self.free
    }

    /// The longest free run.
    pub(crate) fn largest(&self) -> u64 {
        self.node(self.shape.root).largest
    }

    fn node(&self, id: NodeId) -> &Node {
        self.shape.nodes.get(id)
    }

    /// Takes `length` pages that start `phase` pages behind a multiple of `align`, a power of two:
    /// from the lowest run that is long enough for any start, or else from the lowest run that
    /// holds an aligned start.
    ///
    /// # Complexity
    ///
    /// O(log n); only before exhaustion is reported for `align` above 1, O(n).
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

    /// Takes exactly the `length` pages from `start`, if all of them are free.
    pub(crate) fn take_at(&mut self, start: u64, length: u64) -> bool {
        let (found, _) = self.neighbours(start);
        let holds = found != NIL && start + length <= self.node(found).end();
        if holds {
            self.cut(found, start, length);
            self.free -= length;
        }
        holds
    }

    /// The lowest node of at least `length` pages.
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

    /// The lowest node that holds `length` pages at their phase.
    fn lowest_aligned(&self, id: NodeId, length: u64, align: u64, phase: u64) -> Option<NodeId> {
        let node = self.node(id);
        if id == NIL || node.largest < length {
            return None;
        }
        self.lowest_aligned(node.left, length, align, phase)
            .or_else(|| Self::aligned(node, length, align, phase).map(|_| id))
            .or_else(|| self.lowest_aligned(node.right, length, align, phase))
    }

    /// Where `length` pages at their phase start in a run.
    fn aligned(node: &Node, length: u64, align: u64, phase: u64) -> Option<u64> {
        let ahead = phase.wrapping_sub(node.start) & (align - 1);
        let start = node.start.checked_add(ahead)?;
        let end = start.checked_add(length)?;
        (end <= node.end()).then_some(start)
    }

    /// Takes the middle out of a run.
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

    /// Hangs a new node right behind `before`.
    fn hang(&mut self, new: NodeId, before: NodeId) {
        let right = self.node(before).right;
        if right == NIL {
            self.shape.insert(new, before, true);
        } else {
            let next = self.shape.leftmost(right);
            self.shape.insert(new, next, false);
        }
    }

    /// Puts a run back and joins it with the neighbours that it touches.
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

    /// The last run that starts at or below `start`, and the first above it.
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

    /// The first free run that starts at or above a page number.
    pub(crate) fn next_from(&self, start: u64) -> Option<(u64, u64)> {
        let (before, after) = self.neighbours(start);
        let found = if before != NIL && self.node(before).start == start { before } else { after };
        (found != NIL).then(|| (self.node(found).start, self.node(found).length))
    }

    /// The highest free run.
    pub(crate) fn last(&self) -> Option<(u64, u64)> {
        let (last, _) = self.neighbours(u64::MAX);
        (last != NIL).then(|| (self.node(last).start, self.node(last).length))
    }

    /// Lets a test damage it.
    #[cfg(test)]
    pub(super) fn shape(&mut self) -> &mut Shape {
        &mut self.shape
    }

    /// Checks the tree against itself.
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
