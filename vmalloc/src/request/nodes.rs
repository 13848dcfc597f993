//! The NUMA nodes whose frames a region may have, and their encoding in a few bits.

use crate::error::RequestError;
use crate::machine::NODES;

/// The NUMA nodes whose frames a region may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NodeChoice {
    /// Frames of any node, near the CPU if possible.
    #[default]
    Any,
    /// Frames of this node as long as it has some, and then of other nodes.
    Prefer(u8),
    /// Frames of this node.
    Only(u8),
}

/// The number of bits of [`NodeChoice::bits`].
pub(crate) const NODE_BITS: u32 = 4;

#[expect(clippy::cast_possible_truncation, reason = "at most 7")]
const NODES_U8: u8 = {
    assert!(2 * NODES < 1 << NODE_BITS, "every choice has an encoding");
    NODES as u8
};

impl NodeChoice {
    /// Returns the number of a node, if it is not too high.
    pub(super) fn known(node: u32) -> Result<u8, RequestError> {
        let known = u8::try_from(node).ok().filter(|node| *node < NODES_U8);
        known.ok_or(RequestError::Node { node, limit: NODES })
    }

    /// Returns the encoding; 0 means any node.
    #[inline]
    pub(crate) fn bits(self) -> u16 {
        match self {
            Self::Any => 0,
            Self::Prefer(node) => u16::from(1 + node),
            Self::Only(node) => u16::from(1 + NODES_U8 + node),
        }
    }

    /// Decodes what [`bits`](Self::bits) returned.
    pub(crate) fn from_bits(bits: u16) -> Self {
        match u8::try_from(bits).unwrap_or(0) {
            0 => Self::Any,
            number if number <= NODES_U8 => Self::Prefer(number - 1),
            number => Self::Only(number - 1 - NODES_U8),
        }
    }

    /// Returns the node whose frames are taken first, if the request names one.
    pub(crate) fn named(self) -> Option<usize> {
        match self {
            Self::Any => None,
            Self::Prefer(node) | Self::Only(node) => Some(usize::from(node)),
        }
    }

    /// Returns the only node whose frames the region may have.
    pub(crate) fn only(self) -> Option<usize> {
        match self {
            Self::Only(node) => Some(usize::from(node)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_decoded_from_its_bits() {
        for node in 0..NODES_U8 {
            for choice in [NodeChoice::Any, NodeChoice::Prefer(node), NodeChoice::Only(node)] {
                assert!(choice.bits() < 1 << NODE_BITS);
                assert_eq!(NodeChoice::from_bits(choice.bits()), choice);
            }
        }
        assert_eq!(NodeChoice::Any.bits(), 0);
    }
}
