//! Tables for the reader and writer.
