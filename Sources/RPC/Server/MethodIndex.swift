import Foundation
import NIOCore

/// The methods of a server in an array, found by the bytes of their name without making a string.
final class MethodIndex: Sendable {
    /// An object, so that looking at it copies none of its parts.
    final class Slot: Sendable {
        let entry: MethodTable.Entry
        let name: [UInt8]

        init(_ entry: MethodTable.Entry) {
            self.entry = entry
            name = Array(entry.method.fullName.utf8)
        }

        func isNamed(_ name: UnsafeRawBufferPointer) -> Bool {
            guard self.name.count == name.count, let other = name.baseAddress else { return false }
            return self.name.withUnsafeBytes { bytes in
                bytes.baseAddress.map { memcmp($0, other, name.count) == 0 } ?? false
            }
        }
    }

    let slots: [Slot]
    /// Open addressing; -1 is empty. At most half full.
    private let table: [Int32]
    private let mask: Int

    init(_ methods: MethodTable) {
        slots = methods.entries.values
            .sorted { $0.method.fullName < $1.method.fullName }
            .map { Slot($0) }
        var capacity = 16
        while capacity < slots.count * 4 { capacity *= 2 }
        mask = capacity - 1
        var table = [Int32](repeating: -1, count: capacity)
        for (index, slot) in slots.enumerated() {
            var position = slot.name.withUnsafeBytes { Self.hash($0) } & (capacity - 1)
            while table[position] >= 0 { position = (position + 1) & (capacity - 1) }
            table[position] = Int32(index)
        }
        self.table = table
    }

    /// The position in `slots` of the method so named.
    func find(_ name: UnsafeRawBufferPointer) -> Int? {
        var position = Self.hash(name) & mask
        while true {
            let index = Int(table[position])
            if index < 0 { return nil }
            if slots[index].isNamed(name) { return index }
            position = (position + 1) & mask
        }
    }

    /// Names are the operator's own, so the hash need not withstand chosen ones: it takes the
    /// length and the last sixteen bytes, where methods differ.
    private static func hash(_ name: UnsafeRawBufferPointer) -> Int {
        var value: UInt64 = UInt64(name.count) &* 0x9e37_79b9_7f4a_7c15
        for byte in name.suffix(16) { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: value ^ (value >> 32)) & Int.max
    }

    /// Which methods a peer may call, by position. Fixed for the life of a connection.
    func permissions(of peer: PeerIdentity, in table: AuthorizationTable?) -> [Bool] {
        slots.map { table?.allows(peer, method: $0.entry.method.fullName) ?? true }
    }
}
