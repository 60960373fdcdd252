// Plasma for Node: owners over plasma.h, by koffi.
//
// Times are in milliseconds: 0 does not wait, -1 waits forever and blocks the event loop, so wait in
// a Worker, with a client of its own. Ids are Buffers of 20 bytes. A call that fails throws
// PlasmaError.
'use strict';

const koffi = require('koffi');
const native = require('./native.js');

const { constants, statuses, structs } = native;
const names = new Map(Object.entries(statuses).map(([name, number]) => [number, name]));
const library = koffi.load(process.env.PLASMA_LIBRARY || native.soname);
const c = {};
for (const [name, [result, parameters]] of Object.entries(native.functions)) {
  c[name] = library.func(name, result, parameters);
}

class PlasmaError extends Error {
  constructor(status, message) {
    super(`${status}: ${message}`);
    this.name = 'PlasmaError';
    this.status = status;
  }
}

function check(number) {
  if (number !== 0) throw new PlasmaError(names.get(number) || 'UNKNOWN', c.plasma_error_message());
}

// Ends all views of an ArrayBuffer. Node before 21 has no transfer(), but V8 has its inner form.
let end = (bytes) => bytes.transfer(0);
if (!ArrayBuffer.prototype.transfer) {
  const v8 = require('node:v8');
  v8.setFlagsFromString('--allow-natives-syntax');
  end = new Function('bytes', '%ArrayBufferDetach(bytes)');
  v8.setFlagsFromString('--no-allow-natives-syntax');
}

// Memory for a struct of plasma.h, with its struct_size if it has one.
function struct(kind) {
  const memory = Buffer.alloc(structs[kind].sizeof);
  if ('struct_size' in structs[kind]) memory.writeUInt32LE(memory.length, 0);
  return memory;
}

const text = (memory, offset) => memory.toString('utf8', offset, memory.indexOf(0, offset));
const word = (memory, offset) => Number(memory.readBigUInt64LE(offset));
// An address as a BigInt, taken from memory that a call has written.
const out = () => new BigUint64Array(1);

// The bytes of a struct of either buffer.
function view(memory, kind) {
  const size = word(memory, structs[kind].size);
  if (size === 0) return new ArrayBuffer(0);
  return koffi.view(memory.readBigUInt64LE(structs[kind].data), size);
}

function checkId(id) {
  if (!(id instanceof Uint8Array) || id.length !== constants.ID_SIZE) {
    throw new TypeError('an id is a Buffer of 20 bytes');
  }
  return id;
}

// Text for a call. C would end it at a NUL inside.
function toText(value) {
  if (typeof value !== 'string' || value.includes('\0')) throw new TypeError('text without a NUL is wanted');
  return value;
}

function toBytes(data) {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError('data is a string, an ArrayBuffer or a view of one');
}

function connectOptions({ flags = 0, capacity = 0, maxObjects = 0, mode = 0, evict = false }) {
  const memory = struct('connect_options');
  memory.writeUInt32LE(flags, structs.connect_options.flags);
  memory.writeBigUInt64LE(BigInt(capacity), structs.connect_options.capacity);
  memory.writeBigUInt64LE(BigInt(maxObjects), structs.connect_options.max_objects);
  memory.writeUInt32LE(mode, structs.connect_options.mode);
  memory.writeUInt32LE(evict ? constants.EVICTION_LRU : 0, structs.connect_options.eviction);
  return memory;
}

// Calls body with plasma_create_options_t, whose pointers are valid until it returns.
function withCreateOptions({ name, metadata = {}, flags = 0, timeoutMs = 0 }, body) {
  const memory = struct('create_options');
  const entries = Object.entries(metadata).map(([key, value]) => [Buffer.from(`${toText(key)}\0`), toBytes(value)]);
  const array = Buffer.alloc(entries.length * structs.metadata.sizeof);
  const kept = [array];
  const address = (bytes) => {
    kept.push(bytes);
    return bytes.length === 0 ? 0n : BigInt(koffi.address(bytes));
  };
  entries.forEach(([key, value], at) => {
    const entry = at * structs.metadata.sizeof;
    array.writeBigUInt64LE(address(key), entry + structs.metadata.key);
    array.writeBigUInt64LE(address(value), entry + structs.metadata.value);
    array.writeBigUInt64LE(BigInt(value.length), entry + structs.metadata.value_size);
  });
  memory.writeUInt32LE(flags, structs.create_options.flags);
  if (name !== undefined) {
    memory.writeBigUInt64LE(address(Buffer.from(`${toText(name)}\0`)), structs.create_options.name);
  }
  memory.writeBigUInt64LE(address(array), structs.create_options.metadata);
  memory.writeBigUInt64LE(BigInt(entries.length), structs.create_options.metadata_count);
  memory.writeBigInt64LE(BigInt(timeoutMs), structs.create_options.timeout_ms);
  return body(memory, kept);
}

