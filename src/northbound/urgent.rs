//! urgent
