//! A session: what its client may do, and what its messages cost in memory.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mqtt5::broker::storage::{InflightDirection, StoredSubscription};
use mqtt5::broker::{
    AuthProvider, AuthResult, BrokerEventHandler, ClientPublishEvent, ClientSubscribeEvent,
    ClientUnsubscribeEvent, PublishAction, StorageBackend, SubscriptionInfo,
};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::packet::publish::PublishPacket;
use mqtt5::types::ReasonCode;
use mqtt5::{Properties, PropertyId, QoS};

use super::client_ids::{ClaimedClientId, OtherUser};
use super::connect_request::as_whom;
use super::connection_state::{COPY, ConnectionState, NoRoom, RoutingGuard};
use super::limits::USER_PROPERTIES;
use super::packet_parser::{PublishHead, Violation};
use super::session_queue::STALLED;
use super::shared::Shared;
use crate::BoxFuture;
use crate::text::clip;

/// How long each attempt to reserve memory for a message of QoS 1 or 2 waits. After each failed attempt, stalled clients
/// are disconnected; the later attempts wait for the memory that this frees.
const MEMORY_WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(2)];

/// One connection of a client. The library asks it about all that the client wants.
pub(super) struct Session {
    shared: Arc<Shared>,
    connection: Arc<ConnectionState>,
    version: u8,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The message that the library handles now.
    head: PublishHead,
    filters: HashSet<String>,
    claimed: Option<ClaimedClientId>,
    will: Option<Will>,
    /// The will, from when it is handed out.
    routing: Option<RoutingGuard>,
}

/// What a client wants to be handed out when it is gone, where that is queued.
struct Will {
    topic: String,
    cost: usize,
}

impl Will {
    fn of(connect: &ConnectPacket) -> Option<Self> {
        let will = connect.will.as_ref().filter(|will| will.qos != QoS::AtMostOnce)?;
        let properties = connect.will_properties.encoded_len();
        let cost = will.payload.len() + will.topic.len() + 4 * properties + COPY;
        Some(Self { topic: will.topic.clone(), cost })
    }
}

/// Why a client is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("wrong user name or password")]
    Login,
    #[error("the client identifier belongs to another user")]
    OtherUser,
    #[error("there are as many sessions as `max_sessions` allows")]
    Sessions,
}

impl Refusal {
    fn reason(self) -> ReasonCode {
        match self {
            Self::Login => ReasonCode::BadUsernameOrPassword,
            Self::OtherUser => ReasonCode::NotAuthorized,
            Self::Sessions => ReasonCode::ServerUnavailable,
        }
    }
}

impl Session {
    pub fn new(shared: Arc<Shared>, connection: Arc<ConnectionState>, version: u8) -> Arc<Self> {
        Arc::new(Self { shared, connection, version, state: Mutex::default() })
    }

    /// Releases the client identifier. The library may own the session for longer.
    pub async fn end(&self) {
        let Some(claimed) = self.state().claimed.take() else { return };
        let stays =
            self.shared.storage.get_session(claimed.client_id()).await.is_ok_and(|session| session.is_some());
        self.shared.session_queues.leave(claimed.client_id(), &self.connection, stays);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns from where the connection came that the client takes over, where there is one.
    async fn admit(&self, connect: &ConnectPacket, peer: SocketAddr) -> Result<Option<SocketAddr>, Refusal> {
        let (shared, id) = (&self.shared, connect.client_id.as_str());
        if !shared.admission.admits(connect.username.as_deref(), connect.password.as_deref()) {
            return Err(Refusal::Login);
        }
        let user = connect.username.as_deref().filter(|_| shared.admission.checks_users());
        let claimed = shared.client_ids.claim(id, user, (&self.connection, peer));
        let (claimed, taken_over) = claimed.map_err(|OtherUser| Refusal::OtherUser)?;
        self.state().claimed = Some(claimed);
        let mut resumed = None;
        match shared.storage.get_session(id).await.ok().flatten() {
            Some(session) if shared.admission.checks_users() && session.user_id.as_deref() != user => {
                return Err(Refusal::OtherUser);
            }
            // What it has subscribed already has its place among the filters of all.
            Some(session) if !connect.clean_start => {
                let queued = |(filter, stored): (&String, &StoredSubscription)| {
                    (filter.clone(), stored.qos != QoS::AtMostOnce)
                };
                resumed = Some(session.subscriptions.iter().map(queued).collect::<HashMap<_, _>>());
                self.state().filters.extend(session.subscriptions.into_keys());
            }
            Some(_) => {}
            None if shared.has_room_for_session().await => {}
            None => return Err(Refusal::Sessions),
        }
        if !connect.clean_start {
            self.resume(id).await;
        }
        self.state().will = Will::of(connect);
        shared.session_queues.join(id, resumed, &self.connection);
        Ok(taken_over)
    }

    /// Two clients with one identifier throw each other out for ever, and neither of them knows of the other.
    fn warn_of_takeover(&self, connect: &ConnectPacket, peer: SocketAddr, former: SocketAddr) {
        let (shared, id, whom) = (&self.shared, clip(&connect.client_id), as_whom(connect));
        shared.warnings.taken_over.warn(
            &shared.logger,
            format_args!(
                "client `{id}` at {peer}, {whom}, takes over the session of the connection from {former}, which is ended; where \
                 these are two clients, give each a client id of its own"
            ),
        );
    }

    /// Counts what a former connection of the client left behind.
    async fn resume(&self, client_id: &str) {
        for message in self.shared.storage.get_inflight_messages(client_id).await.unwrap_or_default() {
            let size = message.payload.len() + message.topic.len();
            let from_client = message.direction == InflightDirection::Inbound;
            if from_client && !self.connection.wait_for_release(message.packet_id, &message.topic, size) {
                continue;
            }
            self.connection.resume(from_client, message.packet_id, if from_client { 2 * size } else { size });
        }
    }

    fn may_subscribe(&self, user: Option<&str>, filter: &str, room: bool) -> Result<(), &'static str> {
        let limits = &self.shared.limits;
        if filter.len() > limits.topic || filter.split('/').count() > limits.levels {
            return Err("it is too long or has too many levels");
        }
        if !self.shared.admission.access(user).allows_subscribe(filter) {
            return Err("its user may not subscribe it");
        }
        let mut state = self.state();
        if state.filters.contains(filter) {
            return Ok(());
        }
        if state.filters.len() >= limits.filters || !room {
            return Err("there are as many filters as `max_filters` or `max_filters_in_all` allows");
        }
        state.filters.insert(filter.to_owned());
        Ok(())
    }

