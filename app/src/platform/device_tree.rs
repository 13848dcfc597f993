//! Writes a flattened device tree, the description of a machine that loaders pass to kernels, without a heap.
//!
//! # Source
//!
//! Devicetree Specification 0.4, "Flattened Devicetree (DTB) Format".

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;
const LAST_COMPATIBLE_VERSION: u32 = 16;
/// Words of the header. An empty list of reserved memory, which consists of two 64-bit words, follows the header.
const HEADER_WORDS: usize = 10;
const HEADER_BYTES: usize = 4 * HEADER_WORDS;
const RESERVATION_BYTES: usize = 16;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const END: u32 = 9;

/// The strings block of the tree: the names of all properties.
const NAMES: &[u8] = b"#address-cells\0#size-cells\0compatible\0device_type\0reg\0bootargs\0";

/// The name of a property, by its offset in the strings block.
#[derive(Clone, Copy, Debug)]
enum Name {
    AddressCells = 0,
    SizeCells = 15,
    Compatible = 27,
    DeviceType = 38,
    Reg = 50,
    BootArguments = 54,
}

/// The error that the buffer is too small for the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferFull;

/// A tree that is being written into a buffer.
#[derive(Debug)]
pub struct DeviceTree<'a> {
    buffer: &'a mut [u8],
    bytes: usize,
}

impl<'a> DeviceTree<'a> {
    /// Begins a tree with its root node. Addresses and sizes have 64 bits.
    ///
    /// # Errors
    ///
    /// [`BufferFull`].
    pub fn begin(buffer: &'a mut [u8], compatible: &str) -> Result<Self, BufferFull> {
        let mut tree = Self { buffer, bytes: 0 };
        tree.zeroes(HEADER_BYTES + RESERVATION_BYTES)?;
        tree.open("", None)?;
        tree.property(Name::AddressCells, &[&2_u32.to_be_bytes()])?;
        tree.property(Name::SizeCells, &[&2_u32.to_be_bytes()])?;
        tree.property(Name::Compatible, &[compatible.as_bytes(), &[0]])?;
        Ok(tree)
    }

    /// Adds a range of memory that the kernel may use.
    ///
    /// # Errors
    ///
    /// See [`begin`](Self::begin).
    pub fn memory(&mut self, start: u64, bytes: u64) -> Result<(), BufferFull> {
        self.open("memory", Some(start))?;
        self.property(Name::DeviceType, &[b"memory\0"])?;
        self.range(start, bytes)?;
        self.close()
    }

    /// Adds a node that has only a name and an address range.
    ///
    /// # Errors
    ///
    /// See [`begin`](Self::begin).
    pub fn place(&mut self, name: &str, start: u64, bytes: u64) -> Result<(), BufferFull> {
        self.open(name, Some(start))?;
        self.range(start, bytes)?;
        self.close()
    }

    /// Completes the tree with the arguments for the kernel, and returns the length of the tree in bytes.
    ///
    /// # Errors
    ///
    /// See [`begin`](Self::begin).
    pub fn end(mut self, arguments: &str) -> Result<usize, BufferFull> {
        self.open("chosen", None)?;
        self.property(Name::BootArguments, &[arguments.as_bytes(), &[0]])?;
        self.close()?;
        self.close()?;
        self.word(END)?;
        let structure = HEADER_BYTES + RESERVATION_BYTES;
        let strings = self.bytes;
        self.append(NAMES)?;
        let header: [u32; HEADER_WORDS] = [
            MAGIC,
            word(self.bytes)?,
            word(structure)?,
            word(strings)?,
            word(HEADER_BYTES)?,
            VERSION,
            LAST_COMPATIBLE_VERSION,
            0,
            word(NAMES.len())?,
            word(strings - structure)?,
        ];
        for (place, word) in self.buffer.chunks_exact_mut(4).zip(header) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        Ok(self.bytes)
    }

