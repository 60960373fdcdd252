# plasma::plasma, the shared library, and plasma::plasma_static: both of the one object that
# capi/object makes of what cargo builds.

set(core "${cargo_dir}/release/libplasma_capi.a")
set(object "${CMAKE_CURRENT_BINARY_DIR}/plasma.o")
set(map "${CMAKE_CURRENT_SOURCE_DIR}/plasma.map")

# Cargo knows best what is out of date.
add_custom_target(plasma_core
    COMMAND ${cargo_build} --package plasma-capi --config capi/release.toml
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    BYPRODUCTS "${core}"
    USES_TERMINAL)
add_custom_command(OUTPUT "${object}"
    COMMAND "${CMAKE_COMMAND}" -E env "CC=${CMAKE_C_COMPILER}" "NM=${CMAKE_NM}"
        "OBJCOPY=${CMAKE_OBJCOPY}" "${CMAKE_CURRENT_SOURCE_DIR}/capi/object" "${core}" "${object}"
    DEPENDS plasma_core "${core}" "${map}" capi/object)
add_custom_command(OUTPUT "${object}.plain.o"
    COMMAND "${CMAKE_OBJCOPY}" --strip-debug "${object}" "${object}.plain.o"
    DEPENDS "${object}")
set_source_files_properties("${object}" "${object}.plain.o" PROPERTIES
    EXTERNAL_OBJECT ON
    GENERATED ON)

# What Rust's standard library wants of the system: nothing more since glibc 2.34.
set(system_libraries util rt pthread m dl)

# Until 1.0 a new minor version may break programs, so it has another name.
set(soversion ${PROJECT_VERSION_MAJOR})
if(soversion EQUAL 0)
    set(soversion 0.${PROJECT_VERSION_MINOR})
endif()

add_library(plasma SHARED "${object}")
target_link_libraries(plasma PRIVATE ${system_libraries})
target_link_options(plasma PRIVATE
    "LINKER:--version-script=${map}" LINKER:--as-needed LINKER:--gc-sections
    LINKER:-z,relro LINKER:-z,now LINKER:-z,defs)
set_target_properties(plasma PROPERTIES
    LINKER_LANGUAGE C
    LINK_DEPENDS "${map}"
    VERSION ${PROJECT_VERSION}
    SOVERSION ${soversion})
# The debug information beside it: debuggers find it there, or where it is installed to.
add_custom_command(TARGET plasma POST_BUILD
    COMMAND "${CMAKE_OBJCOPY}" --only-keep-debug "$<TARGET_FILE:plasma>"
        "$<TARGET_FILE:plasma>.debug"
    COMMAND "${CMAKE_OBJCOPY}" --strip-unneeded
        "--add-gnu-debuglink=$<TARGET_FILE:plasma>.debug" "$<TARGET_FILE:plasma>"
    VERBATIM)

add_library(plasma_static STATIC "${object}.plain.o")
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
