// One hub's side of the backplane in memory.
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "../backplane.hpp"
#include "bus.hpp"

namespace kindwire::detail {

class memory_node final : public backplane {
 public:
  memory_node(std::shared_ptr<memory_bus> bus, asio::any_io_executor const& executor)
      : bus_(std::move(bus)), number_(bus_->join(executor)) {}
  ~memory_node() override { bus_->leave(number_); }

  void start(std::weak_ptr<listener> to) override { bus_->start(number_, std::move(to)); }
  void subscribe(std::string_view topic, log keep) override { bus_->subscribe(number_, topic, keep); }
  void unsubscribe(std::string_view topic) override { bus_->unsubscribe(number_, topic); }
  std::error_code publish(std::string_view topic, std::span<std::byte const> bytes, log keep) override {
    return bus_->publish(number_, topic, bytes, keep);
  }
  void hold(std::string_view topic, std::string_view name, std::string_view value) override {
    bus_->hold(number_, topic, name, value);
  }
  void release(std::string_view topic, std::string_view name) override {
    bus_->release(number_, topic, name);
  }

 private:
  std::shared_ptr<memory_bus> const bus_;
  std::size_t const number_;
};

}  // namespace kindwire::detail
