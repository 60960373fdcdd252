# plasma(3), and a page for each function and each type, made from plasma.h.

find_package(Python3 COMPONENTS Interpreter)
if(NOT Python3_Interpreter_FOUND)
    message(STATUS "No manual pages: Python 3 was not found")
    return()
endif()
set(man_dir "${CMAKE_CURRENT_BINARY_DIR}/man3")
set(man_stamp "${CMAKE_CURRENT_BINARY_DIR}/man3.stamp")
add_custom_command(OUTPUT "${man_stamp}"
    COMMAND "${Python3_EXECUTABLE}" scripts/write-manual.py include/plasma.h "${man_dir}"
    COMMAND "${CMAKE_COMMAND}" -E touch "${man_stamp}"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    DEPENDS scripts/write-manual.py include/plasma.h)
add_custom_target(plasma_manual ALL DEPENDS "${man_stamp}")
install(DIRECTORY "${man_dir}/"
    DESTINATION "${CMAKE_INSTALL_MANDIR}/man3" COMPONENT development)
