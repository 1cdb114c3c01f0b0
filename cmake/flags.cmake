# SPDX-License-Identifier: Apache-2.0
# Compiler flags for every target; sanitizers and coverage are chosen by CMakePresets.json.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # gnu17: __builtin_*_overflow, attributes
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(CORELANE_WERROR "Warnings are errors" ON)
set(CORELANE_SANITIZE "" CACHE STRING "address,undefined or thread")
option(CORELANE_COVERAGE "Count executed lines" OFF)

add_compile_definitions(_GNU_SOURCE CORELANE_VERSION="${PROJECT_VERSION}")
add_compile_options(-Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Wimplicit-fallthrough
	-Wstrict-prototypes -Wpointer-arith -Wno-unused-parameter -fno-common)
if(CORELANE_WERROR)
	add_compile_options(-Werror)
endif()
if(CORELANE_SANITIZE)
	add_compile_options(-fsanitize=${CORELANE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
	add_link_options(-fsanitize=${CORELANE_SANITIZE})
	# It cannot follow fences; what ours order, between us and a guest, it does not see anyhow.
	if(CORELANE_SANITIZE STREQUAL "thread" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
		add_compile_options(-Wno-tsan)
	endif()
else()
	add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2> -fstack-protector-strong)
	add_link_options(-Wl,-z,relro,-z,now)
endif()
option(CORELANE_FUZZ "Instrument for libFuzzer (clang only)" OFF)
if(CORELANE_FUZZ)
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(CORELANE_COVERAGE)
	add_compile_options(--coverage)
	add_link_options(--coverage)
endif()
