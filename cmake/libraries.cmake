# plasma::plasma, the shared library, and plasma::plasma_static. Both are made of the one object file
# that scripts/make-object.sh links from the archive that cargo builds. The options of the linker, the
# SONAME and the debug information are those of scripts/link-libraries.sh.

set(core "${cargo_dir}/release/libplasma_capi.a")
set(object "${CMAKE_CURRENT_BINARY_DIR}/plasma.o")
set(map "${CMAKE_CURRENT_SOURCE_DIR}/capi/plasma.map")

# Cargo decides what is out of date.
add_custom_target(plasma_core
    COMMAND ${cargo_build} --package plasma-capi --config capi/release.toml
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    BYPRODUCTS "${core}"
    USES_TERMINAL)
add_custom_command(OUTPUT "${object}" "${object}.static.o"
    COMMAND "${CMAKE_COMMAND}" -E env "CC=${CMAKE_C_COMPILER}" "NM=${CMAKE_NM}"
        "OBJCOPY=${CMAKE_OBJCOPY}" "${CMAKE_CURRENT_SOURCE_DIR}/scripts/make-object.sh" "${core}" "${object}"
    DEPENDS plasma_core "${core}" "${map}" scripts/make-object.sh)
set_source_files_properties("${object}" "${object}.static.o" PROPERTIES
    EXTERNAL_OBJECT ON
    GENERATED ON)

# The libraries that the standard library of Rust needs; since glibc 2.34 they are parts of libc.
set(system_libraries util rt pthread m dl)

execute_process(COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/scripts/print-soname.sh"
    OUTPUT_VARIABLE soname OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REPLACE "libplasma.so." "" soversion "${soname}")
file(STRINGS capi/link-options link_options)

add_library(plasma SHARED "${object}")
target_link_libraries(plasma PRIVATE ${system_libraries})
target_link_options(plasma PRIVATE
    ${link_options} "LINKER:--version-script=${map}")
set_target_properties(plasma PROPERTIES
    LINKER_LANGUAGE C
    LINK_DEPENDS "${map};${CMAKE_CURRENT_SOURCE_DIR}/capi/link-options"
    VERSION ${PROJECT_VERSION}
    SOVERSION ${soversion})
add_custom_command(TARGET plasma POST_BUILD
    COMMAND "${CMAKE_COMMAND}" -E env "OBJCOPY=${CMAKE_OBJCOPY}"
        "${CMAKE_CURRENT_SOURCE_DIR}/scripts/split-debug.sh" "$<TARGET_FILE:plasma>"
    VERBATIM)

add_library(plasma_static STATIC "${object}.static.o")
target_link_libraries(plasma_static INTERFACE ${system_libraries})
set_target_properties(plasma_static PROPERTIES
    LINKER_LANGUAGE C
    OUTPUT_NAME plasma)

foreach(library plasma plasma_static)
    target_include_directories(${library} INTERFACE
        "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>"
        "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
    add_library(plasma::${library} ALIAS ${library})
endforeach()
