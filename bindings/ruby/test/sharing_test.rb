# frozen_string_literal: true

# Objects go to and from a process in C, which may be killed: sharing_test.rb PEER STORE
require_relative '../lib/plasma'

PEER, STORE = ARGV
$passed = 0

def assert(holds, what = 'it holds')
  raise what unless holds
end

def fails(status)
  yield
rescue Plasma::Error => e
  assert(e.status == status && e.message.length > status.length + 2, e.message)
else
  raise "no #{status}"
end

def raises(kind)
  yield
rescue kind
  nil
else
  raise "no #{kind}"
end

def hex(word)
  word.bytesize == 20 ? word.unpack1('H*') : word
end

def peer(*words)
  assert(system(PEER, STORE, words[0], *words[1..].map { |word| hex(word) }), words.inspect)
end

def test(name)
  yield
  $passed += 1
  puts "ok #{name}"
end

client = Plasma.connect(STORE, flags: Plasma::CONNECT_EPHEMERAL, capacity: 16 << 20)

test 'C reads what Ruby wrote' do
  id = Plasma.random_id
  client.put(id, 'from Ruby')
  peer('expect', id, 'from Ruby')
  second = Plasma.random_id
  writer = client.create(second, 4, name: 'made')
  writer.resize(5)
  writer.write(0, 'pie')
  writer.write(3, 'ce')
  raises(IndexError) { writer.write(4, 'xx') }
  raises(IndexError) { writer.write(-1, 'x') }
  writer.set_metadata('format', 'text')
  writer.seal
  fails(:INVALID_ARGUMENT) { writer.write(0, 'x') }
  writer.close
  peer('expect', second, 'piece')
  third = Plasma.random_id
  client.create(third, 5) { |it| it.write(0, 'block') }
  peer('expect', third, 'block')
  fourth = Plasma.random_id
  raises(KeyError) { client.create(fourth, 5) { raise KeyError } }
  fails(:NOT_FOUND) { client.get(fourth) }
end

test 'Ruby reads what C wrote' do
  id = Plasma.random_id
  peer('put', id, 'from-c', 'text from C')
  assert(client.lookup('from-c') == id)
  raises(ArgumentError) { client.lookup("from-c\0") }
  raises(ArgumentError) { client.create(Plasma.random_id, 1, name: "a\0b") }
  client.get_by_name('from-c') do |buffer|
    assert(buffer.to_s == 'text from C' && buffer[5, 4] == 'from' && buffer[8, 100] == 'm C')
    assert(buffer[12].nil? && buffer[-1].nil? && buffer[11] == '')
    assert(buffer.view.byte_size == 11 && buffer.view[0] == 't'.ord && buffer.view.readonly?)
    assert(buffer.metadata('format') == 'text')
    assert(buffer.info.name == 'from-c')
    fails(:NOT_FOUND) { buffer.metadata('nothing') }
  end
end

test 'a process that is killed takes nothing along' do
  sealed = Plasma.random_id
  open = Plasma.random_id
  worker = IO.popen([PEER, STORE, 'work', hex(sealed), hex(open), 'stays'])
  assert(worker.gets == "ready\n")
  fails(:NOT_SEALED) { client.get(open) }
  fails(:EXISTS) { client.put(open, 'x') }
  client.get(sealed) do |buffer|
    Process.kill(:KILL, worker.pid)
    worker.close
    assert(buffer.to_s == 'stays')
  end
  client.put(open, 'mine')
  peer('expect', open, 'mine')
end

test 'a view ends with its buffer and cannot be written' do
  id = Plasma.random_id
  client.put(id, 'view', name: 'v', metadata: { 'k' => 'w', 'empty' => '' })
  buffer = client.get(id)
  view = buffer.view
  assert(buffer.metadata('k') == 'w' && buffer.metadata('empty') == '')
  assert(!view.respond_to?(:[]=))
  client.delete(id)
  assert(buffer.to_s == 'view' && client.list.find { |it| it.id == id }.state == :deleted)
  buffer.close
  buffer.close
  assert(view[0].nil? && view.byte_size.nil? && view.to_s == '')
  fails(:INVALID_ARGUMENT) { buffer[0] }
  fails(:INVALID_ARGUMENT) { buffer.metadata('k') }
  fails(:NOT_FOUND) { client.get(id) }
