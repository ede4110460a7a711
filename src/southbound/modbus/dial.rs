//! Opens and re-opens the path.

/// Opens the path of a line.
#[derive(Debug)]
pub struct Dialer;
