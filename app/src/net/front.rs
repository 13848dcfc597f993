//! Dispatches received packets: finds the connection of a packet, checks its TCP segment, and passes the packet to the
//! socket. Packets without a connection go to smoltcp or to the DHCP client.

mod begin;
mod own;
mod pass;
mod state;

use smoltcp::phy::TxToken;
use smoltcp::time::Instant;

use super::drops::Drop;
use super::ip::header::{ICMP, Ipv4Header, TCP, UDP};
use super::ip::{icmp, udp};
use super::tcp::answer::Answer;
use super::tcp::guard::Verdict;
use super::tcp::segment::{self, Segment};

pub(super) use state::{Front, Packet};

impl Front {
    /// Handles a received IPv4 packet. `slot` is the permission to send one answer.
    pub(super) fn take<S: TxToken>(
        &mut self,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let header = packet.header;
        // A DHCP message may arrive before this machine has an address.
        if header.protocol == UDP
            && let Some(message) = udp::message_to_client(&header, packet.bytes, packet.is_sound)?
        {
            if self.addressing.hear(message, now)? {
                self.readdress();
            }
            return Ok(());
        }
        header.check_target(&self.wire.own)?;
        match header.protocol {
            TCP => self.take_segment(packet, slot, now),
            ICMP => match icmp::read(packet.payload(), header.target)? {
                Some(message) => self.narrow(message, now),
                None => self.pass_to_none(packet, slot, now),
            },
            _ => self.pass_to_none(packet, slot, now),
        }
    }

    fn take_segment<S: TxToken>(
        &mut self,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let Ipv4Header { source, target, .. } = packet.header;
        let is_sound = packet.is_sound;
        let bytes = packet.payload();
        let segment = Segment::read(source, bytes)?;
        if !is_sound && !segment::is_sound(source, target, bytes) {
            return Err(Drop::TcpChecksum);
        }
        if let Some(index) = self.sockets.sets().find(segment.key) {
            return self.take_known(index, segment, packet, slot, now);
        }
        packet.header.check_source(&self.wire.own)?;
        if segment.begins() {
            self.begin(&segment, packet, slot, now)
        } else if self.may_be_greeted(&segment, now) {
            let (index, slot) = self.welcome(&segment, packet, slot, now)?;
            self.take_known(index, segment, packet, slot, now)
        } else {
            self.pass_to_none(packet, slot, now)
        }
    }

    /// Handles a segment of the connection of socket `index`.
    fn take_known<S: TxToken>(
        &mut self,
        index: usize,
        mut segment: Segment,
        packet: &mut Packet<'_>,
        slot: S,
        now: Instant,
    ) -> Result<(), Drop> {
        let sets = self.sockets.sets();
        let state = sets.get(index).state();
        let connection = sets.connection(index);
        let (verdict, resends) = connection.hear(state, &mut segment, packet.payload(), now);
        match verdict {
            Verdict::Pass | Verdict::PassAsLast => {
                self.pass(index, &segment, packet, slot, now);
                let sets = self.sockets.sets();
                sets.note_answer();
                if resends {
                    sets.resend(index, &mut self.interface, &mut self.wire, now);
                }
                Ok(())
            }
            Verdict::Ignore => Ok(()),
            Verdict::Drop(reason) => Err(reason),
            Verdict::Challenge(reason) => {
                if connection.may_challenge(now) {
                    let target = packet.header.target;
                    let answer = Answer::challenge(target, segment.key, connection);
                    self.answer(&answer, slot, now);
                }
                Err(reason)
            }
            Verdict::Renew => {
                self.sockets.renew(segment.key.local, index);
                self.begin(&segment, packet, slot, now)
            }
            Verdict::Again => {
                sets.hurry(index, now);
                Ok(())
            }
        }
    }
}
