# Makes the targets kindwire::std, kindwire::json, kindwire::net and kindwire::exchange; kindwire::kindwire, which is all of
# them that could be made; and beside it kindwire::deflate, so that who does without it does without zlib. The file that
# includes this one has set kindwire_include_dir. What an optional layer needs is taken, in this order, from a target that
# the project has already, from a CMake package, and from the headers on the include path; a layer whose library is nowhere
# is left out.
if(TARGET kindwire::std)
  return()
endif()
# What is found here must be seen by the project that has kindwire in a folder below.
if(NOT TARGET Threads::Threads)
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads REQUIRED)
  set_target_properties(Threads::Threads PROPERTIES IMPORTED_GLOBAL TRUE)
endif()

# _kindwire_publish(TARGET): the same for any target that was found. One that the project builds is seen anyway.
function(_kindwire_publish target)
  get_target_property(imported ${target} IMPORTED)
  get_target_property(aliased ${target} ALIASED_TARGET)
  if(imported AND NOT aliased)
    set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL TRUE)
  endif()
endfunction()

function(_kindwire_layer name)
  add_library(kindwire::${name} INTERFACE IMPORTED GLOBAL)
  set_target_properties(kindwire::${name} PROPERTIES INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()

# _kindwire_library(RESULT HEADER PACKAGE TARGET…)
function(_kindwire_library result header package)
  foreach(candidate IN LISTS ARGN)
    if(TARGET ${candidate})
      set(${result} ${candidate} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  find_package(${package} CONFIG QUIET)
  foreach(candidate IN LISTS ARGN)
    if(TARGET ${candidate})
      _kindwire_publish(${candidate})
      set(${result} ${candidate} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  find_path(kindwire_${package}_INCLUDE_DIR NAMES ${header} HINTS ${RapidJSON_INCLUDE_DIRS} ${RAPIDJSON_INCLUDE_DIRS})
  mark_as_advanced(kindwire_${package}_INCLUDE_DIR)
  set(${result} NOTFOUND PARENT_SCOPE)
  if(kindwire_${package}_INCLUDE_DIR)
    add_library(kindwire::${package}-headers INTERFACE IMPORTED GLOBAL)
    set_target_properties(kindwire::${package}-headers PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${kindwire_${package}_INCLUDE_DIR}")
    set(${result} kindwire::${package}-headers PARENT_SCOPE)
  endif()
endfunction()

# _kindwire_zlib(RESULT): CMake itself knows how to find it.
function(_kindwire_zlib result)
  set(targets ZLIB::ZLIB zlib zlibstatic)
  foreach(pass IN ITEMS had found)
    foreach(candidate IN LISTS targets)
      if(TARGET ${candidate})
        set(${result} ${candidate} PARENT_SCOPE)
        return()
      endif()
    endforeach()
    if(pass STREQUAL had)
      find_package(ZLIB 1.2.11 QUIET)
      if(TARGET ZLIB::ZLIB)
        _kindwire_publish(ZLIB::ZLIB)
      endif()
    endif()
  endforeach()
  set(${result} NOTFOUND PARENT_SCOPE)
endfunction()

# _kindwire_lacks(LAYER LIBRARY PACKAGE): the layer cannot be made.
function(_kindwire_lacks layer library package)
  set(kindwire_${layer}_NEEDS "${library}, which was not found" PARENT_SCOPE)
  if(NOT kindwire_FIND_QUIETLY AND NOT (kindwire_FIND_COMPONENTS AND NOT "${layer}" IN_LIST kindwire_FIND_COMPONENTS))
    message(STATUS "kindwire: ${library} was not found, so there is no kindwire::${layer} (Debian: apt install ${package})")
  endif()
endfunction()

_kindwire_layer(std Threads::Threads)
set_target_properties(kindwire::std PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${kindwire_include_dir}"
  INTERFACE_COMPILE_FEATURES cxx_std_20)
set(_kindwire_whole kindwire::std)

_kindwire_library(_kindwire_rapidjson rapidjson/reader.h RapidJSON rapidjson RapidJSON)
if(_kindwire_rapidjson)
  _kindwire_layer(json kindwire::std ${_kindwire_rapidjson})
  list(APPEND _kindwire_whole kindwire::json)
else()
  _kindwire_lacks(json RapidJSON rapidjson-dev)
  set(kindwire_exchange_NEEDS "RapidJSON, which was not found")
endif()

_kindwire_library(_kindwire_asio asio/io_context.hpp asio asio::asio asio)
if(_kindwire_asio)
  _kindwire_layer(net kindwire::std ${_kindwire_asio} $<$<PLATFORM_ID:Windows>:ws2_32$<SEMICOLON>mswsock>)
  # Asio before 1.26 looks for clang's experimental coroutines only; a later one has found these by itself.
  set(_kindwire_clang $<CXX_COMPILER_ID:Clang,AppleClang>)
  set_target_properties(kindwire::net PROPERTIES INTERFACE_COMPILE_DEFINITIONS
    "ASIO_STANDALONE;$<${_kindwire_clang}:ASIO_HAS_CO_AWAIT=1>;$<${_kindwire_clang}:ASIO_HAS_STD_COROUTINE=1>")
  list(APPEND _kindwire_whole kindwire::net)
else()
  _kindwire_lacks(net Asio libasio-dev)
  set(kindwire_exchange_NEEDS "Asio, which was not found")
endif()

if(TARGET kindwire::json AND TARGET kindwire::net)
  _kindwire_layer(exchange kindwire::json kindwire::net)
  list(APPEND _kindwire_whole kindwire::exchange)
endif()

_kindwire_layer(kindwire ${_kindwire_whole})

_kindwire_zlib(_kindwire_zlib)
if(_kindwire_zlib)
  _kindwire_layer(deflate kindwire::std ${_kindwire_zlib})
else()
  _kindwire_lacks(deflate "zlib 1.2.11 or later" zlib1g-dev)
endif()
