//! One connection: send, wait for the fitting answer, listen out.
