# frozen_string_literal: true

module Plasma
  # A read-only view of one sealed object, which it keeps until it is closed.
  class Buffer
    # The bytes, in shared memory: a Fiddle::MemoryView, or nil if there are none. Its reads return
    # nil after close. It does not check indices.
    attr_reader :view, :size

    def initialize
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
      raise Error.new(:INVALID_ARGUMENT, 'the buffer is closed') unless @bytes
      return nil if offset.negative? || length.negative? || offset > size

      @bytes[offset, [length, size - offset].min]
    end

    def to_s
      self[0]
    end

    # A copy of the value of a metadata key.
    def metadata(key)
      length = "\0".b * 8
      value = Native.out do |out|
        Plasma.check(Native.call(:plasma_get_metadata, @struct, key, out, length))
      end
      Fiddle::Pointer.new(value)[0, length.unpack1('q')]
    end

    def info
      Client.object_info { |info| Native.call(:plasma_buffer_info, @struct, info) }
    end

    # Releases the object, and ends its view.
    def close
      return unless @bytes

      @view&.release
      @bytes = nil
      Plasma.check(Native.call(:plasma_release, @struct))
    end
  end

  # The writable view of one object until it is sealed or discarded.
  class MutableBuffer
    def initialize
      @struct = Native.struct(:mutable_buffer)
      yield @struct
    end

    def size
      Native.load(@struct, :mutable_buffer, :size)
    end

    # Copies a String into the object.
    def write(offset, bytes)
      raise Error.new(:INVALID_ARGUMENT, 'the object is sealed or discarded') unless open?
      raise IndexError, "#{offset} is outside" if offset.negative? || offset + bytes.bytesize > size

      data = Fiddle::Pointer.new(Native.load(@struct, :mutable_buffer, :data), size)
      data[offset, bytes.bytesize] = bytes
    end

    def resize(size)
      Plasma.check(Native.call(:plasma_resize, @struct, size))
    end

    def set_metadata(key, value)
      Plasma.check(Native.call(:plasma_set_metadata, @struct, key, value, value.bytesize))
    end

    # Publishes the object.
    def seal
      Plasma.check(Native.call(:plasma_seal, @struct))
    end

    # Publishes the object and gets it.
    def seal_and_get
      Buffer.new { |buffer| Plasma.check(Native.call(:plasma_seal_and_get, @struct, buffer)) }
    end

    # Ends an object that cannot be made: gets of it fail with the message.
    def fail(message)
      Plasma.check(Native.call(:plasma_fail, @struct, message))
    end

    # Discards the object, unless it is sealed.
    def close
      Plasma.check(Native.call(:plasma_abort, @struct)) if open?
    end

    def open?
      !Native.load(@struct, :mutable_buffer, :data).zero?
    end
  end

  # A reader of the events of a store.
  class Subscription
    def initialize(handle)
      @handle = handle
    end

    # The next event.
    def next(timeout_ms: 0)
      raise Error.new(:DISCONNECTED, 'the subscription is closed') unless @handle

      event = Native.struct(:event)
      Plasma.check(Native.call(:plasma_next_event, @handle, timeout_ms, event))
      number = ->(name) { Native.load(event, :event, name) }
      Event.new(EVENTS.fetch(number[:type], :unknown), number[:sequence], number[:time_us],
                Native.id(event, :event), number[:data_size], number[:lost_count])
    end

    def close
      handle, @handle = @handle, nil
      Native.call(:plasma_unsubscribe, handle)
    end
  end
end
