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

// `{"kind":"K","a":1}` becomes `{"a":1,"kind":"K"}`.
std::string with_kind_last(std::string const& text) {
  std::size_t const comma = text.find(',');
  std::string moved = "{";
  moved.append(text, comma + 1, text.size() - comma - 2).append(",").append(text, 1, comma - 1);
  return moved += '}';
}

// What one read from a socket gives: about 64 KiB.
struct chunk {
  std::string bytes;
  std::vector<text> texts;
};

std::vector<chunk> chunks_of(std::vector<std::string> const& messages) {
  std::vector<chunk> chunks;
  for (auto const& message : messages) {
    if (chunks.empty() || chunks.back().bytes.size() > 65536) chunks.emplace_back();
    chunks.back().texts.push_back({chunks.back().bytes.size(), message.size()});
    chunks.back().bytes += message;
    chunks.back().bytes += '\0';
  }
  return chunks;
}

// Who parses in place destroys the text, so each gets a copy, as a socket's read makes one.
class buffer {
 public:
  char* copy(chunk const& from) {
    std::memcpy(room_.data(), from.bytes.data(), from.bytes.size());
    use(room_.data());
    return room_.data();
  }

 private:
  std::string room_ = std::string(80'000, '\0');
};

void decode_all(decoder& by, buffer& into, std::vector<chunk> const& chunks) {
  for (auto const& each : chunks) by.decode(into.copy(each), each.texts);
}

template <class List>
auto ours_of(List const& list) {
  for (auto const& [party, make] : list) {
    if (party == "ours") return make();
  }
  give_up("we are missing");
}

template <class T, class List>
void measure_decoding(settings const& how, std::string const& name, std::vector<T> const& messages,
                      bool kind_last, List const& parties) {
  if (!how.wants(name)) return;
  auto const writer = ours_of(encoders::all());
  std::vector<std::string> texts;
  totals expected;
  for (auto const& message : messages) {
    writer->encode(message);
    std::string const text(writer->written());
    texts.push_back(kind_last ? with_kind_last(text) : text);
    expected(message);
  }
  auto const chunks = chunks_of(texts);
  buffer room;
  std::vector<contender> contenders;
  for (auto const& [party, make] : parties) {
    std::shared_ptr<decoder> const each = make();
    decode_all(*each, room, chunks);
    if (!(each->got == expected)) give_up(party + " reads something else: " + name);
    contenders.push_back({party, [&, each] { decode_all(*each, room, chunks); }});
  }
  contenders.push_back({"limit", [&] {
                          for (auto const& each : chunks) room.copy(each);
                        }});
  measure(how, name, "ns/message", static_cast<double>(messages.size()), contenders);
}

template <class T>
void measure_encoding(settings const& how, std::string const& name, std::vector<T> const& messages) {
  if (!how.wants(name)) return;
  buffer room;
  totals expected;
  for (auto const& message : messages) expected(message);
  std::vector<std::string> texts;
  std::vector<contender> contenders;
  for (auto const& [party, make] : encoders::all()) {
    std::shared_ptr<encoder> const each = make();
    texts.clear();
    for (auto const& message : messages) {
      each->encode(message);
      texts.emplace_back(each->written());
    }
    // What is written is read again: the same numbers and letters.
    auto const reader = ours_of(decoders::all());
    decode_all(*reader, room, chunks_of(texts));
    if (!(reader->got == expected)) give_up(party + " writes something else: " + name);
    contenders.push_back({party, [&, each] {
                            for (auto const& message : messages) {
                              each->encode(message);
                              use(each->written().data());
                            }
                          }});
  }
  char line[4096];
  contenders.push_back({"limit", [&] {
                          for (auto const& text : texts) {
                            std::memcpy(line, text.data(), text.size());
                            use(line);
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
  measure_decoding(how, "json/decode/39", progress, false, decoders::all());
  measure_decoding(how, "json/decode/290", done, false, decoders::all());
  measure_decoding(how, "json/decode_kind_last/39", progress, true, decoders::all());
  measure_decoding(how, "json/decode_kind_last/290", done, true, decoders::all());
  if (!document_decoders::all().empty()) {
    measure_decoding(how, "json/document/39", progress, false, document_decoders::all());
    measure_decoding(how, "json/document/290", done, false, document_decoders::all());
  }
  measure_encoding(how, "json/encode/39", progress);
  measure_encoding(how, "json/encode/290", done);
}
