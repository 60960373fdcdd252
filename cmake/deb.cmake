# Packages for Debian: cpack -G DEB --config build/CPackConfig.cmake, or make deb.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME plasma-store)
set(PLASMA_DEB_MAINTAINER "The Plasma developers <plasma@example.org>" CACHE STRING
    "Maintainer of the packages that make deb builds")
set(CPACK_PACKAGE_CONTACT "${PLASMA_DEB_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "immutable objects in memory that processes share")
set(CPACK_PACKAGE_DESCRIPTION
"Plasma lets the processes of one Linux machine share immutable objects without copying them. A
process creates an object, writes into its memory and seals it; from then on the object never
changes, and any process can get a read-only view of it, by id or by name, and wait until it is
sealed. There is no server: a store is a directory of shared files, in /dev/shm by default, and
every process works on it directly.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# A package for each SONAME, so that libraries of several versions can be installed side by side. The
# names begin with libplasma-store, because KDE has a source libplasma, and Apache Arrow's packages of
# its Plasma were libplasma0 and libplasma-dev.
set(runtime_package "libplasma-store${soversion}")
set(deb_dir "${CMAKE_CURRENT_BINARY_DIR}/deb")
file(WRITE "${deb_dir}/shlibs" "libplasma ${soversion} ${runtime_package} (>= ${PROJECT_VERSION})\n")
file(WRITE "${deb_dir}/triggers" "activate-noawait ldconfig\n")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${runtime_package})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${deb_dir}/shlibs;${deb_dir}/triggers")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
    "${CPACK_PACKAGE_DESCRIPTION}\n\nThis package has the shared library.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libplasma-store-dev)
# Arrow's has libplasma.so, plasma.pc and plasma/client.h, too. KDE's package of that name, from
# version 5 on, has none of our files.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_CONFLICTS "libplasma-dev (<< 5)")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME} (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}), libc6-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "${CPACK_PACKAGE_DESCRIPTION}\n\nThis package has the headers for C and C++, the static library and the manual.")

if(PLASMA_BUILD_TOOLS)
    list(APPEND CPACK_COMPONENTS_ALL tools)
    set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME plasma-store-tools)
    # Arrow's package of this name has the program plasma-store-server.
    set(CPACK_DEBIAN_TOOLS_PACKAGE_CONFLICTS plasma-store-server)
    set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
    set(CPACK_COMPONENT_TOOLS_DESCRIPTION
        "${CPACK_PACKAGE_DESCRIPTION}\n\nThis package has the program plasma, which inspects, uses and repairs stores.")
endif()

# Files that Debian requires in each package; other systems do not get them.
option(PLASMA_DEBIAN "Install the files that packages for Debian need" OFF)
if(PLASMA_DEBIAN)
    find_program(GZIP gzip REQUIRED)
    string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
    file(WRITE "${deb_dir}/changelog.Debian"
"plasma-store (${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * See the changelog of Plasma itself.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
    configure_file(CHANGELOG.md "${deb_dir}/changelog" COPYONLY)
    file(READ packaging/deb/copyright copyright)
    file(WRITE "${deb_dir}/copyright" "${copyright}")
    execute_process(COMMAND "${GZIP}" -9nf changelog changelog.Debian WORKING_DIRECTORY "${deb_dir}")
    foreach(component IN LISTS CPACK_COMPONENTS_ALL)
        string(TOUPPER ${component} upper)
        set(doc "${CMAKE_INSTALL_DATAROOTDIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
        install(FILES "${deb_dir}/changelog.gz" "${deb_dir}/changelog.Debian.gz"
            "${deb_dir}/copyright" DESTINATION "${doc}" COMPONENT ${component})
        install(CODE "
            file(GLOB_RECURSE pages
                \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_MANDIR}/*.[1-8]\")
            if(pages)
                execute_process(COMMAND \"${GZIP}\" -9nf \${pages})
            endif()" COMPONENT ${component})
    endforeach()
    configure_file(packaging/deb/overrides "${deb_dir}/${runtime_package}" @ONLY)
    install(FILES "${deb_dir}/${runtime_package}"
        DESTINATION "${CMAKE_INSTALL_DATAROOTDIR}/lintian/overrides" COMPONENT runtime)
endif()
include(CPack)