// The names of the constants with a prefix, by their number.
const named = (prefix) => Object.fromEntries(
  Object.entries(constants)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, number]) => [number, name.slice(prefix.length).toLowerCase()]),
);
const states = named('STATE_');
const eventTypes = named('EVENT_');

function objectInfo(call) {
  const memory = struct('object_info');
  const at = structs.object_info;
  check(call(memory));
  return {
    id: Buffer.from(memory.subarray(at.id, at.id + constants.ID_SIZE)),
    state: states[memory.readInt32LE(at.state)],
    name: text(memory, at.name),
    dataSize: word(memory, at.data_size),
    metadataSize: word(memory, at.metadata_size),
    createTimeUs: word(memory, at.create_time_us),
    constructDurationUs: Number(memory.readBigInt64LE(at.construct_duration_us)),
    creatorPid: memory.readInt32LE(at.creator_pid),
    creatorAddress: text(memory, at.creator_address),
    leaseCount: memory.readUInt32LE(at.lease_count),
  };
}

// A buffer whose views nothing can reach any longer is released.
const forgotten = new FinalizationRegistry((memory) => c.plasma_release(memory));

// A view of one sealed object, which it keeps until it is released.
class PlasmaBuffer {
  #memory = struct('buffer');
  #bytes;
  #data;

