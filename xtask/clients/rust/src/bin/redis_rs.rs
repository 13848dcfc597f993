//! The image by redis-rs, blocking and asynchronous, in both versions of the protocol. Every line
//! checks a value.
//!
//!     redis_rs PORT

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};

use redis::aio::ConnectionManager;
use redis::{
    AsyncCommands, Client, Commands, Connection, ConnectionLike, ExistenceCheck, RedisResult,
    SetExpiry, SetOptions, Value,
};

static CHECKS: AtomicU32 = AtomicU32::new(0);

#[track_caller]
fn check<T: PartialEq<U> + Debug, U: Debug>(actual: T, expected: U) {
    assert_eq!(actual, expected);
    CHECKS.fetch_add(1, Ordering::Relaxed);
}

fn values(c: &mut Connection) -> RedisResult<()> {
    check(c.set::<_, _, String>("k", "v")?, "OK");
    check(c.get::<_, Option<String>>("k")?, Some("v".to_owned()));
    check(c.get::<_, Option<String>>("none")?, None);
    let unless = SetOptions::default().conditional_set(ExistenceCheck::NX);
    check(c.set_options::<_, _, Option<String>>("k", "w", unless)?, None);
    let old = SetOptions::default().get(true).with_expiration(SetExpiry::EX(100));
    check(c.set_options::<_, _, Option<String>>("k", "x", old)?, Some("v".to_owned()));
    check((1..=100).contains(&c.ttl::<_, i64>("k")?), true);
    check(c.persist::<_, bool>("k")?, true);
    check(c.expire::<_, bool>("none", 10)?, false);
    check(c.append::<_, _, i64>("k", "yz")?, 3);
    check(c.getrange::<_, String>("k", 1, -1)?, "yz");
    check(c.setrange::<_, _, i64>("k", 5, "!")?, 6);
    check(c.strlen::<_, i64>("k")?, 6);
    check(c.get_del::<_, Vec<u8>>("k")?, b"xyz\0\0!".to_vec());
    check(c.mset::<_, _, String>(&[("a", 1), ("b", 2)])?, "OK");
    check(c.mget::<_, Vec<Option<i64>>>(&["a", "none", "b"])?, [Some(1), None, Some(2)]);
    check(c.set_ex::<_, _, String>("e", "v", 100)?, "OK");
    check(c.set_nx::<_, _, bool>("e", "w")?, false);
    check(c.exists::<_, bool>("e")?, true);
    let mut keys: Vec<String> = c.scan_match::<_, String>("*")?.collect::<RedisResult<_>>()?;
    keys.sort();
    check(keys, ["a", "b", "e"]);
    check(c.del::<_, i64>(&["a", "b", "e"])?, 3);
    let large: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[1]).collect();
    check(c.set::<_, _, String>("large", &large)?, "OK");
    check(c.get::<_, Vec<u8>>("large")? == large, true);
    check(c.unlink::<_, i64>("large")?, 1);
    let error = redis::cmd("NOSUCH").query::<Value>(c).unwrap_err();
    check(error.to_string().contains("unknown command"), true);
    check(c.is_open(), true);
    Ok(())
}

fn transactions(client: &Client, c: &mut Connection) -> RedisResult<()> {
    let (one, two): (i64, String) =
        redis::pipe().atomic().set("t", 1).ignore().append("t", 2).get("t").query(c)?;
    check((one, two.as_str()), (2, "12"));
    let both: Vec<Option<String>> = redis::pipe().get("t").get("none").query(c)?;
    check(both, [Some("12".to_owned()), None]);
    // An error of one command fails the whole transaction, and no key is written.
    let refused = redis::pipe().atomic().set("t", 3).cmd("NOSUCH").query::<Value>(c);
    check(refused.is_err(), true);
    check(c.get::<_, i64>("t")?, 12);
    // Another client interferes with the first attempt, but not with the second.
    let mut other = client.get_connection()?;
    let mut attempts = 0;
    let (sum,): (i64,) = redis::transaction(c, &["t"], |c, pipe| {
        attempts += 1;
        let value: i64 = c.get("t")?;
        if attempts == 1 {
            other.set::<_, _, ()>("t", 20)?;
        }
        pipe.set("t", value + 1).ignore().get("t").query(c)
    })?;
    check((attempts, sum), (2, 21));
    check(c.flushall::<String>()?, "OK");
    Ok(())
}

async fn asynchronous(client: &Client) -> RedisResult<()> {
    let mut manager = ConnectionManager::new(client.clone()).await?;
    check(manager.set::<_, _, String>("k", "v").await?, "OK");
    let (first, second): (String, String) = redis::pipe()
        .atomic()
        .get("k")
        .set("k", "w")
        .ignore()
        .get("k")
        .query_async(&mut manager)
        .await?;
    check((first.as_str(), second.as_str()), ("v", "w"));
    let mut shared = client.get_multiplexed_async_connection().await?;
    let mut tasks = Vec::new();
    for number in 0..200 {
        let mut shared = shared.clone();
        tasks.push(tokio::spawn(async move {
            shared.set::<_, _, ()>(format!("n:{number}"), number).await?;
            shared.get::<_, i64>(format!("n:{number}")).await
        }));
    }
    for (number, task) in tasks.into_iter().enumerate() {
        check(task.await.expect("a task")?, i64::try_from(number).expect("a number"));
    }
    // A killed connection is reopened.
    let id: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut manager).await?;
    let killed: i64 =
        redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query_async(&mut shared).await?;
    check(killed, 1);
    let mut found = None;
    for _ in 0..50 {
        match manager.get::<_, Option<String>>("k").await {
            Ok(value) => {
                found = value;
                break;
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    }
    check(found, Some("w".to_owned()));
    redis::cmd("FLUSHALL").query_async::<()>(&mut shared).await?;
    check(redis::cmd("DBSIZE").query_async::<i64>(&mut shared).await?, 0);
    Ok(())
}

fn main() -> RedisResult<()> {
    let port = std::env::args().nth(1).expect("a port");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for protocol in ["resp2", "resp3"] {
        let client = Client::open(format!("redis://127.0.0.1:{port}/?protocol={protocol}"))?;
        let mut connection = client.get_connection()?;
        values(&mut connection)?;
        transactions(&client, &mut connection)?;
        runtime.block_on(asynchronous(&client))?;
    }
    println!("redis-rs 1.8.1: checked {}", CHECKS.load(Ordering::Relaxed));
    Ok(())
}
