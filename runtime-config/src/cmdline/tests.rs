//! Tests of parsing, of writing, and of refused words.

use core::net::Ipv4Addr;

use super::keys::Kind;
use super::*;
use crate::console::LogLevel;
use crate::limits;

fn errors(line: &str) -> Vec<String> {
    let mut errors = Vec::new();
    Config::parse_lenient(line, |error| errors.push(error.to_string()));
    errors
}

#[test]
fn empty_line_is_the_default() {
    assert_eq!(Config::parse(""), Ok(Config::DEFAULT));
    assert_eq!(Config::DEFAULT.to_string(), "");
}

#[test]
fn every_key_round_trips() {
    let config = Config {
        ip: IpConfig::Static {
            address: Ipv4Addr::new(192, 168, 7, 2),
            prefix: 24,
            gateway: Some(Ipv4Addr::new(192, 168, 7, 1)),
        },
        resp_port: 1,
        http_port: 8,
        mtu_bytes: 1400,
        log: LogLevel::Trace,
        window_bytes: limits::GIB + 1,
        clients: 2,
        keepalive_seconds: 20,
        regions: 3000,
        names: 4,
        quota_regions: 5,
        quota_bytes: 6,
        quota_named: 7,
        password: Text::from_text("open").unwrap(),
        bulk_bytes: 5000,
        inline_bytes: 600,
        arguments: 70,
        output_bytes: 80_000,
        reserve_frames: 9,
        flush: Flush::Eager,
        frames: Frames::Linux,
        realloc: Realloc::Copy,
        pools: Pools::Off,
        selftest: Text::from_text("paging").unwrap(),
        selftest_seconds: 60,
    };
    let line = config.to_string();
    assert_eq!(line.split(' ').count(), KEYS.len(), "a key is missing from the test: {line}");
    assert_eq!(Config::parse(&line), Ok(config));
}

#[test]
fn every_bound_is_taken_and_its_neighbour_refused() {
    for key in KEYS {
        let Kind::Number { or_zero, min, max, read, .. } = key.kind else {
            continue;
        };
        for bound in [min, max] {
            let line = format!("{}={bound}", key.name);
            assert_eq!(Config::parse(&line).map(|config| read(&config)), Ok(bound), "{line}");
        }
        let above = format!("{}={}", key.name, max + 1);
        assert_eq!(Config::parse(&above).unwrap_err().reason, Reason::AboveMax { max });
        let reason = match or_zero {
            true => Reason::BelowMinNotZero { min },
            false => Reason::BelowMin { min },
        };
        if let Some(below) = min.checked_sub(1) {
            let below = format!("{}={below}", key.name);
            assert_eq!(Config::parse(&below).unwrap_err().reason, reason);
        }
        if or_zero {
            let line = format!("{}=0", key.name);
            assert_eq!(Config::parse(&line).map(|config| read(&config)), Ok(0), "{line}");
        }
    }
}

#[test]
fn every_word_of_a_choice_round_trips() {
    for key in KEYS {
        let Kind::Choice { words, .. } = key.kind else {
            continue;
        };
        for word in words {
            let line = format!("{}={word}", key.name);
            let config = Config::parse(&line).unwrap();
            assert_eq!(key.value(&config), Value::Word(word), "{line}");
            let is_default = config == Config::DEFAULT;
            assert_eq!(config.to_string(), if is_default { "" } else { &line });
        }
        let line = format!("{}={}", key.name, words[0].to_uppercase());
        assert_eq!(Config::parse(&line).unwrap_err().reason, Reason::NotWord { words });
    }
}

#[test]
fn names_are_unique() {
    for (index, key) in KEYS.iter().enumerate() {
        assert!(KEYS[..index].iter().all(|other| other.name != key.name), "{}", key.name);
    }
}

#[test]
fn the_last_word_counts() {
    assert_eq!(Config::parse("clients=2  clients=3").unwrap().clients, 3);
}

#[test]
fn bad_words_are_named_and_change_nothing() {
    let line = "clients=0 regions=1 quiet speed=9 log=loud resp=+1 regions=99999999999999999999999 ip=1.2 \
                clients names= vm.flush=never";
    assert_eq!(
        errors(line),
        [
            "clients=0 is below 1",
            "regions=1 is neither 0 nor at least 1024",
            "unknown key quiet",
            "unknown key speed",
            "log=loud is not one of off, error, warn, info, debug, trace",
            "resp=+1 is not a decimal number",
            "regions=99999999999999999999999 is above 16777215",
            "ip=1.2 is neither dhcp nor A.B.C.D/PREFIX[,GATEWAY]",
            "clients has no value, write clients=…",
            "names= is not a decimal number",
            "vm.flush=never is not one of lazy, eager",
        ]
    );
    assert_eq!(Config::parse_lenient(line, |_| ()), Config::DEFAULT);
}

#[test]
fn addresses_that_cannot_be_used_are_named() {
    assert_eq!(
        errors("ip=10.0.2.255/24 ip=10.0.2.15/24,224.0.0.1"),
        [
            "ip=10.0.2.255/24: no machine can have the address 10.0.2.255, which must be in 1.0.0.0 to \
             223.255.255.255 without 127.0.0.0/8, and neither the first nor the last of its network (but /31 \
             and /32)",
            "ip=10.0.2.15/24,224.0.0.1: the gateway 224.0.0.1 is not another machine of the address's network \
             (with /32: any other address of a machine)",
        ]
    );
    assert_eq!(Config::parse_lenient("ip=10.0.2.255/24", |_| ()), Config::DEFAULT);
    let ip = "10.0.2.15/24".parse().unwrap();
    let config = Config::parse_lenient("ip=10.0.2.15/24,224.0.0.1", |_| ());
    assert_eq!(config, Config { ip, ..Config::DEFAULT });
}

#[test]
fn good_words_beside_bad_ones_count() {
    let mut count = 0;
    let config = Config::parse_lenient("nonsense clients=5", |_| count += 1);
    assert_eq!((config.clients, count), (5, 1));
}

#[test]
fn long_filter_is_refused() {
    let line = format!("selftest={}", "x".repeat(65));
    assert_eq!(Config::parse(&line).unwrap_err().reason, Reason::TooLong);
}
