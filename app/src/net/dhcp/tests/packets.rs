//! Tests of the fields of the client's messages in each state (RFC 2131 tables 4 and 5).

use super::answer::{self, DISCOVER, REQUEST, address};
use super::link;

#[test]
fn messages_have_the_required_fields_of_each_state() {
    let silent_after_first = |kind, count| (kind == DISCOVER || count == 1).then(answer::lease);
    let mut link = link(silent_after_first);
    link.run(16);
    let (none, client) = (address("0.0.0.0"), address("10.0.2.15"));
    let (server, all) = (address("10.0.2.2"), address("255.255.255.255"));
    let seen: Vec<_> = link.sent.iter().map(|sent| (sent.kind, sent.source, sent.to)).collect();
    assert_eq!(seen[..2], [(DISCOVER, none, all), (REQUEST, none, all)]);
    // In RENEWING the client asks the server of the lease, in REBINDING all servers. The source of both is the leased
    // address.
    let renewals = &seen[2..seen.len() - 1];
    assert!(!renewals.is_empty());
    assert!(renewals.iter().all(|seen| *seen == (REQUEST, client, server)), "{renewals:?}");
    assert_eq!(seen[seen.len() - 1], (REQUEST, client, all));
    let fields = |at: usize| (link.sent[at].client, link.sent[at].requested, link.sent[at].server);
    assert_eq!(fields(0), (none, None, None));
    assert_eq!(fields(1), (none, Some(client), Some(server)));
    for at in 2..link.sent.len() {
        assert_eq!(fields(at), (client, None, None));
    }
    // DISCOVER and REQUEST have the same transaction id, all renewals of the lease have another one.
    let xids: Vec<_> = link.sent.iter().map(|sent| sent.xid).collect();
    assert_eq!(xids[0], xids[1]);
    assert_ne!(xids[1], xids[2]);
    assert!(xids[2..].iter().all(|xid| *xid == xids[2]));
}

#[test]
fn messages_count_the_seconds_of_the_search() {
    let mut link = link(|_, _| None);
    link.run(100);
    for sent in &link.sent {
        assert_eq!(i64::from(sent.secs), sent.at.total_micros() / 1_000_000);
        assert_eq!(sent.xid, link.sent[0].xid, "a late offer must still count");
    }
}

#[test]
fn an_offer_that_takes_seconds_is_accepted() {
    // The server dnsmasq, for example, pings an address for 3 s before it sends the offer.
    let mut link = link(|kind, _| {
        let delay_ms = if kind == DISCOVER { 3500 } else { 0 };
        Some(answer::Answer { delay_ms, ..answer::lease() })
    });
    link.run(4);
    assert_eq!(link.texts(), ["10.0.2.15/24 10.0.2.3"]);
}
