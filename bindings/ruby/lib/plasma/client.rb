# frozen_string_literal: true

module Plasma
  # A handle and the calls in flight on it, so that it ends after them.
  class Calls
    def initialize(handle, name)
      @handle = handle
      @name = name
      @mutex = Mutex.new
      @count = 0
    end

    def during
      handle = @mutex.synchronize do
        raise Error.new(:DISCONNECTED, "the #{@name} is closed") unless @handle

        @count += 1
        @handle
      end
      begin
        yield handle
      ensure
        @mutex.synchronize { @count -= 1 }
      end
    end

    # Lets no call begin, and ends the waits of those in flight by the block. Returns the handle.
    def finish
      handle = @mutex.synchronize do
        handle, @handle = @handle, nil
        handle
      end
      while handle && @mutex.synchronize { @count.positive? }
        yield handle
        sleep 0.0001
      end
      handle
    end
  end

  # A connection to a store. Any number of threads may use it.
  class Client
    def initialize(handle)
      @calls = Calls.new(handle, 'client')
    end

    def address
      call(:plasma_client_address).to_s
    end

    # Creates an object, copies a String into it, and seals it.
    def put(id, bytes, **options)
      memory, _kept = create_options(**options)
      check(:plasma_put, id!(id), bytes, bytes.bytesize, memory)
    end

    # Creates an object; with a block, seals it after the block, or discards it if that raises.
    def create(id, size, **options)
      memory, _kept = create_options(**options)
      writer = MutableBuffer.new { |buffer| check(:plasma_create, id!(id), size, memory, buffer) }
      return writer unless block_given?

      begin
        yield writer
        writer.seal if writer.open?
      ensure
        writer.close
      end
    end

    # Gets an object by its id; with a block, releases it after the block.
    def get(id, timeout_ms: 0, &block)
      lend(Buffer.new { |buffer| check(:plasma_get, id!(id), timeout_ms, buffer) }, &block)
    end

    # Gets an object by its name.
    def get_by_name(name, timeout_ms: 0, &block)
      lend(Buffer.new { |buffer| check(:plasma_get_by_name, Plasma.text(name), timeout_ms, buffer) }, &block)
    end

    # The id of the object with a name.
    def lookup(name)
      id = "\0".b * ID_SIZE
      check(:plasma_lookup, Plasma.text(name), id)
      id
    end

    # Whether there is a sealed object with this id.
    def contains?(id)
      state = "\0".b * 4
      check(:plasma_contains, id!(id), state)
      state.unpack1('l') == STATE_SEALED
    end

    # Waits until num_ready objects are sealed, 0 for all. Returns which are, also if time is up.
    def wait(ids, num_ready: 0, timeout_ms: 0)
      ready = "\0".b * (ids.length + 1)
      count = "\0".b * 8
      status = call(:plasma_wait, ids.map { |id| id!(id) }.join, ids.length, num_ready, timeout_ms, ready, count)
      Plasma.check(status) unless Native::STATUSES[status] == :TIMEOUT
      ready.bytes.first(ids.length).map(&:positive?)
    end

    def delete(id)
      check(:plasma_delete, id!(id))
    end

    def info(id)
      self.class.object_info { |info| call(:plasma_object_info, id!(id), info) }
    end

    # Facts about all objects.
    def list
      list = Native.out { |out| check(:plasma_list, out) }
      begin
        Array.new(Native.call(:plasma_list_count, list)) do |at|
          self.class.object_info { |info| Native.call(:plasma_list_at, list, at, info) }
        end
      ensure
        Native.call(:plasma_list_free, list)
      end
    end

    def subscribe
      Subscription.new(self, Native.out { |out| check(:plasma_subscribe, out) })
    end

    # Ends the wait of each call in flight with INTERRUPTED.
    def interrupt
      check(:plasma_interrupt)
    end

    # Disconnects, after the calls in flight; those that wait end with INTERRUPTED. Buffers stay usable.
    def close
      handle = @calls.finish { |open| Native.call(:plasma_interrupt, open) }
      Native.call(:plasma_disconnect, handle) if handle
    end

    def self.object_info
      info = Native.struct(:object_info)
      Plasma.check(yield(info))
      number = ->(name) { Native.load(info, :object_info, name) }
      ObjectInfo.new(Native.id(info, :object_info), STATES[number[:state]], Native.text(info, :object_info, :name),
                     number[:data_size], number[:metadata_size], number[:create_time_us],
                     number[:construct_duration_us], number[:creator_pid],
                     Native.text(info, :object_info, :creator_address), number[:lease_count])
    end

    private

    def call(name, *arguments)
      @calls.during { |handle| Native.call(name, handle, *arguments) }
    end

    def check(name, *arguments)
      @calls.during { |handle| Plasma.check(Native.call(name, handle, *arguments)) }
    end

    def id!(id)
      id.bytesize == ID_SIZE ? id : raise(ArgumentError, 'an id is a String of 20 bytes')
    end

    def lend(buffer)
      return buffer unless block_given?

      begin
        yield buffer
      ensure
        buffer.close
      end
    end

    # plasma_create_options_t, and the Strings to which it points.
    def create_options(name: nil, metadata: {}, flags: 0, timeout_ms: 0)
      kept = []
      address = ->(text) { kept.push(Fiddle::Pointer[text]).last.to_i }
      entries = metadata.map do |key, value|
        Native.store(Native.struct(:metadata), :metadata,
                     key: address["#{Plasma.text(key.to_s)}\0"], value: address[value], value_size: value.bytesize)
      end
      memory = Native.struct(:create_options)
      Native.store(memory, :create_options, flags: flags, name: name ? address["#{Plasma.text(name)}\0"] : 0,
                                            metadata: entries.empty? ? 0 : address[entries.join],
                                            metadata_count: entries.length, timeout_ms: timeout_ms)
      [memory, kept]
    end
  end
end
