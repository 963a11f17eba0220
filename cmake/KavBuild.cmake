# SPDX-License-Identifier: Apache-2.0
# One place for how Kav's targets are built: language, warnings, Qt's strict definitions, unity builds,
# sanitizers, and the three helpers that every folder uses.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_AUTOMOC ON)
set(CMAKE_AUTOMOC_PATH_PREFIX ON)
set(CMAKE_AUTORCC ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(KAV_CCACHE ccache)
if(KAV_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${KAV_CCACHE})
endif()
find_program(KAV_LLD ld.lld)
if(KAV_LLD)
    add_link_options(-fuse-ld=lld)
endif()
if(KAV_SANITIZE)
    add_compile_options(-fsanitize=${KAV_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${KAV_SANITIZE})
endif()

add_library(kav_options INTERFACE)
target_include_directories(kav_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(kav_options INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wswitch
    # libstdc++ 12's std::stable_sort() calls its own deprecated get_temporary_buffer(), and clang tells of it.
    $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>
    $<$<BOOL:${KAV_WARNINGS_AS_ERRORS}>:-Werror>)
# A log line knows where it was said (the journal's CODE_FILE), also where Qt would leave that out; as a path in the tree.
target_compile_definitions(kav_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:QT_MESSAGELOGCONTEXT>)
target_compile_options(kav_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=>)
target_compile_definitions(kav_options INTERFACE
    QT_NO_CAST_FROM_ASCII QT_NO_CAST_TO_ASCII QT_NO_CAST_FROM_BYTEARRAY QT_NO_URL_CAST_FROM_STRING
    QT_NO_NARROWING_CONVERSIONS_IN_CONNECT QT_NO_KEYWORDS QT_NO_FOREACH QT_STRICT_ITERATORS QT_USE_QSTRINGBUILDER
    QT_DISABLE_DEPRECATED_BEFORE=0x060400)

# kav_add_library(net SOURCES a.cpp b.cpp LINK Kav::core Qt6::Network)
#   A folder of the product: static library kav_net, alias Kav::net, unity built. Names in anonymous namespaces
#   must therefore be unique within a folder.
function(kav_add_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK;LINK_PRIVATE" ${ARGN})
    add_library(kav_${name} STATIC ${ARG_SOURCES})
    add_library(Kav::${name} ALIAS kav_${name})
    target_link_libraries(kav_${name} PUBLIC kav_options Qt6::Core ${ARG_LINK} PRIVATE ${ARG_LINK_PRIVATE})
    set_target_properties(kav_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
endfunction()

# kav_add_executable(kav-engine SOURCES main.cpp LINK Kav::app)
function(kav_add_executable name)
    cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE kav_options ${ARG_LINK})
endfunction()

# kav_add_test(tst_playout [SOURCES extra.cpp] LINK Kav::media [LABELS slow] [TIMEOUT 120])
#   One QtTest program from tst_playout.cpp, run by CTest under its own name with the offscreen platform.
function(kav_add_test name)
    cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
    add_executable(${name} ${name}.cpp ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE kav_options Qt6::Test ${ARG_LINK})
    target_compile_options(${name} PRIVATE -include ${PROJECT_SOURCE_DIR}/tests/support/patience.h)
    target_compile_definitions(${name} PRIVATE KAV_SOURCE_DIR="${PROJECT_SOURCE_DIR}" KAV_BINARY_DIR="${CMAKE_BINARY_DIR}")
    add_test(NAME ${name} COMMAND ${name})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 300)
    endif()
    # COST: what may take long begins early, or one core works at the end while the others wait.
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
        ENVIRONMENT "QT_QPA_PLATFORM=offscreen;QT_NO_GLIB=1;LC_ALL=C.UTF-8")
endfunction()

# toml++, included through shared/core/safetoml.h only. Linked privately: no header of Kav's includes it.
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)
add_library(kav_toml INTERFACE)
target_include_directories(kav_toml SYSTEM INTERFACE ${TOMLPLUSPLUS_INCLUDE_DIR})

# kav_add_node_folder(google-standin tests/support/vendors/google)
#   The npm packages of a node program that tests talk to, as a fixture of that name: installed into a folder of the
#   build of the same name, by the lock file beside the program.
function(kav_add_node_folder name source)
    string(MAKE_C_IDENTIFIER ${name} fixture)
    add_test(NAME install_${fixture} COMMAND ${PROJECT_SOURCE_DIR}/packaging/install-node-folder.sh
        ${PROJECT_SOURCE_DIR}/${source} ${CMAKE_BINARY_DIR}/${name})
    set_tests_properties(install_${fixture} PROPERTIES TIMEOUT 300 FIXTURES_SETUP ${fixture})
endfunction()
