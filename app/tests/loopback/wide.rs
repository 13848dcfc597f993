//! Sockets with wide buffers: late acknowledgements do not delay a value of 64 KiB.

use crate::harness::{Client, World};

const VALUE_BYTES: usize = 64 << 10;

/// Returns the number of bytes of a reply that the server sends before it receives an acknowledgement.
fn sent_at_once(world: &mut World, client: &mut Client) -> usize {
    world.ok(client, &format!("VMALLOC {VALUE_BYTES} REPLACE NAME v"));
    world.push(client, format!("VREAD @v 0 {VALUE_BYTES}\r\n").as_bytes());
    world.send_only();
    let mut bytes = 0;
    for _ in 0..100 {
        // The client receives no packet, so it sends no acknowledgement.
        let now_us = world.now_us();
        world.server.turn(now_us);
        bytes += world.end.incoming().drain(..).map(|packet| packet.len() - 40).sum::<usize>();
    }
    bytes
}

#[test]
fn a_value_of_64_kib_is_on_its_way_at_once() {
    let mut world = World::with("", 8192);
    let mut client = world.connect();
    // The client's window is a byte less than the value.
    assert!(sent_at_once(&mut world, &mut client) >= VALUE_BYTES - 1);
}

#[test]
fn wide_buffers_are_bounded_by_the_memory_and_go_from_client_to_client() {
    // Wide buffers may use a 16th of the memory of 32 MiB, which is enough for 15 sockets.
    let mut world = World::with("clients=64", 8192);
    let mut clients: Vec<Client> = (0..20).map(|_| world.connect()).collect();
    let mut first = clients.remove(0);
    assert_eq!(world.counter(&mut first, "sockets_wide_used"), 15);
    assert_eq!(world.counter(&mut first, "sockets_wide_idle"), 0);
    let bytes = 15 * 2 * (68 << 10) + (2 * 64 + 16 - 15) * 2 * (20 << 10);
    assert_eq!(world.counter(&mut first, "resp_buffer_bytes"), bytes);
    let last = clients.last_mut().unwrap();
    assert!(sent_at_once(&mut world, last) <= 20 << 10, "the twentieth has narrow buffers");
    // Clients that disconnect release wide sockets for new ones.
    for client in &clients {
        world.reset(client);
    }
    world.settle();
    // The current listener was armed before the sockets with wide buffers became free, so the second new connection is
    // tested.
    let _next = world.connect();
    let mut new = world.connect();
    assert!(sent_at_once(&mut world, &mut new) >= VALUE_BYTES - 1);
    assert_eq!(world.counter(&mut first, "sockets_wide_used"), 3);
}
