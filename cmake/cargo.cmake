# How cargo is called. Its directory is that of the build, so that nothing is written elsewhere.

find_program(CARGO cargo HINTS "$ENV{HOME}/.cargo/bin")
if(NOT CARGO)
    message(FATAL_ERROR "cargo is not here: Plasma is built by Rust, see https://rustup.rs")
endif()
set(PLASMA_CARGO_FLAGS "--locked" CACHE STRING "Flags of cargo build, such as --locked;--offline")
set(cargo_dir "${CMAKE_CURRENT_BINARY_DIR}/cargo")
set(cargo_build "${CARGO}" build --release ${PLASMA_CARGO_FLAGS} --target-dir "${cargo_dir}")
