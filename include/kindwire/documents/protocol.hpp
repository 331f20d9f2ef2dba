// What a server's routes receive and send, stated once; documents are printed from it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "../json/done_message.hpp"
#include "../json/error_message.hpp"
#include "../json/reader.hpp"
#include "../json/schema.hpp"
#include "catalogue.hpp"

namespace kindwire {

/// Describes a server as a whole.
struct protocol_info {
  std::string title = "messages";
  std::string version = "1.0.0";
  std::string description{};
  std::string url{};       ///< where a server runs: "ws://127.0.0.1:8080"; may be empty
  json_options options{};  ///< those of the server's readers
};

/// How a dispatcher is served, as far as messages show it: the same as in serve_options of exchange/.
struct served_options {
  std::string_view id_name = "id";
  bool errors = true;        ///< bad messages are answered with an error_message
  bool acknowledge = false;  ///< questions whose handlers return nothing are answered with a done_message
};

/// Describes a route, apart from its messages.
struct route_info {
  std::string handler{};  ///< the function behind it, for readers of the document
  std::string name{};  ///< its name in documents; by default made of the path: `/upload/{user}` is `upload`
  std::string description{};
};

namespace detail {

// The kind of a question and those of its answers, with an id beside their fields.
struct exchange {
  std::size_t question;
  std::vector<std::size_t> answers;
  std::string id_name;
};

// One direction of a route.
struct message_set {
  std::vector<std::size_t> kinds{};  // entries of the catalogue
  std::vector<exchange> exchanges{};
  bool binary = false;
  std::string binary_description{};

  void insert(std::size_t entry) {
    if (std::find(kinds.begin(), kinds.end(), entry) == kinds.end()) kinds.push_back(entry);
  }
};

// The messages of one direction, with the answers to questions in the other.
inline type_node all_of(message_set const& there, message_set const& back) {
  type_node set{type_form::one_of};
  for (std::size_t const each : there.kinds) set.inner.push_back(named_type(each));
  for (exchange const& each : there.exchanges) set.inner.push_back(with_id(each.question, each.id_name));
  for (exchange const& each : back.exchanges) {
    for (std::size_t const answer : each.answers) {
      bool const known = std::any_of(set.inner.begin(), set.inner.end(), [&](type_node const& node) {
        return node.form == type_form::with_id && node.inner[0].entry == answer &&
               node.id_name == each.id_name;
      });
      if (!known) set.inner.push_back(with_id(answer, each.id_name));
    }
  }
  return set;
}

// The names of the parameters in a path: `/upload/{user}` has `user`.
inline std::vector<std::string_view> path_parameters_of(std::string_view path) {
  std::vector<std::string_view> names;
  for (std::size_t from = 0; (from = path.find('{', from)) != std::string_view::npos;) {
    std::size_t const to = path.find('}', from);
    if (to == std::string_view::npos) break;
    names.push_back(path.substr(from + 1, to - from - 1));
    from = to;
  }
  return names;
}

// The literal segments of a path; `/` is `root`.
inline std::string name_of_path(std::string_view path) {
  std::string literal;
  bool inside = false;
  for (char const letter : path) {
    inside = letter == '{' || (inside && letter != '}');
    if (!inside && letter != '}') literal += letter;
  }
  return literal.find_first_not_of('/') == std::string::npos ? "root" : plain_name(literal);
}

template <class... Kinds>
struct kind_list {};

// The kinds that a handler returns: one, a variant of some, or either inside a coroutine's type such as
// asio::awaitable<answer>.
template <class Result>
struct kinds_returned {
  using type = kind_list<>;
};
template <message_kind Result>
struct kinds_returned<Result> {
  using type = kind_list<Result>;
};
template <class... Kinds>
struct kinds_returned<std::variant<Kinds...>> {
  using type = kind_list<Kinds...>;
};
template <template <class...> class Coroutine, class Result, class... Rest>
requires(!message_kind<Coroutine<Result, Rest...>> &&
         !is_variant<Coroutine<Result, Rest...>>) struct kinds_returned<Coroutine<Result, Rest...>>
    : kinds_returned<Result> {
};

}  // namespace detail

/// One route of a protocol. Made by protocol::route(). Directions are the server's: it receives what clients
/// send.
class route_description {
 public:
  /// Clients send messages of these kinds; a std::variant of kinds stands for each of them.
  template <class... T>
  route_description& receives() {
    (insert(received_, std::type_identity<T>{}), ...);
    return *this;
  }

  /// Clients send the kinds that the dispatcher has handlers for.
  template <class... Handlers>
  route_description& receives(dispatcher<Handlers...> const& handlers) {
    detail::type_node const set = types_->describe_handled(handlers);
    if (set.form == detail::type_form::named) received_.insert(set.entry);
    for (detail::type_node const& each : set.inner) received_.insert(each.entry);
    return *this;
  }

