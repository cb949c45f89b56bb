import RPC

/// Characters and lengths of attributes. Source: identitystore model, aws-behaviour 7.4.
enum AttributeRules {
    /// Characters besides letters, marks, symbols, numbers and punctuation.
    enum Blanks {
        case none
        /// Tab, line ends, space, no-break space.
        case spaces
        /// Those and the ideographic space.
        case wideSpaces
    }

    /// Throws: INVALID_ARGUMENT INVALID_ATTRIBUTE naming the field, not its value.
    static func check(
        _ value: String, _ field: String, length: ClosedRange<Int>, blanks: Blanks = .wideSpaces
    ) throws {
        let count = value.unicodeScalars.count
        guard length.contains(count) else {
            throw invalid(
                field,
                "has \(count) characters; \(length.lowerBound) to \(length.upperBound) "
                    + "are allowed")
        }
        guard value.unicodeScalars.allSatisfy({ isAllowed($0, blanks) }) else {
            throw invalid(field, "has a character that is not allowed")
        }
    }

    /// The same for an attribute that may be absent.
    static func checkOptional(
        _ value: String, _ field: String, lengthMax: Int = 1_024, blanks: Blanks = .wideSpaces
    ) throws {
        guard !value.isEmpty else { return }
        try check(value, field, length: 1...lengthMax, blanks: blanks)
    }

    /// A day as YYYY-MM-DD, or nothing.
    static func checkDay(_ value: String, _ field: String) throws {
        guard !value.isEmpty else { return }
        let parts = value.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2],
            parts.joined().utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            ),
            (1...12).contains(Int(parts[1]) ?? 0), (1...31).contains(Int(parts[2]) ?? 0)
        else { throw invalid(field, "is not a day as YYYY-MM-DD") }
    }

    static func invalid(_ field: String, _ problem: String) -> RPCError {
        RPCError(
            .invalidArgument, reason: "INVALID_ATTRIBUTE", message: "\(field) \(problem).",
            metadata: ["field": field])
    }

    private static func isAllowed(_ scalar: Unicode.Scalar, _ blanks: Blanks) -> Bool {
        if scalar.value > 0x20, scalar.value < 0x7f { return true }
        switch scalar {
        case "\t", "\n", "\r", " ", "\u{a0}": return blanks != .none
        case "\u{3000}": return blanks == .wideSpaces
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator, .spaceSeparator:
            return false
        default: return true
        }
    }
}
