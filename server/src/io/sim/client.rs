//! A client that speaks RESP: it pipelines commands, matches replies to them in order, and keeps
//! when each was sent and when its reply was complete. Those intervals are a history, from which a
//! checker can tell whether some serial order of the operations explains every reply and respects
//! real time (strict serializability).

use super::resp::{Splitter, command};
use super::{ClientId, ClientState, ListenerId, SimWorld};
use std::time::Duration;

/// One command and what became of it. Times are simulated monotonic nanoseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    pub args: Vec<Vec<u8>>,
    /// When the client asked: the command takes effect no earlier.
    pub invoked_ns: u64,
    /// The reply as it came, and when its last byte did: the command took effect no later. `None`:
    /// no reply (yet), and whether the command took effect is unknown.
    pub reply: Option<(u64, Vec<u8>)>,
}

/// A test's client.
pub struct SimClient {
    world: SimWorld,
    id: ClientId,
    splitter: Splitter,
    operations: Vec<Operation>,
    answered: usize,
    pushes: Vec<(u64, Vec<u8>)>,
}

impl SimClient {
    /// Connects; see [`SimWorld::connect`].
    #[must_use]
    pub fn connect(world: &SimWorld, listener: ListenerId) -> Self {
        Self {
            world: world.clone(),
            id: world.connect(listener),
            splitter: Splitter::default(),
            operations: Vec::new(),
            answered: 0,
            pushes: Vec::new(),
        }
    }

    /// The connection underneath, for slow reading, half-close, close and reset.
    #[must_use]
    pub fn id(&self) -> ClientId {
        self.id
    }

    /// Sends one command.
    pub fn command(&mut self, args: &[impl AsRef<[u8]>]) {
        self.pipeline(&[args]);
    }

    /// Awaits a reply to a command that was sent by other means ([`SimWorld::client_send`]).
    pub fn expect(&mut self, args: &[impl AsRef<[u8]>]) {
        let args = args.iter().map(|a| a.as_ref().to_vec()).collect();
        self.operations.push(Operation { args, invoked_ns: self.world.now(), reply: None });
    }

    /// Sends commands in one write.
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, commands: &[&[A]]) {
        self.pipeline_after(Duration::ZERO, commands);
    }

    /// The same after some simulated time. What is sent meanwhile goes before it, so nothing should be.
    pub fn pipeline_after<A: AsRef<[u8]>>(&mut self, wait: Duration, commands: &[&[A]]) {
        let invoked_ns = self.world.now() + wait.as_nanos() as u64;
        for args in commands {
            let args = args.iter().map(|a| a.as_ref().to_vec()).collect();
            self.operations.push(Operation { args, invoked_ns, reply: None });
        }
        let bytes: Vec<u8> = commands.iter().flat_map(|args| command(args)).collect();
        if wait.is_zero() {
            self.world.client_send(self.id, &bytes);
        } else {
            self.world.client_send_after(self.id, wait, bytes);
        }
    }

    /// Takes in what has arrived. Returns how many operations still lack a reply.
    ///
    /// # Panics
    /// When the server sends what is no RESP, or a reply that nothing asked for.
    pub fn poll(&mut self) -> usize {
        for (at, bytes) in self.world.client_take(self.id) {
            self.splitter.push(&bytes);
            while let Some(reply) = self.splitter.next() {
                self.take_reply(at, reply);
            }
        }
        self.operations.len() - self.answered
    }

    fn take_reply(&mut self, at: u64, reply: Vec<u8>) {
        if reply.first() == Some(&b'>') {
            return self.pushes.push((at, reply));
        }
        let Some(operation) = self.operations.get_mut(self.answered) else {
            panic!("a reply that nothing asked for: {:?}", String::from_utf8_lossy(&reply));
        };
        operation.reply = Some((at, reply));
        self.answered += 1;
    }

    /// True when every operation has its reply, or never will since the connection has ended.
    pub fn settled(&mut self) -> bool {
        self.poll() == 0 || self.state() != ClientState::Open
    }

    /// Simulated monotonic nanoseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.world.now()
    }

    #[must_use]
    pub fn state(&self) -> ClientState {
        self.world.client_state(self.id)
    }

    /// All operations in the order sent.
    #[must_use]
    pub fn history(&self) -> &[Operation] {
        &self.operations
    }

    /// The replies so far, in order.
    pub fn replies(&self) -> impl Iterator<Item = &[u8]> {
        self.operations.iter().filter_map(|o| o.reply.as_ref()).map(|(_, bytes)| bytes.as_slice())
    }

    /// RESP3 push messages, which answer no command, with their times.
    #[must_use]
    pub fn pushes(&self) -> &[(u64, Vec<u8>)] {
        &self.pushes
    }

    /// Bytes that are no complete reply; empty when the server has sent whole ones.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.splitter.rest()
    }
}
