//! Tables and properties of the desk.
