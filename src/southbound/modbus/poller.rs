//! What to ask next, and what an outcome means. Pure.
