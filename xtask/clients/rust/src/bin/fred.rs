//! The image by fred, in both versions of the protocol. Every line checks a value.
//!
//!     fred PORT

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};

use fred::prelude::{
    Builder, ClientLike, Config, Error, Expiration, KeysInterface, Pool, ReconnectPolicy, Server,
    ServerConfig, ServerInterface, SetOptions, TransactionInterface, Value,
};
use fred::types::RespVersion;

static CHECKS: AtomicU32 = AtomicU32::new(0);

#[track_caller]
fn check<T: PartialEq<U> + Debug, U: Debug>(actual: T, expected: U) {
    assert_eq!(actual, expected);
    CHECKS.fetch_add(1, Ordering::Relaxed);
}

async fn values(pool: &Pool) -> Result<(), Error> {
    check(pool.ping::<String>(None).await?, "PONG");
    check(pool.set::<String, _, _>("k", "v", None, None, false).await?, "OK");
    check(pool.get::<Option<String>, _>("k").await?, Some("v".to_owned()));
    check(pool.get::<Option<String>, _>("none").await?, None);
    let unless =
        pool.set::<Option<String>, _, _>("k", "w", None, Some(SetOptions::NX), false).await?;
    check(unless, None);
    let expires = Some(Expiration::EX(100));
    check(
        pool.set::<Option<String>, _, _>("k", "x", expires, None, true).await?,
        Some("v".to_owned()),
    );
    check((1..=100).contains(&pool.ttl::<i64, _>("k").await?), true);
    check(pool.persist::<i64, _>("k").await?, 1);
    check(pool.expire::<i64, _>("none", 10, None).await?, 0);
    check(pool.append::<i64, _, _>("k", "yz").await?, 3);
    check(pool.getrange::<String, _>("k", 1, 2).await?, "yz");
    check(pool.setrange::<i64, _, _>("k", 5, "!").await?, 6);
    check(pool.strlen::<i64, _>("k").await?, 6);
    check(pool.getdel::<String, _>("k").await?, "xyz\0\0!");
    pool.mset(vec![("a", 1), ("b", 2)]).await?;
    let three: Vec<Option<i64>> = pool.mget(vec!["a", "none", "b"]).await?;
    check(three, [Some(1), None, Some(2)]);
    check(pool.exists::<i64, _>(vec!["a", "b", "none"]).await?, 2);
    check(pool.del::<i64, _>(vec!["a", "b"]).await?, 2);
    let large = "x".repeat(1 << 20);
    check(pool.set::<String, _, _>("large", large.as_str(), None, None, false).await?, "OK");
    check(pool.get::<String, _>("large").await? == large, true);
    check(pool.unlink::<i64, _>("large").await?, 1);
    let calls = (0..200).map(|number| async move {
        let key = format!("n:{number}");
        pool.set::<(), _, _>(&key, number, None, None, false).await?;
        pool.get::<i64, _>(&key).await
    });
    for (number, call) in calls.enumerate() {
        check(call.await?, i64::try_from(number).expect("a number"));
    }
    check(pool.next().dbsize::<i64>().await?, 200);
    Ok(())
}

async fn transactions(pool: &Pool) -> Result<(), Error> {
    let client = pool.next();
    let transaction = client.multi();
    let queued: Value = transaction.set("t", 1, None, None, false).await?;
    check(queued.is_queued(), true);
    let queued: Value = transaction.append("t", 2).await?;
    check(queued.is_queued(), true);
    let queued: Value = transaction.get("t").await?;
    check(queued.is_queued(), true);
    let (set, length, value): (String, i64, String) = transaction.exec(true).await?;
    check((set.as_str(), length, value.as_str()), ("OK", 2, "12"));
    let pipeline = client.pipeline();
    let _: () = pipeline.get("t").await?;
    let _: () = pipeline.del("t").await?;
    let (value, deleted): (String, i64) = pipeline.all().await?;
    check((value.as_str(), deleted), ("12", 1));
    client.flushall::<()>(false).await?;
    check(client.dbsize::<i64>().await?, 0);
    Ok(())
}

async fn run(port: u16) -> Result<(), Error> {
    for version in [RespVersion::RESP2, RespVersion::RESP3] {
        let server = ServerConfig::Centralized { server: Server::new("127.0.0.1", port) };
        let config = Config { version, server, ..Config::default() };
        let policy = ReconnectPolicy::new_constant(3, 50);
        let pool = Builder::from_config(config).set_policy(policy).build_pool(4)?;
        let task = pool.connect();
        pool.wait_for_connect().await?;
        values(&pool).await?;
        transactions(&pool).await?;
        pool.quit().await?;
        drop(task);
    }
    println!("fred 10.1.0: checked {}", CHECKS.load(Ordering::Relaxed));
    Ok(())
}

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).expect("a port").parse().expect("a number");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(port))
}
