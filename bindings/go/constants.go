// Code generated from bindings/plasma.json by bindings/generate.py; DO NOT EDIT.

package plasma

// Status is the result of a call. Each is an error that errors.Is finds.
type Status int32

// The statuses of plasma.h.
const (
	// The call succeeded.
	OK Status = 0
	// An argument is not valid; the message names it.
	ErrInvalidArgument Status = -1
	// There is no such object, name or key, or an index is out of range.
	ErrNotFound Status = -2
	// An object with this id exists.
	ErrExists Status = -3
	// Another object has this name.
	ErrNameExists Status = -4
	// The object is still being written.
	ErrNotSealed Status = -5
	// Reserved: no call returns it. A mutable buffer ends when its object is sealed; a later call with it returns INVALID_ARGUMENT.
	ErrSealed Status = -6
	// The timeout expired, in a wait or while the writer lock was busy.
	ErrTimeout Status = -7
	// The creator died before it sealed the object.
	ErrAborted Status = -8
	// No room now in the store, file system, cgroup or process.
	ErrOutOfMemory Status = -9
	// The object is larger than the whole store.
	ErrTooLarge Status = -10
	// A limit other than bytes is reached: objects, clients, leases, metadata or files. The message names the limit and its value.
	ErrLimit Status = -11
	// The client was connected with PLASMA_CONNECT_READ_ONLY.
	ErrReadOnly Status = -12
	// The operating system denied access.
	ErrPermission Status = -13
	// There is no store at the address.
	ErrStoreNotFound Status = -14
	// There is a store at the address (PLASMA_CONNECT_EXCLUSIVE).
	ErrStoreExists Status = -15
	// There is something other than a store at the address.
	ErrNotAStore Status = -16
	// The store was created with other options than those given.
	ErrMismatch Status = -17
	// The store is of another version of Plasma or another word size.
	ErrVersion Status = -18
	// The files of the store are corrupt.
	ErrCorrupt Status = -19
	// The store was removed; buffers already held stay readable.
	ErrStoreGone Status = -20
	// The handle belongs to the parent process; connect again.
	ErrForked Status = -21
	// The client was disconnected.
	ErrDisconnected Status = -22
	// plasma_interrupt() or a signal ended the wait.
	ErrInterrupted Status = -23
	// This kernel, file system or store does not support the operation.
	ErrUnsupported Status = -24
	// A system call failed; see plasma_error_errno().
	ErrSystem Status = -25
	// A defect in Plasma; please report it with the message.
	ErrInternal Status = -26
	// The creator of the object ended it with plasma_fail(), whose message is that of this failure.
	ErrFailed Status = -27
)

// The constants of plasma.h.
const (
	// The major version of this header.
	VersionMajor = 0
	// The minor version of this header.
	VersionMinor = 1
	// The patch version of this header.
	VersionPatch = 0
	// The version of this header as 0xMMmmpp; see plasma_version().
	VersionNum = 256
	// Size of an id in bytes.
	IdSize = 20
	// Size of the text of plasma_id_to_hex() in bytes: 40 digits and a NUL.
	IdHexSize = 41
	// plasma_connect: fail with STORE_NOT_FOUND if there is no store.
	ConnectExisting = 1
	// plasma_connect: fail with STORE_EXISTS if there is a store.
	ConnectExclusive = 2
	// plasma_connect: only read. Implies PLASMA_CONNECT_EXISTING. A store whose remover was killed counts as none.
	ConnectReadOnly = 4
	// plasma_connect: a store created by this call is removed when its last client leaves. If the last client is killed or READ_ONLY, the store stays until the next client connects or `plasma reap --all` runs.
	ConnectEphemeral = 8
	// plasma_connect: reserve the whole capacity of a new store at once.
	ConnectReserve = 16
	// Eviction: a full store refuses new objects and loses none. The default.
	EvictionNone = 0
	// Eviction: a full store evicts the least recently released objects.
	EvictionLru = 1
	// Longest name of an object in bytes, without its NUL.
	NameMax = 255
	// plasma_create: fill the memory with zeros first.
	CreateZeroed = 65536
	// plasma_create: pin the object against eviction from the start.
	CreatePinned = 131072
	// plasma_object_info_t.flags: the object is pinned against eviction.
	ObjectPinned = 1
	// plasma_object_info_t.flags: the object has a name.
	ObjectNamed = 2
	// There is no such object.
	StateAbsent = 0
	// Its creator has not sealed it yet.
	StateWriting = 1
	// It can be read.
	StateSealed = 2
	// Deleted or evicted, but still held. Only lists and plasma_buffer_info() report it.
	StateDeleted = 3
	// Its creator failed: a get receives the message of plasma_fail().
	StateFailed = 4
	// An object was sealed.
	EventSealed = 1
	// An object was deleted.
	EventDeleted = 2
	// An object was evicted.
	EventEvicted = 3
	// An unsealed object was aborted by its creator, or the creator died.
	EventAborted = 4
	// lost_count events were lost; list the objects again.
	EventLost = 5
	// The creator of an object ended it with plasma_fail().
	EventFailed = 6
)
