//! What a queue can do.

/// What a queue can do; what it cannot do fails with `UNSUPPORTED`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessagingCapabilities {
    /// Tell how many messages wait: in the whole queue, not only in this process.
    pub message_count: bool,
    /// Send.
    pub send: bool,
    /// Receive.
    pub receive: bool,
    /// Show the next message without taking it.
    pub peek: bool,
    /// Show several.
    pub peek_batch: bool,
    /// Make the lock of a received message last longer.
    pub renew_lock: bool,
    /// Take a received message back, to be delivered again.
    pub abandon: bool,
    /// Put a received message where those go that cannot be handled.
    pub dead_letter: bool,
    /// Drop all messages that wait.
    pub clear: bool,
    /// Lose what was sent, or was not completed yet, without a word: at most once, as over MQTT at QoS 0. Not a thing that it
    /// can do, but one that can happen.
    pub at_most_once: bool,
    /// Keep what was sent, once `send` has returned, through a crash of the process. A queue in memory does not, nor one over
    /// MQTT at QoS 0; over MQTT at QoS 1 and 2 the broker has the message then, and keeps it as well as it keeps messages. A
    /// bridge completes what such a queue has taken: where the target is not durable and the source is, `check` warns
    /// (`NOT_DURABLE`). Default false.
    pub durable: bool,
}