end

test 'buffers that are forgotten are released' do
  ids = Array.new(100) { Plasma.random_id }
  ids.each { |id| client.put(id, 'forgotten') }
  views = ids.map { |id| client.get(id).view }
  GC.start
  assert(views.all? { |view| view.to_s == 'forgotten' })
  assert(ids.all? { |id| client.info(id).lease_count == 1 })
  views.clear
  # Some may still be in registers or on the stack.
  20.times { GC.start }
  assert(ids.sum { |id| client.info(id).lease_count } < 10)
  ids.each { |id| client.delete(id) }
end

test 'objects are found, waited for, listed and deleted, and events say so' do
  id = Plasma.random_id
  never = Plasma.random_id
  events = client.subscribe
  dropped = client.create(id, 8)
  assert(!client.contains?(id))
  dropped.close
  dropped.close
  empty = client.create(id, 0).seal_and_get
  assert(empty.to_s == '' && empty.size.zero?)
  empty.close
  assert(client.wait([id, never], num_ready: 1) == [true, false])
  assert(client.wait([never], timeout_ms: 1) == [false])
  assert(client.contains?(id) && client.info(id).data_size.zero?)
  client.delete(id)
  %i[aborted sealed deleted].each do |type|
    event = events.next(timeout_ms: 10_000)
    assert(event.type == type && event.id == id, event.inspect)
  end
  fails(:TIMEOUT) { events.next }
  events.close
  events.close
  fails(:DISCONNECTED) { events.next }
  fails(:TOO_LARGE) { client.create(id, 1 << 40) }
  fails(:INVALID_ARGUMENT) { client.get(id, timeout_ms: -2) }
  raises(ArgumentError) { client.get('short') }
end

test 'a creator says why it fails' do
  id = Plasma.random_id
  client.create(id, 64).fail('no such input')
  begin
    client.get(id, timeout_ms: -1)
  rescue Plasma::Error => e
    assert(e.status == :FAILED && e.message.include?('no such input'), e.message)
  else
    raise 'it does not fail'
  end
  client.delete(id)
end

test 'a close ends the waits of other threads' do
  other = Plasma.connect(STORE)
  begun = Queue.new
  waiters = Array.new(4) do
    Thread.new do
      begun << true
      other.get(Plasma.random_id, timeout_ms: -1)
    rescue Plasma::Error => e
      e.status
    end
  end
  waiters.each { begun.pop }
  other.close
  other.close
  waiters.each { |waiter| assert(%i[INTERRUPTED DISCONNECTED].include?(waiter.value), waiter.value) }
  events = client.subscribe
  waiter = Thread.new do
    begun << true
    events.next(timeout_ms: -1)
  rescue Plasma::Error => e
    e.status
  end
  begun.pop
  events.close
  assert(%i[INTERRUPTED DISCONNECTED].include?(waiter.value), waiter.value)
end

test 'a forked child has the handles of its parent no longer, and harms nothing' do
  id = Plasma.random_id
  client.put(id, 'shared')
  buffer = client.get(id)
  writer = client.create(Plasma.random_id, 5)
  child = fork do
    fails(:FORKED) { client.list }
    fails(:FORKED) { writer.write(0, 'x') }
    assert(buffer.to_s == 'shared')
    fails(:FORKED) { buffer.close }
    Plasma.connect(STORE) { |own| own.get(id) { |mine| assert(mine.to_s == 'shared') } }
    exit!(0)
  rescue Exception => e
    warn(e.full_message)
    exit!(1)
  end
  Process.wait(child)
  assert($?.success?)
  assert(buffer.to_s == 'shared')
  writer.write(0, 'whole')
  writer.seal
  buffer.close
end

client.close
client.close
fails(:DISCONNECTED) { client.list }
fails(:STORE_NOT_FOUND) { Plasma.connect(STORE, flags: Plasma::CONNECT_EXISTING) }
puts "#{$passed} passed, 0 failed"
