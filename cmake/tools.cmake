# The program plasma, with the manual pages and completions that it writes itself.

set(tool "${cargo_dir}/release/plasma")
set(tool_bin "${CMAKE_CURRENT_BINARY_DIR}/bin")
set(tool_share "${CMAKE_CURRENT_BINARY_DIR}/share")
add_custom_target(plasma_tool ALL
    COMMAND ${cargo_build} --package plasma-cli
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${tool_bin}"
    COMMAND "${CMAKE_STRIP}" -o "${tool_bin}/plasma" "${tool}"
    COMMAND "${tool}" share "${tool_share}"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    BYPRODUCTS "${tool}"
    USES_TERMINAL)
# One cargo at a time.
add_dependencies(plasma_tool plasma_core)
install(PROGRAMS "${tool_bin}/plasma" DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
install(DIRECTORY "${tool_share}/" DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}" COMPONENT tools)
