# Debian's arm64 headers and libraries, unpacked into the build tree at configure time.
#
#   LICHEN_UAPI     kernel headers for user space, for the kernel (both machines):
#                   -nostdinc -isystem <clang's own> -isystem ${LICHEN_UAPI}
#   LICHEN_SYSROOT  headers and libraries for programs that run in the guest
#   guest_program(NAME SOURCES ... [STATIC] [LIBS ...])
#                   an arm64 Linux program, target guest-NAME, file ${CMAKE_BINARY_DIR}/guest/NAME

find_package(Python3 REQUIRED COMPONENTS Interpreter)

execute_process(
	COMMAND ${CMAKE_COMMAND} -E env PYTHONPATH=${PROJECT_SOURCE_DIR}/tools
		LICHEN_BUILD=${CMAKE_BINARY_DIR} ${Python3_EXECUTABLE} -m lichen sysroot
	OUTPUT_VARIABLE LICHEN_SYSROOT OUTPUT_STRIP_TRAILING_WHITESPACE
	RESULT_VARIABLE lichen_sysroot_status)
if(NOT lichen_sysroot_status EQUAL 0)
	message(FATAL_ERROR "no sysroot: see the line above")
endif()
set(LICHEN_UAPI ${CMAKE_BINARY_DIR}/uapi/include)
# <linux/shm.h> includes it, for a macro that the kernel does not use.
if(NOT EXISTS ${LICHEN_UAPI}/unistd.h)
	file(WRITE ${LICHEN_UAPI}/unistd.h "")
endif()

set(LICHEN_GUEST_TARGET --target=aarch64-linux-gnu --sysroot=${LICHEN_SYSROOT})

function(guest_program name)
	cmake_parse_arguments(arg "STATIC" "" "SOURCES;LIBS" ${ARGN})
	add_executable(guest-${name} ${arg_SOURCES})
	set_target_properties(guest-${name} PROPERTIES
		OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/guest)
	# The same bytes wherever the tree lies: what Linux answers is kept by a program's hash.
	target_compile_options(guest-${name} PRIVATE ${LICHEN_GUEST_TARGET}
		-std=gnu2x -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror
		-ffile-prefix-map=${CMAKE_BINARY_DIR}=build -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
	target_link_options(guest-${name} PRIVATE ${LICHEN_GUEST_TARGET} -fuse-ld=lld)
	target_link_libraries(guest-${name} PRIVATE ${arg_LIBS})
	if(arg_STATIC)
		target_link_options(guest-${name} PRIVATE -static)
	else()
		target_compile_options(guest-${name} PRIVATE -fPIE)
		target_link_options(guest-${name} PRIVATE -pie)
	endif()
endfunction()
