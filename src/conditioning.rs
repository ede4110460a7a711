//! conditioning
