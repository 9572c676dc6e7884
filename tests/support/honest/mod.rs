//! A broker that keeps its word: it keeps sessions as MQTT says, sends again what was not acknowledged, and takes a QoS 2
//! message once. What is bad is the link, and its manners where MQTT leaves them open: it is cut after so many bytes in
//! either direction, drips byte by byte, answers late, out of order or twice, and forgets sessions when told to. It may hang
//! up on the number of filters, on a filter, on the size of a message, or for no reason.
//!
//! A test publishes through it in both directions and looks at what came: [`Honest::arrived`] is what the client sent,
//! [`Honest::send`] is what the client shall get.

mod broker;
mod post;
mod rough;
mod state;
mod weather;

pub use broker::Honest;
pub use post::Post;
pub use state::{Arrived, State};
pub use weather::{Temper, Weather};
