// Joins hubs on many machines by Redis.
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "backplane.hpp"
#include "redis/error.hpp"
#include "redis/node.hpp"
#include "redis/options.hpp"
#include "redis/url.hpp"

namespace kindwire {

/// Joins the hubs of all programs that use the same Redis (7.0 or later) with the same prefix:
///
///     kw::hub<std::string> users{io, kw::redis_backplane{"redis://127.0.0.1"}};
///
/// The URL is one of
///
///     redis://[user[:password]@]host[:port][/database]
///     rediss://…                                                 TLS: with redis_options::tls
///     unix://[user[:password]@]/path/of/the/socket
///     redis+sentinel://[user[:password]@]host[:port],…/master[/database]
///
/// where user and password are percent-encoded, and the user may be empty. They are Redis' own, also with
/// Sentinel. Redis Cluster is not supported: redis_error::cluster.
///
/// The hub is connected with Redis, and connected again after an outage, as long as it is there and its
/// context is run. Each hub is a node of its own. A copy makes nodes alike.
class redis_backplane {
 public:
  /// Throws std::system_error with redis_error::invalid_url or redis_error::no_tls, without the URL in
  /// what(), as it may contain a password.
  explicit redis_backplane(std::string_view url, redis_options options = {})
      : options_(std::make_shared<redis_options const>(std::move(options))) {
    auto parsed = detail::redis_url_parser::parse(url);
    if (!parsed) throw std::system_error(redis_error::invalid_url);
    if (parsed->addresses.front().tls && !options_->tls) throw std::system_error(redis_error::no_tls);
    url_ = std::make_shared<detail::redis_url const>(std::move(*parsed));
  }

  std::unique_ptr<backplane> make(asio::any_io_executor const& executor) const {
    return std::make_unique<detail::redis_node>(
        std::make_shared<detail::redis_node_state>(executor, url_, options_));
  }

 private:
  std::shared_ptr<redis_options const> options_;
  std::shared_ptr<detail::redis_url const> url_;
};

}  // namespace kindwire
