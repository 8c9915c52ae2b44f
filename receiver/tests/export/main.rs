//! Taking captures away and bringing them back, over captures as hostile as they come.
#![cfg(test)]

mod bundle;
mod curl;
mod har;
mod hostile;
mod ndjson;
mod replayed;
mod streamed;
