use super::*;

const ONE: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 1]);
const OTHER: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);

fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(number).unwrap())
}

fn at(seconds: i64) -> Instant {
    Instant::from_secs(seconds)
}

fn due(neighbors: &mut Neighbors, now: Instant) -> Vec<Due> {
    let mut found = Vec::new();
    neighbors.poll(now, |due| {
        found.push(due);
        true
    });
    found
}

#[test]
fn an_unknown_neighbour_is_asked_once_a_second_and_lost_after_three_requests() {
    let mut neighbors = Neighbors::with_capacity(8, 1);
    for second in 0..3 {
        assert_eq!(neighbors.look_up(address(1), false, at(second)), Ok(None));
        assert_eq!(neighbors.look_up(address(1), false, at(second)), Ok(None));
        assert_eq!(due(&mut neighbors, at(second)), [Due::Ask(address(1), None)]);
        assert_eq!(due(&mut neighbors, at(second)), []);
        assert_eq!(neighbors.wake_at(), Some(at(second + 1)));
    }
    assert_eq!(due(&mut neighbors, at(3)), [Due::Lost(address(1))]);
    assert_eq!(neighbors.wake_at(), None);
}

#[test]
fn each_neighbour_has_its_own_rate_limit() {
    let mut neighbors = Neighbors::with_capacity(64, 1);
    for number in 0..40 {
        assert_eq!(neighbors.look_up(address(number), false, at(0)), Ok(None));
    }
    assert_eq!(due(&mut neighbors, at(0)).len(), 40);
}

#[test]
fn the_answer_of_a_neighbour_applies_immediately() {
    let mut neighbors = Neighbors::with_capacity(8, 1);
    neighbors.learn(address(1), ONE, false, at(0));
    assert_eq!(neighbors.known(address(1)), None, "a stranger is not taken in");
    neighbors.learn(address(1), ONE, true, at(0));
    let version = neighbors.version();
    assert_eq!(neighbors.look_up(address(1), false, at(0)), Ok(Some(ONE)));
    neighbors.learn(address(1), OTHER, false, at(1));
    assert_eq!(neighbors.look_up(address(1), false, at(1)), Ok(Some(OTHER)));
    assert_ne!(neighbors.version(), version, "connections look again");
}

#[test]
fn an_old_address_is_used_while_it_is_asked_for() {
    let mut neighbors = Neighbors::with_capacity(8, 1);
    neighbors.learn(address(1), ONE, true, at(0));
    assert_eq!(neighbors.look_up(address(1), false, at(29)), Ok(Some(ONE)));
    assert_eq!(due(&mut neighbors, at(29)), []);
    for second in 30..33 {
        assert_eq!(neighbors.look_up(address(1), false, at(second)), Ok(Some(ONE)));
        assert_eq!(due(&mut neighbors, at(second)), [Due::Ask(address(1), Some(ONE))]);
    }
    for second in 33..36 {
        assert_eq!(due(&mut neighbors, at(second)), [Due::Ask(address(1), None)]);
    }
    assert_eq!(due(&mut neighbors, at(36)), [Due::Lost(address(1))]);
}

#[test]
fn packets_of_a_connection_confirm_an_address() {
    let mut neighbors = Neighbors::with_capacity(8, 1);
    neighbors.learn(address(1), ONE, true, at(0));
    for second in 0..200 {
        neighbors.confirm(address(1), at(second));
        assert_eq!(neighbors.look_up(address(1), false, at(second)), Ok(Some(ONE)));
        assert_eq!(due(&mut neighbors, at(second)), []);
    }
}

#[test]
fn a_packet_from_another_address_causes_a_broadcast_request() {
    let mut neighbors = Neighbors::with_capacity(8, 1);
    neighbors.learn(address(1), ONE, true, at(0));
    neighbors.doubt(address(1), ONE, at(1));
    assert_eq!(due(&mut neighbors, at(1)), []);
    neighbors.doubt(address(1), OTHER, at(1));
    assert_eq!(due(&mut neighbors, at(1)), [Due::Ask(address(1), None)]);
    neighbors.doubt(address(1), OTHER, at(1));
    assert_eq!(due(&mut neighbors, at(1)), [], "once a second");
    assert_eq!(neighbors.known(address(1)), Some(ONE), "until it has answered");
}

#[test]
fn strangers_evict_no_entry_that_is_in_use() {
    let mut neighbors = Neighbors::with_capacity(40, 1);
    for number in 0..20 {
        neighbors.learn(address(number), ONE, true, at(0));
        neighbors.confirm(address(number), at(0));
    }
    let bytes = neighbors.table.allocation_size();
    for number in 1000..2000 {
        assert_eq!(neighbors.look_up(address(number), false, at(1)), Ok(None));
        neighbors.learn(address(number), OTHER, true, at(1));
    }
    for number in 0..20 {
        assert_eq!(neighbors.known(address(number)), Some(ONE), "{number}");
    }
    for number in 2000..2020 {
        neighbors.learn(address(number), ONE, true, at(2));
        neighbors.confirm(address(number), at(2));
    }
    assert_eq!(neighbors.look_up(address(3000), false, at(3)), Err(NeighborsFull));
    assert_eq!(neighbors.table.allocation_size(), bytes);
}

#[test]
fn a_device_that_is_full_is_asked_later() {
    let mut neighbors = Neighbors::with_capacity(8, 1);
    let _ = neighbors.look_up(address(1), false, at(0));
    neighbors.poll(at(0), |_| false);
    assert_eq!(neighbors.wake_at(), Some(at(0)));
    assert_eq!(due(&mut neighbors, at(0)), [Due::Ask(address(1), None)]);
}
