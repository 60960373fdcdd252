# The programs plasma and plasma-store-server, with the manual pages and completions that plasma writes.

set(tools plasma plasma-store-server)
set(tool_dir "${cargo_dir}/release")
set(tool_bin "${CMAKE_CURRENT_BINARY_DIR}/bin")
set(tool_share "${CMAKE_CURRENT_BINARY_DIR}/share")
set(tool_commands "")
set(tool_programs "")
set(tool_byproducts "")
foreach(tool IN LISTS tools)
    list(APPEND tool_commands COMMAND "${CMAKE_STRIP}" -o "${tool_bin}/${tool}" "${tool_dir}/${tool}")
    list(APPEND tool_programs "${tool_bin}/${tool}")
    list(APPEND tool_byproducts "${tool_dir}/${tool}")
endforeach()
add_custom_target(plasma_tool ALL
    COMMAND ${cargo_build} --package plasma-cli
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${tool_bin}"
    ${tool_commands}
    COMMAND "${tool_dir}/plasma" share "${tool_share}"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    BYPRODUCTS ${tool_byproducts}
    USES_TERMINAL)
# One cargo at a time.
add_dependencies(plasma_tool plasma_core)
install(PROGRAMS ${tool_programs} DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
install(DIRECTORY "${tool_share}/" DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}" COMPONENT tools)