  constructor(call) {
    check(call(this.#memory));
    try {
      this.#bytes = view(this.#memory, 'buffer');
    } catch (error) { // larger than an array can be
      c.plasma_release(this.#memory);
      throw error;
    }
    this.#data = new Uint8Array(this.#bytes);
    forgotten.register(this.#bytes, this.#memory, this);
  }

  // The bytes, in shared memory; a write is a segmentation fault. Empty after release().
  get data() {
    return this.#data;
  }

  // A copy of the value of a metadata key.
  metadata(key) {
    const [value, size] = [out(), out()];
    check(c.plasma_get_metadata(this.#memory, toText(key), value, size));
    return size[0] === 0n ? Buffer.alloc(0) : copied(value[0], Number(size[0]));
  }

  info() {
    return objectInfo((memory) => c.plasma_buffer_info(this.#memory, memory));
  }

  // Releases the object and ends its views: their length is 0 then.
  release() {
    if (this.#bytes === undefined) return;
    forgotten.unregister(this);
    end(this.#bytes);
    this.#bytes = undefined;
    check(c.plasma_release(this.#memory));
  }
}

function copied(address, size) {
  const bytes = koffi.view(address, size);
  const copy = Buffer.from(new Uint8Array(bytes));
  end(bytes);
  return copy;
}

// The writable view of one object until it is sealed or discarded.
class MutableBuffer {
  #memory = struct('mutable_buffer');
  #bytes;

  constructor(call) {
    check(call(this.#memory));
  }

  get #isOpen() {
    return this.#memory.readBigUInt64LE(structs.mutable_buffer.data) !== 0n;
  }

  // The bytes, in shared memory, until the object is sealed, resized or discarded.
  get data() {
    if (!this.#isOpen) throw new Error('the object is sealed or discarded');
    this.#bytes ??= view(this.#memory, 'mutable_buffer');
    return new Uint8Array(this.#bytes);
  }

  #endViews() {
    if (this.#bytes !== undefined) end(this.#bytes);
    this.#bytes = undefined;
  }

  resize(size) {
    this.#endViews();
    check(c.plasma_resize(this.#memory, size));
  }

  setMetadata(key, value) {
    const bytes = toBytes(value);
    check(c.plasma_set_metadata(this.#memory, toText(key), bytes, bytes.length));
  }

  // Publishes the object.
  seal() {
    this.#endViews();
    check(c.plasma_seal(this.#memory));
  }

  // Publishes the object and gets it.
  sealAndGet() {
    this.#endViews();
    return new PlasmaBuffer((memory) => c.plasma_seal_and_get(this.#memory, memory));
  }

  // Ends an object that cannot be made: gets of it fail with the message.
  fail(message) {
    this.#endViews();
    check(c.plasma_fail(this.#memory, toText(message)));
  }

  // Discards the object, unless it is sealed.
  abort() {
    if (!this.#isOpen) return;
    this.#endViews();
    check(c.plasma_abort(this.#memory));
  }
}

// A reader of the events of a store.
class Subscription {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  // The next event.
  next(timeoutMs = 0) {
    if (this.#handle === undefined) throw new Error('the subscription is closed');
    const memory = struct('event');
    const at = structs.event;
    check(c.plasma_next_event(this.#handle, timeoutMs, memory));
    return {
      type: eventTypes[memory.readInt32LE(at.type)] || 'unknown',
      sequence: memory.readBigUInt64LE(at.sequence),
      timeUs: word(memory, at.time_us),
      id: Buffer.from(memory.subarray(at.id, at.id + constants.ID_SIZE)),
      dataSize: word(memory, at.data_size),
      lostCount: word(memory, at.lost_count),
    };
  }

  close() {
    if (this.#handle !== undefined) c.plasma_unsubscribe(this.#handle);
    this.#handle = undefined;
  }
}

// A connection to a store.
class Client {
  #handle;

  constructor(handle) {
    this.#handle = handle;
  }

  get #open() {
    if (this.#handle === undefined) throw new Error('the client is closed');
    return this.#handle;
  }

  get address() {
    return c.plasma_client_address(this.#open);
  }

  // Creates an object, copies bytes into it, and seals it. Options: name, metadata, flags, timeoutMs.
  put(id, data, options = {}) {
    const bytes = toBytes(data);
    withCreateOptions(options, (memory) => {
      check(c.plasma_put(this.#open, checkId(id), bytes, bytes.length, memory));
    });
  }

  create(id, size, options = {}) {
    return withCreateOptions(options, (memory) => new MutableBuffer(
      (buffer) => c.plasma_create(this.#open, checkId(id), size, memory, buffer)));
  }

  // Gets an object by its id, or by its name if that is a string.
  get(id, timeoutMs = 0) {
    if (typeof id === 'string') {
      return new PlasmaBuffer((memory) => c.plasma_get_by_name(this.#open, toText(id), timeoutMs, memory));
    }
    return new PlasmaBuffer((memory) => c.plasma_get(this.#open, checkId(id), timeoutMs, memory));
  }

  // The id of the object with a name.
  lookup(name) {
    const id = Buffer.alloc(constants.ID_SIZE);
    check(c.plasma_lookup(this.#open, toText(name), id));
    return id;
  }

  // Whether there is a sealed object with this id.
  contains(id) {
    const state = new Int32Array(1);
    check(c.plasma_contains(this.#open, checkId(id), state));
    return state[0] === constants.STATE_SEALED;
  }

  // Waits until numReady objects are sealed, 0 for all. Returns which are, also if time is up.
  wait(ids, { numReady = 0, timeoutMs = 0 } = {}) {
    const ready = Buffer.alloc(ids.length + 1);
    const all = Buffer.concat(ids.map(checkId));
    const status = c.plasma_wait(this.#open, all, ids.length, numReady, timeoutMs, ready, out());
    if (status !== statuses.TIMEOUT) check(status);
    return ids.map((_, at) => ready[at] === 1);
  }

  delete(id) {
    check(c.plasma_delete(this.#open, checkId(id)));
  }

  info(id) {
    return objectInfo((memory) => c.plasma_object_info(this.#open, checkId(id), memory));
  }

  list() {
    const list = out();
    check(c.plasma_list(this.#open, list));
    try {
      const count = Number(c.plasma_list_count(list[0]));
      return Array.from({ length: count }, (_, at) => objectInfo((memory) => c.plasma_list_at(list[0], at, memory)));
    } finally {
      c.plasma_list_free(list[0]);
    }
  }

  subscribe() {
    const subscription = out();
    check(c.plasma_subscribe(this.#open, subscription));
    return new Subscription(subscription[0]);
  }

  // Disconnects. Buffers stay usable.
  close() {
    if (this.#handle !== undefined) c.plasma_disconnect(this.#handle);
    this.#handle = undefined;
  }
}

// `using` of newer versions of the language ends them.
if (Symbol.dispose) {
  for (const [kind, name] of [[PlasmaBuffer, 'release'], [MutableBuffer, 'abort'], [Subscription, 'close'], [Client, 'close']]) {
    kind.prototype[Symbol.dispose] = kind.prototype[name];
  }
}

// Opens a store, or creates it. Options: flags, capacity, maxObjects, mode, evict.
function connect(address = null, options = {}) {
  const client = out();
  check(c.plasma_connect(address && toText(address), connectOptions(options), client));
  return new Client(client[0]);
}

// Removes a store and all objects in it.
function remove(address = null) {
  check(c.plasma_store_remove(address && toText(address)));
}

function randomId() {
  const id = Buffer.alloc(constants.ID_SIZE);
  check(c.plasma_id_random(id));
  return id;
}

module.exports = { connect, remove, randomId, constants, PlasmaError };
