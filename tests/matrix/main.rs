//! Every call of the C API beside everything that can happen to it.

mod points;
