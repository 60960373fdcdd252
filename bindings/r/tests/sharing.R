# Objects go to and from a process in C, which may be killed: $PLASMA_PEER.
library(plasma)

store <- Sys.getenv("PLASMA_TEST_STORE")
program <- Sys.getenv("PLASMA_PEER")
passed <- 0

hex <- function(word) if (is.raw(word)) paste(word, collapse = "") else word
words <- function(...) vapply(list(store, ...), function(it) shQuote(hex(it)), "")
peer <- function(...) stopifnot(system2(program, words(...)) == 0)
fails <- function(status, body) {
  failure <- tryCatch({
    body
    NULL
  }, plasma_error = identity)
  stopifnot(!is.null(failure), failure$status == status)
}
raises <- function(body) stopifnot(inherits(try(body, silent = TRUE), "try-error"))
test <- function(name, body) {
  body
  passed <<- passed + 1
  cat("ok", name, "\n")
}

client <- plasma_connect(store, flags = constants$CONNECT_EPHEMERAL, capacity = 2^24)

test("C reads what R wrote", {
  id <- plasma_random_id()
  plasma_put(client, id, "from R")
  peer("expect", id, "from R")
  id <- plasma_random_id()
  writer <- plasma_create(client, id, 4, name = "made")
  plasma_resize(writer, 5)
  plasma_write(writer, 0, "pie")
  plasma_write(writer, 3, "ce")
  raises(plasma_write(writer, 4, "xx"))
  raises(plasma_write(writer, -1, "x"))
  plasma_set_metadata(writer, "format", "text")
  plasma_seal(writer)
  raises(plasma_write(writer, 0, "x"))
  raises(plasma_seal(writer))
  peer("expect", id, "piece")
})

test("R reads what C wrote", {
  id <- plasma_random_id()
  peer("put", id, "from-c", "text from C")
  stopifnot(identical(plasma_lookup(client, "from-c"), id))
  view <- plasma_get_by_name(client, "from-c")
  stopifnot(rawToChar(view) == "text from C", length(view) == 11, rawToChar(view[6:9]) == "from")
  stopifnot(rawToChar(plasma_metadata(view, "format")) == "text")
  fails("NOT_FOUND", plasma_metadata(view, "nothing"))
  plasma_release(view)
})

test("a process that is killed takes nothing along", {
  sealed <- plasma_random_id()
  open <- plasma_random_id()
  line <- paste("echo $$; exec", shQuote(program), paste(words("work", sealed, open, "stays"), collapse = " "))
  worker <- pipe(line, "r")
  pid <- as.integer(readLines(worker, 1))
  stopifnot(readLines(worker, 1) == "ready")
  fails("NOT_SEALED", plasma_get(client, open))
  fails("EXISTS", plasma_put(client, open, "x"))
  view <- plasma_get(client, sealed)
  tools::pskill(pid, tools::SIGKILL)
  close(worker)
  stopifnot(rawToChar(view) == "stays")
  plasma_put(client, open, "mine")
  peer("expect", open, "mine")
  plasma_release(view)
})

test("a view ends when it is released and cannot be written", {
  id <- plasma_random_id()
  plasma_put(client, id, "view", name = "v", metadata = list(k = "w", empty = raw()))
  view <- plasma_get(client, id)
  alias <- view
  changed <- view
  changed[1] <- as.raw(0x56)
  stopifnot(rawToChar(changed) == "View", rawToChar(view) == "view", rawToChar(alias) == "view")
  stopifnot(rawToChar(plasma_metadata(view, "k")) == "w", length(plasma_metadata(view, "empty")) == 0)
  stopifnot(identical(unserialize(serialize(view, NULL)), charToRaw("view")))
  plasma_delete(client, id)
  state <- Filter(function(it) identical(it$id, id), plasma_list(client))[[1]]$state
  stopifnot(rawToChar(view) == "view", state == constants$STATE_DELETED)
  plasma_release(view)
  plasma_release(view)
  stopifnot(length(view) == 0, length(alias) == 0)
  raises(view[[1]])
  raises(rawToChar(alias))
  raises(plasma_metadata(view, "k"))
  raises(plasma_release(raw(3)))
  fails("NOT_FOUND", plasma_get(client, id))
})

test("a view that is forgotten is released", {
  id <- plasma_random_id()
  plasma_put(client, id, "forgotten")
  view <- plasma_get(client, id)
  gc()
  stopifnot(plasma_info(client, id)$lease_count == 1, rawToChar(view) == "forgotten")
  rm(view)
  gc()
  stopifnot(plasma_info(client, id)$lease_count == 0)
})

test("objects are found, waited for, listed and deleted, and events say so", {
  id <- plasma_random_id()
  never <- plasma_random_id()
  events <- plasma_subscribe(client)
  dropped <- plasma_create(client, id, 8)
  stopifnot(!plasma_contains(client, id))
  plasma_abort(dropped)
  plasma_put(client, id, raw())
  view <- plasma_get(client, id)
  stopifnot(length(view) == 0, identical(as.integer(view), integer()))
  plasma_release(view)
  stopifnot(identical(plasma_wait(client, list(id, never), num_ready = 1), c(TRUE, FALSE)))
  stopifnot(identical(plasma_wait(client, list(never), timeout_ms = 1), FALSE))
  stopifnot(plasma_contains(client, id), plasma_info(client, id)$data_size == 0)
  plasma_delete(client, id)
  for (type in c(constants$EVENT_ABORTED, constants$EVENT_SEALED, constants$EVENT_DELETED)) {
    event <- plasma_next_event(events, 10000)
    stopifnot(event$type == type, identical(event$id, id))
  }
  fails("TIMEOUT", plasma_next_event(events))
  plasma_unsubscribe(events)
  plasma_unsubscribe(events)
  raises(plasma_next_event(events))
  fails("TOO_LARGE", plasma_create(client, id, 2^40))
  fails("INVALID_ARGUMENT", plasma_get(client, id, -2))
  raises(plasma_get(client, as.raw(1)))
})

test("a creator says why it fails", {
  id <- plasma_random_id()
  plasma_fail(plasma_create(client, id, 64), "no such input")
  failure <- tryCatch(plasma_get(client, id, -1), plasma_error = identity)
  stopifnot(failure$status == "FAILED", grepl("no such input", conditionMessage(failure)))
  plasma_delete(client, id)
})

test("a forked child has the handles of its parent no longer, and harms nothing", {
  id <- plasma_random_id()
  plasma_put(client, id, "shared")
  view <- plasma_get(client, id)
  writer <- plasma_create(client, plasma_random_id(), 5)
  job <- parallel::mcparallel({
    fails("FORKED", plasma_list(client))
    raises(plasma_write(writer, 0, "x"))
    stopifnot(rawToChar(view) == "shared")
    plasma_release(view)
    own <- plasma_connect(store)
    mine <- plasma_get(own, id)
    stopifnot(rawToChar(mine) == "shared")
    plasma_release(mine) # else the child is a client until it ends
    plasma_disconnect(own)
    "done"
  })
  stopifnot(identical(parallel::mccollect(job)[[1]], "done"))
  stopifnot(rawToChar(view) == "shared")
  plasma_write(writer, 0, "whole")
  plasma_seal(writer)
  plasma_release(view)
})

plasma_disconnect(client)
plasma_disconnect(client)
raises(plasma_list(client))
fails("STORE_NOT_FOUND", plasma_connect(store, flags = constants$CONNECT_EXISTING))
cat(passed, "passed, 0 failed\n")
