# Makes the targets kindwire::std, kindwire::json, kindwire::rapidjson, kindwire::net, kindwire::exchange and kindwire::hub;
# kindwire::kindwire, which is all of them that could be made; and beside it kindwire::deflate, kindwire::hub-redis and
# kindwire::tls, so that programs without them do without zlib, hiredis and OpenSSL. The file that includes this one has set kindwire_include_dir. What an optional layer needs is taken, in
# this order, from a target that the project has already, from a CMake package, and from the headers on the include path; a
# layer whose library is nowhere is left out.
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

# _kindwire_library(RESULT HEADER PACKAGE HOW TARGET…): HOW is what find_package() is told beside the package. Without HEADER
# only targets will do, since there is something to link with.
function(_kindwire_library result header package how)
  foreach(pass IN ITEMS had found)
    foreach(candidate IN LISTS ARGN)
      if(TARGET ${candidate})
        if(pass STREQUAL found)
          _kindwire_publish(${candidate})
        endif()
        set(${result} ${candidate} PARENT_SCOPE)
        return()
      endif()
    endforeach()
    if(pass STREQUAL had)
      find_package(${package} ${how} QUIET)
    endif()
  endforeach()
  set(${result} NOTFOUND PARENT_SCOPE)
  if(header)
    find_path(kindwire_${package}_INCLUDE_DIR NAMES ${header} HINTS ${RapidJSON_INCLUDE_DIRS} ${RAPIDJSON_INCLUDE_DIRS})
    mark_as_advanced(kindwire_${package}_INCLUDE_DIR)
    if(kindwire_${package}_INCLUDE_DIR)
      add_library(kindwire::${package}-headers INTERFACE IMPORTED GLOBAL)
      set_target_properties(kindwire::${package}-headers PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${kindwire_${package}_INCLUDE_DIR}")
      set(${result} kindwire::${package}-headers PARENT_SCOPE)
    endif()
  endif()
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
_kindwire_layer(json kindwire::std)
set(_kindwire_whole kindwire::std kindwire::json)

_kindwire_library(_kindwire_rapidjson rapidjson/document.h RapidJSON CONFIG rapidjson RapidJSON)
if(_kindwire_rapidjson)
  _kindwire_layer(rapidjson kindwire::json ${_kindwire_rapidjson})
  list(APPEND _kindwire_whole kindwire::rapidjson)
else()
  _kindwire_lacks(rapidjson RapidJSON rapidjson-dev)
endif()

_kindwire_library(_kindwire_asio asio/io_context.hpp asio CONFIG asio::asio asio)
if(_kindwire_asio)
  _kindwire_layer(net kindwire::std ${_kindwire_asio} $<$<PLATFORM_ID:Windows>:ws2_32$<SEMICOLON>mswsock>)
  # Asio before 1.26 looks for clang's experimental coroutines only; a later one has found these by itself.
  set(_kindwire_clang $<CXX_COMPILER_ID:Clang,AppleClang>)
  set_target_properties(kindwire::net PROPERTIES INTERFACE_COMPILE_DEFINITIONS
    "ASIO_STANDALONE;$<${_kindwire_clang}:ASIO_HAS_CO_AWAIT=1>;$<${_kindwire_clang}:ASIO_HAS_STD_COROUTINE=1>")
  _kindwire_layer(exchange kindwire::json kindwire::net)
  _kindwire_layer(hub kindwire::json kindwire::net)
  list(APPEND _kindwire_whole kindwire::net kindwire::exchange kindwire::hub)
else()
  _kindwire_lacks(net Asio libasio-dev)
  set(kindwire_exchange_NEEDS "${kindwire_net_NEEDS}")
  set(kindwire_hub_NEEDS "${kindwire_net_NEEDS}")
endif()

_kindwire_layer(kindwire ${_kindwire_whole})

_kindwire_library(_kindwire_zlib "" ZLIB 1.2.11 ZLIB::ZLIB zlib zlibstatic)
if(_kindwire_zlib)
  _kindwire_layer(deflate kindwire::std ${_kindwire_zlib})
else()
  _kindwire_lacks(deflate "zlib 1.2.11 or later" zlib1g-dev)
endif()

# hiredis before 1.0 has no package for CMake.
_kindwire_library(_kindwire_hiredis "" hiredis CONFIG hiredis::hiredis hiredis)
if(NOT _kindwire_hiredis)
  find_path(kindwire_hiredis_INCLUDE_DIR NAMES hiredis/read.h)
  find_library(kindwire_hiredis_LIBRARY NAMES hiredis)
  mark_as_advanced(kindwire_hiredis_INCLUDE_DIR kindwire_hiredis_LIBRARY)
  if(kindwire_hiredis_INCLUDE_DIR AND kindwire_hiredis_LIBRARY)
    add_library(kindwire::hiredis INTERFACE IMPORTED GLOBAL)
    set_target_properties(kindwire::hiredis PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${kindwire_hiredis_INCLUDE_DIR}" INTERFACE_LINK_LIBRARIES "${kindwire_hiredis_LIBRARY}")
    set(_kindwire_hiredis kindwire::hiredis)
  endif()
endif()
if(_kindwire_hiredis AND TARGET kindwire::hub)
  _kindwire_layer(hub-redis kindwire::hub ${_kindwire_hiredis})
else()
  _kindwire_lacks(hub-redis "hiredis 0.14 or later, and Asio" libhiredis-dev)
endif()

_kindwire_library(_kindwire_openssl "" OpenSSL 3.0 OpenSSL::SSL)
if(_kindwire_openssl AND TARGET kindwire::net)
  if(TARGET OpenSSL::Crypto)
    _kindwire_publish(OpenSSL::Crypto)
  endif()
  _kindwire_layer(tls kindwire::net ${_kindwire_openssl})
else()
  _kindwire_lacks(tls "OpenSSL 3 or later, and Asio" libssl-dev)
endif()
