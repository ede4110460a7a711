//! Health of one unit. Pure.
