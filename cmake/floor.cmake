# ftpsfs_floor(<name> SOURCES ... LINK ... PRIVATE_LINK ...)
# One folder of src/ becomes one static library ftpsfs_<name>.
function(ftpsfs_floor name)
  cmake_parse_arguments(F "" "" "LINK;PRIVATE_LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  add_library(ftpsfs_${name} STATIC ${sources})
  target_link_libraries(ftpsfs_${name} PUBLIC ftpsfs_options ${F_LINK} PRIVATE ${F_PRIVATE_LINK})
  # __FILE__ stands in macros of OpenSSL: what is released must not tell where it was built.
  target_compile_options(ftpsfs_${name} PRIVATE
    $<$<NOT:$<CONFIG:Debug>>:-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=>)
  if(FTPSFS_FUZZ)
    # The fuzzer is led by what the code under test does.
    target_compile_options(ftpsfs_${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# ftpsfs_unit_tests(<name> [SHARDS <n>] LINK ...): tests/unit/<name>/*_test.cpp become one
# executable <name>_test, registered in ctest with the label "unit". Tests that wait more than they
# work are registered as several, which run side by side.
function(ftpsfs_unit_tests name)
  cmake_parse_arguments(T "" "SHARDS" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE ftpsfs_options ${T_LINK} GTest::gmock GTest::gtest_main)
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name}_test PRIVATE
    FTPSFS_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  if(FTPSFS_PLAIN_TESTS)
    target_compile_options(${name}_test PRIVATE -O0 -U_FORTIFY_SOURCE)
  endif()
  set(run ${PROJECT_SOURCE_DIR}/tests/unit/run.sh)
  if(NOT T_SHARDS)
    add_test(NAME unit.${name} COMMAND ${run} $<TARGET_FILE:${name}_test> --gtest_brief=1)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 400)
    return()
  endif()
  foreach(shard RANGE 1 ${T_SHARDS})
    math(EXPR index "${shard} - 1")
    add_test(NAME unit.${name}-${shard} COMMAND ${run} $<TARGET_FILE:${name}_test> --gtest_brief=1)
    set_tests_properties(unit.${name}-${shard} PROPERTIES LABELS unit TIMEOUT 400
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${T_SHARDS};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()
