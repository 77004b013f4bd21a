# kernel_folder(): one leaf folder of the kernel, compiled once per variant.
#
# Variants: arm64 (the machine; ranks are checked in debug builds), host (ASan, UBSan, coverage) and tsan (free-running CPUs).
# An include view is a directory of links to the folders a folder may see, and the only
# include path of the project it gets.

set(LICHEN_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-function
    -Wno-sign-compare -Wno-missing-field-initializers -Wno-initializer-overrides
    -Wno-microsoft-anon-tag -Wswitch -Wthread-safety -Wconditional-uninitialized
    -Wsometimes-uninitialized -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wformat=2)
execute_process(COMMAND ${CMAKE_C_COMPILER} -print-resource-dir OUTPUT_VARIABLE clang_resources
                OUTPUT_STRIP_TRAILING_WHITESPACE)
# Kernel code is freestanding in every variant and sees only clang's own headers and the
# kernel's UAPI.
set(LICHEN_KERNEL_FLAGS -std=gnu2x -ffreestanding -nostdinc -isystem${clang_resources}/include
    -isystem${LICHEN_UAPI} -fms-extensions -fno-strict-aliasing -fno-common -fwrapv
    -fno-stack-protector -fno-omit-frame-pointer -g ${LICHEN_WARNINGS}
    # Names in backtraces start at the top; a compiler cache may have made them relative.
    -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/= -fmacro-prefix-map=../=
    -O2)
set(LICHEN_FLAGS_arm64 "$<$<CONFIG:Debug>:-DLICHEN_DEBUG>" --target=aarch64-linux-gnu -mgeneral-regs-only -mno-outline-atomics
    -fno-pic -mcmodel=small -fno-unwind-tables -fno-asynchronous-unwind-tables)
set(LICHEN_FLAGS_host -DLICHEN_DEBUG -fsanitize=address,undefined -fno-sanitize=function,alignment
    -fno-sanitize-recover=undefined -fprofile-instr-generate -fcoverage-mapping)
set(LICHEN_FLAGS_tsan -DLICHEN_DEBUG -fsanitize=thread)
set(LICHEN_VARIANTS arm64 host tsan)
set(LICHEN_VIEWS ${CMAKE_BINARY_DIR}/view)

# The headers of one folder (not of the folders inside it), as links under all/<path>.
function(kernel_headers path)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${path}/*.h)
  file(MAKE_DIRECTORY ${LICHEN_VIEWS}/all/${path})
  foreach(header IN LISTS headers)
    get_filename_component(name ${header} NAME)
    file(CREATE_LINK ${header} ${LICHEN_VIEWS}/all/${path}/${name} SYMBOLIC)
  endforeach()
endfunction()

# The view of one folder: itself and what it uses.
function(kernel_view view)
  file(REMOVE_RECURSE ${LICHEN_VIEWS}/${view})
  foreach(path IN LISTS ARGN)
    get_filename_component(parent ${path} DIRECTORY)
    kernel_headers(${path})
    file(MAKE_DIRECTORY ${LICHEN_VIEWS}/${view}/${path})
    file(GLOB headers ${LICHEN_VIEWS}/all/${path}/*.h)
    foreach(header IN LISTS headers)
      get_filename_component(name ${header} NAME)
      file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${path}/${name} ${LICHEN_VIEWS}/${view}/${path}/${name}
           SYMBOLIC)
    endforeach()
  endforeach()
endfunction()

set(LICHEN_FOLDERS hal)
function(kernel_folder name path)
  cmake_parse_arguments(arg "" "" "USES" ${ARGN})
  foreach(used IN LISTS arg_USES)
    if(NOT used IN_LIST LICHEN_FOLDERS)
      message(FATAL_ERROR "${path} uses ${used}, which does not lie below it")
    endif()
  endforeach()
  set(LICHEN_FOLDERS ${LICHEN_FOLDERS} ${path} PARENT_SCOPE)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${path}/*.c)
  if(NOT sources)
    return()
  endif()
  kernel_view(${name} ${path} ${arg_USES})
  foreach(variant IN LISTS LICHEN_VARIANTS)
    set(provider host)
    if(variant STREQUAL arm64)
      set(provider arm64)
    endif()
    add_library(${variant}_${name} OBJECT EXCLUDE_FROM_ALL ${sources})
    target_compile_options(${variant}_${name} PRIVATE ${LICHEN_KERNEL_FLAGS}
                           ${LICHEN_FLAGS_${variant}})
    target_include_directories(${variant}_${name} PRIVATE ${LICHEN_VIEWS}/${name}
                               ${CMAKE_SOURCE_DIR}/hal/${provider}/inline)
    set_property(GLOBAL APPEND PROPERTY LICHEN_OBJECTS_${variant}
                 $<TARGET_OBJECTS:${variant}_${name}>)
  endforeach()
endfunction()
