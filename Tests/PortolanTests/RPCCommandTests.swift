import ArgumentParser
import Contracts
import Foundation
import NIOCore
import RPC
import ServiceKit
import SwiftProtobuf
import Testing

@testable import portolan

@Suite("portolan rpc")
struct RPCCommandTests {
    @Test("a method is found by its name or the end of it, and nothing else")
    func lookup() throws {
        for name in [
            "portolan.directory.v1.Directory/GetUser", "portolan.directory.v1.Directory.GetUser",
            "Directory/GetUser", "v1.Directory.GetUser", "GetUser",
        ] {
            #expect(try MethodLookup.find(name).method == DirectoryMethods.getUser)
        }
        for name in ["", "/", "User", "getUser", "rectory/GetUser", "GetUser/GetUser"] {
            #expect(throws: CommandFailure.self) { try MethodLookup.find(name) }
        }
        // GetStatus is the directory's and the permission service's.
        let several = #expect(throws: CommandFailure.self) { try MethodLookup.find("GetStatus") }
        #expect(several?.hint.contains("portolan.permission.v1.Permissions/GetStatus") == true)
    }

    @Test("every method of the contracts has its types and a service that offers it")
    func registry() {
        #expect(ContractMethods.all.count > 90)
        for (name, typed) in ContractMethods.all {
            #expect(typed.method.fullName == name)
            #expect(typed.request.protoMessageName.hasPrefix("portolan."))
            let service = MethodLookup.service(of: typed.method)
            #expect((service == nil) == name.hasPrefix("portolan.monitoring."))
            if let service { #expect(ServiceRules.rules(for: service)[name] != nil) }
        }
    }

    @Test("a request that is not the method's is refused with the reason")
    func requests() throws {
        let type = DirectoryGetUserRequest.self
        for text in ["", "[]", "{", #"{"nobody": 1}"#, #"{"userId": 7}"#] {
            #expect(throws: CommandFailure.self) { try RPCCallCommand.encode(text, as: type) }
        }
        let payload = try RPCCallCommand.encode(#"{"userId": "u1"}"#, as: type)
        let decoded = try DirectoryGetUserRequest(serializedBytes: Array(payload.readableBytesView))
        #expect(decoded.userID == "u1")
    }

    @Test("reflection's descriptors give methods, their messages and what is streamed")
    func reflection() throws {
        let data = try #require(Data(base64Encoded: ContractDescriptors.base64))
        let files = try Google_Protobuf_FileDescriptorSet(serializedBytes: data).file
        let methods = ReflectedServices.methods(of: ["portolan.coordinator.v1.Log"], in: files)
        #expect(methods.map(\.method) == ["Append", "Tail", "GetPositions"])
        #expect(methods.map(\.shape)[1] == "TailRequest -> stream TailResponse")
    }

    // MARK: - top

    private func figures(
        _ process: String, at seconds: Int64, calls: UInt64, failed: UInt64 = 0,
        bucket: Int = 0, inFlight: UInt64 = 0
    ) -> MonitoringGetFiguresResponse {
        var row = MonitoringCallFigures()
        row.method = "portolan.directory.v1.Directory/GetUser"
        row.peer = "operator/alice"
        row.byStatus = [calls - failed, 0, 0, 0, 0, failed]
        row.latencyBuckets = (0..<28).map { $0 == bucket ? calls : 0 }
        row.requestBytes = calls * 10
        row.responseBytes = calls * 1_000
        row.inFlight = inFlight
        var answer = MonitoringGetFiguresResponse()
        answer.process = process
        answer.takenAtUs = seconds * 1_000_000
        answer.calls = [row]
        return answer
    }

    @Test("rates are differences by the time between")
    func rates() throws {
        let rates = CallRates(
            service: "directory", from: figures("a", at: 10, calls: 100),
            to: figures("a", at: 12, calls: 300, failed: 20))
        let row = try #require(rates.rows.first)
        #expect(row.callsPerSecond == 100)
        #expect(row.failuresPerSecond == 10)
        #expect(row.requestBytesPerSecond == 1_000)
        #expect(row.responseBytesPerSecond == 100_000)
        #expect(row.p99Microseconds == 1)
    }

    @Test("nothing is shown without a call, before the second look, and across a restart")
    func noRates() {
        let now = figures("a", at: 12, calls: 100)
        #expect(CallRates(service: "s", from: nil, to: now).rows.isEmpty)
        #expect(CallRates(service: "s", from: now, to: figures("a", at: 14, calls: 100)).rows == [])
        #expect(CallRates(service: "s", from: now, to: figures("b", at: 1, calls: 5)).rows == [])
        let waiting = figures("a", at: 14, calls: 100, inFlight: 2)
        #expect(CallRates(service: "s", from: now, to: waiting).rows.first?.p50Microseconds == -1)
    }

    @Test("quantiles are upper bounds of buckets")
    func quantiles() {
        #expect(CallRates.quantile(0.5, []) == -1)
        #expect(CallRates.quantile(0.5, [0, 0]) == -1)
        #expect(CallRates.quantile(0.5, [1, 1, 98]) == 4)
        #expect(CallRates.quantile(0.01, [1, 1, 98]) == 1)
        #expect(CallRates.quantile(0.99, [99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) == 1)
        #expect(CallRates.quantile(1, [99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) == 1_048)
    }

    @Test(
        "commands parse",
        arguments: [
            "rpc call GetUser {}",
            "rpc call Directory/GetUser - --service directory --metadata a=b",
            "rpc list", "rpc list directory keys --json",
            "rpc top directory --interval 0.5 --count 3",
        ])
    func parsing(_ line: String) throws {
        _ = try Portolan.parseAsRoot(line.split(separator: " ").map(String.init))
    }

    @Test(
        "commands that make no sense do not parse",
        arguments: [
            "rpc call", "rpc call GetUser {} --metadata a", "rpc call GetUser {} --service nobody",
            "rpc top --interval 0", "rpc top --count -1",
        ])
    func notParsing(_ line: String) {
        #expect(throws: (any Error).self) {
            _ = try Portolan.parseAsRoot(line.split(separator: " ").map(String.init))
        }
    }
}
