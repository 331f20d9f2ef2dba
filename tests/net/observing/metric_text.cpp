#include <kindwire/net/observing/metric_text.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>

namespace metric_text_tests {

using kindwire::net::detail::is_metric_name;
using kindwire::net::detail::metric_label;
using kindwire::net::detail::metric_text;

TEST_CASE("metric text: names") {
  for (std::string_view const name : {"a", "_a", ":a", "aB3_:"}) CHECK(is_metric_name(name));
  for (std::string_view const name : {"", "3a", "a-b", "a b", "a\n", "\xC3\xA4", "a{", "a\""})
    CHECK(!is_metric_name(name));
}

TEST_CASE("metric text: help and labels are escaped, and empty labels left out") {
  metric_text page;
  page.family("a_total", "counter", "One \"line\"\nand \\ another.");
  metric_label const labels[]{{"none", ""}, {"route", "/\"a\"\\b\nc"}, {"role", "server"}};
  page.sample(labels, 3);
  metric_label const broken[]{{"route", "/\xFF\n"}};
  page.sample(broken, 4);
  metric_label const none[]{{"route", ""}};
  page.sample(none, 5);
  page.only("b", "gauge", "B.", metric_text::number(0.25));
  CHECK(page.take() ==
        "# HELP a_total One \"line\"\\nand \\\\ another.\n"
        "# TYPE a_total counter\n"
        "a_total{route=\"/\\\"a\\\"\\\\b\\nc\",role=\"server\"} 3\n"
        "a_total{route=\"/\\\\xff\\\\n\"} 4\n"
        "a_total 5\n"
        "# HELP b B.\n"
        "# TYPE b gauge\n"
        "b 0.25\n");
}

TEST_CASE("metric text: numbers") {
  CHECK(metric_text::number(0) == "0");
  CHECK(metric_text::number(-1.5) == "-1.5");
  CHECK(metric_text::number(1e300) == "1e+300");
  CHECK(metric_text::number(std::nan("")) == "NaN");
  CHECK(metric_text::number(std::numeric_limits<double>::infinity()) == "+Inf");
  CHECK(metric_text::number(-std::numeric_limits<double>::infinity()) == "-Inf");
}

}  // namespace metric_text_tests
