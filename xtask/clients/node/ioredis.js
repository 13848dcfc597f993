// The image by ioredis. Every line checks a value.
//
//     node ioredis.js PORT

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import Redis from 'ioredis';

const port = Number(process.argv[2]);
let checks = 0;

function check(actual, expected) {
  assert.deepStrictEqual(actual, expected);
  checks += 1;
}

function open(options) {
  const client = new Redis({ host: '127.0.0.1', port, ...options });
  client.on('error', () => {});
  return client;
}

const redis = open({ connectionName: 'io' });
check(await redis.ping(), 'PONG');
check(await redis.client('GETNAME'), 'io');
check(await redis.set('k', 'v'), 'OK');
check(await redis.get('k'), 'v');
check(await redis.getBuffer('k'), Buffer.from('v'));
check(await redis.set('k', 'w', 'NX'), null);
check(await redis.set('k', 'w', 'GET'), 'v');
check(await redis.set('k', 'x', 'EX', 100), 'OK');
const ttl = await redis.ttl('k');
check(ttl > 0 && ttl <= 100, true);
check(await redis.expire('k', 50, 'GT'), 0);
check(await redis.persist('k'), 1);
check(await redis.append('k', 'yz'), 3);
check(await redis.getrange('k', 1, -1), 'yz');
check(await redis.setrange('k', 5, '!'), 6);
check(await redis.strlen('k'), 6);
check(await redis.getdel('k'), 'xyz\0\0!');
check(await redis.mset({ a: '1', b: '2' }), 'OK');
check(await redis.mget('a', 'none', 'b'), ['1', null, '2']);
check(await redis.exists('a', 'b', 'none'), 2);
check((await redis.keys('*')).sort(), ['a', 'b']);
check(await redis.del('a', 'b'), 2);
check(await redis.setex('k', 100, 'v'), 'OK');
check(await redis.setnx('k', 'w'), 0);
check(await redis.unlink('k'), 1);
const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
check(await redis.set(every, every), 'OK');
check(await redis.getBuffer(every), every);
const large = 'x'.repeat(1 << 20);
check(await redis.set('large', large), 'OK');
check((await redis.get('large')) === large, true);
// A transaction that is sent as a whole, and one whose commands are sent one by one.
const together = [[null, 'OK'], [null, 2], [null, '12']];
check(await redis.multi().set('t', '1').append('t', '2').get('t').exec(), together);
await redis.multi({ pipeline: false });
check(await redis.set('t', '3'), 'QUEUED');
check(await redis.get('t'), 'QUEUED');
check(await redis.exec(), [[null, 'OK'], [null, '3']]);
check(await redis.pipeline().get('t').del('t', 'large', every).exec(), [[null, '3'], [null, 3]]);
const failed = await redis.pipeline().set('k', 'v').call('NOSUCH').get('k').exec();
check([failed[0], failed[2]], [[null, 'OK'], [null, 'v']]);
check(failed[1][0].message.startsWith('ERR unknown command'), true);
const other = open();
check(await redis.watch('k'), 'OK');
check(await other.set('k', 'other'), 'OK');
check(await redis.multi().set('k', 'mine').exec(), null);
check(await redis.get('k'), 'other');
const automatic = open({ enableAutoPipelining: true });
const names = Array.from({ length: 500 }, (_, number) => `n:${number}`);
const replies = await Promise.all(names.map((name) => automatic.set(name, name)));
check(replies.every((reply) => reply === 'OK'), true);
const found = [];
for await (const keys of redis.scanStream({ match: 'n:*', count: 50 })) found.push(...keys);
check(found.sort(), [...names].sort());
// A killed connection is reopened, and requests made in between are answered.
const victim = await redis.client('ID');
check(await other.client('KILL', 'ID', victim), 1);
check(await redis.get('k'), 'other');
check((await redis.client('ID')) > victim, true);
check((await redis.info('replication')).includes('role:master'), true);
check(await redis.config('GET', 'save'), ['save', '']);
check(await redis.flushall(), 'OK');
check(await redis.dbsize(), 0);
check(await redis.quit(), 'OK');
other.disconnect();
automatic.disconnect();

const path = createRequire(import.meta.url).resolve('ioredis/package.json');
console.log(`ioredis ${JSON.parse(readFileSync(path)).version}: checked ${checks}`);
