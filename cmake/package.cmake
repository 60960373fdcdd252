# The files that are installed for programs: libraries, headers, and the packages for CMake and
# pkg-config. All paths are relative, so that the installation can be moved.

include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/plasma")

install(TARGETS plasma plasma_static EXPORT plasmaTargets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime
        NAMELINK_COMPONENT development
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
install(FILES "$<TARGET_FILE:plasma>.debug"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT debug EXCLUDE_FROM_ALL)
install(FILES include/plasma.h include/plasma.hpp
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)
install(DIRECTORY include/plasma
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
    FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")

install(EXPORT plasmaTargets NAMESPACE plasma::
    DESTINATION "${package_dir}" COMPONENT development)
configure_package_config_file(cmake/plasmaConfig.cmake.in plasmaConfig.cmake
    INSTALL_DESTINATION "${package_dir}"
    NO_SET_AND_CHECK_MACRO)
set(compatible SameMajorVersion)
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(compatible SameMinorVersion)
endif()
write_basic_package_version_file(plasmaConfigVersion.cmake COMPATIBILITY ${compatible})
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/plasmaConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/plasmaConfigVersion.cmake"
    DESTINATION "${package_dir}" COMPONENT development)

list(TRANSFORM system_libraries PREPEND -l OUTPUT_VARIABLE libs_private)
list(JOIN libs_private " " libs_private)
file(RELATIVE_PATH pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
set(pc_prefix "\${pcfiledir}/${pc_prefix}")
set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
    set(pc_libdir "${CMAKE_INSTALL_FULL_LIBDIR}")
    set(pc_includedir "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
endif()
configure_file(cmake/plasma.pc.in plasma.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/plasma.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
