// Objects go to and from a process in C, which may be killed: $PLASMA_PEER. The store is $PLASMA_TEST_STORE.
'use strict';

const assert = require('node:assert');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const test = require('node:test');
const plasma = require('..');

const store = process.env.PLASMA_TEST_STORE;
const hex = (word) => (Buffer.isBuffer(word) ? word.toString('hex') : word);
const peer = (...words) => {
  const ended = spawnSync(process.env.PLASMA_PEER, [store, ...words.map(hex)], { stdio: 'inherit' });
  assert.strictEqual(ended.status, 0, words.join(' '));
};
const fails = (status, body) => assert.throws(body, (thrown) =>
  thrown instanceof plasma.PlasmaError && thrown.status === status && thrown.message.length > status.length + 2);

const client = plasma.connect(store, {
  flags: plasma.constants.CONNECT_EPHEMERAL,
  capacity: 16 << 20,
});
test.after(() => {
  client.close();
  client.close();
  assert.throws(() => client.list(), /closed/);
  fails('STORE_NOT_FOUND', () => plasma.connect(store, { flags: plasma.constants.CONNECT_EXISTING }));
});

test('C reads what Node wrote', () => {
  const id = plasma.randomId();
  client.put(id, 'from Node');
  peer('expect', id, 'from Node');
  const second = plasma.randomId();
  const writer = client.create(second, 4, { name: 'made' });
  writer.resize(5);
  const data = writer.data;
  data.set(Buffer.from('piece'));
  writer.setMetadata('format', 'text');
  writer.seal();
  assert.strictEqual(data.length, 0);
  assert.throws(() => writer.data, /sealed/);
  peer('expect', second, 'piece');
});

test('Node reads what C wrote', () => {
  const id = plasma.randomId();
  peer('put', id, 'from-c', 'text from C');
  assert.deepStrictEqual(client.lookup('from-c'), id);
  assert.throws(() => client.lookup('from-c\0'), TypeError);
  assert.throws(() => client.create(plasma.randomId(), 1, { name: 'a\0b' }), TypeError);
  const buffer = client.get('from-c');
  assert.strictEqual(Buffer.from(buffer.data).toString(), 'text from C');
  assert.strictEqual(buffer.metadata('format').toString(), 'text');
  assert.strictEqual(buffer.info().name, 'from-c');
  fails('NOT_FOUND', () => buffer.metadata('nothing'));
  buffer.release();
});

test('a process that is killed takes nothing along', async () => {
  const [sealed, open] = [plasma.randomId(), plasma.randomId()];
  const worker = spawn(process.env.PLASMA_PEER, [store, 'work', hex(sealed), hex(open), 'stays']);
  const [said] = await once(worker.stdout, 'data');
  assert.strictEqual(said.toString(), 'ready\n');
  fails('NOT_SEALED', () => client.get(open));
  fails('EXISTS', () => client.put(open, 'x'));
  const buffer = client.get(sealed);
  worker.kill('SIGKILL');
  await once(worker, 'close');
  assert.strictEqual(Buffer.from(buffer.data).toString(), 'stays');
  buffer.release();
  client.put(open, 'mine');
  peer('expect', open, 'mine');
});

test('a view ends with its buffer and cannot be written', () => {
  const id = plasma.randomId();
  client.put(id, 'view', { name: 'v', metadata: { k: 'w', empty: '' } });
  const [buffer, again] = [client.get(id), client.get(id)];
  const { data } = buffer;
  const part = data.subarray(1, 3);
  const words = new Uint16Array(data.buffer);
  assert.strictEqual(Buffer.from(part).toString(), 'ie');
  assert.strictEqual(buffer.metadata('k').toString(), 'w');
  assert.strictEqual(buffer.metadata('empty').length, 0);
  client.delete(id);
  assert.strictEqual(client.list().find((it) => it.id.equals(id)).state, 'deleted');
  buffer.release();
  buffer.release();
  assert.deepStrictEqual([data.length, part.length, words.length, buffer.data.length], [0, 0, 0, 0]);
  assert.strictEqual(data[0], undefined);
  fails('INVALID_ARGUMENT', () => buffer.metadata('k'));
  assert.strictEqual(Buffer.from(again.data).toString(), 'view');
  again.release();
  fails('NOT_FOUND', () => client.get(id));
  // The kernel guards sealed bytes; the language cannot.
  const write = `const p = require(${JSON.stringify(require.resolve('..'))}); const c = p.connect(${JSON.stringify(store)});
    const id = p.randomId(); c.put(id, 'x'); c.get(id).data[0] = 1;`;
  assert.strictEqual(spawnSync(process.execPath, ['-e', write]).signal, 'SIGSEGV');
});

test('buffers that are forgotten are released', async () => {
  const id = plasma.randomId();
  client.put(id, 'forgotten');
  require('node:v8').setFlagsFromString('--expose-gc');
  const collect = require('node:vm').runInNewContext('gc');
  (() => client.get(id).data[0])();
  while (client.info(id).leaseCount > 0) {
    collect();
    await new Promise(setImmediate);
  }
  client.delete(id);
});

test('objects are found, waited for, listed and deleted, and events say so', () => {
  const [id, never] = [plasma.randomId(), plasma.randomId()];
  const events = client.subscribe();
  const dropped = client.create(id, 8);
  assert.strictEqual(client.contains(id), false);
  dropped.abort();
  dropped.abort();
  const empty = client.create(id, 0).sealAndGet();
  assert.strictEqual(empty.data.length, 0);
  empty.release();
  assert.deepStrictEqual(client.wait([id, never], { numReady: 1 }), [true, false]);
  assert.deepStrictEqual(client.wait([never], { timeoutMs: 1 }), [false]);
  assert.strictEqual(client.contains(id), true);
  assert.strictEqual(client.info(id).dataSize, 0);
  client.delete(id);
  for (const type of ['aborted', 'sealed', 'deleted']) {
    const event = events.next(10000);
    assert.deepStrictEqual([event.type, event.id], [type, id]);
  }
  fails('TIMEOUT', () => events.next());
  events.close();
  events.close();
  assert.throws(() => events.next(), /closed/);
  fails('TOO_LARGE', () => client.create(id, 2 ** 40));
  fails('INVALID_ARGUMENT', () => client.get(id, -2));
  assert.throws(() => client.get(Buffer.alloc(3)), TypeError);
});

test('a creator says why it fails', () => {
  const id = plasma.randomId();
  client.create(id, 64).fail('no such input');
  assert.throws(() => client.get(id, -1), { status: 'FAILED', message: /no such input/ });
  client.delete(id);
});
