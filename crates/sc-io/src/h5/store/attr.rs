//! Attributes.

use hdf5_reader::{Attribute, Datatype};

use super::number::{self, NumberType};

/// Readings of an attribute.
pub(crate) trait AttrValue {
    fn text(&self) -> Option<String>;
    fn texts(&self) -> Option<Vec<String>>;
    fn integers(&self) -> Option<Vec<i64>>;
    fn flag(&self) -> Option<bool>;
}

impl AttrValue for Attribute {
    fn text(&self) -> Option<String> {
        if !is_text(&self.datatype) {
            None
        } else {
            self.read_string().ok()
        }
    }

    fn texts(&self) -> Option<Vec<String>> {
        // An empty list is often stored as an empty float array.
        if self.shape.contains(&0) {
            return Some(vec![]);
        }
        if !is_text(&self.datatype) {
            None
        } else {
            self.read_strings().ok()
        }
    }

    fn integers(&self) -> Option<Vec<i64>> {
        number::to_i64(NumberType::of(&self.datatype)?, &self.raw_data).ok()
    }

    fn flag(&self) -> Option<bool> {
        let values = number::to_f64(NumberType::of(&self.datatype)?, &self.raw_data);
        values.first().map(|v| *v != 0.0)
    }
}

fn is_text(dtype: &Datatype) -> bool {
    match dtype {
        Datatype::String { .. } => true,
        Datatype::VarLen { base, .. } => base.is_vlen_string_base(),
        _ => false,
    }
}