  /// Clients send the kinds that the dispatcher has handlers for, and get what these return as answers, as
  /// with serve() of exchange/: a message with a kind, a std::variant of such, or a coroutine's type around
  /// it; and an error_message for a bad message. What handlers send themselves is not known here: add it with
  /// sends().
  template <class... Handlers>
  route_description& serves(dispatcher<Handlers...> const&, served_options options = {}) {
    (serve_one<Handlers>(options), ...);
    if (options.errors) sends<error_message>();
    return *this;
  }
  template <class... Handlers>
  route_description& serves(dispatcher<Handlers...> const& handlers, std::string_view id_name) {
    return serves(handlers, served_options{.id_name = id_name});
  }

  /// The server sends messages of these kinds; a std::variant of kinds stands for each of them.
  template <class... T>
  route_description& sends() {
    (insert(sent_, std::type_identity<T>{}), ...);
    return *this;
  }

  /// Clients ask with Question and get one of the answers, with the same id (see correlated.hpp).
  template <message_kind Question, message_kind... Answers>
  requires(sizeof...(Answers) != 0) route_description& answers(std::string id_name = "id") {
    received_.exchanges.push_back({types_->add<Question>(), {types_->add<Answers>()...}, std::move(id_name)});
    return *this;
  }

  /// The server asks with Question and gets one of the answers.
  template <message_kind Question, message_kind... Answers>
  requires(sizeof...(Answers) != 0) route_description& asks(std::string id_name = "id") {
    sent_.exchanges.push_back({types_->add<Question>(), {types_->add<Answers>()...}, std::move(id_name)});
    return *this;
  }

  /// Clients send BINARY messages, described in a few words.
  route_description& receives_binary(std::string description) {
    received_.binary = true;
    received_.binary_description = std::move(description);
    return *this;
  }

  /// The server sends BINARY messages, described in a few words.
  route_description& sends_binary(std::string description) {
    sent_.binary = true;
    sent_.binary_description = std::move(description);
    return *this;
  }

  std::string const& path() const noexcept { return path_; }
  std::string const& name() const noexcept { return info_.name; }
  route_info const& info() const noexcept { return info_; }
  detail::message_set const& received() const noexcept { return received_; }
  detail::message_set const& sent() const noexcept { return sent_; }

 private:
  friend class protocol;

  route_description(detail::catalogue& types, std::string_view path, route_info info)
      : types_(&types), path_(path), info_(std::move(info)) {}

  // Fallbacks have no kind.
  template <class Handler>
  void serve_one(served_options const& options) {
    using question = detail::message_of<Handler>;
    if constexpr (message_kind<question>) {
      using result = typename detail::signature_t<Handler>::result;
      auto answers = entries_of(typename detail::kinds_returned<result>::type{});
      if (answers.empty() && options.acknowledge) answers.push_back(types_->add<done_message>());
      if (answers.empty()) {
        receives<question>();
        return;
      }
      if (options.errors) answers.push_back(types_->add<error_message>());
      received_.exchanges.push_back(
          {types_->add<question>(), std::move(answers), std::string{options.id_name}});
    }
  }

  template <class... Answers>
  std::vector<std::size_t> entries_of(detail::kind_list<Answers...>) {
    return {types_->add<Answers>()...};
  }

  template <class T>
  void insert(detail::message_set& set, std::type_identity<T>) {
    static_assert(message_kind<T>,
                  "kindwire: what a route receives and sends are messages, described with kind()");
    set.insert(types_->add<T>());
  }

  template <class... Kinds>
  void insert(detail::message_set& set, std::type_identity<std::variant<Kinds...>>) {
    (insert(set, std::type_identity<Kinds>{}), ...);
  }

  detail::catalogue* types_;
  std::string path_;
  route_info info_;
  detail::message_set received_;
  detail::message_set sent_;
};

/// The messages on a server's routes, in each direction:
///
///     kw::protocol api{{.title = "upload"}};
///     api.route("/upload/{user}").receives<upload_start>().sends<upload_progress, upload_finish>();
///     std::fputs(kw::asyncapi(api).c_str(), stdout);
///
/// Not thread safe.
class protocol {
 public:
  explicit protocol(protocol_info info) : info_(std::move(info)) {}

  // Routes refer to the types.
  protocol(protocol const&) = delete;
  protocol& operator=(protocol const&) = delete;

  /// Adds a route; the path is the one given to the server. The reference is valid as long as the protocol.
  route_description& route(std::string_view path, route_info info = {}) {
    info.name = detail::unused_name(
        info.name.empty() ? detail::name_of_path(path) : detail::plain_name(info.name), names_);
    names_.insert(info.name);
    routes_.push_back(route_description{types_, path, std::move(info)});
    return routes_.back();
  }

  protocol_info const& info() const noexcept { return info_; }
  std::deque<route_description> const& routes() const noexcept { return routes_; }
  detail::catalogue const& types() const noexcept { return types_; }

 private:
  protocol_info info_;
  detail::catalogue types_;
  std::set<std::string> names_;
  std::deque<route_description> routes_;
};

}  // namespace kindwire
