# frozen_string_literal: true

module Plasma
  # A buffer is used by one thread at a time.
  module OneAtATime
    private

    # Calls a function with the struct, which is the first argument.
    def call(name, *arguments)
      @mutex.synchronize { Plasma.check(Native.call(name, @struct, *arguments)) }
    end
  end

  # A read-only view of one sealed object, which it keeps until it is closed.
  class Buffer
    include OneAtATime

    # The bytes, in shared memory: a Fiddle::MemoryView, or nil if there are none. Its reads return
    # nil after close. It does not check indices.
    attr_reader :view, :size

    def initialize
      @mutex = Mutex.new
      @struct = Native.struct(:buffer)
      yield @struct
      @size = Native.load(@struct, :buffer, :size)
      @bytes = Fiddle::Pointer.new(Native.load(@struct, :buffer, :data), @size)
      # The view holds the pointer, so a lease that was forgotten ends after its last view.
      ObjectSpace.define_finalizer(@bytes, self.class.release(@struct))
      @view = Fiddle::MemoryView.new(@bytes) if @size.positive?
    end

    def self.release(struct)
      proc { Native.call(:plasma_release, struct) }
    end

    # Copies bytes out: a String, nil behind the end, as String#byteslice does.
    def [](offset, length = size)
      @mutex.synchronize do
        raise Error.new(:INVALID_ARGUMENT, 'the buffer is closed') unless @bytes
        return nil if offset.negative? || length.negative? || offset > size

        @bytes[offset, [length, size - offset].min]
      end
    end

    def to_s
      self[0]
    end

    # A copy of the value of a metadata key.
    def metadata(key)
      length = "\0".b * 8
      @mutex.synchronize do
        value = Native.out do |out|
          Plasma.check(Native.call(:plasma_get_metadata, @struct, Plasma.text(key), out, length))
        end
        Fiddle::Pointer.new(value)[0, length.unpack1('q')]
      end
    end

    def info
      Client.object_info { |info| @mutex.synchronize { Native.call(:plasma_buffer_info, @struct, info) } }
    end

    # Releases the object, and ends its view.
    def close
      @mutex.synchronize do
        @view&.release if @bytes
        @bytes = nil
      end
      call(:plasma_release)
    end
  end

  # The writable view of one object until it is sealed or discarded.
  class MutableBuffer
    include OneAtATime

    def initialize
      @mutex = Mutex.new
      @process = Process.pid
      @struct = Native.struct(:mutable_buffer)
      yield @struct
    end

    def size
      Native.load(@struct, :mutable_buffer, :size)
    end

    # Copies a String into the object.
    def write(offset, bytes)
      # A child of the process does not have the memory.
      raise Error.new(:FORKED, 'the buffer belongs to the parent process') if Process.pid != @process

      @mutex.synchronize do
        raise Error.new(:INVALID_ARGUMENT, 'the object is sealed or discarded') unless open?
        raise IndexError, "#{offset} is outside" if offset.negative? || offset + bytes.bytesize > size

        data = Fiddle::Pointer.new(Native.load(@struct, :mutable_buffer, :data), size)
        data[offset, bytes.bytesize] = bytes
      end
    end

    def resize(size)
      call(:plasma_resize, size)
    end

    def set_metadata(key, value)
      call(:plasma_set_metadata, Plasma.text(key), value, value.bytesize)
    end

    # Publishes the object.
    def seal
      call(:plasma_seal)
    end

    # Publishes the object and gets it.
    def seal_and_get
      Buffer.new { |buffer| call(:plasma_seal_and_get, buffer) }
    end

    # Ends an object that cannot be made: gets of it fail with the message.
    def fail(message)
      call(:plasma_fail, Plasma.text(message))
    end

    # Discards the object, unless it is sealed.
    def close
      call(:plasma_abort) if open?
    end

    def open?
      !Native.load(@struct, :mutable_buffer, :data).zero?
    end
  end

  # A reader of the events of a store.
  class Subscription
    def initialize(client, handle)
      @client = client
      @calls = Calls.new(handle, 'subscription')
    end

    # The next event.
    def next(timeout_ms: 0)
      event = Native.struct(:event)
      @calls.during { |handle| Plasma.check(Native.call(:plasma_next_event, handle, timeout_ms, event)) }
      number = ->(name) { Native.load(event, :event, name) }
      Event.new(EVENTS.fetch(number[:type], :unknown), number[:sequence], number[:time_us],
                Native.id(event, :event), number[:data_size], number[:lost_count])
    end

    # Ends the subscription; waits of other threads on its client end with INTERRUPTED.
    def close
      handle = @calls.finish { @client.interrupt }
      Native.call(:plasma_unsubscribe, handle) if handle
    end
  end
end
