import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix

/// grpc-swift 2 as a yardstick: answers one unary method with fixed bytes, over mutual TLS.
///
///     GRPCSwiftPeer PORT CERTIFICATE KEY ROOTS SERVICE METHOD ANSWER_BYTES
@main
struct Peer {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 8, let port = Int(arguments[1]), let bytes = Int(arguments[7])
        else {
            print("usage: see the head of Peer.swift")
            exit(2)
        }
        let transport = HTTP2ServerTransport.Posix(
            address: .ipv4(host: "127.0.0.1", port: port),
            transportSecurity: .mTLS(
                certificateChain: [.file(path: arguments[2], format: .pem)],
                privateKey: .file(path: arguments[3], format: .pem)
            ) { $0.trustRoots = .certificates([.file(path: arguments[4], format: .pem)]) })
        let service = FixedAnswer(
            method: MethodDescriptor(
                fullyQualifiedService: arguments[5], method: arguments[6]),
            answer: [UInt8](repeating: 0x78, count: bytes))
        let server = GRPCServer(transport: transport, services: [service])
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await server.serve() }
            _ = try await server.listeningAddress
            print("ready")
            fflush(nil)
        }
    }
}

struct FixedAnswer: RegistrableRPCService {
    let method: MethodDescriptor
    let answer: [UInt8]

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: method, deserializer: BytesCoding(), serializer: BytesCoding()
        ) { request, _ in
            for try await _ in request.messages {}
            return StreamingServerResponse(single: ServerResponse(message: answer))
        }
    }
}

/// Messages as they are.
struct BytesCoding: MessageSerializer, MessageDeserializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes {
        Bytes(message)
    }

    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
        bytes.withUnsafeBytes { Array($0) }
    }
}
