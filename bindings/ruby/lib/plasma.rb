# frozen_string_literal: true

require 'fiddle'
require_relative 'plasma/native'
require_relative 'plasma/buffers'
require_relative 'plasma/client'

# Owners over plasma.h, by Fiddle. Times are in milliseconds: 0 does not wait, -1 waits forever.
# Ids are Strings of 20 bytes. A call that fails raises Plasma::Error.
module Plasma
  # A call that failed. The status is a Symbol such as :NOT_FOUND.
  class Error < StandardError
    attr_reader :status

    def initialize(status, message)
      super("#{status}: #{message}")
      @status = status
    end
  end

  ObjectInfo = Struct.new(:id, :state, :name, :data_size, :metadata_size, :create_time_us,
                          :construct_duration_us, :creator_pid, :creator_address, :lease_count)
  Event = Struct.new(:type, :sequence, :time_us, :id, :data_size, :lost_count)

  STATES = constants.grep(/\ASTATE_/).to_h { |name| [const_get(name), name[6..].downcase.to_sym] }.freeze
  EVENTS = constants.grep(/\AEVENT_/).to_h { |name| [const_get(name), name[6..].downcase.to_sym] }.freeze

  # Opens a store, or creates it; with a block, disconnects after it.
  def self.connect(address = nil, flags: 0, capacity: 0, max_objects: 0, mode: 0, evict: false)
    options = Native.struct(:connect_options)
    Native.store(options, :connect_options, flags: flags, capacity: capacity, max_objects: max_objects,
                                            mode: mode, eviction: evict ? EVICTION_LRU : 0)
    client = Client.new(Native.out { |out| check(Native.call(:plasma_connect, text(address), options, out)) })
    return client unless block_given?

    begin
      yield client
    ensure
      client.close
    end
  end

  # Removes a store and all objects in it.
  def self.remove(address = nil)
    check(Native.call(:plasma_store_remove, text(address)))
  end

  def self.random_id
    id = "\0".b * ID_SIZE
    check(Native.call(:plasma_id_random, id))
    id
  end

  # Text for a call. C would end it at a NUL inside.
  def self.text(string)
    string&.include?("\0") ? raise(ArgumentError, 'text with a NUL') : string
  end

  def self.check(number)
    return if number.zero?

    message = Native.call(:plasma_error_message).to_s.force_encoding(Encoding::UTF_8)
    raise Error.new(Native::STATUSES.fetch(number, :UNKNOWN), message)
  end

  # plasma.h, as it is there, and how its structs are read and written.
  module Native
    LIBRARY = Fiddle.dlopen(ENV['PLASMA_LIBRARY'] || SONAME)
    CALLS = FUNCTIONS.to_h do |name, (result, parameters)|
      [name, Fiddle::Function.new(LIBRARY[name.to_s], parameters, result, name: name.to_s)]
    end.freeze

    # How a value of each size is packed: signed, since sizes are below 2**63.
    PACKS = { 4 => 'l', 8 => 'q' }.freeze

    def self.call(name, *arguments)
      CALLS.fetch(name).call(*arguments)
    end

    # A pointer that a call writes.
    def self.out
      memory = "\0".b * Fiddle::SIZEOF_VOIDP
      yield memory
      memory.unpack1('q')
    end

    # Memory for a struct, with its struct_size if it has one.
    def self.struct(kind)
      memory = "\0".b * STRUCTS.fetch(kind).fetch(:sizeof)
      memory[0, 4] = [memory.bytesize].pack('l') if STRUCTS[kind].key?(:struct_size)
      memory
    end

    # Sets fields of a struct.
    def self.store(memory, kind, **fields)
      fields.each do |name, value|
        packed = [value].pack(PACKS.fetch(width(kind, name)))
        memory[STRUCTS[kind].fetch(name), packed.bytesize] = packed
      end
      memory
    end

    # Reads a number of a struct.
    def self.load(memory, kind, name)
      memory.unpack1(PACKS.fetch(width(kind, name)), offset: STRUCTS[kind].fetch(name))
    end

    # Reads text of a struct, which ends with a NUL.
    def self.text(memory, kind, name)
      memory.unpack1('Z*', offset: STRUCTS[kind].fetch(name)).force_encoding(Encoding::UTF_8)
    end

    # Reads the id of a struct.
    def self.id(memory, kind)
      memory.byteslice(STRUCTS[kind].fetch(:id), ID_SIZE)
    end

    # The size of a field that is a number: the distance to the next, 8 at most.
    def self.width(kind, name)
      offset = STRUCTS[kind].fetch(name)
      after = STRUCTS[kind].reject { |field, _| field == :sizeof }.values.select { |other| other > offset }
      [(after.min || STRUCTS[kind][:sizeof]) - offset, 8].min
    end
  end
end
