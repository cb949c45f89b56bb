// gRPC C++ as a yardstick: a server that answers any unary call with fixed bytes, and a client that
// keeps a number of calls in flight. Mutual TLS, as the system under test has it.
//
//   grpc_peer server ADDRESS CERTIFICATE KEY ROOTS ANSWER_BYTES
//   grpc_peer client ADDRESS CERTIFICATE KEY ROOTS METHOD REQUEST_FILE CONNECTIONS IN_FLIGHT SECONDS SERVER_NAME

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

std::string read_file(const char *path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class Reactor final : public grpc::ServerGenericBidiReactor {
  public:
    explicit Reactor(const grpc::ByteBuffer *answer) : answer_(answer) { StartRead(&request_); }

    void OnReadDone(bool ok) override {
        if (ok)
            StartWriteAndFinish(answer_, grpc::WriteOptions(), grpc::Status::OK);
        else
            Finish(grpc::Status::OK);
    }
    void OnDone() override { delete this; }

  private:
    const grpc::ByteBuffer *answer_;
    grpc::ByteBuffer request_;
};

class Service final : public grpc::CallbackGenericService {
  public:
    explicit Service(size_t bytes) {
        grpc::Slice slice(std::string(bytes, 'x'));
        answer_ = grpc::ByteBuffer(&slice, 1);
    }
    grpc::ServerGenericBidiReactor *CreateReactor(grpc::GenericCallbackServerContext *) override {
        return new Reactor(&answer_);
    }

  private:
    grpc::ByteBuffer answer_;
};

int serve(char **arguments) {
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = read_file(arguments[3]);
    options.pem_key_cert_pairs.push_back({read_file(arguments[2]), read_file(arguments[1])});
    Service service(std::stoul(arguments[4]));
    grpc::ServerBuilder builder;
    builder.AddListeningPort(arguments[0], grpc::SslServerCredentials(options));
    builder.RegisterCallbackGenericService(&service);
    auto server = builder.BuildAndStart();
    if (!server) return 1;
    std::puts("ready");
    std::fflush(stdout);
    server->Wait();
    return 0;
}

struct Load {
    std::string method;
    std::string request;
    Clock::time_point start, end;
    std::atomic<long> open{0}, errors{0};
    std::mutex mutex;
    std::vector<unsigned> nanoseconds;
};

struct Call {
    grpc::GenericStub *stub;
    Load *load;
    std::unique_ptr<grpc::ClientContext> context;
    grpc::ByteBuffer request, response;
    Clock::time_point began;
    std::vector<unsigned> mine;

    void begin() {
        context = std::make_unique<grpc::ClientContext>();
        grpc::Slice slice(load->request);
        request = grpc::ByteBuffer(&slice, 1);
        response.Clear();
        began = Clock::now();
        stub->UnaryCall(context.get(), load->method, grpc::StubOptions(), &request, &response,
                        [this](grpc::Status status) { end(status); });
    }

    void end(const grpc::Status &status) {
        auto now = Clock::now();
        if (!status.ok()) load->errors++;
        if (began > load->start && now < load->end)
            mine.push_back(static_cast<unsigned>((now - began).count()));
        if (now < load->end) return begin();
        std::lock_guard<std::mutex> lock(load->mutex);
        load->nanoseconds.insert(load->nanoseconds.end(), mine.begin(), mine.end());
        load->open--;
    }
};

int call(char **arguments) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = read_file(arguments[3]);
    options.pem_private_key = read_file(arguments[2]);
    options.pem_cert_chain = read_file(arguments[1]);
    int connections = std::stoi(arguments[6]), in_flight = std::stoi(arguments[7]);
    int seconds = std::stoi(arguments[8]);
    Load load;
    load.method = arguments[4];
    load.request = read_file(arguments[5]);
    load.start = Clock::now() + std::chrono::seconds(1);
    load.end = load.start + std::chrono::seconds(seconds);
    std::vector<std::unique_ptr<grpc::GenericStub>> stubs;
    std::vector<std::unique_ptr<Call>> calls;
    for (int i = 0; i < connections; i++) {
        grpc::ChannelArguments settings;
        settings.SetSslTargetNameOverride(arguments[9]);
        settings.SetInt("connection", i);  // Different arguments: a connection of its own.
        stubs.push_back(std::make_unique<grpc::GenericStub>(
            grpc::CreateCustomChannel(arguments[0], grpc::SslCredentials(options), settings)));
        for (int j = 0; j < in_flight; j++) {
            calls.push_back(std::make_unique<Call>());
            calls.back()->stub = stubs.back().get();
            calls.back()->load = &load;
        }
    }
    load.open = static_cast<long>(calls.size());
    for (auto &each : calls) each->begin();
    while (load.open > 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    auto &times = load.nanoseconds;
    std::sort(times.begin(), times.end());
    auto at = [&](double part) {
        return times.empty() ? 0.0 : times[static_cast<size_t>(part * (times.size() - 1))] / 1000.0;
    };
    std::printf("{\"calls\":%zu,\"errors\":%ld,\"seconds\":%d,\"perSecond\":%.1f,"
                "\"p50Microseconds\":%.1f,\"p99Microseconds\":%.1f,\"p999Microseconds\":%.1f}\n",
                times.size(), load.errors.load(), seconds,
                static_cast<double>(times.size()) / seconds, at(0.5), at(0.99), at(0.999));
    return 0;
}

}  // namespace

int main(int count, char **arguments) {
    if (count == 7 && std::string(arguments[1]) == "server") return serve(arguments + 2);
    if (count == 12 && std::string(arguments[1]) == "client") return call(arguments + 2);
    std::fprintf(stderr, "usage: see the head of grpc_peer.cc\n");
    return 2;
}