    /// The message, with a payload that is counted.
    async fn counted(
        &self,
        event: &ClientPublishEvent,
        head: PublishHead,
    ) -> Result<(PublishPacket, usize), Violation> {
        let mut properties = match self.version {
            5 => Properties::decode(&mut head.properties.as_slice()).map_err(|_| Violation::Malformed)?,
            _ => Properties::default(),
        };
        let found = properties.get_all(PropertyId::UserProperty).unwrap_or_default().len();
        if found > USER_PROPERTIES {
            return Err(Violation::UserProperties { found, limit: USER_PROPERTIES });
        }
        properties.remove_topic_alias();
        properties.inject_sender(event.user_id.as_deref());
        properties.inject_client_id(Some(&event.client_id));
        // At QoS 2 the library has a copy until the message is released.
        let copy = if event.qos == QoS::ExactlyOnce { event.payload.len() } else { 0 };
        let more = copy + event.topic.len() + 4 * head.properties.len();
        let payload = self.reserve_payload(event, more).await.ok_or(Violation::NoMemory)?;
        let mut packet = PublishPacket::new(&*event.topic, payload, event.qos);
        packet.packet_id = event.packet_id;
        packet.retain = event.retain;
        packet.properties = properties;
        packet.protocol_version = self.version;
        Ok((packet, event.payload.len() + more))
    }

    /// Counts what the library keeps of it for sessions that cannot take it now, from when it is handed out.
    fn count_copies(&self, event: &ClientPublishEvent, cost: usize) -> Result<(), NoRoom> {
        let (session_queues, topic) = (&self.shared.session_queues, &*event.topic);
        match (event.qos, event.packet_id) {
            (QoS::AtLeastOnce, Some(id)) => {
                self.connection.hold_while_routing(id, session_queues.charge(topic, cost + COPY)?);
            }
            (QoS::ExactlyOnce, Some(id)) if session_queues.fits(topic, cost + COPY) => {
                self.connection.wait_for_release(id, topic, cost);
            }
            (QoS::ExactlyOnce, Some(_)) => return Err(NoRoom),
            _ => {}
        }
        Ok(())
    }

    /// Hands a message to the clients that are connected, and not to the queues of others: it goes out at QoS 0.
    async fn hand_to_connected(&self, mut packet: PublishPacket, client_id: &str) {
        let (shared, client) = (&self.shared, clip(client_id));
        shared.warnings.memory.warn(
            &shared.logger,
            format_args!(
                "a message of client `{client}` would take more than `max_queued_bytes_in_all` in the queues of others; only those \
                 that are connected get it, at QoS 0"
            ),
        );
        (packet.qos, packet.packet_id) = (QoS::AtMostOnce, None);
        shared.router.route_message(&packet, Some(client_id)).await;
    }

    /// The payload, counted. Where memory is short, the clients that take nothing of what they are sent are ended, and what
    /// is to be acknowledged waits for what they leave.
    async fn reserve_payload(&self, event: &ClientPublishEvent, more: usize) -> Option<Bytes> {
        let waits = if event.qos == QoS::AtMostOnce { &MEMORY_WAITS[..1] } else { &MEMORY_WAITS };
        for wait in waits {
            let payload = self.shared.memory.reserve(&event.payload, more, *wait).await;
            if payload.is_some() {
                return payload;
            }
            self.shared.end_stalled(STALLED);
        }
        None
    }

