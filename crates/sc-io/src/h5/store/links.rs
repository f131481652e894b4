//! Names of the symbolic links of a group. The reading library leaves out links that lead
//! nowhere; a damaged file must not pass for one that never had the element.

use hdf5_reader::Hdf5File;
use hdf5_reader::btree_v1::collect_btree_v1_leaves_storage;
use hdf5_reader::error::Error as H5Error;
use hdf5_reader::group::Group;
use hdf5_reader::io::Cursor;
use hdf5_reader::local_heap::LocalHeap;
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::link::LinkTarget;
use hdf5_reader::messages::symbol_table_msg::SymbolTableMessage;
use hdf5_reader::symbol_table::SymbolTableNode;

/// A symbol table entry of this kind is a soft link.
const SOFT: u32 = 2;

/// Names of soft and external links, whether they lead anywhere or not.
pub(super) fn names(file: &Hdf5File, group: &Group) -> Result<Vec<String>, H5Error> {
    let header = file.get_or_parse_header(group.address())?;
    let mut names = Vec::new();
    for message in &header.messages {
        match message {
            HdfMessage::Link(link) if !matches!(link.target, LinkTarget::Hard { .. }) => {
                names.push(link.name.clone());
            }
            HdfMessage::SymbolTable(table) => names.extend(in_symbol_table(group, table)?),
            _ => {}
        }
    }
    Ok(names)
}

/// Soft links of a group of the old kind.
fn in_symbol_table(group: &Group, table: &SymbolTableMessage) -> Result<Vec<String>, H5Error> {
    let storage = group.storage();
    let (offset, length) = (group.offset_size(), group.length_size());
    let heap = LocalHeap::parse_at_storage(storage, table.heap_address, offset, length)?;
    let leaves = collect_btree_v1_leaves_storage(
        storage,
        table.btree_address,
        offset,
        length,
        None,
        &[],
        None,
    )?;
    let entry_size = 2 * offset as usize + 24;
    let mut names = Vec::new();
    for (_, address) in leaves {
        let head = storage.read_range(address, 8)?;
        let symbols = u16::from_le_bytes([head[6], head[7]]) as usize;
        let bytes = storage.read_range(address, 8 + symbols * entry_size)?;
        let node = SymbolTableNode::parse(&mut Cursor::new(bytes.as_ref()), offset, length)?;
        for entry in node.entries.iter().filter(|e| e.cache_type == SOFT) {
            names.push(heap.get_string_storage(entry.link_name_offset, storage)?);
        }
    }
    Ok(names)
}
