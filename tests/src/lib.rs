//! Stories across rooms, interoperability with real software, tidy.
