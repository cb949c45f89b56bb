import RPC

/// Figures in Prometheus's text format.
struct MetricsText {
    private(set) var text = ""

    mutating func family(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        let pairs = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        let number =
            value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
        text += pairs.isEmpty ? "\(name) \(number)\n" : "\(name){\(pairs)} \(number)\n"
    }

    /// Backslash, quote and line feed, as the format asks.
    static func escaped(_ value: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\", "\"": result.append(contentsOf: ["\\", scalar])
            case "\n": result.append(contentsOf: ["\\", "n"])
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// Calls per method, peer and status, their durations, and connections.
    mutating func add(_ metrics: RPCMetrics) {
        let calls = metrics.calls.sorted { "\($0.key)" < "\($1.key)" }
        family("portolan_rpc_calls_total", "counter", "Calls that ended, by status code.")
        for (key, figures) in calls {
            for (index, count) in figures.byStatus.enumerated() where count > 0 {
                let code = RPCError.Code(rawValue: index).map { "\($0)" } ?? "\(index)"
                sample(
                    "portolan_rpc_calls_total", labels(key) + [("code", code)], Double(count))
            }
        }
        family("portolan_rpc_calls_in_flight", "gauge", "Calls under way.")
        for (key, figures) in calls where figures.inFlight > 0 {
            sample("portolan_rpc_calls_in_flight", labels(key), Double(figures.inFlight))
        }
        add(calls)
        addBytes(calls)
        addRefusals(metrics)
        family("portolan_rpc_connections", "gauge", "Connections open.")
        sample("portolan_rpc_connections", [], Double(metrics.connections))
        family("portolan_rpc_connections_accepted_total", "counter", "Connections accepted.")
        sample("portolan_rpc_connections_accepted_total", [], Double(metrics.connectionsAccepted))
        family(
            "portolan_rpc_connections_refused_total", "counter",
            "Connections that ended before they had a peer.")
        sample("portolan_rpc_connections_refused_total", [], Double(metrics.connectionsRefused))
    }

    private mutating func add(_ calls: [(key: RPCMetrics.Key, value: MethodFigures)]) {
        family("portolan_rpc_duration_seconds", "histogram", "How long calls took.")
        for (key, figures) in calls {
            var total: UInt64 = 0
            for (bucket, count) in figures.latency.buckets.enumerated() {
                total += count
                guard count > 0 else { continue }
                let bound = "\(LatencyHistogram.bound(bucket))"
                sample(
                    "portolan_rpc_duration_seconds_bucket", labels(key) + [("le", bound)],
                    Double(total))
            }
            sample(
                "portolan_rpc_duration_seconds_bucket", labels(key) + [("le", "+Inf")],
                Double(total))
            sample(
                "portolan_rpc_duration_seconds_sum", labels(key),
                Double(figures.latency.sumNanoseconds) / 1e9)
            sample("portolan_rpc_duration_seconds_count", labels(key), Double(total))
        }
    }

    private mutating func addBytes(_ calls: [(key: RPCMetrics.Key, value: MethodFigures)]) {
        family("portolan_rpc_request_bytes_total", "counter", "Bytes of requests, decompressed.")
        for (key, figures) in calls {
            sample("portolan_rpc_request_bytes_total", labels(key), Double(figures.requestBytes))
        }
        family("portolan_rpc_response_bytes_total", "counter", "Bytes of answers, uncompressed.")
        for (key, figures) in calls {
            sample("portolan_rpc_response_bytes_total", labels(key), Double(figures.responseBytes))
        }
    }

    private mutating func addRefusals(_ metrics: RPCMetrics) {
        family(
            "portolan_rpc_refusals_total", "counter",
            "Calls of no method, and connections that broke a rule, by reason.")
        for (reason, count) in metrics.refusals.sorted(by: { $0.key < $1.key }) {
            sample("portolan_rpc_refusals_total", [("reason", reason)], Double(count))
        }
    }

    private func labels(_ key: RPCMetrics.Key) -> [(String, String)] {
        [("method", key.method), ("peer", "\(key.peer)")]
    }
}
