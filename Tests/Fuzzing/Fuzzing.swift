import Foundation
import NIOCore

/// What libFuzzer calls with each input. PORTOLAN_FUZZ_TARGET says what it is fed to.
///
/// Built by Scripts/fuzz only: PORTOLAN_FUZZ=1 adds this target to the package.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: data, count: count)
    guard let first = input.first else { return 0 }
    chosen(first, ByteBuffer(bytes: input.dropFirst()))
    return 0
}

/// libFuzzer's own `main`, by the name under which this package's build links an executable.
@_cdecl("portolan_fuzz_main")
public func runFuzzer(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> CInt {
    var (count, arguments) = (count, arguments)
    return libFuzzer(&count, &arguments) { data, count in fuzzOneInput(data, count) }
}

// Swift's convention is C's where only pointers and numbers are passed.
@_silgen_name("LLVMFuzzerRunDriver")
private func libFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ target: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// The first byte says how the rest is cut, or what it is meant for.
typealias FuzzTarget = @Sendable (UInt8, ByteBuffer) -> Void

let targets: [String: FuzzTarget] = [
    "frames": fuzzFrames, "server": fuzzServer, "client": fuzzClient, "grpc": fuzzGRPC,
    "headers": fuzzHeaders, "messages": fuzzMessages,
]

private let chosen: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["PORTOLAN_FUZZ_TARGET"] ?? ""
    guard let target = targets[name] else {
        fatalError("PORTOLAN_FUZZ_TARGET is one of \(targets.keys.sorted())")
    }
    return target
}()

extension ByteBuffer {
    /// The bytes in pieces of `size`, as a socket might give them.
    func pieces(of size: Int) -> [ByteBuffer] {
        var (rest, pieces) = (self, [ByteBuffer]())
        while let piece = rest.readSlice(length: min(size, rest.readableBytes)),
            piece.readableBytes > 0
        {
            pieces.append(piece)
        }
        return pieces
    }
}
