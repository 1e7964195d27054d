# Warnings are errors, and the hardening that every distribution build has.
include(CheckCXXCompilerFlag)

add_library(ftpsfs_options INTERFACE)
target_include_directories(ftpsfs_options INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(ftpsfs_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees uninitialised values inside std::optional where there are none. clang's build and
  # the sanitizers watch in its place.
  target_compile_options(ftpsfs_options INTERFACE -Wno-maybe-uninitialized)
endif()
if(FTPSFS_SANITIZE)
  target_compile_options(ftpsfs_options INTERFACE
    -fsanitize=${FTPSFS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ftpsfs_options INTERFACE -fsanitize=${FTPSFS_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 sees false overruns inside the standard library under sanitizers.
    target_compile_options(ftpsfs_options INTERFACE
      -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict -Wno-tsan)
  endif()
elseif(CMAKE_BUILD_TYPE MATCHES "Rel")
  check_cxx_compiler_flag(-fcf-protection FTPSFS_HAS_CF_PROTECTION)
  target_compile_options(ftpsfs_options INTERFACE
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
    # x86 alone has it.
    $<$<BOOL:${FTPSFS_HAS_CF_PROTECTION}>:-fcf-protection>)
  target_link_options(ftpsfs_options INTERFACE -Wl,-z,relro,-z,now)
endif()