    /// Counts the client's will, where this is the topic of it: the library hands it out. False where there is no room for it.
    fn count_will(&self, topic: &str) -> bool {
        let Some(will) = self.state().will.take_if(|will| will.topic == topic) else { return true };
        let Ok(routing) = self.shared.session_queues.charge(topic, will.cost) else {
            let (shared, topic) = (&self.shared, clip(topic));
            shared.warnings.memory.warn(
                &shared.logger,
                format_args!(
                    "a will for `{topic}` would take more than `max_queued_bytes_in_all` in the queues of others; it is dropped"
                ),
            );
            return false;
        };
        self.state().routing = Some(routing);
        true
    }

    async fn take(&self, event: ClientPublishEvent) -> PublishAction {
        let head = std::mem::take(&mut self.state().head);
        let why = match self.counted(&event, head).await {
            Ok((packet, cost)) => {
                if self.count_copies(&event, cost) == Err(NoRoom) {
                    self.hand_to_connected(packet, &event.client_id).await;
                    return PublishAction::Handled;
                }
                return PublishAction::Transform(packet);
            }
            Err(why) => why,
        };
        if why == Violation::NoMemory {
            let (shared, client) = (&self.shared, clip(&event.client_id));
            shared.warnings.memory.warn(
                &shared.logger,
                format_args!("messages have reached `max_memory`; one of client `{client}` is refused"),
            );
        }
        // A message of QoS 0 can be dropped. What is to be acknowledged is not: the client will send it again.
        if why != Violation::NoMemory || event.qos != QoS::AtMostOnce {
            self.connection.end(why);
        }
        PublishAction::Handled
    }
}

impl AuthProvider for Session {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        client: SocketAddr,
    ) -> BoxFuture<'a, mqtt5::Result<AuthResult>> {
        Box::pin(async move {
            let why = match self.admit(connect, client).await {
                Ok(former) => {
                    if let Some(former) = former {
                        self.warn_of_takeover(connect, client, former);
                    }
                    let user = connect.username.as_ref();
                    return Ok(user.map_or_else(AuthResult::success, AuthResult::success_with_user));
                }
                Err(why) => why,
            };
            self.state().claimed = None;
            let (shared, id, whom) = (&self.shared, clip(&connect.client_id), as_whom(connect));
            shared
                .warnings
                .connect
                .warn(&shared.logger, format_args!("client `{id}` at {client}, {whom}, is refused: {why}"));
            Ok(AuthResult::fail(why.reason()))
        })
    }

    fn authorize_publish<'a>(
        &'a self,
        client: &str,
        user: Option<&'a str>,
        topic: &'a str,
    ) -> BoxFuture<'a, bool> {
        let head = self.connection.next_head();
        let is_will = head.is_none() || self.connection.over();
        self.state().head = head.unwrap_or_default();
        let allowed = self.shared.admission.access(user).allows_publish(topic);
        if !allowed {
            let (shared, client, topic) = (&self.shared, clip(client), clip(topic));
            shared
                .warnings
                .denied
                .warn(&shared.logger, format_args!("client `{client}` may not publish to `{topic}`"));
        }
        let allowed = allowed && (!is_will || self.count_will(topic));
        Box::pin(async move { allowed })
    }

    fn authorize_subscribe<'a>(
        &'a self,
        client: &str,
        user: Option<&'a str>,
        filter: &'a str,
    ) -> BoxFuture<'a, bool> {
        let client = clip(client).into_owned();
        Box::pin(async move {
            let shared = &self.shared;
            let room = shared.router.topic_count().await < shared.limits.all_filters;
            let allowed = self.may_subscribe(user, filter, room);
            if let Err(why) = allowed {
                let filter = clip(filter);
                shared.warnings.denied.warn(
                    &shared.logger,
                    format_args!("client `{client}` may not subscribe `{filter}`: {why}"),
                );
            }
            allowed.is_ok()
        })
    }
}

impl BrokerEventHandler for Session {
    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> BoxFuture<'a, PublishAction> {
        Box::pin(self.take(event))
    }

    fn on_client_subscribe<'a>(&'a self, event: ClientSubscribeEvent) -> BoxFuture<'a, ()> {
        for SubscriptionInfo { topic_filter, qos, .. } in &event.subscriptions {
            // What was refused is not among them.
            if self.state().filters.contains(&**topic_filter) {
                self.shared.session_queues.subscribed(
                    &event.client_id,
                    topic_filter,
                    *qos != QoS::AtMostOnce,
                );
            }
        }
        Box::pin(async {})
    }

    fn on_client_unsubscribe<'a>(&'a self, event: ClientUnsubscribeEvent) -> BoxFuture<'a, ()> {
        let mut state = self.state();
        for filter in &event.topic_filters {
            state.filters.remove(&**filter);
            self.shared.session_queues.unsubscribed(&event.client_id, filter);
        }
        Box::pin(async {})
    }
}
