//! Message payloads to raw values.
