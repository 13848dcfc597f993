//! The commands about connections, settings and the table of commands answer as Redis 7.0 does, byte
//! for byte. The replies were taken from Redis 7.0.15.

use crate::harness::{Client, World, multibulk};

/// Sends each request, whose words are separated by spaces (`\s` is a space in a word), and compares the bytes of the reply.
fn converse(world: &mut World, client: &mut Client, rows: &[(&str, &str)]) {
    for (request, expected) in rows {
        let words: Vec<Vec<u8>> =
            request.split(' ').map(|word| word.replace("\\s", " ").into_bytes()).collect();
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        world.send(client, &multibulk(&words));
        let reply = world.raw(client);
        assert_eq!(
            reply.escape_ascii().to_string(),
            expected.as_bytes().escape_ascii().to_string(),
            "{request}"
        );
    }
}

#[test]
fn connections() {
    let mut world = World::new();
    let mut client = world.connect();
    converse(
        &mut world,
        &mut client,
        &[
            ("PING", "+PONG\r\n"),
            ("PING a", "$1\r\na\r\n"),
            ("PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"),
            ("ECHO", "-ERR wrong number of arguments for 'echo' command\r\n"),
            ("ECHO a b", "-ERR wrong number of arguments for 'echo' command\r\n"),
            ("SELECT 0", "+OK\r\n"),
            ("SELECT -1", "-ERR DB index is out of range\r\n"),
            ("SELECT 16", "-ERR DB index is out of range\r\n"),
            ("SELECT x", "-ERR value is not an integer or out of range\r\n"),
            ("SELECT 99999999999999999999", "-ERR value is not an integer or out of range\r\n"),
            (
                "SELECT 2147483648",
                "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n",
            ),
            ("RESET x", "-ERR wrong number of arguments for 'reset' command\r\n"),
            ("RESET", "+RESET\r\n"),
            ("AUTH a b c", "-ERR syntax error\r\n"),
            ("AUTH", "-ERR wrong number of arguments for 'auth' command\r\n"),
            (
                "AUTH x",
                "-ERR AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?\r\n",
            ),
            ("AUTH default x", "+OK\r\n"),
            ("AUTH foo x", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            (
                "HELLO 2 AUTH foo x",
                "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
            ),
            ("HELLO 2 AUTH foo", "-ERR Syntax error in HELLO option 'AUTH'\r\n"),
            ("HELLO 2 FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n"),
            ("HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n"),
            (
                "HELLO 2 SETNAME a\\sb",
                "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
            ),
            ("HELLO x", "-ERR Protocol version is not an integer or out of range\r\n"),
            ("HELLO 4", "-NOPROTO unsupported protocol version\r\n"),
        ],
    );
    world.ok(&mut client, "HELLO 3 AUTH default anything SETNAME me");
    converse(&mut world, &mut client, &[("CLIENT GETNAME", "$2\r\nme\r\n")]);
    converse(&mut world, &mut client, &[("QUIT now", "+OK\r\n")]);
    assert!(world.is_closed(&client));
}

#[test]
fn before_the_password() {
    let mut world = World::with("requirepass=open-sesame", 4_000);
    let mut client = world.connect();
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    let refused = "-NOAUTH Authentication required.\r\n";
    let hello = "-NOAUTH HELLO must be called with the client already authenticated, otherwise the \
                 HELLO AUTH <user> <pass> option can be used to authenticate the client and select \
                 the RESP protocol version at the same time\r\n";
    converse(
        &mut world,
        &mut client,
        &[
            ("PING", refused),
            ("PING a b", refused),
            ("CLIENT ID", refused),
            ("COMMAND COUNT", refused),
            ("FOO", "-ERR unknown command 'FOO', with args beginning with: \r\n"),
            ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
            ("CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n"),
            ("CLIENT", "-ERR wrong number of arguments for 'client' command\r\n"),
            ("RESET", "+RESET\r\n"),
            ("HELLO", hello),
            ("HELLO 3", hello),
            ("HELLO x", "-ERR Protocol version is not an integer or out of range\r\n"),
            ("HELLO 2 FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n"),
            ("HELLO 2 AUTH default x", wrong),
            ("AUTH x", wrong),
            ("AUTH default x", wrong),
            ("AUTH other open-sesame", wrong),
            ("AUTH a b c", "-ERR syntax error\r\n"),
            // Options are applied in order.
            (
                "HELLO 3 AUTH default open-sesame SETNAME a\\sb",
                "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
            ),
            ("PING", "+PONG\r\n"),
            ("GET x", "$-1\r\n"),
            ("RESET", "+RESET\r\n"),
            ("PING", refused),
        ],
    );
    let mut other = world.connect();
    converse(&mut world, &mut other, &[("QUIT", "+OK\r\n")]);
    assert!(world.is_closed(&other));
}

#[test]
fn the_client_list() {
    let mut world = World::new();
    let mut client = world.connect();
    let syntax = "-ERR syntax error\r\n";
    let number = "-ERR client-id should be greater than 0\r\n";
    converse(
        &mut world,
        &mut client,
        &[
            ("CLIENT", "-ERR wrong number of arguments for 'client' command\r\n"),
            ("CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n"),
            ("client foo bar", "-ERR unknown subcommand 'foo'. Try CLIENT HELP.\r\n"),
            ("CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command\r\n"),
            ("CLIENT INFO x", "-ERR wrong number of arguments for 'client|info' command\r\n"),
            ("CLIENT GETNAME x", "-ERR wrong number of arguments for 'client|getname' command\r\n"),
            ("CLIENT HELP x", "-ERR wrong number of arguments for 'client|help' command\r\n"),
            ("CLIENT SETNAME", "-ERR wrong number of arguments for 'client|setname' command\r\n"),
            ("CLIENT REPLY", "-ERR wrong number of arguments for 'client|reply' command\r\n"),
            ("CLIENT REPLY foo", syntax),
            ("CLIENT GETNAME", "$-1\r\n"),
            (
                "CLIENT SETNAME a\\sb",
                "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
            ),
            ("CLIENT SETNAME ab", "+OK\r\n"),
            ("CLIENT GETNAME", "$2\r\nab\r\n"),
            ("CLIENT SETNAME ", "+OK\r\n"),
            ("CLIENT GETNAME", "$-1\r\n"),
            ("CLIENT NO-EVICT x", syntax),
            ("CLIENT NO-EVICT on", "+OK\r\n"),
            ("CLIENT NO-EVICT OFF", "+OK\r\n"),
            ("CLIENT TRACKING on", "-ERR unknown subcommand 'TRACKING'. Try CLIENT HELP.\r\n"),
            ("CLIENT LIST TYPE", syntax),
            ("CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'\r\n"),
            ("CLIENT LIST TYPE master", "$0\r\n\r\n"),
            ("CLIENT LIST TYPE replica", "$0\r\n\r\n"),
            ("CLIENT LIST TYPE pubsub", "$0\r\n\r\n"),
            ("CLIENT LIST ID", syntax),
            ("CLIENT LIST ID x", "-ERR Invalid client ID\r\n"),
            ("CLIENT LIST ID 1 x", "-ERR Invalid client ID\r\n"),
            ("CLIENT LIST ID 0 -1 99", "$0\r\n\r\n"),
            ("CLIENT LIST FOO", syntax),
            ("CLIENT LIST FOO BAR", syntax),
            ("CLIENT LIST TYPE normal ID 3", syntax),
            ("CLIENT KILL", "-ERR wrong number of arguments for 'client|kill' command\r\n"),
            ("CLIENT KILL x", "-ERR No such client\r\n"),
            ("CLIENT KILL ID", "-ERR No such client\r\n"),
            ("CLIENT KILL ID x", number),
            ("CLIENT KILL ID 0", number),
            ("CLIENT KILL ID -1", number),
            ("CLIENT KILL ID 99", ":0\r\n"),
            ("CLIENT KILL ID 99 ADDR", syntax),
            ("CLIENT KILL ADDR foo", ":0\r\n"),
            ("CLIENT KILL LADDR foo", ":0\r\n"),
            ("CLIENT KILL TYPE foo", "-ERR Unknown client type 'foo'\r\n"),
            ("CLIENT KILL TYPE pubsub", ":0\r\n"),
            ("CLIENT KILL USER foo", "-ERR No such user 'foo'\r\n"),
            ("CLIENT KILL USER default", ":0\r\n"),
            ("CLIENT KILL USER default SKIPME no ID 99", ":0\r\n"),
            ("CLIENT KILL SKIPME foo", syntax),
            ("CLIENT KILL SKIPME yes", ":0\r\n"),
            ("CLIENT KILL MAXAGE 10", syntax),
            ("CLIENT KILL FOO BAR BAZ", syntax),
        ],
    );
}

#[test]
fn settings() {
    let mut world = World::new();
    let mut client = world.connect();
    converse(
        &mut world,
        &mut client,
        &[
            ("CONFIG", "-ERR wrong number of arguments for 'config' command\r\n"),
            ("CONFIG FOO", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP.\r\n"),
            ("CONFIG GET", "-ERR wrong number of arguments for 'config|get' command\r\n"),
            ("CONFIG GET S[A]VE", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
            ("CONFIG GET save SAVE s?ve", "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
            ("CONFIG GET nothing", "*0\r\n"),
            ("CONFIG SET", "-ERR wrong number of arguments for 'config|set' command\r\n"),
            ("CONFIG SET a", "-ERR wrong number of arguments for 'config|set' command\r\n"),
            (
                "CONFIG SET a b",
                "-ERR Unknown option or number of arguments for CONFIG SET - 'a'\r\n",
            ),
            ("CONFIG SET a b c", "-ERR syntax error\r\n"),
            (
                "CONFIG SET databases 3",
                "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set \
                 immutable config\r\n",
            ),
            (
                "CONFIG SET tcp-keepalive 60",
                "-ERR CONFIG SET failed (possibly related to argument 'tcp-keepalive') - can't set \
                 immutable config\r\n",
            ),
            ("CONFIG RESETSTAT", "+OK\r\n"),
            (
                "CONFIG RESETSTAT x",
                "-ERR wrong number of arguments for 'config|resetstat' command\r\n",
            ),
            ("CONFIG REWRITE", "-ERR The server is running without a config file\r\n"),
            ("CONFIG REWRITE x", "-ERR wrong number of arguments for 'config|rewrite' command\r\n"),
        ],
    );
    // Settings that exporters and libraries request have a reply.
    for name in [
        "databases",
        "maxmemory",
        "maxmemory-policy",
        "timeout",
        "maxclients",
        "bind",
        "port",
        "tcp-keepalive",
        "save",
        "appendonly",
        "proto-max-bulk-len",
        "client-output-buffer-limit",
        "slowlog-log-slower-than",
        "slowlog-max-len",
        "notify-keyspace-events",
        "cluster-enabled",
    ] {
        let reply = world.ok(&mut client, &format!("CONFIG GET {name}"));
        assert_eq!(reply.items().len(), 2, "{name}: {reply:?}");
    }
    let value = |world: &mut World, client: &mut Client, name: &str| {
        world.ok(client, &format!("CONFIG GET {name}")).items()[1].text()
    };
    assert_eq!(value(&mut world, &mut client, "port"), "7379");
    assert_eq!(value(&mut world, &mut client, "maxclients"), "256");
    assert_eq!(value(&mut world, &mut client, "databases"), "1");
    assert_eq!(value(&mut world, &mut client, "tcp-keepalive"), "300");
    assert_eq!(value(&mut world, &mut client, "mtu"), "0");
    let all = world.ok(&mut client, "CONFIG GET * save *");
    let names: Vec<String> = all.items().chunks(2).map(|pair| pair[0].text()).collect();
    let once: std::collections::HashSet<&String> = names.iter().collect();
    assert_eq!(once.len(), names.len(), "no name twice: {names:?}");
}

#[test]
fn the_table_of_commands() {
    let mut world = World::new();
    let mut client = world.connect();
    let syntax = "-ERR syntax error\r\n";
    let invalid = "-ERR Invalid number of arguments specified for command\r\n";
    let none = "-ERR The command has no key arguments\r\n";
    let unknown = "-ERR Invalid command specified\r\n";
    let count = "-ERR wrong number of arguments for 'command|getkeys' command\r\n";
    converse(
        &mut world,
        &mut client,
        &[
            ("COMMAND FOO", "-ERR unknown subcommand 'FOO'. Try COMMAND HELP.\r\n"),
            ("COMMAND HELP x", "-ERR wrong number of arguments for 'command|help' command\r\n"),
            ("COMMAND COUNT x", "-ERR wrong number of arguments for 'command|count' command\r\n"),
            ("COMMAND LIST x", syntax),
            ("COMMAND LIST FILTERBY", syntax),
            ("COMMAND LIST FILTERBY MODULE", syntax),
            ("COMMAND LIST FILTERBY MODULE foo", "*0\r\n"),
            ("COMMAND LIST FILTERBY ACLCAT foo", "*0\r\n"),
            ("COMMAND LIST FILTERBY ACLCAT @string", "*0\r\n"),
            ("COMMAND LIST FILTERBY foo x", syntax),
            ("COMMAND LIST FILTERBY PATTERN x* y", syntax),
            ("COMMAND LIST FILTERBY PATTERN Type", "*1\r\n$4\r\ntype\r\n"),
            (
                "command list filterby pattern MEMORY*",
                "*3\r\n$6\r\nmemory\r\n$12\r\nmemory|usage\r\n$11\r\nmemory|help\r\n",
            ),
            ("COMMAND INFO foo", "*1\r\n$-1\r\n"),
            ("COMMAND INFO client|foo foo|bar", "*2\r\n$-1\r\n$-1\r\n"),
            ("COMMAND DOCS foo", "*0\r\n"),
            ("COMMAND GETKEYS", count),
            ("COMMAND GETKEYS foo", count),
            ("COMMAND GETKEYS ping", count),
            ("COMMAND GETKEYS foo a", unknown),
            ("COMMAND GETKEYS memory", count),
            ("COMMAND GETKEYS memory foo bar", unknown),
            ("COMMAND GETKEYS ping x", none),
            ("COMMAND GETKEYS scan 0", none),
            ("COMMAND GETKEYS config get", none),
            ("COMMAND GETKEYS get a b", invalid),
            ("COMMAND GETKEYS memory usage", invalid),
            ("COMMAND GETKEYS memory|usage a", unknown),
            ("COMMAND GETKEYS get a", "*1\r\n$1\r\na\r\n"),
            ("COMMAND GETKEYS memory usage foo", "*1\r\n$3\r\nfoo\r\n"),
            ("COMMAND GETKEYS del a b a", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\na\r\n"),
            (
                "COMMAND GETKEYSANDFLAGS",
                "-ERR wrong number of arguments for 'command|getkeysandflags' command\r\n",
            ),
            ("COMMAND GETKEYSANDFLAGS get a", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n"),
            ("COMMAND GETKEYSANDFLAGS del a", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RM\r\n+delete\r\n"),
            ("COMMAND GETKEYSANDFLAGS set a b", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n"),
            // The id of a region is not a key. Its name without the sign is a key.
            ("COMMAND GETKEYS vfree 3 @a", "*1\r\n$1\r\na\r\n"),
            ("COMMAND GETKEYS vfree 3", "*0\r\n"),
            ("COMMAND GETKEYS vmalloc 4K PROT rw name NAME lease 5", "*1\r\n$4\r\nNAME\r\n"),
        ],
    );
    world.ok(&mut client, "HELLO 3");
    converse(
        &mut world,
        &mut client,
        &[
            ("COMMAND INFO foo", "*1\r\n_\r\n"),
            ("COMMAND DOCS foo", "%0\r\n"),
            ("COMMAND GETKEYSANDFLAGS get a", "*1\r\n*2\r\n$1\r\na\r\n~2\r\n+RO\r\n+access\r\n"),
            (
                "COMMAND INFO GeT",
                "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n\
                 +@read\r\n+@string\r\n+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n\
                 +access\r\n$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n\
                 %1\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n\
                 $4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n\
                 :0\r\n~0\r\n",
            ),
        ],
    );
}

#[test]
fn help_is_an_array_of_lines() {
    let mut world = World::new();
    let mut client = world.connect();
    for name in ["CLIENT", "COMMAND", "CONFIG", "MEMORY"] {
        let help = world.ok(&mut client, &format!("{name} help"));
        let first = format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
        assert_eq!(help.items()[0].text(), first);
        let subcommands = world.ok(&mut client, &format!("COMMAND INFO {name}")).items()[0].items()
            [9]
        .items()
        .len();
        assert_eq!(help.items().len(), 1 + 2 * subcommands, "{help:?}");
        assert!(help.items().iter().any(|line| line.text() == "HELP"), "{help:?}");
    }
}
