// The backplane that a hub has: what is asked of it goes to the strand of its connection.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "../backplane.hpp"
#include "inbox.hpp"
#include "node_state.hpp"

namespace kindwire::detail {

class redis_node final : public backplane {
 public:
  explicit redis_node(std::shared_ptr<redis_node_state> state) : state_(std::move(state)) {}
  ~redis_node() override { state_->end(); }

  void start(std::weak_ptr<listener> to) override { state_->start(std::move(to)); }
  void subscribe(std::string_view topic, log keep) override {
    state_->post({redis_request::kind::subscribe, std::string(topic), {}, {}, keep});
  }
  void unsubscribe(std::string_view topic) override {
    state_->post({redis_request::kind::unsubscribe, std::string(topic), {}, {}, {}});
  }
  std::error_code publish(std::string_view topic, std::span<std::byte const> bytes, log keep) override try {
    if (!state_->takes(topic, bytes.size())) return std::make_error_code(std::errc::message_size);
    std::string text(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    return state_->post_message(
        {redis_request::kind::publish, std::string(topic), std::move(text), {}, keep});
  } catch (std::bad_alloc const&) {
    return std::make_error_code(std::errc::not_enough_memory);
  }
  void hold(std::string_view topic, std::string_view name, std::string_view value) override {
    state_->post({redis_request::kind::hold, std::string(topic), std::string(name), std::string(value), {}});
  }
  void release(std::string_view topic, std::string_view name) override {
    state_->post({redis_request::kind::release, std::string(topic), std::string(name), {}, {}});
  }

 private:
  std::shared_ptr<redis_node_state> const state_;
};

}  // namespace kindwire::detail
