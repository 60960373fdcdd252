# The command line of cargo.

find_program(CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
if(NOT CARGO)
    message(FATAL_ERROR "cargo was not found: Plasma is built by Rust, see https://rustup.rs")
endif()
set(PLASMA_CARGO_FLAGS "--locked" CACHE STRING "Flags of cargo build, such as --locked;--offline")
set(PLASMA_CARGO_DIR "${CMAKE_CURRENT_BINARY_DIR}/cargo" CACHE PATH "Where cargo builds")
set(cargo_dir "${PLASMA_CARGO_DIR}")
set(cargo_build "${CARGO}" build --release ${PLASMA_CARGO_FLAGS} --target-dir "${cargo_dir}")
