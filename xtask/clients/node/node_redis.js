// The image by node-redis, in both versions of the protocol. Every line checks a value.
//
//     node node_redis.js PORT

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createClient, createClientPool, WatchError } from 'redis';

const port = Number(process.argv[2]);
let checks = 0;

function check(actual, expected) {
  assert.deepStrictEqual(actual, expected);
  checks += 1;
}

async function connect(options) {
  const client = createClient({ socket: { host: '127.0.0.1', port }, ...options });
  client.on('error', () => {});
  return client.connect();
}

async function talk(RESP) {
  const client = await connect({ RESP, name: 'node' });
  check(await client.ping(), 'PONG');
  check(await client.clientGetName(), 'node');
  check(await client.echo('hello'), 'hello');
  check(await client.set('k', 'v'), 'OK');
  check(await client.get('k'), 'v');
  check(await client.set('k', 'w', { NX: true }), null);
  check(await client.set('k', 'w', { GET: true }), 'v');
  check(await client.set('k', 'x', { EX: 100 }), 'OK');
  const ttl = await client.ttl('k');
  check(ttl > 0 && ttl <= 100, true);
  check(Number(await client.expire('k', 50, 'GT')), 0);
  check(Number(await client.persist('k')), 1);
  check(await client.append('k', 'yz'), 3);
  check(await client.getRange('k', 1, -1), 'yz');
  check(await client.setRange('k', 5, '!'), 6);
  check(await client.strLen('k'), 6);
  check(await client.getDel('k'), 'xyz\0\0!');
  check(await client.mSet([['a', '1'], ['b', '2']]), 'OK');
  check(await client.mGet(['a', 'none', 'b']), ['1', null, '2']);
  check(await client.exists(['a', 'b', 'none']), 2);
  check(await client.type('a'), 'string');
  check((await client.keys('*')).sort(), ['a', 'b']);
  check(await client.del(['a', 'b']), 2);
  const large = 'x'.repeat(1 << 20);
  check(await client.set('large', large), 'OK');
  check((await client.get('large')) === large, true);
  check(await client.unlink('large'), 1);
  check(await client.multi().set('t', '1').append('t', '2').get('t').exec(), ['OK', 2, '12']);
  check(await client.multi().get('t').del('t').execAsPipeline(), ['12', 1]);
  const other = await connect({ RESP });
  await client.watch('w');
  check(await other.set('w', 'other'), 'OK');
  await assert.rejects(client.multi().set('w', 'mine').exec(), WatchError);
  check(await client.get('w'), 'other');
  await assert.rejects(client.sendCommand(['NOSUCH']), /unknown command/);
  const names = Array.from({ length: 500 }, (_, number) => `n:${number}`);
  const replies = await Promise.all(names.map((name) => client.set(name, name)));
  check(replies.every((reply) => reply === 'OK'), true);
  const found = [];
  for await (const keys of client.scanIterator({ MATCH: 'n:*', COUNT: 50 })) found.push(...keys);
  check(found.sort(), [...names].sort());
  // A killed connection is reopened. A request in flight at that moment would be lost.
  const victim = await client.clientId();
  const reopened = new Promise((resolve) => client.once('ready', resolve));
  check(Number(await other.clientKill({ filter: 'ID', id: victim })), 1);
  await reopened;
  check(await client.get('w'), 'other');
  check((await client.clientId()) > victim, true);
  const pool = await createClientPool({ socket: { host: '127.0.0.1', port }, RESP }, { maximum: 5 })
    .connect();
  const values = await Promise.all(names.slice(0, 50).map((name) => pool.get(name)));
  check(values, names.slice(0, 50));
  await pool.close();
  check((await client.info('replication')).includes('role:master'), true);
  check({ ...(await client.configGet('save')) }, { save: '' });
  check(await client.flushAll(), 'OK');
  check(await client.dbSize(), 0);
  await other.close();
  await client.close();
}

for (const RESP of [2, 3]) await talk(RESP);
const path = createRequire(import.meta.url).resolve('redis/package.json');
console.log(`node-redis ${JSON.parse(readFileSync(path)).version}: checked ${checks}`);
