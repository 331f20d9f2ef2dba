// JSON by kind: text into structs and back, what it costs a message.
//
//     json [--rounds N] [--milliseconds N] [--only json/decode]
#include <cstring>
#include <random>

#include "messages.hpp"

using namespace bench;

namespace {

std::mt19937_64 random_source(20240229);

std::uint64_t below(std::uint64_t limit) { return random_source() % limit; }

// Words of letters, a character of two bytes here and there, and hardly ever something that has to be
// escaped.
std::string words(std::size_t least, std::size_t most) {
  std::string text;
  std::size_t const size = least + below(most - least + 1);
  while (text.size() < size) {
    std::uint64_t const draw = below(200);
    if (draw < 24) {
      text += ' ';
    } else if (draw < 28) {
      text += "\xC3\xA9";
    } else if (draw < 29) {
      text += '"';
    } else {
      text += static_cast<char>('a' + below(26));
    }
  }
  return text;
}

double decimal(std::uint64_t whole, unsigned places) {
  double const divisors[] = {1, 10, 100, 1000};
  return static_cast<double>(whole) / divisors[places];
}

// Three digits and a point.
upload_progress any_progress() {
  return {decimal(100 + 10 * below(90) + 1 + below(9), 1 + static_cast<unsigned>(below(2)))};
}

upload_done any_done() {
  upload_done message;
  message.id = random_source() >> (11 + below(40));
  message.user = words(4, 24);
  message.name = words(10, 60) + ".jpeg";
  char const* const types[] = {"image/jpeg", "image/png", "text/plain", "application/pdf"};
  message.type = types[below(4)];
  message.size = below(std::uint64_t{1} << (10 + below(24)));
  message.seconds = decimal(below(100'000), static_cast<unsigned>(below(4)));
  message.resumed = below(2) == 0;
  for (int i = 0; i != 40; ++i) message.checksum += "0123456789abcdef"[below(16)];
  for (std::uint64_t i = below(4); i != 0; --i) message.labels.push_back(words(3, 12));
  for (std::uint64_t i = below(8); i != 0; --i)
    message.parts.push_back(static_cast<std::int32_t>(below(20'000)) - 10'000);
  return message;
}

template <class T>
std::string text_of(T const& message) {
  for (auto const& [party, make] : encoders::all()) {
    if (party != "ours") continue;
    auto const ours = make();
    ours->encode(message);
    return std::string(ours->written());
  }
  give_up("no encoder");
}

// `{"kind":"K","a":1}` becomes `{"a":1,"kind":"K"}`.
std::string with_kind_last(std::string const& text) {
  std::size_t const comma = text.find(',');
  std::string moved = "{";
  moved.append(text, comma + 1, text.size() - comma - 2).append(",").append(text, 1, comma - 1);
  return moved += '}';
}

struct received {
  std::string bytes;
  std::vector<text> texts;

  void add(std::string const& message) {
    texts.push_back({bytes.size(), message.size()});
    bytes += message;
    bytes += '\0';
  }
};

template <class T>
void measure_decoding(settings const& how, std::string const& name, std::vector<T> const& messages,
                      bool kind_last) {
  if (!how.wants(name)) return;
  received input;
  totals expected;
  for (auto const& message : messages) {
    std::string const text = text_of(message);
    input.add(kind_last ? with_kind_last(text) : text);
    expected(message);
  }
  // Who parses in place destroys the text, so each gets a copy, as a socket's read makes one.
  auto const room = std::make_shared<std::string>(input.bytes + std::string(64, '\0'));
  auto const copy = [&input, room] { std::memcpy(room->data(), input.bytes.data(), input.bytes.size()); };
  std::vector<contender> contenders;
  for (auto const& [party, make] : decoders::all()) {
    std::shared_ptr<decoder> const each = make();
    copy();
    each->decode(room->data(), input.texts);
    if (!(each->got == expected)) give_up(party + " reads something else: " + name);
    contenders.push_back({party, [&, copy, room, each] {
                            copy();
                            each->decode(room->data(), input.texts);
                          }});
  }
  contenders.push_back({"limit", [&, copy, room] {
                          copy();
                          use(room->data());
                        }});
  measure(how, name, "ns/message", static_cast<double>(messages.size()), contenders);
}

template <class T>
void measure_encoding(settings const& how, std::string const& name, std::vector<T> const& messages) {
  if (!how.wants(name)) return;
  received input;
  totals expected;
  for (auto const& message : messages) {
    input.add(text_of(message));
    expected(message);
  }
  std::vector<contender> contenders;
  for (auto const& [party, make] : encoders::all()) {
    std::shared_ptr<encoder> const each = make();
    // What is written is read again: the same numbers and letters.
    received output;
    for (auto const& message : messages) {
      each->encode(message);
      output.add(std::string(each->written()));
    }
    output.bytes.append(64, '\0');
    for (auto const& [reader, make_reader] : decoders::all()) {
      if (reader != "ours") continue;
      auto const ours = make_reader();
      ours->decode(output.bytes.data(), output.texts);
      if (!(ours->got == expected)) give_up(party + " writes something else: " + name);
    }
    contenders.push_back({party, [&, each] {
                            for (auto const& message : messages) {
                              each->encode(message);
                              use(each->written().data());
                            }
                          }});
  }
  auto const room = std::make_shared<std::string>(1024, '\0');
  contenders.push_back({"limit", [&, room] {
                          for (auto const& [at, size] : input.texts) {
                            std::memcpy(room->data(), input.bytes.data() + at, size);
                            use(room->data());
                          }
                        }});
  measure(how, name, "ns/message", static_cast<double>(messages.size()), contenders);
}

}  // namespace

int main(int count, char** values) {
  settings const how(count, values);
  // So many different ones that no branch predictor learns them; they stay in the second cache.
  std::vector<upload_progress> progress(8192);
  for (auto& each : progress) each = any_progress();
  std::vector<upload_done> done(2048);
  for (auto& each : done) each = any_done();
  measure_decoding(how, "json/decode/39", progress, false);
  measure_decoding(how, "json/decode/290", done, false);
  measure_decoding(how, "json/decode_kind_last/39", progress, true);
  measure_decoding(how, "json/decode_kind_last/290", done, true);
  measure_encoding(how, "json/encode/39", progress);
  measure_encoding(how, "json/encode/290", done);
}