    /// Begins a node with the name `name`, or `name@unit` with `unit` in hexadecimal.
    fn open(&mut self, name: &str, unit: Option<u64>) -> Result<(), BufferFull> {
        self.word(BEGIN_NODE)?;
        self.append(name.as_bytes())?;
        if let Some(unit) = unit {
            self.append(b"@")?;
            let digits = (u64::BITS - unit.leading_zeros()).div_ceil(4).max(1);
            for digit in (0..digits).rev() {
                let value = u8::try_from(unit >> (4 * digit) & 0xf).unwrap_or_default();
                self.append(&[b"0123456789abcdef"[usize::from(value)]])?;
            }
        }
        self.append(&[0])?;
        self.align()
    }

    fn close(&mut self) -> Result<(), BufferFull> {
        self.word(END_NODE)
    }

    fn range(&mut self, start: u64, bytes: u64) -> Result<(), BufferFull> {
        self.property(Name::Reg, &[&start.to_be_bytes(), &bytes.to_be_bytes()])
    }

    /// Writes a property whose value is the concatenation of `parts`.
    fn property(&mut self, name: Name, parts: &[&[u8]]) -> Result<(), BufferFull> {
        self.word(PROPERTY)?;
        self.word(word(parts.iter().map(|part| part.len()).sum())?)?;
        self.word(name as u32)?;
        parts.iter().try_for_each(|part| self.append(part))?;
        self.align()
    }

    fn word(&mut self, word: u32) -> Result<(), BufferFull> {
        self.append(&word.to_be_bytes())
    }

    /// Pads to the next token, which is aligned to 4 bytes.
    fn align(&mut self) -> Result<(), BufferFull> {
        self.zeroes(self.bytes.next_multiple_of(4) - self.bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), BufferFull> {
        self.next(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    fn zeroes(&mut self, bytes: usize) -> Result<(), BufferFull> {
        self.next(bytes)?.fill(0);
        Ok(())
    }

    fn next(&mut self, bytes: usize) -> Result<&mut [u8], BufferFull> {
        let start = self.bytes;
        let next = self.buffer.get_mut(start..start + bytes).ok_or(BufferFull)?;
        self.bytes = start + bytes;
        Ok(next)
    }
}

fn word(bytes: usize) -> Result<u32, BufferFull> {
    u32::try_from(bytes).map_err(|_| BufferFull)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(buffer: &mut [u8]) -> Result<usize, BufferFull> {
        let mut tree = DeviceTree::begin(buffer, "maker,machine")?;
        tree.memory(0x40_0000, 0x200_0000)?;
        tree.place("maker,table", 0xf_5ad0, 1)?;
        tree.end("-- a b")
    }

    fn range(tree: &fdt::Fdt<'_>, name: &str) -> (usize, Option<usize>) {
        let node = tree.find_node(name).expect("the node");
        let ranges: Vec<_> = node.reg().expect("its place").collect();
        assert_eq!(ranges.len(), 1, "{name}");
        (ranges[0].starting_address.addr(), ranges[0].size)
    }

    #[test]
    fn a_parser_reads_the_tree_back() {
        let mut buffer = [0xff; 512];
        let bytes = write(&mut buffer).unwrap();
        let tree = fdt::Fdt::new(&buffer).unwrap();
        assert_eq!(tree.total_size(), bytes);
        assert_eq!(tree.root().compatible().first(), "maker,machine");
        let cells = tree.root().cell_sizes();
        assert_eq!((cells.address_cells, cells.size_cells), (2, 2));
        assert_eq!(range(&tree, "/memory"), (0x40_0000, Some(0x200_0000)));
        assert_eq!(range(&tree, "/maker,table"), (0xf_5ad0, Some(1)));
        assert_eq!(tree.chosen().bootargs(), Some("-- a b"));
        let kind = tree.find_node("/memory").unwrap().property("device_type").unwrap();
        assert_eq!(kind.as_str(), Some("memory"));
        let names: Vec<_> = tree.all_nodes().map(|node| node.name).collect();
        assert_eq!(names, ["/", "memory@400000", "maker,table@f5ad0", "chosen"]);
    }

    #[test]
    fn every_smaller_buffer_is_refused() {
        let mut buffer = [0; 512];
        let bytes = write(&mut buffer).unwrap();
        for smaller in 0..bytes {
            assert_eq!(write(&mut buffer[..smaller]), Err(BufferFull));
        }
        assert_eq!(write(&mut buffer[..bytes]), Ok(bytes));
    }
}
