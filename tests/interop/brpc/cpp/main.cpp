// Apache bRPC itself as a peer.
//
//   cpp-peer server --port 0                 prints its port, serves until its standard input ends
//   cpp-peer client --port N --calls a,b     makes the calls, prints what came of each as one line of JSON

#include <brpc/channel.h>
#include <brpc/server.h>
#include <butil/logging.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "echo.pb.h"

namespace {

using google::protobuf::Closure;
using google::protobuf::RpcController;
using test::Text;

constexpr int kTimeoutMs = 10000;
constexpr int kMany = 50;
constexpr int kLogId = 77;

class EchoService : public test::Echo {
 public:
  void Say(RpcController* base, const Text* request, Text* reply, Closure* done) override {
    brpc::ClosureGuard guard(done);
    auto* controller = static_cast<brpc::Controller*>(base);
    reply->set_value(request->value());
    controller->response_attachment().append(controller->request_attachment());
  }

  void LogId(RpcController* base, const Text*, Text* reply, Closure* done) override {
    brpc::ClosureGuard guard(done);
    reply->set_value(std::to_string(static_cast<brpc::Controller*>(base)->log_id()));
  }

  void Fail(RpcController* base, const Text*, Text*, Closure* done) override {
    brpc::ClosureGuard guard(done);
    static_cast<brpc::Controller*>(base)->SetFailed(404, "nobody");
  }

  void Sleep(RpcController*, const Text*, Text*, Closure* done) override {
    brpc::ClosureGuard guard(done);
    usleep(2000 * 1000);
  }

  void Crash(RpcController*, const Text*, Text*, Closure*) override { _exit(1); }
};

int Serve(int port) {
  EchoService echo;
  brpc::Server server;
  brpc::ServerOptions options;
  if (server.AddService(&echo, brpc::SERVER_DOESNT_OWN_SERVICE) != 0) return 1;
  const std::string address = "127.0.0.1:" + std::to_string(port);
  if (server.Start(address.c_str(), &options) != 0) return 1;
  std::cout << server.listen_address().port << std::endl;
  while (std::cin.get() != EOF) {
  }
  _exit(0);
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + '"';
}

// What came of one call, as names and JSON values.
using Facts = std::map<std::string, std::string>;

struct Call {
  brpc::Controller controller;
  Text request;
  Text reply;
};

bool Failed(const Call& call, Facts& facts) {
  if (!call.controller.Failed()) return false;
  facts["code"] = std::to_string(call.controller.ErrorCode());
  facts["message"] = Quoted(call.controller.ErrorText());
  return true;
}

void Say(test::Echo_Stub& stub, const std::string& text, const std::string& attachment, Facts& facts) {
  Call call;
  call.request.set_value(text);
  call.controller.request_attachment().append(attachment);
  stub.Say(&call.controller, &call.request, &call.reply, nullptr);
  if (Failed(call, facts)) return;
  const bool same = call.reply.value() == text && call.controller.response_attachment().to_string() == attachment;
  facts["same"] = same ? "true" : "false";
}

void Many(test::Echo_Stub& stub, Facts& facts) {
  std::vector<std::unique_ptr<Call>> calls;
  for (int n = 0; n < kMany; n++) {
    calls.push_back(std::make_unique<Call>());
    Call& call = *calls.back();
    call.request.set_value("text " + std::to_string(n));
    call.controller.request_attachment().append("attached " + std::to_string(n));
    stub.Say(&call.controller, &call.request, &call.reply, brpc::DoNothing());
  }
  bool same = true;
  for (int n = 0; n < kMany; n++) {
    Call& call = *calls[n];
    brpc::Join(call.controller.call_id());
    if (Failed(call, facts)) return;
    same = same && call.reply.value() == "text " + std::to_string(n);
    same = same && call.controller.response_attachment().to_string() == "attached " + std::to_string(n);
  }
  facts["same"] = same ? "true" : "false";
}

void Compressed(test::Echo_Stub& stub, Facts& facts) {
  Call call;
  call.request.set_value(std::string(10000, 'z'));
  call.controller.set_request_compress_type(brpc::COMPRESS_TYPE_GZIP);
  stub.Say(&call.controller, &call.request, &call.reply, nullptr);
  if (!Failed(call, facts)) facts["same"] = call.reply.value() == call.request.value() ? "true" : "false";
}

void Make(brpc::Channel& channel, const std::string& name, Facts& facts) {
  test::Echo_Stub stub(&channel);
  test::Added_Stub added(&channel);
  if (name == "say") return Say(stub, "καλημέρα", "", facts);
  if (name == "attach") return Say(stub, "text", "an attachment", facts);
  if (name == "attachOnly") return Say(stub, "", std::string(100000, 'a'), facts);
  if (name == "big") return Say(stub, std::string(1 << 20, 'y'), std::string(1 << 20, 'z'), facts);
  if (name == "many") return Many(stub, facts);
  if (name == "gzip") return Compressed(stub, facts);
  Call call;
  if (name == "logId") {
    call.controller.set_log_id(kLogId);
    stub.LogId(&call.controller, &call.request, &call.reply, nullptr);
  } else if (name == "fail") {
    stub.Fail(&call.controller, &call.request, &call.reply, nullptr);
  } else if (name == "sleep") {
    stub.Sleep(&call.controller, &call.request, &call.reply, nullptr);
  } else if (name == "crash") {
    stub.Crash(&call.controller, &call.request, &call.reply, nullptr);
  } else if (name == "added") {
    added.Say(&call.controller, &call.request, &call.reply, nullptr);
  } else {
    facts["message"] = Quoted("no such call");
    return;
  }
  if (!Failed(call, facts)) facts["result"] = Quoted(call.reply.value());
}

int Client(int port, const std::string& names) {
  brpc::Channel channel;
  brpc::ChannelOptions options;
  options.protocol = "baidu_std";
  options.timeout_ms = kTimeoutMs;
  options.max_retry = 0;
  if (channel.Init("127.0.0.1", port, &options) != 0) return 1;
  std::stringstream list(names);
  for (std::string name; std::getline(list, name, ',');) {
    Facts facts;
    const int64_t started_us = butil::gettimeofday_us();
    Make(channel, name, facts);
    facts["call"] = Quoted(name);
    facts["ms"] = std::to_string(static_cast<double>(butil::gettimeofday_us() - started_us) / 1000);
    std::string line;
    for (const auto& [key, value] : facts) line += (line.empty() ? "{" : ",") + Quoted(key) + ":" + value;
    std::cout << line << "}" << std::endl;
  }
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  logging::SetMinLogLevel(logging::BLOG_FATAL);
  int port = 0;
  std::string calls;
  for (int n = 2; n + 1 < argc; n += 2) {
    if (std::string(argv[n]) == "--port") port = std::atoi(argv[n + 1]);
    if (std::string(argv[n]) == "--calls") calls = argv[n + 1];
  }
  return std::string(argv[1]) == "server" ? Serve(port) : Client(port, calls);
}
