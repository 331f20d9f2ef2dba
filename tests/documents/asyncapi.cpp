#include <kindwire/documents/asyncapi.hpp>

#include <string>

#include <doctest/doctest.h>

namespace asyncapi_tests {

namespace kw = kindwire;

namespace {

struct question {
  std::string text;
  static constexpr auto schema = kw::kind("QUESTION", kw::field("text", &question::text));
};
struct answer {
  static constexpr auto schema = kw::kind("ANSWER");
};
struct described {
  static constexpr auto schema = kw::kind("DESCRIBED", kw::description("what it is for"));
};

}  // namespace

TEST_CASE("AsyncAPI: a channel a route, an operation a direction, a message a kind") {
  kw::protocol api{{.title = "an oracle", .version = "0.9", .url = "wss://example.org"}};
  api.route("/ask/{user}", {.handler = "oracle::serve"})
      .receives<question>()
      .receives_binary("an image")
      .sends<answer, question>();
  CHECK(kw::asyncapi(api) == R"({
  "asyncapi": "3.0.0",
  "info": {
    "title": "an oracle",
    "version": "0.9"
  },
  "defaultContentType": "application/json",
  "servers": {
    "server": {
      "host": "example.org",
      "protocol": "wss"
    }
  },
  "channels": {
    "ask": {
      "address": "/ask/{user}",
      "parameters": {
        "user": {}
      },
      "messages": {
        "answer": {"$ref": "#/components/messages/answer"},
        "question": {"$ref": "#/components/messages/question"},
        "binary_received": {
          "name": "BINARY",
          "contentType": "application/octet-stream",
          "description": "an image"
        }
      }
    }
  },
  "operations": {
    "ask_receive": {
      "action": "receive",
      "channel": {"$ref": "#/channels/ask"},
      "x-handler": "oracle::serve",
      "messages": [
        {"$ref": "#/channels/ask/messages/question"},
        {"$ref": "#/channels/ask/messages/binary_received"}
      ]
    },
    "ask_send": {
      "action": "send",
      "channel": {"$ref": "#/channels/ask"},
      "x-handler": "oracle::serve",
      "messages": [
        {"$ref": "#/channels/ask/messages/answer"},
        {"$ref": "#/channels/ask/messages/question"}
      ]
    }
  },
  "components": {
    "messages": {
      "answer": {
        "name": "ANSWER",
        "payload": {"$ref": "#/components/schemas/answer"}
      },
      "question": {
        "name": "QUESTION",
        "payload": {"$ref": "#/components/schemas/question"}
      }
    },
    "schemas": {
      "question": {
        "type": "object",
        "properties": {
          "kind": {"type": "string", "const": "QUESTION"},
          "text": {
            "type": "string"
          }
        },
        "required": ["kind", "text"]
      },
      "answer": {
        "type": "object",
        "properties": {
          "kind": {"type": "string", "const": "ANSWER"}
        },
        "required": ["kind"]
      }
    }
  }
}
)");
}

TEST_CASE("AsyncAPI: a question and its answers are an operation with a reply, correlated by their id") {
  kw::protocol api{{}};
  api.route("/").answers<question, answer>("a/id");
  std::string const text = kw::asyncapi(api);
  CHECK(text.find(R"(  "operations": {
    "root_receive_question": {
      "action": "receive",
      "channel": {"$ref": "#/channels/root"},
      "messages": [
        {"$ref": "#/channels/root/messages/question.with_a_id"}
      ],
      "reply": {
        "channel": {"$ref": "#/channels/root"},
        "messages": [
          {"$ref": "#/channels/root/messages/answer.with_a_id"}
        ]
      }
    }
  },
  "components": {
    "messages": {
      "answer.with_a_id": {
        "name": "ANSWER",
        "correlationId": {
          "location": "$message.payload#/a~1id"
        },
        "payload": {
          "allOf": [
            {"$ref": "#/components/schemas/answer"},
            {"properties": {"a/id": {"type": ["number", "string"]}}}
          ]
        }
      },
)") != std::string::npos);
}

TEST_CASE("AsyncAPI: a server has a path where the URL has one, and is a plain one without a scheme") {
  auto const server = [](std::string url) {
    kw::protocol const api{{.url = std::move(url)}};
    std::string const text = kw::asyncapi(api);
    std::size_t const from = text.find("    \"server\": {");
    return from == text.npos ? "none" : text.substr(from, text.find('}', from) - from);
  };
  CHECK(server("wss://example.org/chat/v2").find(R"("protocol": "wss",
      "pathname": "/chat/v2")") != std::string::npos);
  CHECK(server("example.org").find(R"("host": "example.org",
      "protocol": "ws"
)") != std::string::npos);
  CHECK(server("ws://example.org/").find("pathname") == std::string::npos);
}

TEST_CASE("AsyncAPI: BINARY alone is an operation, in each direction") {
  kw::protocol api{{}};
  api.route("/in").receives_binary("pieces of a file");
  api.route("/out").sends_binary("an image").sends<described>();
  std::string const text = kw::asyncapi(api);
  CHECK(text.find(R"({"$ref": "#/channels/in/messages/binary_received"})") != std::string::npos);
  CHECK(text.find(R"({"$ref": "#/channels/out/messages/binary_sent"})") != std::string::npos);
  CHECK(text.find(R"("description": "pieces of a file")") != std::string::npos);
  CHECK(text.find(R"("summary": "what it is for")") != std::string::npos);
}

TEST_CASE("AsyncAPI of a protocol without routes") {
  kw::protocol const api{{.options = {.refuse_unknown_fields = true}}};
  CHECK(kw::asyncapi(api).find("\"channels\": {},\n  \"operations\": {}") != std::string::npos);
}

}  // namespace asyncapi_tests
