# Owners over plasma.h. Times are in milliseconds: 0 does not wait, -1 waits forever. Ids are raw
# vectors of 20 bytes. A call that fails signals a condition of class plasma_error with a status.

# src/calls.c calls it with the status and the message of a failed call.
failed <- function(status, message) {
  name <- names(statuses)[match(status, statuses)]
  if (is.na(name)) name <- "UNKNOWN"
  stop(structure(
    class = c("plasma_error", "error", "condition"),
    list(message = paste0(name, ": ", message), call = NULL, status = name)
  ))
}

options_of <- function(name, metadata, flags, timeout_ms) {
  list(name, lapply(metadata, function(it) if (is.raw(it)) it else charToRaw(it)), flags, timeout_ms)
}

as_bytes <- function(data) if (is.character(data)) charToRaw(data) else data

# Opens a store, or creates it. The client ends by plasma_disconnect(), or with its last reference.
plasma_connect <- function(address = NULL, flags = 0L, capacity = 0, evict = FALSE) {
  .Call(r_connect, address, flags, capacity, evict)
}

plasma_disconnect <- function(client) invisible(.Call(r_disconnect, client))

plasma_store_remove <- function(address = NULL) invisible(.Call(r_remove, address))

plasma_random_id <- function() .Call(r_random_id)

# Creates an object, copies a raw vector or a text into it, and seals it.
plasma_put <- function(client, id, data, name = NULL, metadata = list(), flags = 0L, timeout_ms = 0) {
  options <- options_of(name, metadata, flags, timeout_ms)
  invisible(.Call(r_put, client, id, as_bytes(data), options))
}

# Creates an object, to be written by plasma_write() and then sealed.
plasma_create <- function(client, id, size, name = NULL, metadata = list(), flags = 0L, timeout_ms = 0) {
  .Call(r_create, client, id, size, options_of(name, metadata, flags, timeout_ms))
}

# Copies bytes into an object; the first has offset 0.
plasma_write <- function(buffer, offset, data) invisible(.Call(r_write, buffer, offset, as_bytes(data)))

plasma_resize <- function(buffer, size) invisible(.Call(r_resize, buffer, size))

plasma_set_metadata <- function(buffer, key, value) {
  invisible(.Call(r_set_metadata, buffer, key, as_bytes(value)))
}

plasma_seal <- function(buffer) invisible(.Call(r_seal, buffer))

# Ends an object that cannot be made: gets of it fail with the message.
plasma_fail <- function(buffer, message) invisible(.Call(r_fail, buffer, message))

plasma_abort <- function(buffer) invisible(.Call(r_abort, buffer))

# A view of an object: a raw vector in shared memory, which keeps the object as long as it lives.
plasma_get <- function(client, id, timeout_ms = 0) .Call(r_get, client, id, timeout_ms)

plasma_get_by_name <- function(client, name, timeout_ms = 0) {
  .Call(r_get_by_name, client, name, timeout_ms)
}

# Releases the object of a view, which has no elements then.
plasma_release <- function(view) invisible(.Call(r_release, view))

# A copy of the value of a metadata key.
plasma_metadata <- function(view, key) .Call(r_metadata, view, key)

plasma_lookup <- function(client, name) .Call(r_lookup, client, name)

# Whether there is a sealed object with this id.
plasma_contains <- function(client, id) .Call(r_contains, client, id)

# Waits until num_ready objects of a list of ids are sealed, 0 for all. Says which are.
plasma_wait <- function(client, ids, num_ready = 0, timeout_ms = 0) {
  stopifnot(lengths(ids) == constants$ID_SIZE)
  .Call(r_wait, client, do.call(c, ids), num_ready, timeout_ms)
}

plasma_delete <- function(client, id) invisible(.Call(r_delete, client, id))

plasma_info <- function(client, id) .Call(r_info, client, id)

plasma_list <- function(client) .Call(r_list, client)

plasma_subscribe <- function(client) .Call(r_subscribe, client)

# The next event; its type is one of constants$EVENT_SEALED and so on.
plasma_next_event <- function(subscription, timeout_ms = 0) .Call(r_next_event, subscription, timeout_ms)

plasma_unsubscribe <- function(subscription) invisible(.Call(r_unsubscribe, subscription))
