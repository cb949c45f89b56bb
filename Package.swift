// swift-tools-version: 6.2
import PackageDescription

/// The settings every hand-written target is built with.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// Generated code follows its generator's style, so it gets the language mode only.
let generated: [SwiftSetting] = [.swiftLanguageMode(.v6)]

// Products of other packages, named once.
let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(
    name: "AsyncHTTPClient", package: "async-http-client")
let atomics = Target.Dependency.product(name: "Atomics", package: "swift-atomics")
let collections = Target.Dependency.product(name: "Collections", package: "swift-collections")
let configuration = Target.Dependency.product(
    name: "Configuration", package: "swift-configuration")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdHTTP2 = Target.Dependency.product(name: "HummingbirdHTTP2", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(
    name: "HummingbirdTesting", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let jwt = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let lifecycle = Target.Dependency.product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let lifecycleSignals = Target.Dependency.product(
    name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let protobufPlugin = Target.Dependency.product(
    name: "SwiftProtobufPluginLibrary", package: "swift-protobuf")
let swiftCrypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")

let package = Package(
    name: "portolan",
    products: [
        .executable(name: "portolan", targets: ["portolan"]),
        .executable(name: "protoc-gen-portolan", targets: ["protoc-gen-portolan"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-atomics", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // Wiring and command line only.
        .executableTarget(
            name: "portolan",
            dependencies: [
                "DirectoryService", "PermissionService", "KeyService", "CoordinatorService",
                "PortalService", "AccessPolicy", "Cryptography", "SAML", "ServiceKit", "Contracts",
                "RPC", argumentParser, asn1, configuration, lifecycle, lifecycleSignals, logging,
                nioCore, nioPosix, nioSSL, protobuf, swiftCrypto, x509,
            ],
            swiftSettings: strict),

        // The load generator of `make bench`.
        .executableTarget(
            name: "portolan-bench",
            dependencies: [
                "AccessPolicy", "Contracts", "RPC", argumentParser, asyncHTTPClient, histogram,
                logging, nioCore, nioHTTP1, nioPosix, nioSSL, nioTLS, protobuf,
            ],
            swiftSettings: strict),

        // The five services. None imports another.
        .target(
            name: "DirectoryService",
            dependencies: [
                "ReplicatedState", "ServiceKit", "Contracts", "RPC", collections, logging, metrics,
                nioCore, protobuf,
            ],
            swiftSettings: strict),
        .target(
            name: "PermissionService",
            dependencies: [
                "ReplicatedState", "ServiceKit", "Contracts", "Cryptography", "RPC", collections,
                logging, metrics, nioCore, protobuf,
            ],
            swiftSettings: strict),
        .target(
            name: "KeyService",
            dependencies: [
                "AccessPolicy", "CPKCS11", "Cryptography", "ReplicatedState", "ServiceKit",
                "Contracts", "RPC", grdb, logging, metrics, nioCore, protobuf,
            ],
            swiftSettings: strict),
        .target(
            name: "CoordinatorService",
            dependencies: [
                "ReplicationLog", "ServiceKit", "Contracts", "RPC", "Cryptography", collections,
                grdb, logging, metrics, nioCore, protobuf,
            ],
            swiftSettings: strict),
        .target(
            name: "PortalService",
            dependencies: [
                "AccessPolicy", "SAML", "SCIM", "WebAuthn", "ReplicatedState", "ServiceKit",
                "Contracts", "RPC", "Cryptography", asyncHTTPClient, hummingbird, hummingbirdHTTP2,
                hummingbirdTLS, jwt,
                logging,
                metrics, mustache, nioCore, nioSSL, protobuf, swiftCrypto,
            ],
            resources: [.copy("Resources")],
            swiftSettings: strict),

        // What services share.
        .target(
            name: "ServiceKit",
            dependencies: [
                "Contracts", "RPC", asn1, configuration, lifecycle, logging, metrics, nioCore,
                nioHTTP1, nioPosix, nioSSL, protobuf, swiftCrypto, systemPackage, x509,
            ],
            swiftSettings: strict),
        .target(
            name: "ReplicatedState",
            dependencies: [
                "Contracts", "Cryptography", "RPC", "ServiceKit", collections, logging, metrics,
                nioCore, protobuf,
            ],
            swiftSettings: strict),
        .target(
            name: "ReplicationLog",
            dependencies: [
                "Contracts", "CPostgreSQL", collections, grdb, logging, protobuf, swiftCrypto,
            ],
            swiftSettings: strict),
        // libpq is loaded when a log on PostgreSQL is opened; its headers come with libpq-dev.
        .target(name: "CPostgreSQL", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "AccessPolicy", swiftSettings: strict),
        .target(name: "SAML", dependencies: ["XMLSignature", logging], swiftSettings: strict),
        .target(name: "SCIM", swiftSettings: strict),

        // The protocol and its messages.
        .target(
            name: "Contracts", dependencies: ["RPC", nioCore, protobuf], swiftSettings: generated),
        .target(
            name: "RPC",
            dependencies: [
                "CZlib", asn1, atomics, collections, logging, metrics, nioCore, nioHPACK, nioHTTP2,
                nioPosix,
                nioSSL, nioTLS, protobuf, x509,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "protoc-gen-portolan", dependencies: [protobuf, protobufPlugin],
            swiftSettings: strict),

        // C libraries of the system, each behind one Swift owner.
        .target(
            name: "Cryptography", dependencies: ["COpenSSL"], swiftSettings: strict),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]
        ),
        // The C client, for the tests: Sources/CPortolan/Makefile makes what is installed.
        .target(
            name: "CPortolan", dependencies: ["COpenSSL", "CProtobufC"],
            exclude: ["Makefile", "portolan.pc.in", "examples", "fuzz"],
            cSettings: [.headerSearchPath("generated")],
            linkerSettings: [
                .linkedLibrary("ssl"), .linkedLibrary("crypto"), .linkedLibrary("protobuf-c"),
            ]),
        // PKCS #11 modules are loaded when they are asked for; its header comes with libp11-kit-dev.
        .target(name: "CPKCS11"),
        .systemLibrary(
            name: "CFIDO2", pkgConfig: "libfido2", providers: [.apt(["libfido2-dev"])]),
        .target(name: "WebAuthn", dependencies: ["CFIDO2", "Cryptography"], swiftSettings: strict),
        .target(name: "XMLSignature", dependencies: ["CXMLSignature"], swiftSettings: strict),
        .systemLibrary(
            name: "CXMLSecurity", pkgConfig: "xmlsec1-openssl",
            providers: [.apt(["libxml2-dev", "libxmlsec1-dev"])]),
        // SwiftPM does not pass on the definitions that pkg-config names; these two belong to the
        // library's ABI and its choice of OpenSSL. cxml_initialize checks that they fit.
        .target(
            name: "CXMLSignature", dependencies: ["CXMLSecurity"],
            cSettings: [
                .define("XMLSEC_NO_SIZE_T"), .define("XMLSEC_CRYPTO_OPENSSL", to: "1"),
                .define("XMLSEC_NO_CRYPTO_DYNAMIC_LOADING", to: "1"),
                .define("XMLSEC_OPENSSL3_ENGINES", to: "1"),
                .define("__XMLSEC_FUNCTION__", to: "__func__"),
            ],
            linkerSettings: [.linkedLibrary("z")]),

        // Tests mirror Sources.
        .testTarget(
            name: "RPCTests",
            dependencies: [
                "RPC", "Contracts", "CPortolan", nioCore, nioEmbedded, nioHPACK, nioHTTP2, nioPosix,
                nioSSL,
                protobuf, x509, asn1, swiftCrypto, logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ServiceKitTests",
            dependencies: [
                "ServiceKit", "Contracts", "RPC", asn1, configuration, lifecycle, logging, metrics,
                nioCore, nioHTTP1, nioPosix, nioSSL, protobuf, swiftCrypto, x509,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PortolanTests",
            dependencies: [
                "portolan", "CoordinatorService", "ReplicationLog", "ServiceKit", "Contracts",
                "RPC", argumentParser, logging, nioCore, nioPosix, protobuf,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CryptographyTests", dependencies: ["Cryptography"], swiftSettings: strict),
        .testTarget(
            name: "AccessPolicyTests", dependencies: ["AccessPolicy"], swiftSettings: strict),
        .testTarget(
            name: "SAMLTests", dependencies: ["SAML", "XMLSignature"],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(name: "SCIMTests", dependencies: ["SCIM"], swiftSettings: strict),
        .target(
            name: "WebAuthnTesting", dependencies: [swiftCrypto], path: "Tests/WebAuthnTesting",
            swiftSettings: strict),
        .testTarget(
            name: "WebAuthnTests", dependencies: ["WebAuthn", "WebAuthnTesting", swiftCrypto],
            swiftSettings: strict),
        .testTarget(
            name: "ReplicationLogTests",
            dependencies: ["ReplicationLog", "Simulation", "Contracts", grdb, protobuf],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        // The log and its replication under a virtual clock, network and disk.
        .target(
            name: "Simulation",
            dependencies: ["ReplicatedState", "ReplicationLog", "Contracts", protobuf],
            path: "Tests/Simulation",
            swiftSettings: strict),
        .executableTarget(
            name: "portolan-simulation", dependencies: ["Simulation", argumentParser],
            path: "Tests/SimulationRunner", swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["Simulation"], swiftSettings: strict),
        .testTarget(
            name: "KeyServiceTests",
            dependencies: [
                "KeyService", "AccessPolicy", "Contracts", "RPC", "ServiceKit", "Cryptography",
                grdb,
                logging, nioCore, protobuf,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CoordinatorServiceTests",
            dependencies: [
                "CoordinatorService", "ReplicationLog", "Contracts", "RPC", "ServiceKit", grdb,
                logging, nioCore, protobuf,
            ],
            swiftSettings: strict),
        .target(
            name: "ReplicatedStateTesting",
            dependencies: ["ReplicatedState", "Contracts", "RPC", "ServiceKit", logging, protobuf],
            path: "Tests/ReplicatedStateTesting",
            swiftSettings: strict),
        .testTarget(
            name: "ReplicatedStateTests",
            dependencies: [
                "ReplicatedState", "ReplicatedStateTesting", "Contracts", "RPC", "ServiceKit",
                logging, protobuf,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DirectoryServiceTests",
            dependencies: [
                "DirectoryService", "ReplicatedState", "ReplicatedStateTesting", "Contracts", "RPC",
                "ServiceKit", logging, protobuf,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PermissionServiceTests",
            dependencies: [
                "PermissionService", "ReplicatedState", "ReplicatedStateTesting", "Contracts",
                "RPC",
                "ServiceKit", logging, protobuf,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PortalServiceTests",
            dependencies: [
                "PortalService", "AccessPolicy", "SAML", "SCIM", "WebAuthn", "WebAuthnTesting",
                "Contracts", "RPC", "ServiceKit", hummingbird, hummingbirdTesting, jwt, protobuf,
            ],
            swiftSettings: strict),
    ]
)

// Scripts/fuzz builds this, in a folder of its own: libFuzzer instruments what it tests.
if Context.environment["PORTOLAN_FUZZ"] == "1" {
    let instrumented = SwiftSetting.unsafeFlags(["-sanitize=fuzzer"])
    package.targets.first { $0.name == "RPC" }?.swiftSettings?.append(instrumented)
    package.targets.append(
        .executableTarget(
            name: "portolan-fuzz",
            dependencies: [
                "RPC", "Contracts", logging, nioCore, nioEmbedded, nioHPACK, protobuf,
            ],
            path: "Tests/Fuzzing", exclude: ["Corpus"],
            swiftSettings: strict + [instrumented, .unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]))
}
